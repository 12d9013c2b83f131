"""The runner takes one step at a time, and whatever a task does, the runner gets control back and keeps the fault."""

from __future__ import annotations

import contextlib
import contextvars
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from toctou import real_time
from toctou.errors import OperationLimit, OutsideControl, SilentHandler, UncontrolledHandler
from toctou.scheduling.runner import Limits, Runner


def test_a_step_is_one_operation_and_the_code_after_it(tasks):
    happened = []

    def body(name):
        happened.append(f"{name} begins")
        for number in (1, 2):
            turn = tasks.runner.reach("GetItem")
            assert turn[:2] == ("AB".index(name), number - 1)
            happened.append(f"{name}{number}")

    with tasks.runner.installed():
        tasks.runner.begin([lambda: body("A"), lambda: body("B")])
        assert tasks.runner.enabled() == [0, 1]
        tasks.runner.step(1)
        assert happened == ["B begins", "B1"]
        tasks.runner.step(0)
        tasks.runner.step(0)
        assert tasks.runner.enabled() == [1]
        assert happened == ["B begins", "B1", "A begins", "A1", "A2"]
        tasks.runner.step(1)
        assert tasks.runner.enabled() == []


def test_a_body_without_operations_is_one_step(tasks):
    happened = []
    tasks.execute([lambda: happened.append("A"), lambda: happened.append("B")], order=[1])
    assert happened == ["B", "A"]


def test_what_a_request_leaves_in_a_context_variable_is_gone_for_the_next(tasks):
    caller, seen = contextvars.ContextVar[str]("caller", default="nobody"), []

    def body(name):
        seen.append(caller.get())
        caller.set(name)
        tasks.reach()
        seen.append(caller.get())

    with tasks.runner.installed():
        for names in ("AB", "CD"):
            tasks.runner.begin([lambda name=name: body(name) for name in names])
            for index in (0, 1):
                tasks.runner.step(index)
    assert seen == ["nobody", "A", "nobody", "B", "nobody", "C", "nobody", "D"]


def test_a_body_that_was_given_up_disturbs_none_that_comes_after_it(tasks):
    ended = []

    def body(name):
        try:
            tasks.reach()
            tasks.reach()
        finally:
            ended.append(name)

    with tasks.runner.installed():
        for name in "ABC":
            tasks.runner.begin([lambda name=name: body(name), tasks.reach])
            tasks.runner.step(0)
            tasks.runner.step(1)
    assert ended == ["A", "B", "C"]


def test_an_exception_of_a_body_comes_out_of_its_step(tasks):
    with pytest.raises(ZeroDivisionError):
        tasks.execute([lambda: 1 / 0])


def test_a_request_that_performs_too_many_operations(tasks):
    def endless():
        while True:
            tasks.reach("PutItem")

    with pytest.raises(OperationLimit, match="request B performed 5 operations and asks for another PutItem"):
        tasks.execute([tasks.reach, endless])


def test_as_many_operations_as_allowed_are_fine(tasks):
    tasks.execute([lambda: [tasks.reach() for _ in range(5)]])


def spin():
    while True:
        pass


def test_an_endless_loop_is_shown_with_its_stack(tasks):
    def body():
        tasks.reach("GetItem")
        spin()

    with pytest.raises(
        SilentHandler, match=r"request A reached no scheduling point for 0\.3 s after its GetItem"
    ) as silent:
        tasks.execute([body])
    assert "in spin" in str(silent.value)
    assert "--isolation processes" in silent.value.remedy


def test_an_endless_loop_on_another_thread_than_the_main_one():
    outcome = []

    def explore():
        runner = Runner(Limits(seconds=0.3))
        try:
            with runner.installed():
                runner.begin([spin])
                runner.step(0)
        except UncontrolledHandler as fault:
            outcome.append(fault)

    thread = threading.Thread(target=explore)
    thread.start()
    thread.join(timeout=30)
    assert [type(one) for one in outcome] == [SilentHandler]


def test_a_lock_held_across_an_operation(tasks):
    lock = threading.Lock()

    def locked():
        with lock:
            tasks.reach("GetItem")
            tasks.reach("PutItem")

    with pytest.raises(SilentHandler, match="request B") as silent:
        tasks.execute([locked, locked], order=[0, 1])
    assert "in locked" in str(silent.value)
    assert "lock" in str(silent.value)


