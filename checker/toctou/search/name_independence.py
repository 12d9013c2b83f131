"""Decides whether what is seen of a scenario also holds of others, which differ from it by names only.

Handlers are code, and may do otherwise for ``admin`` than for ``alice``, or go by the order of names.  Nothing is taken for
granted here.  What a request does next depends on what it was asked and answered so far, and an answer on what is stored in
the items that the operation touches: a *local state* is all of that for one request, from its start to its response.  Each
local state that a request of the explored scenario gets into is set up for the request with the other name, item by item and
under that name, which then runs alone, for real; it has to perform the same operations, touch and change the same items and
answer the same, but for the names.  If it does so in every local state, then by induction over the steps of any schedule the
other scenario goes the same way under that schedule.  As the schedules that are run show every local state, up to the order
of steps that commute, nothing more has to be run.

What a model's own predicates (reference, invariants, ownership) make of it is asked of them: each outcome is judged a second
time under the other names.  Wherever anything differs, or a request asks for the time or for a number, the other scenario is
explored for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from typing import Any

from toctou.declaration.scenario import Scenario
from toctou.engine import Schema
from toctou.errors import ToctouError
from toctou.execution.judging import observed, oracles_for
from toctou.execution.laboratory import Laboratory
from toctou.history.finding import Finding
from toctou.history.footprint import Footprint, KeyRange
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.request import Request, Response
from toctou.oracles.oracle import Oracle, Ordered
from toctou.search.renaming import Renaming

MOST = 50_000
"""Situations and outcomes of a scenario that are looked at; one with more stands for itself only."""

Stored = Mapping[ItemId, Image]


@dataclass(frozen=True, slots=True)
class LocalState:
    """What one request met and did.

    Attributes:
        request: the request.
        operations: its operations.
        touched: for each of them what was stored before, of the items it touched or looked through; an item that was not
            there is ``None``.
        response: what it answered.
    """

    request: Request
    operations: tuple[Operation, ...]
    touched: tuple[Mapping[ItemId, Image | None], ...]
    response: Response

    def key(self) -> bytes:
        """The same for two local states that are the same."""
        met = [
            (one.action, one.parameters, sorted(touched.items(), key=repr))
            for one, touched in zip(self.operations, self.touched, strict=True)
        ]
        return _digest(self.request, met, self.response)


class NameIndependence:
    """Tells of requests under other names whether they do likewise; remembers what it has found out about a model."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self._schemas = {one.parameters["TableName"]: Schema.of(one.parameters) for one in laboratory.model.tables}
        self._found: dict[tuple[bytes, Renaming], bool] = {}

    def local_states(self, execution: Execution) -> Iterator[LocalState]:
        """What each request of an execution met and did."""
        stored = self.laboratory.by_name(execution.initial)
        met: list[list[Mapping[ItemId, Image | None]]] = [[] for _ in execution.requests]
        for operation in execution.operations:
            met[operation.request].append(_touched(operation.footprint, stored))
            for change in operation.changes:
                if change.after is None:
                    stored.pop(change.item, None)
                else:
                    stored[change.item] = change.after
        for index, request in enumerate(execution.requests):
            own = tuple(one for one in execution.operations if one.request == index)
            yield LocalState(request, own, tuple(met[index]), execution.responses[index])

    def behaves_alike(self, local_state: LocalState, renaming: Renaming) -> bool:
        """Whether the request does the same under the other name, in the same local state under other names."""
        asked = local_state.key(), renaming
        if asked not in self._found:
            if len(self._found) >= MOST:
                self._found.clear()
            try:
                self._found[asked] = self._run_alike(local_state, renaming)
            except ToctouError:  # whatever it is, it will be met again and told when the other scenario is explored
                self._found[asked] = False
        return self._found[asked]

    def renamed(self, execution: Execution, renaming: Renaming) -> Execution:
        """The execution as oracles see it, under other names."""
        return replace(
            execution,
            requests=tuple(map(renaming.request, execution.requests)),
            initial=self._renamed_items(execution.initial, renaming),
            operations=tuple(
                replace(one, changes=tuple(map(renaming.change, one.changes))) for one in execution.operations
            ),
            responses=tuple(map(renaming.response, execution.responses)),
            final=self._renamed_items(execution.final, renaming),
        )

    def _renamed_items(self, stored: StoredImages, renaming: Renaming) -> StoredImages:
        items = {table: [renaming.typed(image) for image in images] for table, images in stored.items()}
        return {table: sorted(images, key=partial(self._place, table)) for table, images in items.items()}

    def _place(self, table: str, image: Image) -> list[Any]:
        """What a table's items are ordered by."""
        return [Decimal(part) if kind == "N" else part for kind, part in self._schemas[table].item_id(image).key]

    def _run_alike(self, local_state: LocalState, renaming: Renaming) -> bool:
        self.laboratory.take_clock_reads()
        request = renaming.request(local_state.request)
        runner = self.laboratory.begin(Scenario((request,)))
        for expected, touched in zip(local_state.operations, local_state.touched, strict=True):
            if not self._arrange(expected.footprint, touched, renaming) or not runner.enabled():
                return False
            runner.step(0)
            operations = self.laboratory.performed()
            if len(operations) != expected.number + 1 or not _alike(expected, operations[-1], renaming):
                return False
        if not local_state.operations:
            runner.step(0)
        answered = self.laboratory.answered(0)
        return (
            not runner.enabled()
            and len(self.laboratory.performed()) == len(local_state.operations)
            and answered is not None
            and _told(answered) == _told(renaming.response(local_state.response))
            and not self.laboratory.take_clock_reads()
        )

    def _arrange(self, footprint: Footprint, touched: Mapping[ItemId, Image | None], renaming: Renaming) -> bool:
        """Store what an operation is going to touch; ``False`` if it cannot be stored as an item."""
        wanted = {renaming.item(item): renaming.image(image) for item, image in touched.items()}
        if any(item.table not in self._schemas for item in wanted):
            return False
        now = self.laboratory.by_name(self.laboratory.stored())
        ranges = [_renamed_range(one, renaming) for one in footprint.ranges]
        wanted |= {item: None for item in now if item not in wanted and any(one.covers(item) for one in ranges)}
        for item, image in wanted.items():
            if image != now.get(item):
                names = [one.name for one in self._schemas[item.table].key.attributes]
                key = {name: {kind: part} for name, (kind, part) in zip(names, item.key, strict=True)}
                self.laboratory.store(item.table, key, image)
        return True


