"""Runs operations alone, to see what they answer and what they touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from toctou.client.backends import backend_named
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.engine import Kind, actions_of
from toctou.errors import UncontrolledHandler
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import dependent
from toctou.history.operation import Operation, StoredImages
from toctou.history.request import Request, Response
from toctou.scheduling.restart import Restart
from toctou.search.options import Options

_WRITES = actions_of(Kind.WRITES)


@dataclass(frozen=True, slots=True)
class Alone:
    """One request, run alone on the initial items.

    Attributes:
        request: what was asked.
        response: the answer; ``None`` if the request left the checker's control.
        operations: its DynamoDB calls.
        fault: why it left control; empty if it did not.
        only_way: whether it does the same in every scenario in which it meets nobody.  A request that asks for the time or
            for numbers is told others there; a service may make calls at once, and go on by which is answered first.
    """

    request: Request
    response: Response | None
    operations: tuple[Operation, ...]
    fault: str = ""
    only_way: bool = True

    @property
    def reached(self) -> bool:
        """Whether it did what the operation is for, as far as its status tells."""
        return self.response is not None and not self.response.refused

    @property
    def writes(self) -> bool:
        """Whether it changed anything."""
        return any(one.changes for one in self.operations)

    def conflicts_with(self, other: Alone) -> bool:
        """Whether the order of two requests can matter.

        Alone is enough: as long as neither has met anything of the other, each does what it does alone, so the first thing
        that one of them does differently, it does because of a conflict between what both do alone.  Where one of them left
        control, anything is possible; where what was seen is not the only way, all that both use the same table for.
        """
        if self.fault or other.fault:
            return True
        if not (self.only_way and other.only_way):
            return bool(self._tables() & other._tables()) and (self._may_write() or other._may_write())
        return any(
            dependent(one.footprint, another.footprint) for one in self.operations for another in other.operations
        )

    def _tables(self) -> frozenset[str]:
        footprints = [one.footprint for one in self.operations]
        items = [item.table for footprint in footprints for item in footprint.items()]
        return frozenset(items + [one.table for footprint in footprints for one in footprint.ranges])

    def _may_write(self) -> bool:
        """Whether it made a call that writes, refused or not."""
        return any(one.action in _WRITES for one in self.operations)


class Probe:
    """An open laboratory for requests that run alone."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._known: dict[Request, Alone] = {}

    @property
    def initial(self) -> StoredImages:
        """The items stored at the start."""
        return self._laboratory.initial

    def run(self, request: Request) -> Alone:
        """Run one request."""
        if request not in self._known:
            self._known[request] = self._run(request)
        return self._known[request]

    def _run(self, request: Request) -> Alone:
        self._laboratory.take_clock_reads()
        try:
            (response,), _ = self._laboratory.serial(Scenario((request,)), (0,))
        except UncontrolledHandler as fault:
            return Alone(request, None, self._laboratory.progress()[0], str(fault))
        except Restart:
            return self._run(request)
        only_way = self._laboratory.model.service is None and not self._laboratory.take_clock_reads()
        return Alone(request, response, self._laboratory.progress()[0], only_way=only_way)


@contextmanager
def probing(model: type[Model], options: Options) -> Iterator[Probe]:
    """Open a laboratory for a model."""
    with closing(backend_named(options.backend)) as backend:
        laboratory = Laboratory(model, backend, options.limits)
        with laboratory.opened():
            yield Probe(laboratory)


def key_attributes(model: type[Model]) -> Mapping[str, tuple[str, ...]]:
    """The key attributes of each table of a model, in the order of its key."""
    return {table.name: tuple(key["AttributeName"] for key in table.parameters["KeySchema"]) for table in model.tables}
