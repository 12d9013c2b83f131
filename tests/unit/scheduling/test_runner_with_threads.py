"""A task whose threads are strands goes on thread by thread; one whose threads are refused ends where it starts one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from toctou.errors import OperationLimit, SilentHandler, ThreadStarted
from toctou.scheduling import boundary, thread_starts
from toctou.scheduling.runner import Held, Limits, Runner
from toctou.scheduling.strands import Strands, installed

Body = Callable[[Runner], Any]


@pytest.fixture
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "_threads_allowed", True)


of_strands = pytest.mark.usefixtures("_allowed")


@contextmanager
def running(body: Body, limits: Limits = Limits(operations=5, seconds=5)) -> Iterator[tuple[Runner, Strands]]:  # noqa: B008
    """A runner whose only task has run as far as it can without a choice."""
    runner = Runner(limits)
    with runner.installed(), installed(), thread_starts.silent(lambda _: None):
        runner.begin([lambda: body(runner)])
        yield runner, runner.start_with_threads(0)
        runner.end()


def waiting(strands: Strands) -> list[Any]:
    """The calls among which there is a choice; ``None`` is a lock."""
    return [one.what.action if isinstance(one.what, Held) else None for one in strands.held]


def let(runner: Runner, strands: Strands, at: int = 0) -> list[Any]:
    strands.let(strands.held[at])
    runner.go_on(0)
    return waiting(strands)


def started(*works: Callable[[], Any]) -> list[threading.Thread]:
    """Some wait for a turn that never comes: as daemons, they do not keep the tests from ending."""
    found = [threading.Thread(target=one, daemon=True) for one in works]
    for one in found:
        one.start()
    return found


@of_strands
def test_each_thread_waits_for_its_turn() -> None:
    def body(runner: Runner) -> None:
        runner.reach("before")
        for one in started(lambda: runner.reach("x"), lambda: runner.reach("y")):
            one.join()
        runner.reach("after")

    with running(body) as (runner, strands):
        assert waiting(strands) == ["before"]
        assert let(runner, strands) == ["x", "y"]
        assert let(runner, strands, 1) == ["x"]
        assert let(runner, strands) == ["after"]
        assert not strands.answered
        assert let(runner, strands) == []
        assert strands.answered
        assert strands.alive == []


@of_strands
def test_calls_are_numbered_in_the_order_of_their_turns() -> None:
    turns = []

    def body(runner: Runner) -> None:
        for one in started(*[lambda: turns.append(runner.reach("x"))] * 2):
            one.join()

    with running(body) as (runner, strands):
        let(runner, strands, 1)
        let(runner, strands)
        assert [(one.request, one.number) for one in turns] == [(0, 0), (0, 1)]
        assert runner.tasks[0].operations == 2


@of_strands
def test_what_a_thread_waits_to_call_says_who_makes_the_call() -> None:
    def body(runner: Runner) -> None:
        started(lambda: runner.reach("PutItem", {"Item": {}}))
        runner.reach("GetItem")

    with running(body) as (_, strands):
        found = [one.what for one in strands.held if isinstance(one.what, Held)]
        assert [(one.action, one.parameters, one.unit) for one in found] == [
            ("GetItem", {}, ()),
            ("PutItem", {"Item": {}}, (0,)),
        ]


@of_strands
def test_a_thread_goes_on_after_the_answer() -> None:
    def body(runner: Runner) -> None:
        started(lambda: (runner.reach("x"), runner.reach("y")))

    with running(body) as (runner, strands):
        assert strands.answered
        assert waiting(strands) == ["x"]
        assert let(runner, strands) == ["y"]
        assert let(runner, strands) == []


@of_strands
def test_who_wants_a_lock_is_a_choice_where_another_thread_lives() -> None:
    lock = threading.Lock()

    def work(runner: Runner, what: str) -> None:
        with lock:
            runner.reach(what)

    def body(runner: Runner) -> None:
        for one in started(lambda: work(runner, "x"), lambda: work(runner, "y")):
            one.join()

    with running(body) as (runner, strands):
        assert waiting(strands) == [None, None]
        assert let(runner, strands, 1) == ["y"]
        assert let(runner, strands) == [None]
        assert let(runner, strands) == ["x"]


@of_strands
def test_the_limit_of_operations_is_that_of_all_threads_and_names_one() -> None:
    def beat(runner: Runner) -> None:
        while True:
            runner.reach("UpdateItem")

    def body(runner: Runner) -> None:
        started(lambda: beat(runner))

    with running(body, Limits(operations=3, seconds=5)) as (runner, strands):
        for _ in range(2):
            assert let(runner, strands) == ["UpdateItem"]
        with pytest.raises(OperationLimit, match=r"performed 3 operations .* in its thread of .*<lambda>"):
            let(runner, strands)


@of_strands
def test_a_thread_that_stays_silent_is_a_fault() -> None:
    over = []

    def spin() -> None:
        while not over:
            pass

    def body(_runner: Runner) -> None:
        started(spin)[0].join()

    with (
        pytest.raises(SilentHandler, match=r"reached no scheduling point for 0\.2 s") as silent,
        running(body, Limits(operations=3, seconds=0.2)),
    ):
        pass
    over.append(True)
    assert "--isolation" not in silent.value.remedy, "it has a process of its own"


def test_a_thread_is_refused_before_it_runs() -> None:
    ran = []

    def body() -> None:
        started(lambda: ran.append(1))

    runner = Runner(Limits(operations=5, seconds=5))
    with runner.installed():
        runner.begin([body])
        with pytest.raises(ThreadStarted, match=r"starts a thread of its own, for .*<lambda>"):
            runner.step(0)
    assert ran == []


def test_a_pool_is_refused_by_its_name() -> None:
    runner = Runner(Limits(operations=5, seconds=5))
    with runner.installed():
        runner.begin([lambda: ThreadPoolExecutor(1).submit(print)])
        with pytest.raises(ThreadStarted, match=r"for a worker of concurrent\.futures\.ThreadPoolExecutor"):
            runner.step(0)


def test_threads_of_others_are_not_refused() -> None:
    """Those that the checker starts itself, while no task runs."""
    ran = []
    runner = Runner(Limits(operations=5, seconds=5))
    with runner.installed():
        started(lambda: ran.append(1))[0].join()
    assert ran == [1]
