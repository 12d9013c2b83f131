"""The engine answers and stores what moto and Amazon's DynamoDB Local do, but for a table of accepted deviations."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from accepted_deviations import DEVIATIONS, LOCAL
from dynamodb_local import local_folder
from dynamodb_peers import dynamodb_local, moto
from dynamodb_requests import Request, full_items, requests
from dynamodb_schemas import Table, databases
from dynamodb_statements import statements
from dynamodb_tables import creations, updates
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from node_packages import NotInstalled
from side_by_side import SEVERAL_FAULTS, Comparison, Difference

WRITES = ("PutItem", "UpdateItem", "UpdateItem", "DeleteItem")
PHASES = (Phase.generate, Phase.shrink)


def _to_its_tables(actions: Sequence[str]) -> st.SearchStrategy[Request]:
    return st.runner().flatmap(lambda machine: requests(actions, machine.tables))


class SideBySide(RuleBasedStateMachine):
    """Any requests to any tables."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison
        self._agreed = False  # until there is something to agree on
        self._next_page: dict[str, Any] | None = None
        self.tables: tuple[Table, ...] = ()

    @initialize(
        loaded=databases().flatmap(
            lambda tables: st.tuples(st.just(tables), st.lists(full_items(tables), min_size=2, max_size=6))
        ),
        create=creations(),
        changes=st.lists(updates(), max_size=2),
    )
    def load(self, loaded: tuple[tuple[Table, ...], list[Request]], create: Request, changes: list[Request]) -> None:
        self.tables, items = loaded
        self._comparison.open(self.tables)
        if self._comparison.peer.name == LOCAL:
            self._agreed = False
            self._comparison.compare_definitions(create[1], [change for _, change in changes])
            self._agreed = True
        for request in items:
            self._compare(request)

    @rule(request=_to_its_tables(WRITES))
    def write(self, request: Request) -> None:
        self._compare(request)

    @rule(request=_to_its_tables(("UpdateItem",)))
    def update(self, request: Request) -> None:
        self._compare(request)

    @rule(request=_to_its_tables(("GetItem", "BatchGetItem", "TransactGetItems")))
    def get(self, request: Request) -> None:
        self._compare(request)

    @rule(request=_to_its_tables(("Query", "Query", "Query", "Scan")))
    def search(self, request: Request) -> None:
        self._compare(request)

    @precondition(lambda self: self._next_page is not None)
    @rule()
    def turn_the_page(self) -> None:
        assert self._next_page is not None
        self._compare(("Query", self._next_page))

    @rule(request=_to_its_tables(("BatchWriteItem", "TransactWriteItems", "TransactWriteItems")))
    def write_several(self, request: Request) -> None:
        self._compare(request)

    @precondition(lambda self: self._comparison.peer.name == LOCAL)  # moto reads little of PartiQL
    @rule(request=st.runner().flatmap(lambda machine: statements(machine.tables)))
    def state(self, request: Request) -> None:
        self._compare(request)

    @rule(request=st.runner().flatmap(lambda machine: full_items(machine.tables)))
    def fill(self, request: Request) -> None:
        self._compare(request)

    def teardown(self) -> None:
        try:
            if self._agreed:
                self._comparison.compare_stored()
        finally:
            self._comparison.close()

    def _compare(self, request: Request) -> None:
        action, parameters = request
        self._agreed = False  # holds if the comparison raises
        answer = self._comparison.compare(action, parameters)
        self._agreed = True
        if action == "Query":
            last = None if answer is None or answer.result is None else answer.result.get("LastEvaluatedKey")
            self._next_page = None if last is None else {**parameters, "ExclusiveStartKey": last}


def _run(comparison: Comparison, examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        lambda: SideBySide(comparison),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **{"phases": PHASES, **more},
        ),
    )


@pytest.fixture(autouse=True)
def drawn_alike_whatever_else_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis draws constants of all modules that happen to be imported, so other tests would change what is compared."""
    if hasattr(providers, "_get_local_constants"):
        monkeypatch.setattr(providers, "_get_local_constants", Constants)


@pytest.fixture(scope="module")
def beside_moto() -> Iterator[Comparison]:
    with moto() as peer:
        yield Comparison(peer)


@pytest.fixture(scope="module")
def beside_local() -> Iterator[Comparison]:
    try:
        local_folder()
    except NotInstalled as reason:
        pytest.skip(str(reason))
    with dynamodb_local() as peer:
        yield Comparison(peer)


def test_the_engine_answers_as_moto_does(beside_moto: Comparison) -> None:
    _run(beside_moto, 40, 15, derandomize=True)


def test_the_engine_answers_as_dynamodb_local_does(beside_local: Comparison) -> None:
    _run(beside_local, 60, 20, derandomize=True)


def run_for_long(wanted: int, name: str) -> tuple[int, Counter[str], list[str]]:
    """Compare at least so many operations, in rounds that each draw fresh tables and requests; prints how far it is.

    Returns:
        How many operations were compared, how often each accepted deviation explained a difference, and the differences
        that nothing explains.  One of them ends its round, and not the run.
    """
    began = time.monotonic()
    unexplained: list[str] = []
    with dynamodb_local() as peer:
        comparison = Comparison(peer)
        while comparison.operations < wanted:
            try:
                _run(comparison, 50, 150, print_blob=True, phases=(Phase.generate,))
            except Difference as difference:
                unexplained.append(str(difference))
                print(f"{name}: {difference}", flush=True)
            seconds = time.monotonic() - began
            done = f"{comparison.operations} operations, {comparison.databases} databases"
            print(f"{name}: {done}, {seconds:.0f} s, {len(unexplained)} unexplained", flush=True)
    return comparison.operations, comparison.deviations, unexplained


@pytest.mark.slow
def test_the_engine_answers_as_dynamodb_local_does_for_long(
    beside_local: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    """``TOCTOU_OPERATIONS`` sets how many operations; two processes share them, each with a DynamoDB Local of its own."""
    wanted = int(os.environ.get("TOCTOU_OPERATIONS", "200000"))
    names = ("first", "second")
    with capsys.disabled(), ProcessPoolExecutor(len(names), get_context("spawn")) as processes:
        shares = [processes.submit(run_for_long, -(-wanted // len(names)), name) for name in names]
        done = [share.result() for share in shares]
        operations = sum(one[0] for one in done)
        deviations = sum((one[1] for one in done), Counter())
        lines = sum(one.peer == LOCAL for one in DEVIATIONS)
        print(f"{operations} operations; {lines} accepted deviations; how often each explained a difference:")
        for evidence, times in deviations.most_common():
            print(f"{times:8} {evidence}")
    assert operations >= wanted
    assert [difference for one in done for difference in one[2]] == []
    # Requests with several faults are the only ones whose texts are compared loosely; they must stay rare.
    assert deviations[SEVERAL_FAULTS] < 0.03 * operations
