"""What a thread is working on has a name that repeats, whichever worker of a pool happens to do it."""

from __future__ import annotations

import asyncio
import multiprocessing.dummy
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from strand_runs import Call, execute, executions, last, together

from toctou.scheduling import units
from toctou.scheduling.units import Unit, unit

FUNCTION, TASK = 1_000, 1_000_000

Body = Callable[[Call], Any]


@pytest.fixture(autouse=True)
def _apart() -> Iterator[None]:
    with units.told_apart():
        yield


def units_of(body: Body, **how: Any) -> dict[Any, Unit]:
    """By call, what the thread that made it was working on."""
    found: dict[Any, Unit] = {}
    units.begin()

    def told(call: Call) -> Any:
        def noted(what: Any) -> None:
            found[what] = unit()
            call(what)

        return body(noted)

    run = execute(told, **how)
    assert run.error is None
    return found


def started(*functions: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=one) for one in functions]
    together(threads)


def test_a_thread_outside_of_any_request_works_on_nothing_of_its_own() -> None:
    assert unit() == ()


def test_the_handler_is_the_empty_unit_before_and_after_its_threads() -> None:
    def body(call: Call) -> None:
        call("before")
        started(lambda: call("thread"))
        call("after")

    assert units_of(body) == {"before": (), "thread": (0,), "after": ()}


@pytest.mark.parametrize("choose", [{}, {"choose": last}], ids=["first", "last"])
def test_threads_are_named_by_their_starts(choose: Any) -> None:
    def body(call: Call) -> None:
        started(lambda: call("x"), lambda: (call("y"), started(lambda: call("within y"))))

    assert units_of(body, **choose) == {"x": (0,), "y": (1,), "within y": (1, 0)}


def test_each_function_of_a_pool_is_a_unit_though_one_worker_runs_them_all() -> None:
    def body(call: Call) -> None:
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(call, "xyz"))

    assert units_of(body) == {"x": (FUNCTION,), "y": (FUNCTION + 1,), "z": (FUNCTION + 2,)}


def test_a_function_is_the_same_unit_whichever_worker_takes_it() -> None:
    """Three functions and two workers: by the order of calls, either takes the third."""
    names, workers = set(), set()

    def body(call: Call) -> None:
        def work(what: str) -> None:
            call(what)
            if what == "z":
                workers.add(threading.current_thread().name.rpartition("_")[2])
            names.add((what, unit()))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, "xyz"))

    for _ in executions(lambda call: (units.begin(), body(call))):
        pass
    assert names == {("x", (FUNCTION,)), ("y", (FUNCTION + 1,)), ("z", (FUNCTION + 2,))}
    assert workers == {"0", "1"}


def test_what_a_function_of_a_pool_sends_to_a_pool_is_a_unit_of_its_own() -> None:
    def body(call: Call) -> None:
        def outer(what: str) -> None:
            call(what)
            with ThreadPoolExecutor(2) as inner:
                list(inner.map(call, (f"{what}1", f"{what}2")))
            call(f"{what} after")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(outer, "xy"))

    x, y = (FUNCTION,), (FUNCTION + 1,)
    assert units_of(body) == {
        "x": x,
        "x1": (*x, FUNCTION),
        "x2": (*x, FUNCTION + 1),
        "x after": x,
        "y": y,
        "y1": (*y, FUNCTION),
        "y2": (*y, FUNCTION + 1),
        "y after": y,
    }


def test_no_function_of_a_pool_has_the_name_of_a_thread() -> None:
    def body(call: Call) -> None:
        with ThreadPoolExecutor(2) as pool:
            pool.submit(call, "sent")
            started(lambda: call("started"))
            pool.submit(call, "sent later")

    assert units_of(body) == {"sent": (FUNCTION,), "started": (1,), "sent later": (FUNCTION + 1,)}


def test_names_begin_anew_with_each_request() -> None:
    def body(call: Call) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(call, "sent").result()

    for _ in range(2):
        assert units_of(body) == {"sent": (FUNCTION,)}


def test_a_task_is_a_unit_with_all_that_it_sends_to_threads() -> None:
    def body(call: Call) -> None:
        async def task(what: str) -> None:
            await asyncio.to_thread(call, f"{what} sends")
            call(f"{what} calls")
            await asyncio.to_thread(call, f"{what} sends more")

        async def both() -> None:
            call("coroutine")
            await asyncio.to_thread(call, "coroutine sends")
            await asyncio.gather(task("x"), task("y"))
            call("coroutine after")

        asyncio.run(both())

    x, y = (TASK + 1,), (TASK + 2,)
    assert units_of(body) == {
        "coroutine": (),
        "coroutine sends": (FUNCTION,),
        "coroutine after": (),
        "x sends": x,
        "x calls": x,
        "x sends more": x,
        "y sends": y,
        "y calls": y,
        "y sends more": y,
    }


def test_tasks_of_a_loop_in_a_thread_are_units_of_that_thread() -> None:
    def body(call: Call) -> None:
        async def task(what: str) -> None:
            await asyncio.to_thread(call, what)

        async def both() -> None:
            call("coroutine")
            await asyncio.gather(task("x"), task("y"))

        started(lambda: asyncio.run(both()))

    assert units_of(body) == {"coroutine": (0,), "x": (0, TASK + 1), "y": (0, TASK + 2)}


def test_outside_functions_of_pools_have_no_names_of_their_own() -> None:
    """The replacement is undone, and a pool of nobody's request is left alone."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(unit).result() == ()


def test_workers_of_another_kind_of_pool_are_threads() -> None:
    def body(call: Call) -> None:
        with multiprocessing.dummy.Pool(2) as pool:
            pool.map(call, "xy", chunksize=1)

    found = units_of(body)
    assert all(len(one) == 1 and one[0] < FUNCTION for one in found.values()), found
