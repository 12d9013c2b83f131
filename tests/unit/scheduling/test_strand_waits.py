"""Strands wait for locks in the order that the schedule chooses, for nothing in real time, and never in silence."""

from __future__ import annotations

import asyncio
import os
import queue
import selectors
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from strand_runs import execute, executions, interleavings, last, orders, together

LOCK = threading.Lock()
REENTRANT = threading.RLock()
CONDITION = threading.Condition()
ON_LOCK = threading.Condition(threading.Lock())
SEMAPHORE = threading.Semaphore(1)
AN_HOUR = 3600


def both(call, run):
    threads = [threading.Thread(target=run, args=(call, name)) for name in "ab"]
    together(threads)


def with_lock(call, name, lock=LOCK):
    with lock:
        call(f"{name}1")
        call(f"{name}2")


def with_reentrant_lock(call, name):
    with REENTRANT:
        with REENTRANT:
            call(f"{name}1")
        assert REENTRANT.acquire()
        call(f"{name}2")
        REENTRANT.release()


def with_condition(call, name):
    with_lock(call, name, CONDITION)


def with_semaphore(call, name):
    with_lock(call, name, SEMAPHORE)


def by_acquire(call, name):
    LOCK.acquire()
    try:
        call(f"{name}1")
        call(f"{name}2")
    finally:
        LOCK.release()


def with_a_time_limit(call, name):
    assert LOCK.acquire(timeout=1)
    call(f"{name}1")
    call(f"{name}2")
    LOCK.release()


@pytest.mark.parametrize(
    "run", [with_lock, with_reentrant_lock, with_condition, with_semaphore, by_acquire, with_a_time_limit]
)
def test_threads_exclude_each_other_in_both_orders(run):
    assert orders(lambda call: both(call, run)) == {("a1", "a2", "b1", "b2"), ("b1", "b2", "a1", "a2")}


@pytest.mark.parametrize("lock", [LOCK, REENTRANT, CONDITION, SEMAPHORE])
def test_a_lock_that_the_handler_holds_cannot_be_chosen(lock):
    def body(call):
        with lock:
            thread = threading.Thread(target=with_lock, args=(call, "a", lock))
            thread.start()
            call("m")
        thread.join()

    run = execute(body, last)
    assert run.steps == [((), "m"), ((0,), None), ((0,), "a1"), ((0,), "a2")]
    assert run.options == [1, 1, 1, 1]


@pytest.mark.parametrize("condition", [CONDITION, ON_LOCK])
def test_who_is_notified_waits_for_the_condition(condition):
    def run(call):
        with condition:
            condition.notify()
            call("a1")
            call("a2")

    def body(call):
        thread = threading.Thread(target=run, args=(call,))
        with condition:
            thread.start()
            condition.wait()
            call("m")
        thread.join()

    assert orders(body) == {("a1", "a2", "m")}


def test_a_call_before_the_lock_meets_those_within_it():
    def run(call, name):
        call(f"{name}0")
        with LOCK:
            call(f"{name}1")

    # The order of the calls within the lock is not that of the calls before it.
    expected = interleavings(("a0", "a1"), ("b0", "b1"))
    assert orders(lambda call: both(call, run)) == expected


def test_a_lock_of_a_library_is_served_first_come():
    def run(call, name):
        with_library_lock(call, name)

    library = textwrap.dedent(
        """
        def with_library_lock(call, name):
            with LOCK:
                call(f"{name}1")
        """
    )
    names = {"LOCK": LOCK}
    exec(compile(library, os.path.join(os.sep, "lib", "site-packages", "library.py"), "exec"), names)
    with_library_lock = names["with_library_lock"]
    found = list(executions(lambda call: both(call, run)))
    assert [one.calls for one in found] == [["a1", "b1"]]


def test_one_thread_is_not_held_at_a_lock():
    def body(call):
        with LOCK, REENTRANT, CONDITION:
            call("a")

    assert execute(body).steps == [((), "a")]


def test_trying_a_lock_is_a_choice_too():
    def body(call):
        took = []

        def run(call, name):
            if LOCK.acquire(blocking=False):
                took.append(name)
                call(name)
                LOCK.release()

        both(call, run)
        return "".join(took)

    assert {run.response for run in executions(body)} == {"a", "b", "ab", "ba"}


