"""Clock, random numbers and identifiers belong to a request, and to nobody once the runner is gone."""

from __future__ import annotations

import gc
import os
import random
import secrets
import signal
import time
import uuid
from datetime import UTC, date, datetime

import pytest

from toctou.scheduling.control import EPOCH, beginning_at
from toctou.scheduling.runner import Limits


def draw():
    return {
        "uuid4": str(uuid.uuid4()),
        "secrets": secrets.token_hex(8),
        "urandom": os.urandom(8),
        "SystemRandom": random.SystemRandom().random(),
        "time": time.time(),
        "perf_counter": time.perf_counter(),
        "datetime": datetime.now(UTC),
    }


def drawn(tasks, order=(), requests=2, performing=lambda: None):
    """What each request drew, before and after its only operation."""
    found: dict[int, list[object]] = {}

    def body(index):
        found[index] = [draw()]
        tasks.reach()
        tasks.runner.suspend_monitoring()
        performing()
        tasks.runner.resume_monitoring()
        found[index].append(draw())

    tasks.execute([lambda index=index: body(index) for index in range(requests)], order)
    return found


def test_they_are_the_same_in_every_execution_and_in_every_order(tasks):
    first = drawn(tasks)
    assert drawn(tasks) == first
    assert drawn(tasks, order=[1, 0]) == first


def test_what_a_backend_draws_while_it_performs_an_operation_changes_nothing(tasks):
    assert drawn(tasks, performing=draw) == drawn(tasks)


def test_they_differ_between_requests_and_from_moment_to_moment(tasks):
    found = drawn(tasks)
    moments = [found[0][0], found[0][1], found[1][0], found[1][1]]
    for name in moments[0]:
        assert len({repr(moment[name]) for moment in moments}) == 4, name


def test_the_clock_starts_at_a_known_time(tasks):
    found = drawn(tasks)
    assert found[0][0]["time"] == pytest.approx(EPOCH, abs=0.01)
    assert found[1][0]["time"] == pytest.approx(EPOCH + 1, abs=0.01)
    assert found[0][0]["datetime"].year == 2026


def test_the_clock_starts_when_it_is_told_to(tasks):
    then = EPOCH + 86_400 * 1000
    with beginning_at(then):
        tasks = type(tasks)(Limits(operations=5, seconds=0.3))
        found = drawn(tasks)
        again = drawn(tasks)
    assert [found[one][0]["time"] for one in (0, 1)] == [
        pytest.approx(then, abs=0.01),
        pytest.approx(then + 1, abs=0.01),
    ]
    assert again == found


def shuffled(tasks, order=()):
    """As the laboratory does it: an execution that shared the generator is run again."""
    for _ in range(2):
        found = {}

        def body(index, found=found):
            first = random.random()
            tasks.reach()
            found[index] = first, random.random()

        tasks.begin([lambda index=index: body(index) for index in range(2)], order)
        if not tasks.runner.random_was_shared():
            return found
    raise AssertionError("the generator is still shared")


def test_the_global_generator_is_one_per_request(tasks):
    with tasks.runner.installed():
        first = shuffled(tasks)
        assert shuffled(tasks, order=[1, 0, 0]) == first
        assert len({*first[0], *first[1]}) == 4


def test_an_execution_that_draws_no_numbers_is_not_run_again(tasks):
    with tasks.runner.installed():
        tasks.begin([tasks.reach, draw])
        assert not tasks.runner.random_was_shared()


