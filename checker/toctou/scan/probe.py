"""Runs single requests, to observe their responses and DynamoDB calls."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from toctou.client.backends import backend_named
from toctou.declaration.isolation import isolation_name
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.engine import Kind, actions_of
from toctou.errors import UncontrolledHandler
from toctou.execution.kept_memory import CAN_FORK, may_separate
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import dependent
from toctou.history.item import Change, Image
from toctou.history.operation import Operation, StoredImages
from toctou.history.request import Request, Response
from toctou.scheduling.restart import Restart
from toctou.search.options import Options

_WRITES = actions_of(Kind.WRITES)


@dataclass(frozen=True, slots=True)
class SoloRun:
    """One request, run alone on the initial items.

    Attributes:
        request: with its arguments.
        response: ``None`` if the request left the checker's control.
        operations: its DynamoDB calls.
        fault: why it left the checker's control; empty if it did not.
        conclusive: whether it does the same in every scenario without a conflict.  Not if it reads the clock, whose values
            differ there, or runs in a service, which may make concurrent calls and depend on their order.
    """

    request: Request
    response: Response | None
    operations: tuple[Operation, ...]
    fault: str = ""
    conclusive: bool = True
    members: tuple[str, ...] = ()
    explored: bool = True

    @property
    def reached(self) -> bool:
        """Whether its status indicates success."""
        return self.response is not None and not self.response.refused

    @property
    def writes(self) -> bool:
        """Whether it changed anything."""
        return any(one.changes for one in self.operations)

    @property
    def pattern(self) -> Hashable:
        """What it did, apart from names of principals and items, and from the values that it read, compared and stored."""
        status = None if self.response is None else self.response.status
        names: dict[Hashable, int] = {}
        return status, self.fault, tuple(_pattern(one, names) for one in self.operations)

    def conflicts_with(self, other: SoloRun) -> bool:
        """Whether the order of two requests can matter."""
        # Solo runs suffice: until the first conflict each request does what it does alone, so whatever one of them does
        # differently is caused by a conflict between two solo runs.  A request that left control may do anything, and one
        # whose solo run is not conclusive may access any item of its tables.
        if self.fault or other.fault:
            return True
        if not (self.conclusive and other.conclusive):
            return bool(self._tables() & other._tables()) and (self._may_write() or other._may_write())
        return any(
            dependent(one.footprint, another.footprint) for one in self.operations for another in other.operations
        )

    def _tables(self) -> frozenset[str]:
        footprints = [one.footprint for one in self.operations]
        items = [item.table for footprint in footprints for item in footprint.items()]
        return frozenset(items + [one.table for footprint in footprints for one in footprint.ranges])

    def _may_write(self) -> bool:
        """Whether it made a call that can write, successful or not."""
        return any(one.action in _WRITES for one in self.operations)


def _pattern(operation: Operation, names: dict[Hashable, int]) -> Hashable:
    """What an operation did; ``names`` holds the numbers of the items so far."""

    def number(table: str, key: Hashable) -> tuple[str, int]:
        return table, names.setdefault((table, key), len(names))

    footprint = operation.footprint
    items = {item: number(*item) for item in sorted(footprint.items(), key=str)}
    touched = tuple(
        frozenset((items[item], attributes) for item, attributes in part.items())
        for part in (footprint.reads, footprint.writes, footprint.increments)
    )
    ranges = tuple((number(one.table, one.partition), one.attributes) for one in footprint.ranges)
    changed = frozenset((number(*change.item), _changed(change)) for change in operation.changes)
    error = None if operation.error is None else operation.error.code
    return operation.action, touched, ranges, changed, error, _form(operation.parameters)


def _changed(change: Change) -> frozenset[str]:
    before, after = change.before or {}, change.after or {}
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))


def _form(value: Any, name: str = "") -> Hashable:
    """Parameters of a call without values: their structure, expressions, and names of attributes."""
    match value:
        case Mapping():
            within = "Names" if name == "ExpressionAttributeNames" else ""
            return frozenset((key, _form(one, within or key)) for key, one in value.items())
        case list() | tuple():
            return tuple(_form(one) for one in value)
        case str() if name == "Names" or name.endswith("Expression"):
            return value
    return type(value).__name__


class Probe:
    """An open laboratory for solo runs."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._known: dict[Request, SoloRun] = {}

    @property
    def initial(self) -> StoredImages:
        """The items stored at the start."""
        return self._laboratory.initial

    def stored_for(self, run: SoloRun) -> list[Image]:
        """The items stored at the start that a request looked up."""
        footprints = [one.footprint for one in run.operations]
        return [
            image
            for item, image in self._laboratory.by_name(self.initial).items()
            if any(item in one.items() or any(among.covers(item) for among in one.ranges) for one in footprints)
        ]

    def run(self, request: Request) -> SoloRun:
        """Run one request; results are memoised."""
        if request not in self._known:
            self._known[request] = self._run(request)
        return self._known[request]

    def _run(self, request: Request) -> SoloRun:
        self._laboratory.take_clock_reads()
        try:
            (response,), _ = self._laboratory.serial(Scenario((request,)), (0,))
        except UncontrolledHandler as fault:
            return SoloRun(request, None, self._laboratory.progress()[0], str(fault))
        except Restart:  # the laboratory has separated random numbers now, so the second run is reliable
            return self._run(request)
        conclusive = self._laboratory.model.service is None and not self._laboratory.take_clock_reads()
        return SoloRun(request, response, self._laboratory.progress()[0], conclusive=conclusive)


@contextmanager
def probing(model: type[Model], options: Options) -> Iterator[Probe]:
    """Open a laboratory for a model."""
    with closing(backend_named(options.backend)) as backend:
        # In memory they would leave caches to whatever is explored later.
        isolated = may_separate(model, options.isolation) and CAN_FORK
        laboratory = Laboratory(model, backend, options.limits, isolation_name(isolated=isolated))
        with laboratory.opened():
            yield Probe(laboratory)


def key_attributes(model: type[Model]) -> Mapping[str, tuple[str, ...]]:
    """The key attributes of each table of a model, in key order."""
    return {table.name: tuple(key["AttributeName"] for key in table.parameters["KeySchema"]) for table in model.tables}
