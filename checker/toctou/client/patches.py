"""Applies a remedy to the calls of requests as they are made: the handlers stay as they are, and the service is asked otherwise.

A place is told by handler, action and line; values come from what the same request has read.  Where a condition of the remedy
does not hold, the handler is answered as its own call is when a condition fails; what it lets out is a 409.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
    Term,
    Together,
    has_statements,
)
from toctou.client.backend import Performed
from toctou.client.patched_calls import (
    Asked,
    Patched,
    Unfit,
    Write,
    added,
    consistent,
    failed_condition,
    held_back,
    images_of,
    put_together,
    refuses,
    returns_values,
    writes_of,
)
from toctou.engine import Schema
from toctou.history.item import AttributeValue, Image, ItemId
from toctou.history.operation import Operation
from toctou.history.request import Request, Response, SourceLine

CLAIMS: Mapping[str, Any] = {
    "TableName": "toctou-claims",
    "AttributeDefinitions": [{"AttributeName": "claim", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "claim", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
"""The table in which remedies keep items of their own, as parameters of ``CreateTable``."""

_REFUSED = 409
_UNTOLD = 500


class _Held(NamedTuple):
    """A write that is made later: the call that was to make it, the write, and the line."""

    action: str
    parameters: Mapping[str, Any]
    write: Write
    source: SourceLine | None


class Patches:
    """The edits of a remedy, applied to the requests of one execution after the other.

    Args:
        edits: none for no remedy.
        operations: what the current execution has performed.
        schemas: of the tables.
        remote: whether requests are served elsewhere, where a status of 5xx is all that is seen of an exception.

    Attributes:
        applied: whether a call was made otherwise.
        succeeded: whether such a call has succeeded.
        refused: what the service has said against such a call itself; ``""`` for nothing.
        unfit: why the remedy could not be applied to some call.
    """

    def __init__(
        self,
        edits: Sequence[Edit],
        operations: Callable[[], Sequence[Operation]],
        schemas: Callable[[], Mapping[str, Schema]],
        *,
        remote: bool = False,
    ) -> None:
        self.edits = tuple(edits)
        self.applied = self.succeeded = False
        self.refused = self.unfit = ""
        self._operations = operations
        self._remote = remote
        self._schemas = schemas
        self._requests: Sequence[Request] = ()
        self._held: dict[int, list[_Held]] = {}
        self._lost: set[int] = set()

    @property
    def tables(self) -> Sequence[Mapping[str, Any]]:
        """Tables that the remedy needs besides those of the model."""
        return [CLAIMS] if any(isinstance(one, Claimed | Once) for one in self.edits) else []

    def begin(self, requests: Sequence[Request]) -> None:
        """Another execution begins."""
        self._requests, self._held, self._lost = requests, {}, set()

    def patched(
        self, request: int, action: str, parameters: Mapping[str, Any], source: SourceLine | None
    ) -> Patched | None:
        """A call of a request as it is to be made; ``None`` if it is as it was."""
        if not self.edits:
            return None
        handler = self._requests[request].handler
        own = [one for one in self.edits if _concerns(one, handler, action, source)]
        if not own:
            return None
        try:
            found = self._rewritten(request, action, parameters, own, source)
        except Unfit as why:
            self.unfit = str(why)
            return None
        return None if found is None else self._noted(request, found)

    def left(self, request: int) -> tuple[Patched, SourceLine | None] | None:
        """What a request that has answered still holds back, as one call, and the line that made the last part of it."""
        held = self._held.pop(request, [])
        if not held:
            return None
        last = held[-1]
        try:
            found = put_together(last.action, last.parameters, [one.write for one in held])
        except Unfit as why:
            self.unfit = str(why)
            return None
        return self._noted(request, found), last.source

    def answer(self, request: int, response: Response) -> Response:
        """The response of a request, with a 409 in the place of what its handler has let out."""
        raised = response.exception
        if request in self._lost and (raised is not None or (self._remote and response.status >= _UNTOLD)):
            return Response(_REFUSED)
        handler = self._requests[request].handler
        ended = "" if raised is None and response.status >= _UNTOLD else None if raised is None else raised.type
        for one in self.edits:
            if isinstance(one, Answered) and (one.handler, one.exception) == (handler, ended):
                self.applied = self.succeeded = True
                return Response(one.status)
        return response

    def _noted(self, request: int, found: Patched) -> Patched:
        def answered(performed: Performed) -> Performed:
            self.applied = True
            if refuses(performed.error) and performed.error is not None:
                self.refused = self.refused or f"{found.action}: {performed.error.message}"
            elif failed_condition(performed.error):
                self._lost.add(request)
            elif performed.error is None:
                self.succeeded = True
            return found.answered(performed)

        return Patched(found.action, found.parameters, answered)

    def _rewritten(
        self,
        request: int,
        action: str,
        parameters: Mapping[str, Any],
        edits: Sequence[Edit],
        source: SourceLine | None,
    ) -> Patched | None:
        if any(isinstance(one, Consistent) for one in edits):
            return Patched(action, consistent(action, parameters), lambda performed: performed)
        before = writes_of(action, parameters)
        writes = list(before)
        if not writes and has_statements(action):
            raise Unfit(f"what the {action} asks is in its statement, to which nothing is added from outside")
        if not writes:
            return None
        for one in edits:
            writes = self._changed(request, writes, one)
        together = next((one for one in edits if isinstance(one, Together)), None)
        if together is not None:
            return self._joined(request, [_Held(action, parameters, one, source) for one in writes], together)
        return None if writes == before else put_together(action, parameters, writes)

    def _joined(self, request: int, writes: Sequence[_Held], together: Together) -> Patched:
        """Hold writes back until the last of them is made."""
        held = self._held.setdefault(request, [])
        action, parameters, _, source = writes[0]
        last = together.places[-1]
        is_last = last.is_of(last.handler, action, source) and len(held) >= len(together.places) - 1
        if is_last and not together.at_end:
            del self._held[request]
            return put_together(action, parameters, [one.write for one in (*held, *writes)])
        if returns_values(parameters):
            raise Unfit(
                f"the {action} asks for values ({parameters['ReturnValues']}), which a transaction does not return"
            )
        held += writes
        return held_back(action)

    def _changed(self, request: int, writes: list[Write], edit: Edit) -> list[Write]:
        """The writes of a call with one edit."""
        match edit:
            case Conditional(place, terms, read):
                return [self._guarded(request, one, place, terms, read) for one in writes]
            case Checked(_, terms, read):
                return self._checked(request, writes, terms, read)
            case Added(_, attribute):
                return [self._counted(request, one, attribute) for one in writes]
            case Claimed(place, attributes):
                return [*writes, *self._claims(writes, place.table, attributes)]
            case Once():
                one = self._requests[request]
                return [*writes, _claim(f"{one.handler} {one.principal} {one.values!r}")]
        return writes

    def _guarded(self, request: int, write: Write, place: Place, terms: Sequence[Term], read: Place | None) -> Write:
        if write.verb == "ConditionCheck" or write.content.get("TableName") != place.table:
            return write
        if read is None:
            return write.when(self._asked(request, terms))
        item = self._item_of(write)
        found = {one: image for one, _, image in self._read(request, read)}
        if item is None or item not in found:
            return write
        return write.when(self._as_read(request, terms, place.table, found[item]))

    def _checked(self, request: int, writes: list[Write], terms: Sequence[Term], read: Place) -> list[Write]:
        written = {self._item_of(one): at for at, one in enumerate(writes)}
        for item, key, image in self._read(request, read):
            condition = self._as_read(request, terms, item.table, image)
            if item in written:
                writes[written[item]] = writes[written[item]].when(condition)
            else:
                writes.append(Write("ConditionCheck", {"TableName": item.table, "Key": key}).when(condition))
        return writes

    def _counted(self, request: int, write: Write, attribute: str) -> Write:
        item = self._item_of(write)
        if write.verb != "Update" or item is None:
            return write
        reads = [image for one, _, image in self._read(request, None) if one == item]
        return (added(write, attribute, reads[-1]) or write) if reads else write

    def _claims(self, writes: Sequence[Write], table: str, attributes: Sequence[str]) -> Iterator[Write]:
        for one in writes:
            if one.content.get("TableName") != table or one.verb == "Delete":
                continue
            if one.verb != "Put":
                raise Unfit("what has to be unique is stored by an UpdateItem, whose value is known to its author only")
            values = [one.content["Item"].get(name) for name in attributes]
            if all(values):
                yield _claim(json.dumps([table, *zip(attributes, values, strict=True)], default=str, sort_keys=True))

    def _as_read(self, request: int, terms: Sequence[Term], table: str, image: Image | None) -> list[Asked]:
        """What holds as long as nothing has changed of what was read."""
        if image is None:
            return [Asked(self._schemas()[table].key.partition.name, "absent")]
        return self._asked(request, terms, image)

    def _asked(self, request: int, terms: Sequence[Term], image: Image | None = None) -> list[Asked]:
        found = []
        for term in terms:
            expected: AttributeValue | None = (
                {"S": self._requests[request].principal} if term.value == "caller" else None
            )
            if image is not None and term.value:
                expected = image.get(term.attribute)
            test = term.test if not term.value else "absent" if expected is None else "equals"
            found.append(Asked(term.attribute, test, expected))
        return found

    def _read(self, request: int, place: Place | None) -> list[tuple[ItemId, Mapping[str, Any], Image | None]]:
        """What a request has last read at a place, or anywhere: each item, its key, and its image, if there was one."""
        handler = self._requests[request].handler
        found: dict[ItemId, tuple[ItemId, Mapping[str, Any], Image | None]] = {}
        for one in self._operations():
            if one.request != request or one.result is None:
                continue
            if place is not None and not place.is_of(handler, one.action, one.source):
                continue
            for table, named_by, image in images_of(one.action, one.parameters, one.result):
                if (schema := self._schemas().get(table)) is None or not schema.key_names <= named_by.keys():
                    continue
                item = schema.item_id(named_by)
                found[item] = item, {name: named_by[name] for name in schema.key_names}, image
        return list(found.values())

    def _item_of(self, write: Write) -> ItemId | None:
        schema = self._schemas().get(str(write.content.get("TableName")))
        named_by = write.content.get("Key") or write.content.get("Item") or {}
        return schema.item_id(named_by) if schema is not None and schema.key_names <= named_by.keys() else None


def _claim(what: str) -> Write:
    content = {"TableName": CLAIMS["TableName"], "Item": {"claim": {"S": what}}}
    return Write("Put", content).when([Asked("claim", "absent")])


def _concerns(edit: Edit, handler: str, action: str, source: SourceLine | None) -> bool:
    if isinstance(edit, Answered):
        return False
    places = edit.places if isinstance(edit, Together) else (edit.place,)
    return any(one.is_of(handler, action, source) for one in places)