def test_everything_is_put_back(tasks):
    random.seed("before")
    before = os.urandom, time.sleep, time.perf_counter, random.getstate(), signal.getsignal(signal.SIGALRM)
    expected = random.random()
    random.seed("before")
    drawn(tasks)
    with pytest.raises(ZeroDivisionError):
        tasks.execute([lambda: random.random() / 0])
    now = os.urandom, time.sleep, time.perf_counter, random.getstate(), signal.getsignal(signal.SIGALRM)
    assert now == before
    assert random.random() == expected
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 60
    assert time.time() != pytest.approx(EPOCH, abs=3600)
    assert os.urandom(16) != os.urandom(16)
    assert random.SystemRandom().random() != random.SystemRandom().random()
    assert uuid.uuid4() != uuid.uuid4()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_somebody_else_goes_on(tasks):
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("theirs"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 30.0)
        tasks.execute([tasks.reach])
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left <= 30
        assert interval == 0
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        signal.pause()
        assert rung == ["theirs"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_duration_is_what_a_request_did_meanwhile(tasks):
    measured = []

    def body():
        started = time.perf_counter_ns(), time.perf_counter()
        tasks.reach()
        time.sleep(0.25)
        measured.append((time.perf_counter_ns() - started[0], time.perf_counter() - started[1]))

    tasks.execute([body])
    assert measured == [(pytest.approx(251_000_000, abs=1_000), pytest.approx(0.251, abs=1e-6))]


def test_the_checker_draws_its_own_numbers_between_steps(tasks):
    with tasks.runner.installed():
        assert os.urandom(16) != os.urandom(16)


ASKING = {
    "time": time.time,
    "time_ns": time.time_ns,
    "perf_counter": time.perf_counter,
    "perf_counter_ns": time.perf_counter_ns,
    "monotonic": time.monotonic,
    "monotonic_ns": time.monotonic_ns,
    "process_time": time.process_time,
    "thread_time": time.thread_time,
    "clock_gettime of monotonic": lambda: time.clock_gettime(time.CLOCK_MONOTONIC),
    "gmtime": time.gmtime,
    "localtime": time.localtime,
    "strftime": lambda: time.strftime("%H"),
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "datetime.now": lambda: datetime.now(UTC),
    "datetime.today": datetime.today,
    "date.today": date.today,
    "urandom": lambda: os.urandom(1),
    "uuid4": uuid.uuid4,
    "secrets": lambda: secrets.randbelow(5),
    "SystemRandom": lambda: random.SystemRandom().random(),
}


@pytest.mark.parametrize("name", ASKING)
def test_whoever_asks_for_time_or_a_number_is_noticed(tasks, name):
    """Requests that are told different things are not interchangeable."""
    with tasks.runner.installed():
        tasks.begin([ASKING[name]])
        assert tasks.runner.take_clock_reads()
        assert not tasks.runner.take_clock_reads(), "it has been taken"


def test_whoever_draws_from_the_global_generator_is_noticed(tasks):
    with tasks.runner.installed():
        shuffled(tasks)
        assert tasks.runner.take_clock_reads()


def test_whoever_asks_for_nothing_is_not_noticed(tasks):
    def ask_while_it_looks_away():
        tasks.runner.suspend_monitoring()
        draw()
        tasks.runner.resume_monitoring()

    with tasks.runner.installed():
        draw()
        tasks.begin([tasks.reach, lambda: time.sleep(5), ask_while_it_looks_away])
        assert not tasks.runner.take_clock_reads()


class Circle:
    """Garbage that only a collection finds, and that asks for the time and for a number when it is found."""

    def __init__(self, found):
        self.itself = self
        self.found = found

    def __del__(self):
        self.found.append((time.time(), os.urandom(4)))


def test_what_the_garbage_collector_runs_is_no_requests(tasks):
    """Garbage of anybody's may be found while a request runs, and somebody may ask how long that takes, as Hypothesis does."""
    found: list[object] = []

    def collects():
        Circle(found)
        gc.collect(0)  # of what is new; all that tests have left takes longer than a request may

    def asks_how_long(_phase, _about):
        time.perf_counter()

    gc.callbacks.append(asks_how_long)
    try:
        tasks.runner.take_clock_reads()
        tasks.execute([collects])
        assert len(found) == 1
        assert not tasks.runner.take_clock_reads()
        assert drawn(tasks, performing=collects) == drawn(tasks)
    finally:
        gc.callbacks.remove(asks_how_long)