def test_a_lock_that_is_released_by_another_thread():
    def body(call):
        gate = threading.Lock()
        gate.acquire()
        thread = threading.Thread(target=lambda: (call("a"), gate.release()))
        thread.start()
        with gate:
            call("m")
        thread.join()

    assert orders(body) == {("a", "m")}


def test_the_arguments_of_an_acquire_are_checked_as_ever():
    def body(_call):
        raised = []
        for lock in (threading.Lock(), threading.RLock()):
            for arguments in ((False, 1), (True, -2), (True, 1e100), (True, "1")):
                try:
                    lock.acquire(*arguments)
                except (ValueError, TypeError, OverflowError) as error:
                    raised.append(type(error).__name__)
        return raised

    assert execute(body).response == ["ValueError", "ValueError", "OverflowError", "TypeError"] * 2


def no_lock():
    lock = threading.Lock()
    lock.acquire()
    return lock.acquire(timeout=AN_HOUR)


def no_event():
    return threading.Event().wait(AN_HOUR)


def no_item():
    try:
        return queue.Queue().get(timeout=AN_HOUR)
    except queue.Empty:
        return False


def no_simple_item():
    try:
        return queue.SimpleQueue().get(timeout=AN_HOUR)
    except queue.Empty:
        return False


def no_notification():
    condition = threading.Condition()
    with condition:
        return condition.wait_for(lambda: False, timeout=AN_HOUR)


def no_semaphore():
    return threading.Semaphore(0).acquire(timeout=AN_HOUR)


def no_asynchronous_event():
    async def wait():
        try:
            return await asyncio.wait_for(asyncio.Event().wait(), AN_HOUR)
        except TimeoutError:
            return False

    return asyncio.run(wait())


def no_end_of_a_thread():
    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join(AN_HOUR)
    alive = thread.is_alive()
    lock.release()
    thread.join()
    return not alive


def no_result():
    end = threading.Event()
    with ThreadPoolExecutor() as pool:
        try:
            return pool.submit(end.wait).result(timeout=AN_HOUR)
        except TimeoutError:
            return False
        finally:
            end.set()


WAITS = [no_lock, no_event, no_item, no_simple_item, no_notification, no_semaphore, no_asynchronous_event,
         no_end_of_a_thread, no_result]  # fmt: skip


@pytest.mark.parametrize("wait", WAITS)
def test_an_hour_passes_on_the_request_s_clock(wait):
    run = execute(lambda _call: wait())
    assert (run.error, run.response) == (None, False)
    assert run.passed == pytest.approx(AN_HOUR)


@pytest.mark.parametrize("wait", WAITS)
def test_an_hour_passes_in_a_thread_of_the_request(wait):
    def body(_call):
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda _number: (wait(), time.monotonic()), range(2)))

    run = execute(body)
    assert run.error is None
    assert [response for response, _ in run.response] == [False, False]
    assert run.passed == pytest.approx(AN_HOUR, abs=1)
    assert [moment for _, moment in run.response] == [pytest.approx(1000 + AN_HOUR, abs=1)] * 2


def test_time_limits_pass_in_their_order():
    def body(_call):
        passed = []

        def wait(seconds):
            threading.Event().wait(seconds)
            passed.append((seconds, time.monotonic()))

        threads = [threading.Thread(target=wait, args=(seconds,)) for seconds in (30, 10, 20, 10)]
        together(threads)
        return passed

    assert execute(body).response == [(10, 1010), (10, 1010), (20, 1020), (30, 1030)]


def test_what_comes_at_the_moment_of_the_time_limit_has_come():
    def body(_call):
        event = threading.Event()
        threading.Timer(10, event.set).start()
        return event.wait(10)

    assert execute(body).response is True


def test_no_time_limit_passes_while_a_call_can_be_chosen():
    def body(call):
        with ThreadPoolExecutor() as pool:
            return pool.submit(lambda: call("a") or "found").result(timeout=0.001)

    run = execute(body)
    assert (run.response, run.passed) == ("found", 0)


