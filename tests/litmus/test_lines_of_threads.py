"""A call is shown with the line of the handler that has started it, where a thread or a task runs a method of a client itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from test_threads_of_handlers import client, model_of, read

import toctou

POOL = ThreadPoolExecutor(1)


def cell(number: int) -> dict[str, Any]:
    return {"TableName": "Cells", "Item": {"id": {"S": "a"}, "n": {"N": str(number)}}}


def by_a_thread() -> None:
    thread = threading.Timer(1, client.put_item, kwargs=cell(read() + 1))
    thread.start()
    thread.join()


def by_a_pool() -> None:
    POOL.submit(client.put_item, **cell(read() + 1)).result()


def by_a_loop() -> None:
    async def serve() -> None:
        await asyncio.to_thread(client.put_item, **cell(read() + 1))

    asyncio.run(serve())


def by_a_task_of_a_loop() -> None:
    async def serve() -> None:
        await asyncio.gather(asyncio.to_thread(client.put_item, **cell(read() + 1)))

    asyncio.run(serve())


STARTS = [
    (by_a_thread, "thread.start()", ["processes"]),
    (by_a_pool, "POOL.submit(client.put_item", ["processes"]),
    (by_a_loop, "await asyncio.to_thread(client.put_item", ["processes", "memory"]),
    (by_a_task_of_a_loop, "await asyncio.gather(asyncio.to_thread(client.put_item", ["processes", "memory"]),
]


@pytest.mark.parametrize(
    ("serve", "line", "isolation"), [(serve, line, one) for serve, line, isolations in STARTS for one in isolations]
)
def test_the_line_is_the_handlers(serve: Callable[[], None], line: str, isolation: str) -> None:
    result = toctou.check(model_of(serve), requests=2, confirm=False, isolation=isolation)
    assert result.verdict == "VIOLATED", result.detail
    execution = result.scenarios[-1].violations[0].execution
    (shown,) = {str(one.source) for one in execution.operations if one.action == "PutItem"}
    assert line in shown
    assert "test_lines_of_threads.py" in shown
