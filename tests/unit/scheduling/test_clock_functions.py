"""Whatever measures a duration in a request follows the request's clock, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from time import (
    clock_gettime,
    clock_gettime_ns,
    monotonic,
    monotonic_ns,
    perf_counter,
    perf_counter_ns,
    process_time,
    process_time_ns,
    sleep,
    thread_time,
    thread_time_ns,
)

import pytest

from toctou import real_time
from toctou.errors import SilentHandler
from toctou.scheduling import event_loop, time_limits
from toctou.scheduling.clock_functions import followed, unfollowed
from toctou.scheduling.control import Readings
from toctou.scheduling.runner import Limits, Runner

NAMED = {
    "monotonic": monotonic,
    "perf_counter": perf_counter,
    "clock_gettime": lambda: clock_gettime(time.CLOCK_MONOTONIC),
    "in nanoseconds": lambda: monotonic_ns() / 1e9,
    "perf_counter_ns": lambda: perf_counter_ns() / 1e9,
    "clock_gettime_ns": lambda: clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e9,
    "by attribute": lambda: time.monotonic(),  # noqa: PLW0108 - that is what is asked
    "of the default loop": lambda: asyncio.BaseEventLoop.time(None),
}
WORKED = {
    "process_time": process_time,
    "thread_time": thread_time,
    "process_time_ns": lambda: process_time_ns() / 1e9,
    "thread_time_ns": lambda: thread_time_ns() / 1e9,
    "clock_gettime": lambda: clock_gettime(time.CLOCK_THREAD_CPUTIME_ID),
}


def measured(tasks, reading, requests=1, wait=sleep):
    """What requests read before and after an operation and a quarter of a second of waiting."""
    found = {}

    def body(index):
        started = reading()
        tasks.reach()
        wait(0.25)
        found[index] = started, reading()

    tasks.execute([lambda index=index: body(index) for index in range(requests)], [0] * requests)
    return found


@pytest.mark.parametrize("name", NAMED)
def test_a_duration_is_what_a_request_did_and_slept(tasks, name):
    found = measured(tasks, NAMED[name], requests=2)
    for started, ended in found.values():
        assert ended - started == pytest.approx(0.251, abs=1e-6)
    assert found[1][0] - found[0][0] == pytest.approx(1, abs=1e-6)
    assert measured(tasks, NAMED[name], requests=2) == found


@pytest.mark.parametrize("name", WORKED)
def test_a_processor_rests_while_a_request_sleeps(tasks, name):
    started, ended = measured(tasks, WORKED[name])[0]
    assert ended - started == pytest.approx(0.001, abs=1e-6)


def test_time_by_another_clock_follows_the_readings(tasks):
    def reading():
        found.append(monotonic())

    found = []
    with tasks.runner.installed():
        tasks.begin([reading])
        with tasks.runner.reading(Readings(epoch=60.5)):
            tasks.begin([reading])
    assert found[1] - found[0] == 60.5


@pytest.mark.parametrize("seconds", [0.1, 1 / 3, 1e-9, 5, 86_400.7])
def test_whoever_sleeps_until_a_moment_finds_that_it_has_come(tasks, seconds):
    late = []

    def body():
        tasks.reach()
        until = monotonic() + seconds
        sleep(until - monotonic())
        late.append(monotonic() - until)

    tasks.execute([body, body, body])
    assert len(late) == 3
    assert all(0 <= one < 2e-9 for one in late)


@pytest.mark.parametrize("wrong", [-1, "1", None])
def test_a_sleep_that_the_machine_refuses_is_refused(tasks, wrong):
    refused = []

    def body():
        try:
            sleep(wrong)
        except (TypeError, ValueError) as error:
            refused.append(str(error))

    tasks.execute([body])
    with pytest.raises((TypeError, ValueError)) as real:
        sleep(wrong)
    assert refused == [str(real.value)]


def test_a_loop_that_does_nothing_but_ask_for_the_time_is_interrupted(tasks):
    def body():
        while monotonic() < 1e9:
            process_time()

    with pytest.raises(SilentHandler, match="in body"):
        tasks.execute([body])


def test_the_checker_has_the_machines(tasks):
    """Within a request, outside of one, on another thread, while it performs an operation, and afterwards."""
    asked, told = queue.SimpleQueue(), queue.SimpleQueue()

    def another_thread():
        asked.get()
        told.put(is_the_machines(monotonic))

    def body():
        assert not is_the_machines(monotonic)
        asked.put(None)
        tasks.runner.suspend_monitoring()
        found.append(told.get())
        found.append(is_the_machines(monotonic))
        found.append(is_the_machines(process_time, real_time.MACHINE.process_time))
        tasks.runner.resume_monitoring()
        found.append(is_the_machines(real_time.seconds))
        assert not is_the_machines(monotonic)

    found = []
    thread = threading.Thread(target=another_thread)
    thread.start()
    with tasks.runner.installed():
        found.append(is_the_machines(monotonic))
        tasks.begin([body])
        found.append(is_the_machines(perf_counter))
    thread.join()
    found.append(is_the_machines(time.monotonic))
    assert found == [True] * 7
    assert monotonic.__self__ is sleep.__self__ is time


def is_the_machines(reading, machines=real_time.MACHINE.monotonic):
    return abs(machines() - reading()) < 1


def test_runners_are_nested(tasks):
    found = []

    def inner():
        found.append(monotonic())
        sleep(7)

    def outer():
        started = monotonic()
        sleep(1)
        second = Runner(Limits())
        with second.installed():
            second.begin([inner])
            second.start(0)
        found.append(monotonic() - started)

    tasks.execute([outer])
    assert found == [100_000.0, 1.0]


class Stopped:
    """A clock that stands still."""

    def __init__(self, seconds):
        self.seconds = seconds

    def elapsed(self, *, noticed=True):
        return self.seconds

    worked = elapsed

    def sleep(self, seconds):
        return True


def test_each_thread_follows_its_own_until_it_is_over():
    def other():
        with followed(Stopped(2.0)):
            inside.set()
            outlives.wait(5)
            found.append(monotonic())

    found, inside, outlives = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    with followed(Stopped(1.0)):
        thread.start()
        inside.wait(5)
        found.append(monotonic())
    found.append(is_the_machines(monotonic))
    outlives.set()
    thread.join()
    assert found == [1.0, True, 2.0]
    assert monotonic.__self__ is time


def test_what_is_the_checkers_own_does_not_follow():
    with followed(Stopped(1.0)):
        with unfollowed(), unfollowed():
            assert is_the_machines(monotonic)
        assert monotonic() == 1.0


LONG = 3600.0  # seconds: more than a request may be silent for

IN_VAIN = {
    "event": lambda: threading.Event().wait(LONG),
    "queue": lambda: queue.Queue().get(timeout=LONG),
    "simple queue": lambda: queue.SimpleQueue().get(timeout=LONG),
    "full queue": lambda: [bounded := queue.Queue(1), bounded.put(1), bounded.put(2, timeout=LONG)],
    "lock": lambda: [lock := threading.Lock(), lock.acquire(), lock.acquire(timeout=LONG)],
    "semaphore": lambda: threading.Semaphore(0).acquire(timeout=LONG),
    "condition": lambda: in_condition(lambda: False),
    "future": lambda: Future().result(timeout=LONG),
    "loop of the system's": lambda: on_the_systems_loop(asyncio.sleep(0.01)),
    "loop of its own": lambda: asyncio.run(asyncio.sleep(0.01)),
    "timeout of a loop of its own": lambda: asyncio.run(asyncio.wait_for(asyncio.Event().wait(), 0.01)),
}


@pytest.fixture
def alone(monkeypatch):
    """Threads that other tests have left behind are of no concern."""
    monkeypatch.setattr(time_limits, "_is_alone", lambda: True)


def on_the_systems_loop(waiting):
    with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
        loop.run_until_complete(waiting)


def in_condition(predicate):
    condition = threading.Condition()
    with condition:
        return condition.wait_for(predicate, timeout=LONG)


@pytest.mark.parametrize("name", IN_VAIN)
@pytest.mark.usefixtures("alone")
def test_who_waits_in_vain_has_let_the_time_pass(tasks, name):
    """At once: a request that waits an hour on the machine's clock is silent for too long."""
    passed = []

    def body():
        started = monotonic()
        with contextlib.suppress(queue.Empty, queue.Full, TimeoutError):
            IN_VAIN[name]()
        passed.append(monotonic() - started)

    tasks.execute([body])
    assert passed == [pytest.approx(0.01 if "loop" in name else LONG, abs=1e-6)]