def test_a_call_that_blocks_in_the_operating_system(tasks):
    with pytest.raises(SilentHandler):
        tasks.execute([lambda: real_time.sleep(60)])


def test_sleep_takes_no_time(tasks):
    begun = time.perf_counter()
    clock = []

    def body():
        clock.append(time.time())
        time.sleep(3600)
        clock.append(time.time())

    tasks.execute([body])
    assert time.perf_counter() - begun < 5
    assert clock[1] - clock[0] == pytest.approx(3600, abs=0.1)


def swallows(action):
    def body():
        while True:
            with contextlib.suppress(BaseException):
                action()

    return body


def test_a_handler_that_swallows_everything_and_goes_on_calling():
    """It is stopped at its next call, not when its time is over."""
    runner = Runner(Limits(operations=5, seconds=8))
    begun = time.perf_counter()
    with runner.installed():
        runner.begin([swallows(lambda: runner.reach("GetItem"))])
        for _ in range(4):
            runner.step(0)
            assert runner.enabled()
        with pytest.raises(OperationLimit):
            runner.step(0)
    assert time.perf_counter() - begun < 4


def test_a_handler_that_swallows_everything_and_goes_on_silently(tasks):
    with pytest.raises(SilentHandler):
        tasks.execute([swallows(lambda: None)])


def test_a_handler_that_swallows_everything_and_is_given_up(tasks):
    with tasks.runner.installed():
        tasks.runner.begin([swallows(tasks.reach), lambda: None])
        tasks.runner.step(0)
        tasks.runner.end()
        tasks.begin([tasks.reach])


def test_a_fault_stays_although_the_handler_answers(tasks):
    def body():
        try:
            spin()
        except BaseException:
            return 200

    with pytest.raises(SilentHandler):
        tasks.execute([body])


def test_the_next_execution_is_not_touched_by_a_fault(tasks):
    happened = []
    with tasks.runner.installed():
        with pytest.raises(SilentHandler):
            tasks.begin([spin, tasks.reach], order=[1])
        tasks.begin([lambda: happened.append("A")])
    assert happened == ["A"]


def test_what_is_given_up_cleans_up(tasks):
    happened = []

    def body():
        try:
            tasks.reach()
        finally:
            happened.append("closed")
            tasks.reach()
            happened.append("never")

    with tasks.runner.installed():
        tasks.runner.begin([body, body])
        tasks.runner.step(0)
        tasks.runner.begin([lambda: None])
        assert happened == ["closed"], "only the task that had begun has anything to clean up"


def test_a_failing_clean_up_does_not_matter(tasks):
    def body():
        try:
            tasks.reach()
            tasks.reach()
        finally:
            raise OSError("cannot be closed")

    with tasks.runner.installed():
        tasks.runner.begin([body])
        tasks.runner.step(0)
        tasks.runner.end()


def test_operations_outside_of_any_request(tasks):
    with tasks.runner.installed(), pytest.raises(OutsideControl, match="GetItem was called outside any request"):
        tasks.reach()


def test_a_process_with_endless_handlers_ends(tmp_path):
    """Python would end their coroutines at exit, or when they are collected, by an exception that they swallow."""
    script = tmp_path / "endless.py"
    script.write_text(
        textwrap.dedent(
            """
            import gc
            from toctou.errors import UncontrolledHandler
            from toctou.scheduling.runner import Limits, Runner

            def swallows(action):
                def body():
                    while True:
                        try:
                            action()
                        except BaseException:
                            pass
                return body

            for silent in (True, False):
                runner = Runner(Limits(operations=3, seconds=0.3))
                with runner.installed():
                    runner.begin([swallows((lambda: None) if silent else (lambda: runner.reach("GetItem")))])
                    try:
                        while True:
                            runner.step(0)
                    except UncontrolledHandler as fault:
                        print(type(fault).__name__)
                del runner
                gc.collect()
            """
        )
    )
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path
    )
    assert ended.stdout.split() == ["SilentHandler", "OperationLimit"]
    assert (ended.returncode, ended.stderr) == (0, "")