def test_a_heartbeat_beats_while_the_handler_sleeps():
    def body(call):
        stop, beats = threading.Event(), []

        def beat():
            while not stop.wait(1):
                beats.append(time.monotonic())

        thread = threading.Thread(target=beat)
        thread.start()
        time.sleep(3.5)
        call("m")
        stop.set()
        thread.join()
        return beats

    assert execute(body).response == [1001, 1002, 1003]


def test_a_heartbeat_beats_once_before_each_call_of_the_handler_and_where_it_sleeps():
    """The first call may take longer than two seconds; the second comes after a sleep, in which there is one beat for certain."""

    def body(call):
        stop = threading.Event()

        def beat():
            while not stop.wait(2):
                call("beat")

        thread = threading.Thread(target=beat)
        thread.start()
        call("m1")
        time.sleep(3)
        call("m2")
        stop.set()
        thread.join()

    within = {("m1", "beat", "m2"), ("m1", "m2", "beat")}
    assert orders(body) == {
        *within,
        *(("beat", *one) for one in within),
        ("m1", "beat", "beat", "m2"),
        ("m1", "beat", "m2", "beat"),
    }


def test_a_timer_goes_off_before_or_after_any_call():
    def body(call):
        timer = threading.Timer(AN_HOUR, call, ["t"])
        timer.start()
        for one in ("m1", "m2"):
            call(one)
        timer.join()

    assert orders(body) == interleavings(["t"], ["m1", "m2"])


def test_a_timer_that_is_cancelled_may_have_gone_off_before():
    def body(call):
        timer = threading.Timer(AN_HOUR, call, ["t"])
        timer.start()
        call("m")
        timer.cancel()
        timer.join()

    assert orders(body) == {("m",), ("t", "m"), ("m", "t")}


def test_coroutines_sleep_while_threads_work():
    def body(call):
        async def ticks():
            for name in ("t1", "t2"):
                await asyncio.sleep(1)
                call(name)

        async def answer():
            await asyncio.gather(ticks(), asyncio.to_thread(threading.Event().wait, 1.5))
            return asyncio.get_running_loop().time()

        return asyncio.run(answer())

    run = execute(body)
    assert (run.calls, run.response) == (["t1", "t2"], pytest.approx(1002, abs=0.01))


def test_a_selector_that_was_not_made_for_the_request_waits_as_well():
    loop = asyncio.SelectorEventLoop()

    def body(call):
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        result = asyncio.run_coroutine_threadsafe(asyncio.sleep(AN_HOUR, "slept"), loop).result()
        call("m")
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        return result

    run = execute(body)
    loop.close()
    assert (run.response, run.calls, run.left) == ("slept", ["m"], [])


def test_a_selector_that_another_strand_closes_fails_for_who_waits_in_it():
    def body(call):
        selector, raised = selectors.DefaultSelector(), []

        def wait():
            try:
                selector.select()
            except Exception as error:
                raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        call("m")
        selector.close()
        thread.join()
        return len(raised)

    run = execute(body)
    assert (run.error, run.response, run.calls) == (None, 1, ["m"])


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock, threading.Semaphore])
def test_a_loop_that_tries_until_it_has_the_lock_ends_in_all_orders(make):
    def body(call):
        lock = make()

        def work(*calls):
            while not lock.acquire(blocking=False):
                time.sleep(0.01)
            for one in calls:
                call(one)
            lock.release()

        threads = [threading.Thread(target=work, args=calls) for calls in (("a1", "a2"), ("b1", "b2"))]
        together(threads)

    assert orders(body) == {("a1", "a2", "b1", "b2"), ("b1", "b2", "a1", "a2")}


def test_who_tries_a_few_times_gives_up_if_the_lock_is_never_free():
    def body(call):
        lock = threading.Lock()
        lock.acquire()
        tried = [lock.acquire(blocking=False) for _ in range(3)]
        call("a")
        return tried

    def beside(call):
        other = threading.Thread(target=call, args=("b",))
        other.start()
        found = body(call)
        other.join()
        return found

    runs = list(executions(beside))
    assert {tuple(run.response) for run in runs} == {(False, False, False)}
    assert {tuple(run.calls) for run in runs} == {("b", "a")}, "it gives up only when nobody else can go on"
