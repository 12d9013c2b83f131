"""A request whose threads will never end is described, or left; each in a process that ends with what is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import os, queue, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from strand_runs import execute, executions, first, last

def done(*shown):
    print(*shown, sep="\\n", flush=True)
    os._exit(0)

def locks_first(held):
    return next((index for index, strand in enumerate(held) if strand.what is None), 0)

A, B = threading.Lock(), threading.Lock()

def transfer(call, one, other):
    with one:
        call("a")
        with other:
            call("b")

def beat():
    while True:
        time.sleep(1)
"""


def whole(text):
    """The handler, with what all of them have."""
    return PRELUDE + textwrap.dedent(text)


def stuck(text, tmp_path):
    script = tmp_path / "handler.py"
    script.write_text(whole(text))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_deadlock_of_two_locks_is_described(tmp_path):
    text = """
    def body(call):
        with ThreadPoolExecutor() as pool:
            pool.submit(transfer, call, A, B)
            pool.submit(transfer, call, B, A)

    done(execute(body, locks_first).deadlock)
    """
    shown = stuck(text, tmp_path)
    lines = {line.strip(): number for number, line in enumerate(whole(text).splitlines(), 1)}
    pool, other = "with ThreadPoolExecutor() as pool:", "with other:"
    assert [line for line in shown.splitlines() if "strand_runs" not in line] == [
        "the main thread (the handler) waits for concurrent.futures._base.Executor.__exit__",
        f"  handler.py:{lines[pool]} in body: {pool}",
        "thread 1 (__main__.transfer) waits for a lock that thread 2 holds",
        f"  handler.py:{lines[other]} in transfer: {other}",
        "thread 2 (__main__.transfer) waits for a lock that thread 1 holds",
        f"  handler.py:{lines[other]} in transfer: {other}",
    ]


def test_some_choices_lead_to_a_deadlock_of_two_locks_and_some_do_not(tmp_path):
    text = """
    def body(call):
        threads = [threading.Thread(target=transfer, args=(call, *locks)) for locks in ((A, B), (B, A))]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    ends = set()
    for run in executions(body):
        ends.add((run.deadlock is None, len(run.calls)))
        A = threading.Lock()  # a run that is stuck keeps its locks
        B = threading.Lock()
    done(sorted(ends))
    """
    assert stuck(text, tmp_path) == "[(False, 2), (True, 4)]\n"


@pytest.mark.parametrize(
    ("wait", "named"),
    [
        ("threading.Event().wait()", "threading.Event.wait"),
        ("queue.Queue().get()", "queue.Queue.get"),
        ("queue.SimpleQueue().get()", "a SimpleQueue"),
        ("A.acquire(); A.acquire()", "a lock that the main thread holds"),
    ],
)
def test_a_wait_for_nothing_is_described(wait, named, tmp_path):
    shown = stuck(f"def body(call): {wait}\ndone(execute(body).deadlock)", tmp_path)
    assert shown.splitlines()[0] == f"the main thread (the handler) waits for {named}"
    assert f"in body: def body(call): {wait}" in shown


def test_time_limits_that_change_nothing_end(tmp_path):
    text = """
    def body(call):
        threading.Thread(target=beat, daemon=True).start()
        threading.Event().wait()

    run = execute(body)
    done(run.deadlock, run.answered)
    """
    shown = stuck(text, tmp_path)
    assert "thread 1 (__main__.beat) waits for a moment\n" in shown
    assert shown.endswith("None\n")


def test_a_heartbeat_that_is_left_does_not_keep_the_request_from_its_end(tmp_path):
    text = """
    def body(call):
        threading.Thread(target=beat, daemon=True).start()
        call("m")
        return "answer"

    run = execute(body)
    done(run.response, run.deadlock, [strand.path for strand in run.left])
    """
    assert stuck(text, tmp_path).splitlines() == ["answer", "None", "[(0,)]"]


def test_the_workers_of_a_pool_that_is_kept_are_no_deadlock(tmp_path):
    text = """
    POOL = ThreadPoolExecutor(2)

    def body(call):
        return list(POOL.map(lambda name: call(name) or name, "ab"))

    run = execute(body, last)
    done(run.response, run.calls, run.deadlock, [strand.path for strand in run.left])
    """
    assert stuck(text, tmp_path).splitlines() == ["['a', 'b']", "['b', 'a']", "None", "[(0,), (1,)]"]


def test_what_the_worker_of_a_pool_runs_is_its_target(tmp_path):
    text = """
    def refund(call):
        call("a")

    def body(call):
        pool = ThreadPoolExecutor(1)
        pool.submit(refund, call)
        import asyncio
        async def answer():
            await asyncio.to_thread(refund, call)
        asyncio.run(answer())

    shown = []
    execute(body, lambda held: shown.append([(one.target, one.stack()[0].function) for one in held]) or 0)
    done(shown[0])
    """
    assert stuck(text, tmp_path) == "[('__main__.refund', 'refund'), ('__main__.refund', 'refund')]\n"


def test_an_endless_loop_can_be_interrupted(tmp_path):
    text = """
    import signal
    class Interrupted(BaseException):
        pass
    def alarm(number, frame):
        raise Interrupted
    signal.signal(signal.SIGALRM, alarm)
    def spin():
        while True:
            pass
    def body(call):
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        threading.Thread(target=spin).start()
    import strand_runs, contextlib
    strand_runs._guarded = contextlib.nullcontext
    try:
        execute(body)
    except Interrupted:
        done("interrupted")
    """
    assert stuck(text, tmp_path) == "interrupted\n"
