"""Handlers with threads, with the verdicts that their authors would give: whether one request alone may go wrong, and two.

A request with threads is right if it does what they do one after the other, in some order, and what is done after the answer
may come, as a whole, at any time.  Most shapes come in two versions: one adds in one call, the other reads and then writes.
"""

from __future__ import annotations

import asyncio
import multiprocessing.dummy
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, handler
from toctou.search.budget import Budget
from toctou.search.result import ModelResult

client = boto3.client("dynamodb", region_name="eu-central-1")
ConditionFailed = client.exceptions.ConditionalCheckFailedException
POOL = ThreadPoolExecutor(2)

Work = Callable[..., Any]


# What threads do.


def read(cell: str = "a") -> int:
    found = client.get_item(TableName="Cells", Key={"id": {"S": cell}}, ConsistentRead=True)
    return int(found["Item"]["n"]["N"])


def write(number: int, cell: str = "a") -> None:
    client.put_item(TableName="Cells", Item={"id": {"S": cell}, "n": {"N": str(number)}})


def bump(cell: str = "a") -> None:
    write(read(cell) + 1, cell)


def add(cell: str = "a") -> int:
    done = client.update_item(
        TableName="Cells",
        Key={"id": {"S": cell}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    return int(done["Attributes"]["n"]["N"])


def claim(cell: str) -> bool:
    try:
        client.put_item(TableName="Cells", Item={"id": {"S": cell}}, ConditionExpression="attribute_not_exists(id)")
    except ConditionFailed:
        return False
    return True


def at_once(*works: Work) -> None:
    started = [threading.Thread(target=one) for one in works]
    for one in started:
        one.start()
    for one in started:
        one.join()


def guarded(lock: Any) -> None:
    with lock:
        bump()


def under_two_locks() -> tuple[Work, Work]:
    """Two threads, each of which has one lock and wants that of the other one, if they meet."""
    one, other = threading.Lock(), threading.Lock()

    def work(first: Any, second: Any) -> None:
        with first:
            add()
            with second:
                add("b")

    return lambda: work(one, other), lambda: work(other, one)


def poll() -> None:
    while not read("b"):
        time.sleep(1)


# How a handler starts them; each takes what they do, and for what.


def threads(work: Work, cells: Iterable[str]) -> None:
    at_once(*[lambda cell=cell: work(cell) for cell in cells])


def timers(work: Work, cells: Iterable[str]) -> None:
    started = [threading.Timer(1, work, args=(cell,)) for cell in cells]
    for one in started:
        one.start()
    for one in started:
        one.join()


def pool(work: Work, cells: Iterable[str]) -> None:
    with ThreadPoolExecutor() as workers:
        for future in as_completed([workers.submit(work, cell) for cell in cells]):
            future.result()


def pool_of_a_module(work: Work, cells: Iterable[str]) -> None:
    list(POOL.map(work, cells))


def nested_pools(work: Work, cells: Iterable[str]) -> None:
    def outer(cell: str) -> None:
        with ThreadPoolExecutor() as workers:
            workers.submit(work, cell).result()

    pool(outer, cells)


def pool_of_multiprocessing(work: Work, cells: Iterable[str]) -> None:
    with multiprocessing.dummy.Pool(2) as workers:
        workers.map(work, cells, chunksize=1)


def callbacks(work: Work, cells: Iterable[str]) -> None:
    with ThreadPoolExecutor() as workers:
        for cell in cells:
            workers.submit(time.sleep, 1).add_done_callback(lambda _done, cell=cell: work(cell))


def workers_of_a_queue(work: Work, cells: Iterable[str]) -> None:
    waiting: queue.Queue[str | None] = queue.Queue()

    def serve() -> None:
        while (cell := waiting.get()) is not None:
            work(cell)

    started = [threading.Thread(target=serve) for _ in range(2)]
    for one in started:
        one.start()
    for cell in (*cells, None, None):
        waiting.put(cell)
    for one in started:
        one.join()


def daemons_of_a_queue(work: Work, cells: Iterable[str]) -> None:
    waiting: queue.Queue[str] = queue.Queue(1)

    def serve() -> None:
        while True:
            work(waiting.get())
            waiting.task_done()

    for _ in range(2):
        threading.Thread(target=serve, daemon=True).start()
    for cell in cells:
        waiting.put(cell)
    waiting.join()


def gathered(work: Work, cells: Iterable[str]) -> None:
    async def run() -> None:
        await asyncio.gather(*(asyncio.to_thread(work, cell) for cell in cells))

    asyncio.run(run())


def loop_in_a_thread(work: Work, cells: Iterable[str]) -> None:
    async def run(cell: str) -> None:
        await asyncio.to_thread(work, cell)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for future in [asyncio.run_coroutine_threadsafe(run(cell), loop) for cell in cells]:
        future.result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


SHAPES = [
    threads,
    timers,
    pool,
    pool_of_a_module,
    nested_pools,
    pool_of_multiprocessing,
    callbacks,
    workers_of_a_queue,
    daemons_of_a_queue,
    gathered,
    loop_in_a_thread,
]


# How they are checked.


def model_of(serve: Callable[[], Any]) -> type[Model]:
    def answer(principal: str) -> Any:
        told = serve()
        return 200 if told is None else (200, told)

    attributes = {
        "tables": (Table("Cells", "id"),),
        "items": {"Cells": [{"id": cell, "n": 0} for cell in "ab"]},
        "__module__": __name__,
        "serve": handler(answer, principals=["u"]),
    }
    return type("Threaded", (Model,), attributes)


def checked(serve: Callable[[], Any], requests: int = 1, most: int | None = None) -> ModelResult:
    return toctou.check(model_of(serve), requests=requests, confirm=False, budget=Budget(max_schedules=most))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize(("work", "verdict"), [(add, "VERIFIED"), (bump, "VIOLATED")], ids=["adds", "bumps"])
def test_threads_are_right_if_what_each_does_is(shape: Callable[..., Any], work: Work, verdict: str) -> None:
    result = checked(lambda: shape(work, "aa"), 1)
    assert result.verdict == verdict, result.detail
    assert all(one.isolated for one in result.scenarios)


# More of what threads share, one function a handler.  Each says whether one request alone is right, and whether two are.


def a_pool_with_one_worker() -> None:
    with ThreadPoolExecutor(1) as workers:
        list(workers.map(bump, "aa"))


def a_lock_of_the_handler() -> None:
    lock = threading.RLock()
    at_once(lambda: guarded(lock), lambda: guarded(lock))


def a_semaphore_for_one() -> None:
    semaphore = threading.Semaphore(1)
    at_once(lambda: guarded(semaphore), lambda: guarded(semaphore))


def a_semaphore_for_two() -> None:
    semaphore = threading.Semaphore(2)
    at_once(lambda: guarded(semaphore), lambda: guarded(semaphore))


def a_lock_around_the_read_only() -> None:
    lock = threading.Lock()

    def work() -> None:
        with lock:
            number = read()
        write(number + 1)

    at_once(work, work)


def a_lock_that_is_asked_for_in_a_loop() -> None:
    lock = threading.Lock()

    def work() -> None:
        while not lock.acquire(blocking=False):
            time.sleep(0.01)
        bump()
        lock.release()

    at_once(work, work)


def a_lock_that_is_tried_once() -> None:
    lock = threading.Lock()

    def work() -> None:
        if lock.acquire(blocking=False):
            add()
            lock.release()

    at_once(work, work)


def turns_by_a_condition() -> None:
    condition, turn = threading.Condition(), [0]

    def work(mine: int) -> None:
        with condition:
            condition.wait_for(lambda: turn[0] == mine)
            bump()
            turn[0] += 1
            condition.notify_all()

    at_once(lambda: work(1), lambda: work(0))


def one_after_the_other_by_an_event() -> None:
    done = threading.Event()
    at_once(lambda: (done.wait(), bump()), lambda: (bump(), done.set()))


def a_lock_of_a_loop() -> None:
    async def run() -> None:
        lock = asyncio.Lock()

        async def work() -> None:
            async with lock:
                await asyncio.to_thread(write, 1 + await asyncio.to_thread(read))

        await asyncio.gather(work(), work())

    asyncio.run(run())


def tasks_without_a_lock() -> None:
    async def run() -> None:
        async def work() -> None:
            await asyncio.to_thread(write, 1 + await asyncio.to_thread(read))

        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            group.create_task(work())

    asyncio.run(run())


def the_handler_beside_its_thread() -> None:
    thread = threading.Thread(target=bump)
    thread.start()
    bump()
    thread.join()


def reads_beside_each_other() -> int | None:
    with ThreadPoolExecutor() as workers:
        if any(workers.map(read, "ab")):
            return 1
    write(1)
    return None


def what_is_first_is_told() -> str:
    with ThreadPoolExecutor() as workers:
        futures = {workers.submit(add, cell): cell for cell in "ab"}
        return min(futures[one] for one in wait(futures, return_when=FIRST_COMPLETED).done)


def results_in_the_order_of_their_ends() -> list[int]:
    with ThreadPoolExecutor() as workers:
        return [one.result() for one in as_completed([workers.submit(add), workers.submit(add)])]


def who_has_claimed() -> list[bool]:
    with ThreadPoolExecutor() as workers:
        return list(workers.map(claim, "zz"))


def names_of_threads() -> None:
    def put(cell: str) -> None:
        name = threading.current_thread().name
        client.put_item(TableName="Cells", Item={"id": {"S": cell}, "by": {"S": name}})

    threads(put, "x")
    pool(put, "y")


def a_thread_that_raises() -> None:
    at_once(lambda: {}[add()])


def a_lock_item_that_is_waited_for() -> None:
    def work() -> None:
        while not claim("lock"):
            time.sleep(1)
        bump()
        client.delete_item(TableName="Cells", Key={"id": {"S": "lock"}})

    at_once(work, work)


def a_thread_that_polls_for_another_ones_write() -> None:
    at_once(poll, lambda: write(1, "b"))


def sleep_as_an_order() -> None:
    at_once(bump, lambda: (time.sleep(10), bump()))


def a_result_that_is_waited_for_too_short() -> str:
    def late() -> None:
        threading.Event().wait(100)
        add()

    with ThreadPoolExecutor() as workers:
        future = workers.submit(late)
        try:
            future.result(timeout=1)
        except TimeoutError:
            return "late"
    return "in time"


def a_heartbeat() -> None:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1):
            add("b")

    thread = threading.Thread(target=beat)
    thread.start()
    add()
    stop.set()
    thread.join()


# After the answer.


def later(*works: Work) -> None:
    for work in works:
        threading.Thread(target=work, daemon=True).start()


def an_add_afterwards() -> None:
    later(add)


def a_bump_afterwards() -> None:
    later(bump)


def two_bumps_afterwards() -> None:
    later(bump, bump)


def a_bump_beside_that_of_the_handler() -> None:
    later(bump)
    bump()


def a_bump_sent_to_a_pool_of_the_module() -> None:
    POOL.submit(bump)


def a_timer() -> None:
    threading.Timer(60, bump).start()


def pending_and_done_afterwards() -> None:
    write(1)
    later(lambda: write(2))


def a_queue_that_is_served_for_ever() -> None:
    waiting: queue.Queue[str] = queue.Queue()

    def serve() -> None:
        while True:
            add(waiting.get())

    later(serve)
    waiting.put("a")


def a_deadlock_afterwards() -> None:
    later(*under_two_locks())


RIGHT, ALONE, WRONG = ("VERIFIED", "VERIFIED"), ("VERIFIED", "VIOLATED"), ("VIOLATED", "VIOLATED")
VERDICTS: dict[tuple[str, str], list[Callable[[], Any]]] = {
    RIGHT: [
        what_is_first_is_told,
        who_has_claimed,
        names_of_threads,
        a_thread_that_raises,
        a_thread_that_polls_for_another_ones_write,
        a_result_that_is_waited_for_too_short,
        a_heartbeat,
        an_add_afterwards,
        pending_and_done_afterwards,
        a_queue_that_is_served_for_ever,
    ],
    ALONE: [
        a_pool_with_one_worker,
        a_lock_of_the_handler,
        a_semaphore_for_one,
        a_lock_that_is_asked_for_in_a_loop,
        turns_by_a_condition,
        one_after_the_other_by_an_event,
        a_lock_of_a_loop,
        reads_beside_each_other,
        results_in_the_order_of_their_ends,
        a_bump_afterwards,
        a_bump_sent_to_a_pool_of_the_module,
        a_timer,
    ],
    WRONG: [
        a_semaphore_for_two,
        a_lock_around_the_read_only,
        a_lock_that_is_tried_once,
        tasks_without_a_lock,
        the_handler_beside_its_thread,
        sleep_as_an_order,
        two_bumps_afterwards,
        a_bump_beside_that_of_the_handler,
        a_deadlock_afterwards,
    ],
}
ENOUGH = 40
"""Schedules of a wrong handler; the first show it, and the rest may take minutes."""


@pytest.mark.parametrize(
    ("serve", "alone", "both"),
    [pytest.param(one, *verdicts, id=one.__name__) for verdicts, all_ in VERDICTS.items() for one in all_],
)
def test_verdicts_are_those_of_the_threads_one_after_the_other(serve: Any, alone: str, both: str, capfd: Any) -> None:
    if alone == "VERIFIED":
        result = checked(serve)
        assert result.verdict == alone, result.detail
    result = checked(serve, 1 if alone == "VIOLATED" else 2, None if both == "VERIFIED" else ENOUGH)
    assert result.verdict == both, result.detail
    assert capfd.readouterr() == ("", ""), "a thread that ends by an exception prints nothing"


def test_a_lock_item_keeps_threads_apart() -> None:
    """With two requests that is right as well, but takes minutes to explore."""
    result = checked(a_lock_item_that_is_waited_for)
    assert result.verdict == "VERIFIED", result.detail


def test_who_waits_to_make_the_same_call_is_told_apart() -> None:
    """Two functions that one task has sent to threads read the same item; which of them goes first shows in what is stored."""

    def work(result: Callable[[int], int]) -> None:
        write(result(read()))

    async def both() -> None:
        run = asyncio.get_running_loop().run_in_executor
        await asyncio.gather(run(None, work, lambda n: n * 2 + 1), run(None, work, lambda n: n + 10))

    async def serve() -> None:
        await asyncio.create_task(both())

    class Both(model_of(lambda: asyncio.run(serve()))):  # type: ignore[misc] # a class that is made
        @toctou.invariant
        def the_first_goes_first(self, items: Any) -> bool:
            return all(one.get("n") != 21 for one in items["Cells"])

    result = toctou.check(Both, requests=1, confirm=False)
    assert any("the_first_goes_first" in one.finding.oracle for one in result.violations), result.detail