class RenamedScenarios:
    """The scenarios that a scenario stands for, as long as nothing tells them apart.

    Attributes:
        apart: places in ``renamings`` of those that have to be explored for themselves.
    """

    def __init__(self, name_independence: NameIndependence, scenario: Scenario, renamings: Sequence[Renaming]) -> None:
        self.apart: set[int] = set()
        self._name_independence = name_independence
        self._renamings = renamings
        self._oracles: dict[int, list[Oracle]] = {}
        self._scenario = scenario
        self._observes = observed(name_independence.laboratory.model)
        self._seen: set[bytes] = set()

    def __bool__(self) -> bool:
        return len(self.apart) < len(self._renamings)

    def tell_apart(self) -> None:
        """None of them can be stood for."""
        self.apart.update(range(len(self._renamings)))

    def smaller(self) -> Scenario | None:
        """The one with the smallest arguments, if they are smaller than the scenario's own."""
        scenarios = [self._scenario, *(renaming.scenario(self._scenario) for _, renaming in self._left())]
        smallest = min(scenarios, key=_size)
        return None if smallest is self._scenario else smallest

    def see(self, execution: Execution, equivalent: Iterable[Execution]) -> None:
        """Look at an execution of the scenario, and at those that differ from it in real time only."""
        if len(self._seen) >= MOST:
            self.tell_apart()
        fresh = [one for one in self._name_independence.local_states(execution) if self._is_new(one.key())]
        for at, renaming in self._left():
            if not all(self._name_independence.behaves_alike(one, renaming) for one in fresh):
                self.apart.add(at)
        for one in (execution, *equivalent):
            if self._is_new(self._outcome(one)) or (fresh and one is execution):
                expected = _findings(self._oracles_of(-1, self._scenario), one)
                for at, renaming in self._left():
                    oracles = self._oracles_of(at, renaming.scenario(self._scenario))
                    if not _judged_alike(oracles, self._name_independence.renamed(one, renaming), expected):
                        self.apart.add(at)

    def _left(self) -> list[tuple[int, Renaming]]:
        return [(at, one) for at, one in enumerate(self._renamings) if at not in self.apart]

    def _is_new(self, key: bytes) -> bool:
        known = key in self._seen
        self._seen.add(key)
        return not known

    def _outcome(self, execution: Execution) -> bytes:
        """What oracles can go by, besides what each request met and did."""
        changes = [(one.request, one.changes) for one in execution.operations if one.changes]
        if self._observes.order is Ordered.OPERATIONS:
            order: object = [(one.request, one.action, one.changes) for one in execution.operations]
        elif self._observes.order or self._observes.others:
            order = changes
        else:
            order = sorted({request for request, _ in changes})
        return _digest(execution.responses, execution.final, [*map(sorted, execution.preceding())], order)

    def _oracles_of(self, at: int, scenario: Scenario) -> list[Oracle]:
        """Those that ask something of the model; that handlers do alike under other names includes their serial runs."""
        if at not in self._oracles:
            laboratory = self._name_independence.laboratory
            self._oracles[at] = [one for one in oracles_for(laboratory, scenario) if one.asks_model]
        return self._oracles[at]


