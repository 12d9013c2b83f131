"""Decides which remedies to try for a finding, the simplest first: what was read decides what a condition has to ask.

Nothing here is a promise: one execution shows what was relied on in it, and only trying shows whether that is all
(:mod:`toctou.remediation`).  Where no intercepted call can be changed so that it helps, there is advice instead
(:mod:`toctou.analysis.advice`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from toctou.analysis.accesses import decided, decisive, parts
from toctou.analysis.advice import advice
from toctou.analysis.anomalies import Named
from toctou.analysis.cause import READS, guarded_write
from toctou.analysis.dependencies import Dependency
from toctou.analysis.edit_words import Shown, remedy_text
from toctou.analysis.edits import (
    Added,
    Answered,
    Checked,
    Claimed,
    Conditional,
    Consistent,
    Edit,
    Once,
    Place,
    Remedy,
    Term,
    Together,
    is_call,
    merged,
)
from toctou.analysis.refusals import UNHANDLED_REFUSAL, remedy_of_refusal
from toctou.analysis.versions import key_names
from toctou.analysis.wording import Words
from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE, Attributes, EdgeKind
from toctou.history.item import Image, ItemId
from toctou.history.operation import Operation

MOST_TERMS = 12
"""Attributes that a condition compares at most; what compares more should compare a version."""

_ERROR = 500


def remedies(words: Words, finding: Finding, named: Named) -> tuple[Remedy, ...]:
    """What to try, in this order; one remedy without edits if there is only advice, none if there is not even that."""
    told = advice(words, finding, named)
    of_refusal = remedy_of_refusal(words.execution, finding) if named.anomaly.key == UNHANDLED_REFUSAL else ""
    shown = Shown(words, finding)
    found: list[Remedy] = []
    for edits in _candidates(words, finding, named):
        text = of_refusal[:1].upper() + of_refusal[1:] or remedy_text(shown, edits)
        one = Remedy(
            edits, f"{text}.  Better: {told[0][:1].lower()}{told[0][1:]}" if named.anomaly.key == "aba" else text
        )
        if edits and one.text not in {known.text for known in found}:
            found.append(one)
    if found:
        return tuple(found)
    return (Remedy((), *told),) if told[0] else ()


def _candidates(words: Words, finding: Finding, named: Named) -> Iterator[tuple[Edit, ...]]:
    find = _Candidates(words, finding, named)
    key = named.anomaly.key
    yield from find.strongly()
    if key in ("fails_alone", "not_a_race"):
        return
    if key == UNHANDLED_REFUSAL:
        yield from find.answered()
    elif finding.oracle == "exactly_once":
        yield from find.once()
    elif key == "partial_effect":
        yield from find.all_or_nothing()
    elif key == "missing_check":
        yield from find.missing_check()
    elif key == "dirty_write":
        yield from find.together_in_each()
    elif finding.oracle == "no_exception":
        yield from find.answered()
    else:
        found = list(find.guarded())
        yield from found
        if key == "duplicate_effect" and not named.cycle:
            yield from find.once()
        if not found:  # the write is guarded, perhaps, but what becomes of that is not handled
            yield from find.answered()


class _Candidates:
    def __init__(self, words: Words, finding: Finding, named: Named) -> None:
        self._words = words
        self._finding = finding
        self._named = named
        self._execution = words.execution
        self._operations = words.execution.operations

    # One method for each family of anomalies, and below them what they share.

    def guarded(self) -> Iterator[tuple[Edit, ...]]:
        """Make the write depend on what was relied on."""
        cycle = self._named.cycle
        if not cycle or cycle[0].kind is not EdgeKind.RW or cycle[0].item is None:
            return
        first = cycle[0]
        at = guarded_write(self._execution, self._finding, first.earlier, cycle[-1].later)
        if at is None or first.item is None or first.item.service or not is_call(self._operations[at]):
            return
        if self._operations[first.earlier].footprint.ranges and self._is_new(first):
            yield from self._of_range(at, first)
            return
        if name := self._counted(at, first):
            yield (Added(self._place(at), name),)
        for wide in (False, True):
            guard = self._guard(at, first, wide=wide)
            if guard is None:
                continue
            request = self._operations[at].request
            everything = self._together(request)
            if not everything or at == self._writes_of(request)[0]:
                yield (guard,)
            if everything:
                yield (guard, *everything)
            for other in cycle[1:]:  # each of the others relies on something as well
                if more := self._guard_of_other(other):
                    yield merged((guard, *everything), more)

    def once(self) -> Iterator[tuple[Edit, ...]]:
        """Let all deliveries of an event but one find out that it has been processed."""
        at = next((one for one in self._changing() if is_call(self._operations[one])), None)
        if at is not None:
            together = self._together(self._operations[at].request)
            yield (Once(self._place(at)), *together)

    def all_or_nothing(self) -> Iterator[tuple[Edit, ...]]:
        """Make all writes of the request at once."""
        if not all(is_call(self._operations[at]) for at in self._changing()):
            return  # what was done in another service, no transaction takes back
        for request in self._finding.requests:
            if writes := self._in_one_transaction(request):
                yield (Together(writes, at_end=len(writes) == 1),)

    def missing_check(self) -> Iterator[tuple[Edit, ...]]:
        """Ask for the owner where the write does not."""
        if not self._finding.operations or not self._finding.attributes:
            return
        at = self._finding.operations[0]
        write = self._operations[at]
        terms = tuple(Term(name, "equals", "caller") for name in self._finding.attributes)
        if not is_call(write):
            return
        item = next(iter(_written(write)), None)
        # What is stored without having been looked at is meant to be new.
        is_new = item is not None and "Item" in write.parameters and not self._has_read(write.request, item)
        if item is not None and is_new and (key := self._key_of(item, at)[:1]):
            yield (Conditional(self._place(at), (Term(key[0], "absent"),), None),)
        yield (Conditional(self._place(at), terms, None),)

    def _has_read(self, request: int, item: ItemId) -> bool:
        return any(item in self._operations[at].footprint.reads for at in self._execution.of_request(request))

    def strongly(self) -> Iterator[tuple[Edit, ...]]:
        """Read what is newest where something older was read, and, if that is not enough, make the write conditional as well."""
        weak = [
            at
            for at, one in enumerate(self._operations)
            if one.missed and one.request in {*self._finding.requests, *self._of_cycle()}
        ]
        reads = tuple(dict.fromkeys(edit for at in weak for edit in self._consistent(at)))
        if reads:
            yield reads
            for guard in self.guarded():
                yield merged(reads, guard)

    def together_in_each(self) -> Iterator[tuple[Edit, ...]]:
        """Make all writes of each request of the cycle at once."""
        edits: tuple[Edit, ...] = ()
        for request in self._of_cycle():
            edits = merged(edits, self._together(request))
        if edits:
            yield edits

    def answered(self) -> Iterator[tuple[Edit, ...]]:
        """Answer 409 where an exception leaves the handler."""
        found = []
        for request in self._finding.requests:
            response = self._execution.responses[request]
            if response.exception is not None or response.status >= _ERROR:
                raised = response.exception.type if response.exception is not None else ""
                found.append(Answered(self._execution.requests[request].handler, raised, 409))
        if found:
            yield tuple(dict.fromkeys(found))

    def _of_range(self, at: int, first: Dependency) -> Iterator[tuple[Edit, ...]]:
        """What to do about an item that was not there when a range was queried."""
        write, item = self._operations[at], first.item
        if item is not None and item in _written(write) and not self._exists(first):
            key = self._key_of(item, at)
            if key:
                terms = (Term(key[0], "absent"),)
                if guard := self._unless_asked(Conditional(self._place(at), terms, None), at):
                    yield (guard,)
        ranges = [one for one in self._operations[first.earlier].footprint.ranges if one.index is not None]
        for one in ranges:
            names = one.index.attributes if one.index is not None else ()
            if names and ("Item" in write.parameters or any(change.after is not None for change in write.changes)):
                yield (Claimed(self._place(at), (names[0][0],)),)

    def _guard(self, at: int, first: Dependency, *, wide: bool) -> Edit | None:
        """A condition on the item that was read: of the write itself, or, for another item, a ConditionCheck beside it."""
        item = first.item
        assert item is not None  # noqa: S101 - callers have asked
        terms = self._terms(first, item, wide=wide)
        if not terms:
            return None
        read = self._place(first.earlier, item)
        if item in _written(self._operations[at]):
            return self._unless_asked(Conditional(self._place(at, item), terms, read), at)
        return Checked(self._place(at), terms, read)

    def _guard_of_other(self, edge: Dependency) -> tuple[Edit, ...]:
        """The guard of a request that takes part in the cycle with a read of its own."""
        if edge.kind is not EdgeKind.RW or edge.item is None or edge.item.service:
            return ()
        request = self._operations[edge.earlier].request
        later = [at for at in self._writes_of(request) if at > edge.earlier]
        if not later or (self._operations[edge.earlier].footprint.ranges and self._is_new(edge)):
            return ()
        guard = self._guard(later[0], edge, wide=False)
        return () if guard is None else (guard, *self._together(request))

    def _terms(self, first: Dependency, item: ItemId, *, wide: bool) -> tuple[Term, ...]:
        """What has to hold still: that the item is there or is not, or the attributes that were relied on; ``wide``: all read."""
        image = self._words.versions.at(item, first.earlier)
        key = self._key_of(item, first.earlier)
        if image is None:
            return tuple(Term(name, "absent") for name in key[:1])
        there = tuple(Term(name, "exists") for name in key[:1])
        names = self._asked(first, item, image)
        if wide:
            seen = frozenset(image) if ALL in (decisive(self._operations[first.earlier], item) or {ALL}) else names
            names = (names | seen) - {EXISTENCE}
        own = frozenset(name for name in image if _in_key(item, image[name]))
        asked = sorted(names - {EXISTENCE, ALL} - own)[:MOST_TERMS]
        if not asked:
            return there
        principal = {"S": self._execution.requests[self._operations[first.earlier].request].principal}
        terms = tuple(
            Term(name, "absent", "read")
            if name not in image
            else Term(name, "equals", "caller" if image[name] == principal else "read")
            for name in asked
        )
        # An attribute that is absent is absent from an item that was deleted as well.
        return terms if any(one.test == "equals" for one in terms) else (*terms, *there)

    def _asked(self, first: Dependency, item: ItemId, image: Image) -> Attributes:
        names = decided(self._operations[first.earlier], first, self._finding.attributes)
        seen = decisive(self._operations[first.earlier], item)
        gone = EXISTENCE in names and (seen is None or ALL in seen) and len(image) > 0
        # Everything was taken along from an item that was deleted: that it is there is what matters.
        return frozenset() if gone else names

    def _unless_asked(self, guard: Conditional, at: int) -> Conditional | None:
        """The guard without what the write asks for already; ``None`` if that is all of it."""
        asked = list(_conditions_on(self._operations[at], guard.place.table))
        terms = tuple(term for term in guard.terms if not any(_asks(text, names, term) for text, names in asked))
        return Conditional(guard.place, terms, guard.read) if terms else None

    def _counted(self, at: int, first: Dependency) -> str:
        """Of an update that was lost, the attribute that is a number and need not be read before it is written."""
        names = first.changed - {EXISTENCE, ALL}
        if self._named.anomaly.key != "lost_update" or len(names) != 1 or first.item is None:
            return ""
        (name,) = names
        image = self._words.versions.at(first.item, first.earlier) or {}
        update = self._operations[at].parameters.get("UpdateExpression")
        return name if "N" in image.get(name, ()) and isinstance(update, str) else ""

    def _consistent(self, at: int) -> tuple[Edit, ...]:
        read = self._operations[at]
        if "IndexName" in read.parameters or read.parameters.get("ConsistentRead") or read.action not in READS:
            return ()
        return (Consistent(self._place(at)),)

    def _together(self, request: int) -> tuple[Edit, ...]:
        """All writes of a request in one transaction, if it makes several, and they can be in one."""
        places = self._in_one_transaction(request)
        several = len(self._writes_of(request)) > 1 and places
        # What a loop writes at one place is all made when the request has ended.
        return (Together(places, at_end=len(places) == 1),) if several else ()

    def _in_one_transaction(self, request: int) -> tuple[Place, ...]:
        writes = self._writes_of(request)
        items = [item for at in writes for item in _written(self._operations[at])]
        # A transaction has one operation on an item.
        return tuple(dict.fromkeys(map(self._place, writes))) if len(items) == len({*items}) else ()

    def _writes_of(self, request: int) -> list[int]:
        own = self._execution.of_request(request)
        return [
            at
            for at in own
            if is_call(self._operations[at]) and self._operations[at].action not in READS and self._writes(at)
        ]

    def _writes(self, at: int) -> bool:
        return bool(self._operations[at].changes or self._operations[at].error or _written(self._operations[at]))

    def _changing(self) -> list[int]:
        return [at for at in self._finding.operations if self._operations[at].changes]

    def _of_cycle(self) -> list[int]:
        return list(dict.fromkeys(self._operations[one.earlier].request for one in self._named.cycle))

    def _is_new(self, first: Dependency) -> bool:
        """Whether the item was not in the range when that was queried."""
        return first.range is not None and first.item not in self._operations[first.earlier].footprint.reads

    def _exists(self, first: Dependency) -> bool:
        return first.item is not None and self._words.versions.at(first.item, first.earlier) is not None

    def _place(self, at: int, item: ItemId | None = None) -> Place:
        operation = self._operations[at]
        handler = self._execution.requests[operation.request].handler
        if item is not None:
            return Place(handler, operation.action, item.table, operation.source, at)
        tables = sorted(item.table for item in _written(operation) or operation.footprint.items())
        # A request token is read and written like an item, of a table that no execution begins with.
        known = [table for table in tables if table in self._execution.initial]
        table = str(operation.parameters.get("TableName") or next(iter(known), ""))
        return Place(handler, operation.action, table, operation.source, at)

    def _key_of(self, item: ItemId, at: int) -> list[str]:
        """The names of the item's key attributes, the partition key first."""
        if named := self._named_key(item):
            return named
        changes = [change for one in self._operations for change in one.changes if change.item == item]
        images = [change.after or change.before or {} for change in changes]
        image = self._words.versions.at(item, at)
        # An attribute that an index is ordered by may have the same value as the key.
        of_indexes = {
            name
            for one in self._operations
            for found in one.footprint.ranges
            if found.index is not None
            for name in found.index.names
        }
        names = key_names(item, [*images, *([image] if image else [])])
        names = names - of_indexes if len(names) > len(item.key) else names
        every = {**image} if image else {name: value for one in images for name, value in one.items()}
        return list(
            dict.fromkeys(name for kind, part in item.key for name in sorted(names) if every.get(name) == {kind: part})
        )

    def _named_key(self, item: ItemId) -> list[str]:
        """The same, as some call to the table gives them in its ``Key``, which names them for certain."""
        for operation in self._operations:
            for part in parts(operation.parameters):
                given = part.get("Key")
                if not isinstance(given, Mapping) or part.get("TableName") != item.table:
                    continue
                own = [one for one in operation.footprint.items() if one.table == item.table]
                for one in own:
                    names = [name for kind, value in one.key for name, found in given.items() if found == {kind: value}]
                    if len(names) == len(one.key) == len({*names}):
                        return names
        return []


