"""Decides whether what is seen of a scenario also holds of others, which differ from it by names only.

A *local state* of a request is its input, what was stored in the items that its operations touched, and its responses.  Each
local state that occurs in the explored scenario is rebuilt under the other names, where the renamed request runs alone; it has
to perform the same operations with the same changes and responses, but for the names.  Then, by induction over the steps of
any schedule, the other scenario behaves in the same way under that schedule.  The schedules that are run show every local
state, up to the order of steps that commute.  The model's own predicates judge each outcome a second time, under the other
names.  Where anything differs, or a request reads clock or randomness, the other scenario is explored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from typing import Any

from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged, observed
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import Footprint, KeyRange
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation, StoredImages
from toctou.history.request import Request, Response
from toctou.oracles.oracle import Oracle, Ordered
from toctou.search.renaming import Renaming

MOST = 50_000
"""Local states and outcomes of a scenario that are compared; a scenario with more represents itself only."""


@dataclass(frozen=True, slots=True)
class LocalState:
    """What one request read and did.

    Attributes:
        touched: for each operation what was stored before, of the items it touched or queried; ``None`` for an absent item.
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
    """Decides whether requests behave alike under other names; memoises that for a model."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self._schemas = laboratory.schemas
        self._symmetric: dict[Renaming, bool] = {}
        self._found: dict[tuple[bytes, Renaming], bool] = {}

    def local_states(self, execution: Execution) -> Iterator[LocalState]:
        """The local state of each request of an execution, at its end."""
        stored = self.laboratory.by_name(execution.initial)
        touched: list[list[Mapping[ItemId, Image | None]]] = [[] for _ in execution.requests]
        for operation in execution.operations:
            touched[operation.request].append(_touched(operation.footprint, stored))
            for change in operation.changes:
                if change.after is None:
                    stored.pop(change.item, None)
                else:
                    stored[change.item] = change.after
        for index, request in enumerate(execution.requests):
            own = tuple(one for one in execution.operations if one.request == index)
            yield LocalState(request, own, tuple(touched[index]), execution.responses[index])

    def behaves_alike(self, local_state: LocalState, renaming: Renaming) -> bool:
        """Whether the renamed request behaves the same in the renamed local state."""
        if self.laboratory.stores_more_than_declared and not self._begins_alike(renaming):
            return False
        asked = local_state.key(), renaming
        if asked not in self._found:
            if len(self._found) >= MOST:
                self._found.clear()
            try:
                self._found[asked] = self._run_alike(local_state, renaming)
            except ToctouError:  # exploring the other scenario will meet it again, and report it
                self._found[asked] = False
        return self._found[asked]

    def _begins_alike(self, renaming: Renaming) -> bool:
        """Whether what is stored at the start is the same under the other names, which is known of what is declared only."""
        if renaming not in self._symmetric:
            initial = self.laboratory.initial
            self._symmetric[renaming] = self._renamed_items(initial, renaming) == initial
        return self._symmetric[renaming]

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
        if table not in self._schemas:  # it is what another service holds
            return [repr(image)]
        return [Decimal(part) if kind == "N" else part for kind, part in self._schemas[table].item_id(image).key]

    def _run_alike(self, local_state: LocalState, renaming: Renaming) -> bool:
        self.laboratory.take_clock_reads()
        request = renaming.request(local_state.request)
        runner = self.laboratory.begin(Scenario((request,)))
        for expected, touched in zip(local_state.operations, local_state.touched, strict=True):
            if not self._arrange(expected.footprint, touched, renaming):
                return False
            runner.step(0)  # does nothing if the request has ended
            operations = self.laboratory.performed()
            if len(operations) != expected.number + 1 or not _alike(expected, operations[-1], renaming):
                return False
        # A request starts together with its first operation; one without any takes a step as well.
        if not local_state.operations:
            runner.step(0)
        answered = self.laboratory.answered(0)
        return (
            answered is not None
            and len(self.laboratory.performed()) == len(local_state.operations)
            and _visible(answered) == _visible(renaming.response(local_state.response))
            and not self.laboratory.take_clock_reads()
        )

    def _arrange(self, footprint: Footprint, touched: Mapping[ItemId, Image | None], renaming: Renaming) -> bool:
        """Store what an operation is going to touch; ``False`` if that lies in no table of the model."""
        wanted = {renaming.item(item): renaming.image(image) for item, image in touched.items()}
        if any(item.table not in self._schemas for item in wanted):
            return False
        now = self.laboratory.by_name(self.laboratory.stored())
        ranges = [_renamed_range(one, renaming) for one in footprint.ranges]
        # An item that the query did not find must not be there under the other names either.
        wanted |= {item: None for item in now if item not in wanted and any(one.covers(item) for one in ranges)}
        for item, image in wanted.items():
            if repr(image) != repr(now.get(item)):  # equal items may have their attributes in another order
                names = [one.name for one in self._schemas[item.table].key.attributes]
                key = {name: {kind: part} for name, (kind, part) in zip(names, item.key, strict=True)}
                self.laboratory.store(item.table, key, image)
        return True


class RenamedScenarios:
    """The scenarios that a scenario represents, as long as no difference is seen.

    Attributes:
        apart: places in ``renamings`` of those that have to be explored themselves.
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

    def separate(self) -> None:
        """Have all of them explored themselves."""
        self.apart.update(range(len(self._renamings)))

    def smaller(self) -> Scenario | None:
        """The one with the smallest arguments, if they are smaller than the scenario's own."""
        scenarios = [self._scenario, *(renaming.scenario(self._scenario) for _, renaming in self._left())]
        smallest = min(scenarios, key=_size)
        return None if smallest is self._scenario else smallest

    def see(self, execution: Execution, equivalent: Iterable[Execution]) -> None:
        """Compare an execution of the scenario, and those that differ from it in real time only."""
        if len(self._seen) >= MOST:
            self.separate()
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
        """What oracles can depend on, besides local states."""
        changes = [(one.request, one.changes) for one in execution.operations if one.changes]
        if self._observes.order is Ordered.OPERATIONS:
            order: object = [(one.request, one.action, one.changes) for one in execution.operations]
        elif self._observes.order or self._observes.others:
            order = changes
        else:
            order = sorted({request for request, _ in changes})
        return _digest(execution.responses, execution.final, [*map(sorted, execution.preceding())], order)

    def _oracles_of(self, at: int, scenario: Scenario) -> list[Oracle]:
        # The other oracles judge by serial runs of the handlers, and local states cover these.
        if at not in self._oracles:
            laboratory = self._name_independence.laboratory
            self._oracles[at] = [one for one in oracles_for(laboratory, scenario) if one.asks_model]
        return self._oracles[at]