def _size(scenario: Scenario) -> Decimal:
    return sum((request.size for request in scenario.requests), Decimal(0))


def _findings(oracles: Sequence[Oracle], execution: Execution) -> list[object]:
    return [_signature(finding) for oracle in oracles for finding in oracle.judge(execution)]


def _signature(finding: Finding) -> object:
    return finding.oracle, finding.requests, finding.operations


def _judged_alike(oracles: Sequence[Oracle], execution: Execution, expected: Sequence[object]) -> bool:
    try:
        return _findings(oracles, execution) == expected
    except ToctouError:  # a predicate that fails under the other names fails again when these are explored
        return False


def _touched(footprint: Footprint, stored: Stored) -> dict[ItemId, Image | None]:
    items = footprint.items() | footprint.judged.keys()
    touched = {item: stored.get(item) for item in items}
    for one in footprint.ranges:
        touched.update({item: image for item, image in stored.items() if one.covers(item)})
    return touched


def _alike(expected: Operation, performed: Operation, renaming: Renaming) -> bool:
    """Whether an operation is the expected one under other names; its result is the backend's, and is not compared."""
    return (
        performed.action == expected.action
        and _AS_IT_IS.typed(performed.parameters) == renaming.typed(expected.parameters)
        and (performed.error and performed.error.code) == (expected.error and expected.error.code)
        and [*map(_AS_IT_IS.change, performed.changes)] == [*map(renaming.change, expected.changes)]
        and _renamed_footprint(performed.footprint, _AS_IT_IS) == _renamed_footprint(expected.footprint, renaming)
    )


_AS_IT_IS = Renaming(())
"""Changes nothing but the order of sets, in which they are written down."""


def _renamed_footprint(footprint: Footprint, renaming: Renaming) -> object:
    items = [
        {renaming.item(item): attributes for item, attributes in touched.items()}
        for touched in (footprint.reads, footprint.writes, footprint.increments, footprint.judged)
    ]
    return items, [_renamed_range(one, renaming) for one in footprint.ranges]


def _renamed_range(one: KeyRange, renaming: Renaming) -> KeyRange:
    """What it looks through; the condition on the sort key is written in words, and stands in the parameters as well."""
    partition = one.partition and renaming.item(ItemId(one.table, (one.partition,))).key[0]
    return replace(one, partition=partition, sort=None)


def _told(response: Response) -> object:
    """A response without the place in the code that an exception came from."""
    raised = response.exception and (response.exception.type, response.exception.message)
    return response.status, response.body, raised


def _digest(*parts: object) -> bytes:
    return blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).digest()
