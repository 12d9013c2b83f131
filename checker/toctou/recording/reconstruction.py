"""Decides, from the log of a session, what was stored before each request, and what each of its calls read and wrote.

The calls are performed again, in order, on a DynamoDB of our own, and must have the results that were recorded; where one has
not, what follows in that table is doubtful until everything is made anew, and requests that touch it are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toctou.client.backend import CreateTable
from toctou.client.embedded import EmbeddedBackend
from toctou.client.outside import creating
from toctou.client.performed_again import asked_of, difference
from toctou.client.recorded_calls import Called, Forgotten, Found, Logged
from toctou.engine import Kind, actions_of
from toctou.errors import ToctouError
from toctou.history.operation import Operation, StoredImages
from toctou.history.request import Response
from toctou.recording.answers import answer_of
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Requested

_DESCRIBES = actions_of(Kind.DESCRIBES)
_READS = actions_of(Kind.READS)
_OF_ITEMS = actions_of(Kind.READS, Kind.WRITES)
_MANAGES = actions_of(Kind.MANAGES)


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructed:
    """A request with what was there before it, and what it did.

    Attributes:
        requested: as recorded.
        tables, items: before it, as parameters of ``CreateTable`` and as images.
        operations: its calls to DynamoDB, with their footprints.
        services: the calls to other services that were made before it, by the test and by other requests.
        asks: the other services that it has called itself.
        response: what it was answered; ``None`` if that cannot be said.
        doubt: why it cannot be relied on; empty if it can.
    """

    requested: Requested
    tables: tuple[CreateTable, ...]
    items: StoredImages
    operations: tuple[Operation, ...]
    services: tuple[Called, ...]
    asks: frozenset[str]
    response: Response | None
    doubt: str = ""

    @property
    def accepted(self) -> bool:
        """Whether its status indicates success."""
        return self.response is not None and not self.response.refused

    @property
    def writes(self) -> bool:
        """Whether it changed anything."""
        return any(one.changes for one in self.operations)


@dataclass(slots=True)
class _World:
    """What is stored, at one point of the log."""

    backend: EmbeddedBackend = field(default_factory=EmbeddedBackend)
    tables: dict[str, CreateTable] = field(default_factory=dict)
    services: list[Called] = field(default_factory=list)
    doubts: dict[str, str] = field(default_factory=dict)


def raises_of(requests: Iterable[Requested]) -> dict[str, set[str]]:
    """By entry, the names of exceptions that tests have seen from it."""
    found: dict[str, set[str]] = {}
    for one in requests:
        if one.raised is not None and one.raised.exception is not None:
            found.setdefault(one.entry.name, set()).add(one.raised.exception.type)
    return found


def reconstructed(recorder: Recorder) -> list[Reconstructed]:
    """Every request of a session that has ended, in order."""
    world = _World()
    raises = raises_of(recorder.requests)
    begins: dict[int, list[Requested]] = {}
    for one in recorder.requests:
        begins.setdefault(one.begun, []).append(one)
    before: dict[int, tuple[tuple[CreateTable, ...], StoredImages, tuple[Called, ...]]] = {}
    operations: dict[int, list[Operation]] = {one.number: [] for one in recorder.requests}
    asks: dict[int, set[str]] = {one.number: set() for one in recorder.requests}
    doubts: dict[int, str] = {one.number: one.unclear for one in recorder.requests}
    for at, logged in enumerate([*recorder.log, None]):
        for one in begins.get(at, ()):
            before[one.number] = tuple(world.tables.values()), world.backend.stored(), tuple(world.services)
        if isinstance(logged, Called) and logged.service != "dynamodb":
            if logged.request is not None:
                asks[logged.request].add(logged.service)
            world.services.append(logged)
        elif isinstance(logged, Called):
            number = logged.request
            operation, doubt = _performed(world, logged, 0 if number is None else len(operations[number]))
            if number is not None:
                if operation is not None:
                    operations[number].append(operation)
                doubts[number] = doubts[number] or doubt
        elif logged is not None:
            world = _changed(world, logged)
    return [
        Reconstructed(
            one,
            *before[one.number][:2],
            tuple(operations[one.number]),
            before[one.number][2],
            frozenset(asks[one.number]),
            answer_of(one, raises.get(one.entry.name, ())),
            doubts[one.number],
        )
        for one in recorder.requests
        if one.ended >= 0 and one.number in before
    ]


def _changed(world: _World, logged: Logged) -> _World:
    if isinstance(logged, Forgotten):
        return _World()
    if isinstance(logged, Found):
        parameters = creating(logged.description)
        name = parameters["TableName"]
        if name in world.tables:
            world.backend.manage("DeleteTable", {"TableName": name})
        world.backend.manage("CreateTable", parameters)
        world.tables[name] = parameters
        world.doubts.pop(name, None)
        for item in logged.items:
            world.backend.perform("PutItem", {"TableName": name, "Item": item})
    return world


def _performed(world: _World, called: Called, number: int) -> tuple[Operation | None, str]:
    """Perform a call again; the operation, and what makes it doubtful."""
    if called.action in _DESCRIBES or called.code == "?":
        return None, "" if called.action in _DESCRIBES else "a call of it failed in another way than DynamoDB's"
    asked = asked_of(called)
    if asked is None:
        return None, f"the parameters of its {called.action} cannot be read"
    name = str(asked.get("TableName", ""))
    if called.action == "CreateTable" and not called.code:
        asked = _on_demand(asked)
    if called.action == "CreateTable" and not called.code and name in world.tables:
        # What deleted it was not seen, such as a server that was told to forget everything.
        world.backend.manage("DeleteTable", {"TableName": name})
    try:
        perform = world.backend.manage if called.action in _MANAGES else world.backend.perform
        performed = perform(called.action, asked)
    except ToctouError as unknown:
        return None, str(unknown).partition("\n")[0]
    if called.action == "CreateTable" and performed.error is None:
        world.tables[name] = asked
        world.doubts.pop(name, None)
    elif called.action == "DeleteTable" and performed.error is None:
        world.tables.pop(name, None)
    elif called.action == "UpdateTable" and performed.result is not None:
        world.tables[name] = creating(performed.result["TableDescription"])
    touched = {item.table for item in performed.footprint.items()} | {one.table for one in performed.footprint.ranges}
    touched = touched or {name}
    differs = difference(called, performed)
    if differs and called.action not in _READS:  # what is stored may differ now; a read that does says so itself
        for table in touched:
            world.doubts.setdefault(table, differs)
    doubt = differs or next((world.doubts[one] for one in sorted(touched) if one in world.doubts), "")
    request = called.request
    operation = (
        Operation(0, number, called.action, asked, *performed[:4], called.source) if request is not None else None
    )
    return operation, doubt


def _on_demand(asked: CreateTable) -> dict[str, Any]:
    """The same table without capacities, which moto does not ask of indexes as DynamoDB does."""
    parameters = {name: value for name, value in asked.items() if name not in ("ProvisionedThroughput", "BillingMode")}
    if indexes := parameters.get("GlobalSecondaryIndexes"):
        parameters["GlobalSecondaryIndexes"] = [
            {name: value for name, value in one.items() if name != "ProvisionedThroughput"} for one in indexes
        ]
    return {**parameters, "BillingMode": "PAY_PER_REQUEST"}


def calls_outside(recorder: Recorder) -> list[str]:
    """Places of the project, but for its tests, that called DynamoDB outside of any request, and how often."""
    calls = [
        one for one in recorder.log if isinstance(one, Called) and one.service == "dynamodb" and one.request is None
    ]
    sources = [one.source for one in calls if one.source is not None and one.action in _OF_ITEMS]
    places = Counter(f"{one.file}:{one.line} in {one.function}" for one in sources if not _of_tests(one.file))
    return [f"{place} ({count})" for place, count in places.most_common()]


def _of_tests(file: str) -> bool:
    *folders, name = file.split("/")
    return (
        name.startswith(("test_", "conftest")) or name.endswith("_test.py") or not {"tests", "test"}.isdisjoint(folders)
    )


def keys_of(tables: Sequence[CreateTable]) -> dict[str, frozenset[str]]:
    """The key attributes of each table."""
    return {str(one["TableName"]): frozenset(key["AttributeName"] for key in one["KeySchema"]) for one in tables}
