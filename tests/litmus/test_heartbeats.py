"""Threads of a handler that go on when time has passed: timers and heartbeats, beside calls that may take longer than that.

What each does counts as a whole, however often it does so.  So a beat that another thread has overwritten shows only where the
items are then not as after any number of beats.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_threads_of_handlers import Work, add, bump, checked, read, write

Heart = Callable[[threading.Event, Work], None]


# Between two beats, a heart has nothing to do.


def waits_for_the_end(stop: threading.Event, beat: Work) -> None:
    while not stop.wait(5):
        beat()


def sleeps_first(stop: threading.Event, beat: Work) -> None:
    while True:
        time.sleep(5)
        if stop.is_set():
            break
        beat()


def sleeps_last(stop: threading.Event, beat: Work) -> None:
    while not stop.is_set():
        beat()
        time.sleep(5)


def sleeps_last_if_there_is_time(stop: threading.Event, beat: Work) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        beat()
        now = time.monotonic()
        if now < begun + 5:
            time.sleep(begun + 5 - now)


def sleeps_last_in_a_try(stop: threading.Event, beat: Work) -> None:
    while not stop.is_set():
        beat()
        try:
            time.sleep(5)
        except KeyboardInterrupt:
            return


def sleeps_in_a_loop_that_counts(stop: threading.Event, beat: Work) -> None:
    for _ in itertools.count():
        if stop.is_set():
            break
        beat()
        time.sleep(5)


def pause() -> None:
    time.sleep(5)


def sleeps_in_a_function(stop: threading.Event, beat: Work) -> None:
    while not stop.is_set():
        beat()
        pause()


def sleeps_for_each_of_those_that_there_are(stop: threading.Event, beat: Work) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        for each in [beat]:
            each()
            time.sleep(begun + 5 - time.monotonic())
        threading.get_ident()


HEARTS = [
    waits_for_the_end,
    sleeps_first,
    sleeps_last,
    sleeps_last_if_there_is_time,
    sleeps_last_in_a_try,
    sleeps_in_a_loop_that_counts,
    sleeps_in_a_function,
    sleeps_for_each_of_those_that_there_are,
]


def beside(work: Work, heart: Heart, beat: Work) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=heart, args=(stop, beat))
    thread.start()
    work()
    stop.set()
    thread.join()


@pytest.mark.parametrize("heart", HEARTS)
@pytest.mark.parametrize(
    ("work", "beat", "verdict"),
    [
        (lambda: (add(), add()), lambda: add("b"), "VERIFIED"),
        (lambda: (add(), add()), lambda: bump("b"), "VERIFIED"),
        (lambda: (bump(), bump()), bump, "VIOLATED"),
    ],
    ids=["counts", "counts by two calls", "writes what it has read before"],
)
def test_a_heart_may_beat_before_each_call(heart: Heart, work: Work, beat: Work, verdict: str) -> None:
    result = checked(lambda: beside(work, heart, beat))
    assert result.verdict == verdict, result.detail
    assert any("at most one turn before each call" in one for scenario in result.scenarios for one in scenario.remarks)


@pytest.mark.parametrize("pause", [lambda _stop: time.sleep(5), lambda stop: stop.wait(5)], ids=["sleeps", "waits"])
def test_a_pause_between_a_read_and_a_write_is_no_end_of_a_turn(pause: Callable[[threading.Event], object]) -> None:
    def turns(stop: threading.Event, _beat: Work) -> None:
        left = 2
        while left and not stop.is_set():
            left -= 1
            seen = read()
            pause(stop)
            write(seen + 1)

    result = checked(lambda: beside(bump, turns, bump))
    assert result.verdict == "VIOLATED", result.detail


def test_a_pause_at_the_end_of_a_function_is_no_end_of_a_turn_where_that_is_called_first() -> None:
    def read_slowly() -> int:
        seen = read()
        time.sleep(5)
        return seen

    def turns(stop: threading.Event, _beat: Work) -> None:
        left = 2
        while left and not stop.is_set():
            left -= 1
            seen = read_slowly()
            write(seen + 1)

    result = checked(lambda: beside(bump, turns, bump))
    assert result.verdict == "VIOLATED", result.detail


def a_timer(work: Work) -> None:
    timer = threading.Timer(60, work)
    timer.start()
    work()
    timer.join()


@pytest.mark.parametrize(("work", "verdict"), [(add, "VERIFIED"), (bump, "VIOLATED")])
def test_a_timer_may_go_off_at_any_call(work: Work, verdict: str) -> None:
    result = checked(lambda: a_timer(work))
    assert result.verdict == verdict, result.detail


def test_a_time_limit_that_no_schedule_lets_pass_is_told() -> None:
    """Whether the future takes longer is not explored, so nothing is known of what the handler does then."""

    def serve() -> int:
        with ThreadPoolExecutor(1) as workers:
            try:
                workers.submit(bump).result(timeout=5)
            except TimeoutError:
                return 504
        return 200

    result = checked(serve)
    assert result.verdict == "VERIFIED", result.detail
    [remark] = {one for scenario in result.scenarios for one in scenario.remarks if "time limit" in one}
    assert "concurrent.futures._base.Future.result" in remark
    assert "workers.submit(bump).result(timeout=5)" in remark