def test_who_has_other_threads_gives_them_a_moment(tasks):
    asked, answers, passed = queue.SimpleQueue(), queue.SimpleQueue(), []
    other = threading.Thread(target=lambda: answers.put(asked.get()))
    other.start()

    def body():
        started = monotonic()
        asked.put(1)
        passed.append(answers.get(timeout=LONG))
        with contextlib.suppress(queue.Empty):
            answers.get(timeout=LONG)
        passed.append(monotonic() - started)

    tasks.execute([body])
    other.join()
    assert passed == [1, pytest.approx(LONG, abs=1e-6)]


def test_a_wait_outside_of_requests_is_the_machines(tasks):
    lock = threading.Lock()
    with tasks.runner.installed(), lock:
        started = real_time.seconds()
        assert not lock.acquire(timeout=0.02)
        with contextlib.suppress(queue.Empty):
            queue.SimpleQueue().get(timeout=0.02)
        assert real_time.seconds() - started >= 0.04


def test_who_waits_for_what_is_there_has_not(tasks):
    passed = []

    def body():
        there, answered, happened = queue.Queue(), Future(), threading.Event()
        there.put(1)
        answered.set_result(2)
        happened.set()
        started = monotonic()
        assert (there.get(timeout=5), answered.result(timeout=5), happened.wait(5)) == (1, 2, True)
        assert in_condition(lambda: True)
        passed.append(monotonic() - started)

    tasks.execute([body])
    assert passed == [0.0]


