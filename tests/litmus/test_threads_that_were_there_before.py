"""Threads that were there before any request: what handlers leave to them is part of no schedule, so nothing is verified.

Most such threads do not matter, and must not keep a handler from being verified.
"""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, handler, route
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

    def run() -> None:
        loop.run_forever()

    with thread(run, lambda: loop.call_soon_threadsafe(loop.stop)):
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


# Tasks that the lifespan of an application leaves.


def application(consume: Callable[[asyncio.Queue[str]], Any], *, gives: bool) -> Any:
    """Any ASGI application whose startup begins a task that is to do what its only endpoint puts into a queue."""
    jobs: asyncio.Queue[str] = asyncio.Queue()
    tasks = []

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            tasks.append(asyncio.create_task(consume(jobs)))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        add()
        if gives:
            await jobs.put("work")
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return serve


async def bumps(jobs: asyncio.Queue[str]) -> None:
    while await jobs.get():
        bump()


async def only_listens(jobs: asyncio.Queue[str]) -> None:
    while await jobs.get():
        pass


@pytest.mark.parametrize(
    ("consume", "verdict", "isolation"),
    [
        (bumps, "INCONCLUSIVE", "auto"),
        (bumps, "INCONCLUSIVE", "memory"),
        (bumps, "INCONCLUSIVE", "processes"),
        (only_listens, "VERIFIED", "auto"),
    ],
)
def test_work_that_is_left_to_a_task_of_the_lifespan_is_part_of_no_schedule(
    consume: Callable[[asyncio.Queue[str]], Any], verdict: str, isolation: str
) -> None:
    attributes = {
        "app": application(consume, gives=True),
        "tables": (Table("Cells", "id"),),
        "principals": ("u",),
        "__module__": __name__,
        "serve": route("POST /"),
    }
    result = toctou.check(type("Served", (Model,), attributes), requests=2, confirm=False, isolation=isolation)
    assert result.verdict == verdict, result.detail
    assert ("the lifespan's task bumps" in result.detail) == (verdict == "INCONCLUSIVE")


# Threads of libraries belong to the models whose modules have started them.

LIBRARY = """
import threading, time
class Heart:
    def __init__(self, table):
        self.table = table
        threading.Thread(target=self.beat, daemon=True).start()
    def beat(self):
        while True:
            time.sleep(0.02)
            self.table.scan()
"""
SERVICE = """
import boto3
from toctou import Model, Table, handler
cells = boto3.resource("dynamodb", region_name="eu-west-1").Table("Cells")
def write(principal):
    cells.put_item(Item={"id": "a", "by": principal})
class Notes(Model):
    tables = [Table("Cells", "id")]
    write = handler(write)
"""


def test_a_thread_is_of_the_model_that_has_started_it(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "some_heart_library.py").write_text(LIBRARY)
    (tmp_path / "with_heart.py").write_text(f"import some_heart_library\n{SERVICE}\nsome_heart_library.Heart(cells)\n")
    (tmp_path / "without_heart.py").write_text(SERVICE)
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [sys.executable, "-m", "toctou.cli", "check", "with_heart.py", "without_heart.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = re.findall(r"^(with\w*)\.py:Notes +([A-Z]+)", told.stdout, re.MULTILINE)
    assert dict(verdicts) == {"with_heart": "INCONCLUSIVE", "without_heart": "VERIFIED"}, told
    assert "a thread of some_heart_library.Heart.beat (started at with_heart.py:" in told.stdout