def _size(scenario: Scenario) -> Decimal:
    return sum((request.size for request in scenario.requests), Decimal(0))


def _findings(oracles: Sequence[Oracle], execution: Execution) -> list[object]:
    return [(one.oracle, one.requests, one.operations) for one in judged(execution, oracles)]


def _judged_alike(oracles: Sequence[Oracle], execution: Execution, expected: Sequence[object]) -> bool:
    try:
        return _findings(oracles, execution) == expected
    except ToctouError:  # a predicate that fails under the other names fails again when these are explored
        return False


def _touched(footprint: Footprint, stored: Mapping[ItemId, Image]) -> dict[ItemId, Image | None]:
    items = footprint.items() | footprint.judged.keys()
    touched = {item: stored.get(item) for item in items}
    for one in footprint.ranges:
        touched.update({item: image for item, image in stored.items() if one.covers(item)})
    return touched


def _alike(expected: Operation, performed: Operation, renaming: Renaming) -> bool:
    # The result of an operation depends only on what is stored, which was arranged, so it is not compared.  Texts are compared
    # where equal values may differ: in the order of an item's attributes, which a request can see.
    return (
        performed.action == expected.action
        and repr(_AS_IT_IS.typed(performed.parameters)) == repr(renaming.typed(expected.parameters))
        and (performed.error and performed.error.code) == (expected.error and expected.error.code)
        and repr([*map(_AS_IT_IS.change, performed.changes)]) == repr([*map(renaming.change, expected.changes)])
        and _renamed_footprint(performed.footprint, _AS_IT_IS) == _renamed_footprint(expected.footprint, renaming)
    )


_AS_IT_IS = Renaming(())
"""Changes nothing but the order in which sets are written."""


def _renamed_footprint(footprint: Footprint, renaming: Renaming) -> object:
    items = [
        {renaming.item(item): attributes for item, attributes in touched.items()}
        for touched in (footprint.reads, footprint.writes, footprint.increments, footprint.judged)
    ]
    return items, [_renamed_range(one, renaming) for one in footprint.ranges]


def _renamed_range(one: KeyRange, renaming: Renaming) -> KeyRange:
    # The condition on the sort key is text, and the parameters contain it too.
    partition = one.partition and renaming.item(ItemId(one.table, (one.partition,))).key[0]
    return replace(one, partition=partition, sort=None)


def _visible(response: Response) -> object:
    # The place in the code that an exception came from may differ.
    raised = response.exception and (response.exception.type, response.exception.message)
    return response.status, response.body, response.headers, raised


def _digest(*parts: object) -> bytes:
    return blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).digest()
