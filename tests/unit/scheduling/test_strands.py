"""Threads of a request run one at a time; every order of their calls is reached by choices, and the same choices repeat it."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextvars
import multiprocessing.pool
import queue
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

import pytest
from strand_runs import execute, executions, interleavings, last, orders, together

from toctou import real_time
from toctou.scheduling import clock_functions, event_loop, strand, thread_starts
from toctou.scheduling.strands import Strands, installed

A, B = ("a1", "a2"), ("b1", "b2")

# Made before anything is replaced, as a module of a handler does.
LOCK = threading.Lock()
REENTRANT = threading.RLock()
CONDITION = threading.Condition()
CONDITION_ON_LOCK = threading.Condition(threading.Lock())
QUEUE = queue.Queue()
SIMPLE_QUEUE = queue.SimpleQueue()


def each(call, calls):
    for one in calls:
        call(one)


def by_threads(call, *sequences):
    threads = [threading.Thread(target=each, args=(call, one)) for one in sequences]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
        assert not one.is_alive()


def by_a_pool(call, *sequences):
    with ThreadPoolExecutor(len(sequences)) as pool:
        list(pool.map(partial(each, call), sequences))


def by_futures(call, *sequences):
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(each, call, one) for one in sequences]
        for future in as_completed(futures):
            future.result()


def by_waiting_for_futures(call, *sequences):
    pool = ThreadPoolExecutor()
    done, not_done = concurrent.futures.wait([pool.submit(each, call, one) for one in sequences])
    assert len(done) == len(sequences)
    assert not not_done
    pool.shutdown()


def by_a_thread_pool_of_multiprocessing(call, *sequences):
    with multiprocessing.pool.ThreadPool(len(sequences)) as pool:
        pool.map(partial(each, call), sequences)
        pool.close()
        pool.join()


def by_gather(call, *sequences):
    async def answer():
        await asyncio.gather(*(asyncio.to_thread(each, call, one) for one in sequences))

    asyncio.run(answer())


def by_a_task_group(call, *sequences):
    async def answer():
        async with asyncio.TaskGroup() as group:
            for one in sequences:
                group.create_task(asyncio.to_thread(each, call, one))

    asyncio.run(answer())


def by_an_executor_of_its_own(call, *sequences):
    async def answer():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor() as pool:
            await asyncio.gather(*(loop.run_in_executor(pool, each, call, one) for one in sequences))

    asyncio.run(answer())


def by_loops_in_threads(call, *sequences):
    async def answer(one):
        await asyncio.to_thread(each, call, one)

    threads = [threading.Thread(target=lambda one=one: asyncio.run(answer(one))) for one in sequences]
    together(threads)


def by_a_loop_in_a_thread(call, *sequences):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    futures = [asyncio.run_coroutine_threadsafe(asyncio.to_thread(each, call, one), loop) for one in sequences]
    for one in futures:
        one.result()
    asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def by_queue_workers(call, *sequences):
    work, done = queue.Queue(), queue.SimpleQueue()

    def worker():
        while (one := work.get()) is not None:
            each(call, one)
            done.put(one)
            work.task_done()

    threads = [threading.Thread(target=worker) for _ in sequences]
    for one in threads:
        one.start()
    for one in sequences:
        work.put(one)
    work.join()
    assert {done.get() for _ in sequences} == set(sequences)
    for _ in threads:
        work.put(None)
    for one in threads:
        one.join()


def by_queues_that_were_there_before(call, *sequences):
    def worker():
        each(call, QUEUE.get())
        SIMPLE_QUEUE.put(None)

    for _ in sequences:
        threading.Thread(target=worker).start()
    for one in sequences:
        QUEUE.put(one)
    for _ in sequences:
        SIMPLE_QUEUE.get(timeout=3600)


def by_nested_pools(call, *sequences):
    def inner(one):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(each, call, one).result()

    with ThreadPoolExecutor(len(sequences)) as pool:
        list(pool.map(inner, sequences))


def by_bare_threads(call, *sequences):
    ended = [threading.Lock() for _ in sequences]

    def run(one, lock):
        each(call, one)
        lock.release()

    for one, lock in zip(sequences, ended, strict=True):
        lock.acquire()
        _thread.start_new_thread(run, (one, lock))
    for lock in ended:
        with lock:
            pass


def by_a_barrier(call, *sequences):
    barrier = threading.Barrier(len(sequences) + 1)

    def run(one):
        barrier.wait()
        each(call, one)
        barrier.wait()

    for one in sequences:
        threading.Thread(target=run, args=(one,)).start()
    barrier.wait()
    barrier.wait()


def by_a_condition_that_was_there_before(call, *sequences, condition=CONDITION):
    done = []

    def run(one):
        each(call, one)
        with condition:
            done.append(one)
            condition.notify()

    for one in sequences:
        threading.Thread(target=run, args=(one,)).start()
    with condition:
        condition.wait_for(lambda: len(done) == len(sequences))


def by_sleeping_until_done(call, *sequences):
    threads = [threading.Thread(target=each, args=(call, one)) for one in sequences]
    for one in threads:
        one.start()
    while any(one.is_alive() for one in threads):
        time.sleep(0.01)


def by_timers(call, *sequences):
    threads = [threading.Timer(5, each, (call, one)) for one in sequences]
    together(threads)


SHAPES = [
    by_threads,
    by_a_pool,
    by_futures,
    by_waiting_for_futures,
    by_a_thread_pool_of_multiprocessing,
    by_gather,
    by_a_task_group,
    by_an_executor_of_its_own,
    by_loops_in_threads,
    by_a_loop_in_a_thread,
    by_queue_workers,
    by_queues_that_were_there_before,
    by_nested_pools,
    by_bare_threads,
    by_a_barrier,
    by_a_condition_that_was_there_before,
    partial(by_a_condition_that_was_there_before, condition=CONDITION_ON_LOCK),
    by_sleeping_until_done,
    by_timers,
]


def name_of(shape):
    return getattr(shape, "__name__", "by_a_condition_on_a_lock")


@pytest.mark.parametrize("shape", SHAPES, ids=name_of)
def test_every_order_of_the_calls_of_two_threads_is_reached(shape):
    def body(call):
        call("first")
        shape(call, A, B)
        call("last")

    expected = {("first", *one, "last") for one in interleavings(A, B)}
    assert orders(body) == expected


def test_every_order_of_the_calls_of_three_threads_is_reached():
    sequences = ("a1", "a2"), ("b1",), ("c1", "c2")
    assert orders(lambda call: by_a_pool(call, *sequences)) == interleavings(*sequences)


def test_the_handler_s_own_calls_meet_those_of_its_threads():
    def body(call):
        thread = threading.Thread(target=each, args=(call, A))
        thread.start()
        each(call, B)
        thread.join()

    assert orders(body) == interleavings(A, B)


def test_a_call_after_a_sleep_meets_those_of_others():
    def body(call):
        thread = threading.Thread(target=lambda: (time.sleep(60), each(call, A)))
        thread.start()
        each(call, B)
        thread.join()

    assert orders(body) == interleavings(A, B)


def test_calls_between_sleeps_meet_those_of_others():
    def naps(call):
        for one in A:
            time.sleep(60)
            call(one)

    def body(call):
        thread = threading.Thread(target=naps, args=(call,))
        thread.start()
        each(call, B)
        thread.join()

    assert orders(body) == interleavings(A, B)


def test_a_pool_of_one_worker_does_one_thing_after_the_other():
    def body(call):
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(partial(each, call), (A, B)))

    assert orders(body) == {A + B}


def test_threads_that_are_left_go_on_after_the_answer():
    def body(call):
        threading.Thread(target=each, args=(call, A)).start()
        call("m")
        return "answer"

    runs = list(executions(body))
    assert {tuple(run.calls) for run in runs} == interleavings(A, ("m",))
    assert {run.answered for run in runs} == {1, 2, 3}
    assert {run.response for run in runs} == {"answer"}
    assert all(run.left == [] and run.deadlock is None for run in runs)


@pytest.mark.parametrize("shape", SHAPES, ids=name_of)
def test_the_same_choices_lead_to_the_same_steps(shape):
    runs = [execute(lambda call: shape(call, A, B), last) for _ in range(3)]
    assert runs[0].steps == runs[1].steps == runs[2].steps
    assert runs[0].options == runs[1].options == runs[2].options


def test_the_same_choices_lead_to_the_same_steps_on_a_busy_machine():
    def body(call):
        for shape in (by_a_pool, by_gather, by_queue_workers, by_nested_pools):
            shape(call, A, B)

    burning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        runs = [execute(body, last) for _ in range(50)]
    finally:
        burning.kill()
        burning.wait()
    assert all(run.steps == runs[0].steps and run.options == runs[0].options for run in runs)
    assert len(runs[0].calls) == 16


def test_futures_are_done_in_the_same_order_in_every_run():
    def body(call):
        with ThreadPoolExecutor() as pool:
            futures = {pool.submit(str, number): number for number in range(8)}
            concurrent.futures.wait(futures)
            for future in as_completed(futures):
                call(futures[future])

    kept, found = [], set()
    for _ in range(20):
        found.add(tuple(execute(body).calls))
        kept.append([threading.Condition() for _ in range(len(kept) % 7)])  # another place for what is made next
    assert len(found) == 1


def test_a_thread_that_cannot_be_started_is_no_strand(monkeypatch):
    def fails(*_arguments):
        raise RuntimeError("can't start new thread")

    def body(call):
        with monkeypatch.context() as patched:
            patched.setattr(thread_starts, "_start", fails)
            if thread_starts._start_joinable is not None:
                patched.setattr(thread_starts, "_start_joinable", fails)
            for start in (
                threading.Thread(target=call, args=("a",)).start,
                lambda: _thread.start_new_thread(call, ("b",)),
            ):
                with pytest.raises(RuntimeError, match="can't start"):
                    start()
        by_threads(call, ("c",))

    run = execute(body)
    assert (run.error, run.calls, run.left) == (None, ["c"], [])


def test_a_handler_that_is_a_coroutine_leaves_worker_threads():
    def body(call):
        async def answer():
            asyncio.get_running_loop().run_in_executor(None, each, call, A)
            await asyncio.to_thread(each, call, B)
            return "answer"

        return event_loop.run(answer(), pytest.fail)

    runs = list(executions(body))
    assert {tuple(run.calls) for run in runs} == interleavings(A, B)
    assert {run.response for run in runs} == {"answer"}
    assert min(run.answered for run in runs) == 2
    assert all(run.left == [] for run in runs)


def test_who_joins_a_thread_goes_on_when_it_is_really_over():
    local = threading.local()

    class Slow:
        def __del__(self):
            real_time.sleep(0.05)  # after the last line of the thread

    def run():
        local.slow = Slow()

    def body(call):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        alive = thread.is_alive()
        _thread.start_new_thread(run, ())
        call("m")
        return alive

    run_of_body = execute(body)
    assert (run_of_body.response, run_of_body.calls, run_of_body.left) == (False, ["m"], [])


def test_later_threads_do_not_follow_the_clock_of_a_request():
    execute(lambda call: by_threads(call, A, B))
    followed = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: followed.append(clock_functions.of_this_thread()))
        thread.start()
        thread.join()
    assert followed == [None, None]


def test_strands_are_called_by_the_threads_that_have_started_them():
    def inner(call):
        threads = [threading.Thread(target=call, args=(name,)) for name in ("x", "y")]
        together(threads)

    def body(call):
        outer = threading.Thread(target=inner, args=(call,))
        outer.start()
        call("m")
        outer.join()

    assert execute(body).steps == [((), "m"), ((0, 0), "x"), ((0, 1), "y")]


def test_identities_and_local_values_are_those_of_threads():
    local, value = threading.local(), contextvars.ContextVar("value", default="none")
    seen = []

    def run(call, name):
        assert not hasattr(local, "name")
        local.name = name
        value.set(name)
        call(name)
        assert local.name == value.get() == name
        seen.append((threading.get_ident(), threading.current_thread().name))

    def body(call):
        local.name = "main"
        value.set("main")
        threads = [threading.Thread(target=run, args=(call, name), name=name) for name in "ab"]
        together(threads)
        seen.append((threading.get_ident(), threading.current_thread().name))
        assert local.name == value.get() == "main"
        assert None not in [one.ident for one in threads]

    assert execute(body, last).error is None
    idents, names = zip(*seen, strict=True)
    assert sorted(names[:2]) == ["a", "b"]
    assert len(set(idents)) == 3
    assert idents[2] == threading.get_ident()


def test_an_exception_in_a_worker_is_raised_by_its_result():
    def fails(call):
        call("a")
        raise LookupError("nothing")

    def body(call):
        with ThreadPoolExecutor() as pool:
            return pool.submit(fails, call).exception(timeout=1)

    assert repr(execute(body).response) == "LookupError('nothing')"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_ends_its_thread_only(monkeypatch):
    reported = []
    monkeypatch.setattr(threading, "excepthook", lambda given: reported.append(given.exc_type))

    def fails(call):
        call("a")
        raise LookupError

    def body(call):
        thread = threading.Thread(target=fails, args=(call,))
        thread.start()
        thread.join()
        call("m")
        return thread.is_alive()

    run = execute(body)
    assert (run.calls, run.response, run.left, reported) == (["a", "m"], False, [], [LookupError])


def test_a_pool_can_be_left_by_an_exception():
    def body(call):
        with ThreadPoolExecutor(2) as pool:
            pool.submit(each, call, A)
            pool.submit(each, call, B)
            raise LookupError

    runs = list(executions(body))
    assert {tuple(run.calls) for run in runs} == interleavings(A, B)
    assert {type(run.error) for run in runs} == {LookupError}


def test_what_was_replaced_is_restored():
    def replaceable():
        kinds = [
            threading.Thread,
            concurrent.futures.Future,
            type(LOCK),
            type(REENTRANT),
            queue.SimpleQueue,
            threading.Condition,
            threading.Semaphore,
        ]
        kinds += [getattr(_thread, "_ThreadHandle", object)]
        starts = [
            vars(module).get(name)
            for module in (_thread, threading)
            for name in ("start_new_thread", "_start_new_thread", "start_joinable_thread", "_start_joinable_thread")
        ]
        return [dict(vars(kind)) for kind in kinds], starts, time.sleep

    before = replaceable()
    with installed():
        assert replaceable() != before
    assert replaceable() == before
    kept = threading.Condition()
    assert type(kept.acquire) is type(LOCK.acquire)


def test_a_condition_made_meanwhile_keeps_nothing_of_what_was_replaced():
    def body(_call):
        return threading.Condition(), threading.Condition(threading.Lock())

    for condition in execute(body).response:
        assert type(vars(condition)["acquire"]) is type(LOCK.acquire)
        with condition:
            assert not condition.wait(0.001)


def test_other_threads_wait_as_ever():
    begun, end = threading.Event(), threading.Event()
    ended = []

    def others():
        begun.set()
        end.wait()
        ended.append(strand.current())

    thread = threading.Thread(target=others)
    thread.start()
    begun.wait()
    run = execute(lambda call: (by_a_pool(call, A, B), end.set()))
    thread.join()
    assert len(run.calls) == 4
    assert ended == [None]


def test_only_a_strand_can_be_held():
    strands = Strands(now=lambda: 0.0, advance=lambda _seconds: None)
    with pytest.raises(RuntimeError, match="no strand"):
        strands.hold("a")
