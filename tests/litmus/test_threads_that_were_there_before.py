"""Threads that were there before any request: what handlers leave to them is part of no schedule, so nothing is verified.

Most such threads do not matter, and must not keep a handler from being verified.
"""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, handler
from toctou.search.result import ModelResult

cells = boto3.resource("dynamodb", region_name="eu-central-1").Table("Cells")
other = boto3.client("sqs", region_name="eu-central-1")

Job = Callable[[], object]
Earlier = Iterator[Job]
"""Yields what a handler calls."""


def add(cell: str = "a") -> None:
    cells.update_item(Key={"id": cell}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1})


def bump() -> None:
    seen = cells.get_item(Key={"id": "b"}).get("Item", {}).get("n", 0)
    cells.put_item(Item={"id": "b", "n": seen + 1})


@contextmanager
def thread(run: Callable[..., object], end: Callable[[], object]) -> Iterator[None]:
    one = threading.Thread(target=run, daemon=True)
    one.start()
    time.sleep(0.01)  # until it waits
    try:
        yield
    finally:
        end()
        one.join()


# Threads to which a handler gives something.


@contextmanager
def worker_of_a_queue(work: Job) -> Earlier:
    jobs: queue.Queue[str] = queue.Queue()

    def serve() -> None:
        while jobs.get() == "work":
            work()

    with thread(serve, lambda: jobs.put("end")):
        yield lambda: jobs.put("work")


@contextmanager
def worker_of_a_simple_queue(work: Job) -> Earlier:
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def serve() -> None:
        while jobs.get() == "work":
            work()

    with thread(serve, lambda: jobs.put("end")):
        yield lambda: jobs.put("work")


@contextmanager
def waits_for_an_event(work: Job) -> Earlier:
    event, ended = threading.Event(), threading.Event()

    def serve() -> None:
        while event.wait() and not ended.is_set():
            event.clear()
            work()

    with thread(serve, lambda: (ended.set(), event.set())):
        yield event.set


@contextmanager
def loop_of_a_thread(work: Job) -> Earlier:
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        work()

    def give() -> None:
        asyncio.run_coroutine_threadsafe(serve(), loop)

    with thread(loop.run_forever, lambda: loop.call_soon_threadsafe(loop.stop)):
        yield give
    loop.close()


@contextmanager
def flushes_what_was_left(work: Job) -> Earlier:
    left: list[str] = []
    ended = threading.Event()

    def serve() -> None:
        while not ended.wait(0.005):
            while left:
                left.pop()
                work()

    with thread(serve, ended.set):
        yield lambda: left.append("work")


@contextmanager
def sleeps_between(work: Job) -> Earlier:
    left: list[str] = []
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            time.sleep(0.005)
            while left:
                left.pop()
                work()

    with thread(serve, ended.set):
        yield lambda: left.append("work")


GIVEN = [worker_of_a_queue, worker_of_a_simple_queue, waits_for_an_event, loop_of_a_thread]
BY_THEMSELVES = [flushes_what_was_left, sleeps_between]


def checked(serve: Job, requests: int = 2, **options: Any) -> ModelResult:
    def answer(principal: str) -> int:
        add()
        serve()
        return 202

    attributes = {"tables": (Table("Cells", "id"),), "__module__": __name__, "serve": handler(answer, principals=["u"])}
    return toctou.check(type("Threaded", (Model,), attributes), requests=requests, confirm=False, **options)


@pytest.mark.parametrize("isolation", ["auto", "processes"])
@pytest.mark.parametrize("earlier", [*GIVEN, *BY_THEMSELVES], ids=lambda one: one.__name__)
def test_work_that_is_left_to_an_earlier_thread_is_part_of_no_schedule(
    earlier: Callable[[Job], Any], isolation: str
) -> None:
    with earlier(bump) as give:
        result = checked(give, isolation=isolation)
    assert (result.verdict, result.stop_reason) == ("INCONCLUSIVE", "outside_control"), result.detail
    assert "a thread of " in result.detail
    assert "start it in the handler" in result.detail


@pytest.mark.parametrize("earlier", GIVEN, ids=lambda one: one.__name__)
def test_a_thread_to_which_no_handler_gives_anything_does_not_matter(earlier: Callable[[Job], Any]) -> None:
    with earlier(bump):
        result = checked(lambda: None)
    assert result.verdict == "VERIFIED", result.detail


@pytest.mark.parametrize("earlier", [*GIVEN, *BY_THEMSELVES], ids=lambda one: one.__name__)
def test_a_thread_that_reaches_no_dynamodb_does_not_matter(earlier: Callable[[Job], Any]) -> None:
    seen: list[object] = []
    with earlier(lambda: seen.append(other)) as give:
        result = checked(give)
    assert result.verdict == "VERIFIED", result.detail


def test_a_listener_of_logging_does_not_matter() -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    log = logging.getLogger("earlier")
    log.propagate = False
    log.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, logging.NullHandler())
    listener.start()
    try:
        result = checked(lambda: log.warning("served"))
    finally:
        listener.stop()
        log.handlers.clear()
    assert result.verdict == "VERIFIED", result.detail


@pytest.mark.parametrize(
    ("work", "verdict"), [(lambda: add("b"), "VERIFIED"), (bump, "VIOLATED")], ids=["adds", "bumps"]
)
def test_an_idle_worker_of_a_pool_is_replaced_by_one_of_the_request(work: Job, verdict: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(lambda: None).result()
        result = checked(lambda: pool.submit(work), isolation="processes")
    assert result.verdict == verdict, result.detail


def test_a_race_is_found_beside_a_thread_that_goes_on_by_itself() -> None:
    with sleeps_between(bump):
        result = checked(bump)
    assert result.verdict == "VIOLATED", result.detail