def _in_key(item: ItemId, value: Mapping[str, object]) -> bool:
    return any(value == {kind: part} for kind, part in item.key)


def _written(write: Operation) -> set[ItemId]:
    """The items that a call is to write; one that failed, or found nothing to delete, is to write what it is about."""
    if "TransactItems" not in write.parameters and write.action not in READS:
        return {*write.footprint.items()}
    return {*write.footprint.writes, *write.footprint.increments, *(change.item for change in write.changes)}


def _conditions_on(operation: Operation, table: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The condition expressions of a write on items of a table, with their names of attributes."""
    for part in parts(operation.parameters):
        text = part.get("ConditionExpression")
        if isinstance(text, str) and part.get("TableName") == table:
            yield text, part.get("ExpressionAttributeNames") or {}


def _asks(text: str, names: Mapping[str, str], term: Term) -> bool:
    """Whether a condition asks for a term, on its own or in a conjunction."""
    if re.search(r"\b(?:or|not)\b(?!_)", text, re.IGNORECASE):
        return False
    spelled = [
        re.escape(term.attribute),
        *(re.escape(short) for short, name in names.items() if name == term.attribute),
    ]
    attribute = f"(?:{'|'.join(spelled)})"
    match term.test:
        case "exists":
            return bool(re.search(rf"attribute_exists\s*\(\s*{attribute}\s*\)|(?<![\w.#:]){attribute}\s*=\s*:", text))
        case "absent":
            return bool(re.search(rf"attribute_not_exists\s*\(\s*{attribute}\s*\)", text))
    return bool(re.search(rf"(?<![\w.#:]){attribute}\s*=\s*:", text))
