"""Handlers whose threads wait for what may not come, or go on for ever: what is explored, what is told, and that it ends."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from test_threads_of_handlers import add, at_once, bump, checked, later, poll, under_two_locks

from toctou import StopReason

# What waits long enough.


def asked_under_a_lock(pause: Callable[[], object]) -> None:
    lock, done = threading.Lock(), list[bool]()

    def work() -> None:
        add()
        with lock:
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    while True:
        with lock:
            if done:
                break
        pause()
    thread.join()


def a_flag_that_is_polled_under_a_lock() -> None:
    asked_under_a_lock(lambda: time.sleep(1))


@pytest.mark.parametrize("requests", [1, 2])
def test_a_flag_under_a_lock_is_waited_for(requests: int) -> None:
    result = checked(a_flag_that_is_polled_under_a_lock, requests)
    assert result.verdict == "VERIFIED", result.detail


# What is left at some time.


def sleeper(times: int | None) -> Callable[[], None]:
    def sleep() -> None:
        left = times
        while left != 0:
            time.sleep(1)
            left = left and left - 1
        bump()

    def serve() -> None:
        add()
        later(sleep)

    return serve


@pytest.mark.parametrize(
    ("times", "left", "verdict"), [(5, False, "VIOLATED"), (1_000, True, "VERIFIED"), (None, True, "VERIFIED")]
)
def test_a_thread_that_only_sleeps_after_the_answer_is_noted(times: int | None, left: bool, verdict: str) -> None:
    result = checked(sleeper(times), 2, most=20)
    assert result.verdict == verdict, result.detail
    noted = [
        one for scenario in result.scenarios for one in scenario.remarks if "sleeper.<locals>.sleep only slept" in one
    ]
    assert bool(noted) is left


def test_a_thread_that_waits_for_work_is_not_noted() -> None:
    """It would not go on by itself."""

    def serve() -> None:
        add()
        later(queue.Queue[str]().get)

    result = checked(serve, 2)
    assert result.verdict == "VERIFIED", result.detail
    assert not any("only slept" in one for scenario in result.scenarios for one in scenario.remarks)


# What ends by an exception.


class Unlucky(threading.Thread):
    def run(self) -> None:
        add()
        raise LookupError("of its own\nand more")


def a_thread_that_raises() -> None:
    def work() -> None:
        add()
        raise RuntimeError("of its function")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def a_thread_of_a_class_that_raises() -> None:
    thread = Unlucky()
    thread.start()
    thread.join()


def a_pool_whose_result_is_asked_for() -> None:
    def work() -> None:
        add()
        raise RuntimeError("which the handler sees")

    with ThreadPoolExecutor(1) as workers:
        assert isinstance(workers.submit(work).exception(), RuntimeError)


def a_thread_that_exits() -> None:
    def work() -> None:
        add()
        raise SystemExit

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("serve", "noted"),
    [
        (
            a_thread_that_raises,
            "a_thread_that_raises.<locals>.work was ended by an exception, RuntimeError: of its function",
        ),
        (a_thread_of_a_class_that_raises, "Unlucky.run was ended by an exception, LookupError: of its own"),
        (a_pool_whose_result_is_asked_for, None),
        (a_thread_that_exits, None),
    ],
)
def test_an_exception_that_no_request_learns_of_is_noted_once(
    serve: Callable[[], None], noted: str | None, capfd: Any
) -> None:
    result = checked(serve, 2)
    assert result.verdict == "VERIFIED", result.detail
    found = [
        one.replace(" of which no request learns:", "") for one in result.remarks if "ended by an exception" in one
    ]
    assert len(found) == (noted is not None)
    for one in found:
        assert noted is not None
        assert f"{noted}, at tests/litmus/test_threads_without_end.py:" in one
        assert ": raise " in one
    assert capfd.readouterr() == ("", "")


# What cannot be concluded.


def a_heartbeat_without_end() -> None:
    def beat() -> None:
        while True:
            time.sleep(1)
            add("b")

    later(beat)


def an_item_that_nobody_writes() -> None:
    later(poll)


def a_flag_that_is_asked_for_without_a_pause() -> None:
    asked_under_a_lock(lambda: None)


def two_locks_in_two_orders() -> None:
    at_once(*under_two_locks())


def a_queue_that_nobody_serves() -> None:
    waiting: queue.Queue[str] = queue.Queue()
    waiting.put("a")
    waiting.join()


def a_pool_that_waits_for_itself() -> None:
    with ThreadPoolExecutor(1) as workers:
        workers.submit(lambda: workers.submit(add).result()).result()


@pytest.mark.parametrize(
    ("serve", "reason", "named"),
    [
        (a_heartbeat_without_end, StopReason.OPERATION_LIMIT, "a_heartbeat_without_end.<locals>.beat"),
        (an_item_that_nobody_writes, StopReason.OPERATION_LIMIT, f"{poll.__module__}.poll"),
        (a_flag_that_is_asked_for_without_a_pause, StopReason.OPERATION_LIMIT, "request A took 100 locks"),
        (two_locks_in_two_orders, StopReason.SILENT_HANDLER, "waits for a lock that thread 2 holds"),
        (a_queue_that_nobody_serves, StopReason.SILENT_HANDLER, "queue.Queue.join"),
        (a_pool_that_waits_for_itself, StopReason.SILENT_HANDLER, "a_pool_that_waits_for_itself.<locals>.<lambda>"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_what_has_no_end_is_named(serve: Any, reason: StopReason, named: str, capfd: Any) -> None:
    result = checked(serve)
    assert (result.verdict, result.stop_reason) == ("INCONCLUSIVE", reason), result.detail
    assert named in result.detail
    assert capfd.readouterr() == ("", "")