@pytest.mark.parametrize("name", [*IN_VAIN, "timers"])
@pytest.mark.usefixtures("alone")
def test_a_library_that_measures_what_is_left_of_a_limit_does_not_tell_requests_apart(tasks, name):
    def body():
        with contextlib.suppress(queue.Empty, queue.Full, TimeoutError):
            IN_VAIN[name]() if name in IN_VAIN else event_loop.run(asyncio.sleep(1), tasks.runner.fail)

    with tasks.runner.installed():
        tasks.begin([body])
        assert not tasks.runner.take_clock_reads()


def test_who_asks_an_event_loop_for_the_time_reads_the_clock(tasks):
    async def body():
        asyncio.get_running_loop().time()

    with tasks.runner.installed():
        tasks.begin([lambda: event_loop.run(body(), tasks.runner.fail)])
        assert tasks.runner.take_clock_reads()


async def limited(seconds, blocked, awaited):
    async with asyncio.timeout(seconds):
        sleep(blocked)
        await asyncio.sleep(awaited)


def test_an_event_loop_and_the_clocks_agree(tasks):
    async def body():
        loop = asyncio.get_running_loop()
        assert loop.time() == monotonic() == perf_counter()
        tasks.reach()
        sleep(1)
        assert loop.time() == monotonic() == time.perf_counter()
        started = monotonic(), time.time()
        with pytest.raises(TimeoutError):
            await limited(2, 0, 60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 3)
        await asyncio.sleep(0.5)
        sleep(0.5)
        found.append((monotonic() - started[0], time.time() - started[1]))

    found = []
    tasks.execute([lambda: event_loop.run(body(), tasks.runner.fail)])
    assert found == [(pytest.approx(6, abs=1e-6), pytest.approx(6, abs=1e-3))]


@pytest.mark.parametrize(("blocked", "passes"), [(1, True), (3, False)])
def test_the_time_limits_of_an_event_loop_run_while_it_is_blocked(tasks, blocked, passes):
    async def body():
        try:
            await limited(2, blocked, 0.5)
        except TimeoutError:
            found.append(False)
        else:
            found.append(True)

    found = []
    tasks.execute([lambda: event_loop.run(body(), tasks.runner.fail)])
    assert found == [passes]


def test_the_clean_up_of_a_request_that_is_given_up_waits_on_its_clock(tasks):
    passed = []

    async def body():
        try:
            tasks.reach()
        finally:
            started = monotonic()
            await asyncio.sleep(3600)
            sleep(3600)
            passed.append(monotonic() - started)

    with tasks.runner.installed():
        tasks.runner.begin([lambda: event_loop.run(body(), tasks.runner.fail)])
        tasks.runner.start(0)
    assert passed == [7200.0], "exactly, as no clock of the machine says"
