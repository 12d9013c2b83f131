"""Processes that are forked with the memory of an earlier moment: what they have of it, and that none is left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
from process_groups import SECONDS, living, nobody_left, soon

from toctou.errors import InternalError
from toctou.gate import zygote as module
from toctou.gate.request_process import Channel, RequestProcess
from toctou.gate.zygote import CAN_FORK, Zygote, keep_from_children

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="no fork: run `pytest tests/unit/gate/test_zygote.py` in WSL")

memory: dict[str, Any] = {}


def answers(channel: Channel) -> None:
    """Does what it is told to, and says what came of it."""
    while True:
        try:
            asked = channel.receive(SECONDS)
        except EOFError:
            return
        if asked is None:
            return
        channel.send(asked())


@contextmanager
def opened(serve: Callable[[Channel], None] = answers) -> Iterator[Zygote]:
    zygote = Zygote(serve)
    try:
        yield zygote
    finally:
        zygote.close()


def ask(process: RequestProcess, what: Callable[[], Any]) -> Any:
    process.channel.send(what)
    return process.channel.receive(SECONDS)


def remembered() -> dict[str, Any]:
    return dict(memory)


def remember() -> dict[str, Any]:
    memory["by"] = "a request"
    return dict(memory)


def group() -> int:
    return os.getpgid(0)


def parent() -> int:
    return os.getppid()


def test_a_process_has_the_memory_of_the_moment_when_its_zygote_was_made():
    memory.clear()
    memory["made"] = "before"
    with opened() as zygote:
        memory["made"] = "after"
        first = zygote.fork()
        assert ask(first, remembered) == {"made": "before"}
        assert ask(first, remember) == {"made": "before", "by": "a request"}
        assert ask(first, remembered) == {"made": "before", "by": "a request"}, "it stays the same process"
        assert ask(zygote.fork(), remembered) == {"made": "before"}
    assert memory == {"made": "after"}


def test_processes_are_one_group_which_is_not_ours():
    with opened() as zygote:
        first, second = zygote.fork(), zygote.fork()
        groups = {ask(one, group) for one in (first, second)}
        assert groups == {ask(first, parent)}
        assert groups != {os.getpgid(0)}
        (of_zygote,) = groups
        assert len(living(of_zygote)) == 3
    assert nobody_left(of_zygote)


def test_several_zygotes_have_nothing_to_do_with_each_other():
    memory.clear()
    with opened() as first:
        memory["made"] = "between"
        with opened() as second:
            assert ask(first.fork(), remembered) == {}
            assert ask(second.fork(), remembered) == {"made": "between"}
            of_first = ask(first.fork(), group)
            first.close()
            assert nobody_left(of_first), "although the second one was forked when the first one's channel was open"
            assert ask(second.fork(), remembered) == {"made": "between"}
    memory.clear()


def test_a_process_that_is_ended_is_gone():
    with opened() as zygote:
        process, other = zygote.fork(), zygote.fork()
        pid = ask(process, os.getpid)
        process.channel.send(busy_for_long)  # so that it does not see its channel closed
        process.end()
        of_zygote = ask(other, group)
        assert soon(lambda: pid not in living(of_zygote, ended_too=True))
        process.end()  # it has ended already
        assert ask(other, remembered) is not None


def test_another_side_that_ends_without_having_read_has_ended():
    ours, theirs = Pipe()
    channel = Channel(ours)
    channel.send("unread")
    theirs.close()
    with pytest.raises(EOFError):
        channel.receive(SECONDS)
    channel.close()


def test_who_has_nothing_to_say_yet_has_not_ended():
    ours, theirs = Pipe()
    channel = Channel(ours)
    assert channel.receive(0.01) is None
    theirs.send("something")
    assert channel.receive(SECONDS) == "something"
    channel.close()
    theirs.close()


def test_a_process_whose_checker_closes_its_channel_ends():
    with opened() as zygote:
        process = zygote.fork()
        of_zygote = ask(process, group)
        process.channel.close()
        assert soon(lambda: len(living(of_zygote)) == 1), "the zygote stays"


def test_who_has_got_the_number_of_a_process_is_not_ended():
    ours, theirs = Pipe()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        RequestProcess(Channel(ours), stranger.pid, group=stranger.pid + 1).end()
        stranger.communicate(b"\n", timeout=60)
        assert stranger.returncode == 0
    finally:
        stranger.kill()
        theirs.close()


def busy_for_long() -> None:
    time.sleep(10 * SECONDS)


def raises(channel: Channel) -> None:
    raise LookupError("raised in a process")


def test_a_process_that_raises_ends_and_says_why(capfd: pytest.CaptureFixture[str]):
    with opened(raises) as zygote:
        process = zygote.fork()
        with pytest.raises(EOFError):
            process.channel.receive(SECONDS)
        assert "LookupError: raised in a process" in capfd.readouterr().err
        zygote.fork()  # which goes on


def leaves(channel: Channel) -> None:
    raise SystemExit(3)


def test_a_process_that_exits_says_nothing(capfd: pytest.CaptureFixture[str]):
    with opened(leaves) as zygote:
        process = zygote.fork()
        with pytest.raises(EOFError):
            process.channel.receive(SECONDS)
    assert capfd.readouterr() == ("", "")


def test_a_zygote_that_is_dead_is_an_error_that_says_so():
    with opened() as zygote:
        pid = ask(zygote.fork(), parent)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(InternalError, match="the process that forks others has ended") as caught:
            [zygote.fork() for _ in range(10)]  # it is gone by the first one, or soon after
        assert "--isolation memory" in str(caught.value)


def test_a_process_whose_zygote_has_died_ends_itself():
    with opened() as zygote:
        process = zygote.fork()
        pid, of_zygote = ask(process, parent), ask(process, group)
        os.kill(pid, signal.SIGKILL)
        zygote.close()
        process.channel.close()
        assert nobody_left(of_zygote)


def test_a_system_that_forks_nothing_more_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch):
    forked = module.forked

    def first_only() -> int:
        if os.getpid() != us:
            raise OSError(11, "Resource temporarily unavailable")
        return forked()

    us = os.getpid()
    monkeypatch.setattr(module, "forked", first_only)
    with opened() as zygote, pytest.raises(InternalError, match="Resource temporarily unavailable"):
        zygote.fork()


def test_what_is_in_a_buffer_is_printed_once(capfd: pytest.CaptureFixture[str]):
    print("before the zygote,", end="")
    with opened() as zygote:
        print("before a process,", end="")
        assert ask(zygote.fork(), says) is None
    out, _ = capfd.readouterr()
    assert sorted(out.split(",")) == sorted(["before the zygote", "before a process", "in a process", ""])


def says() -> None:
    print("in a process", end=",")


def test_what_the_program_does_at_its_exit_is_done_once(tmp_path: Path):
    script = tmp_path / "registers.py"
    script.write_text(
        textwrap.dedent(
            """
            import atexit
            from contextlib import suppress
            from toctou.gate.zygote import Zygote

            atexit.register(print, "at exit")
            print("begun", end=", ")  # stays in a buffer, because this is no terminal
            zygote = Zygote(lambda channel: None)
            with suppress(EOFError):  # until it has ended
                zygote.fork().channel.receive(60.0)
            zygote.close()
            """
        )
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("begun, at exit\n", "")


def test_a_lock_on_a_file_is_not_held_by_a_process(tmp_path: Path):
    path = tmp_path / "locked"
    with open(path, "w") as ours:
        fcntl.flock(ours, fcntl.LOCK_EX)
        keep_from_children(ours)
        with opened() as zygote:
            process = zygote.fork()
            assert ask(process, remembered) is not None
            ours.close()
            with open(path) as another:
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more


def test_without_being_kept_from_children_it_would_be_held(tmp_path: Path):
    """Or the test above could not fail."""
    path = tmp_path / "locked"
    with open(path, "w") as ours:
        fcntl.flock(ours, fcntl.LOCK_EX)
        with opened():
            ours.close()
            with open(path) as another, pytest.raises(BlockingIOError):
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_that_is_closed_already_is_none_to_keep(tmp_path: Path):
    with open(tmp_path / "file", "w") as file:
        keep_from_children(file)
    with opened() as zygote:
        assert ask(zygote.fork(), remembered) is not None


def test_it_is_made_and_used_while_other_threads_run():
    ended = threading.Event()
    threads = [threading.Thread(target=busily, args=(ended,)) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        with opened() as zygote:
            for _ in range(20):
                process = zygote.fork()
                assert ask(process, remembered) is not None
                assert ask(process, threading.active_count) == 1
                process.end()
    finally:
        ended.set()
        for one in threads:
            one.join()


def busily(ended: threading.Event) -> None:
    while not ended.is_set():
        print(end="")
        sum(range(1000))


def test_it_is_made_and_used_by_a_thread():
    found: list[Any] = []

    def use() -> None:
        with opened() as zygote:
            found.append(ask(zygote.fork(), group))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(SECONDS)
    assert len(found) == 1
    assert nobody_left(found[0])


PROGRAM = """
import os, signal, sys, time
from toctou.gate.zygote import Zygote

def serve(channel):
    channel.send(os.getpgid(0))
    {serving}

zygote = Zygote(serve)
processes = [zygote.fork() for _ in range(3)]
print(processes[0].channel.receive(10.0), flush=True)
sys.stdin.readline()
{then}
"""


@contextmanager
def program(then: str, serving: str = "channel.receive(100.0)") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program with processes, in a group of its own; yields it, and the group of its processes."""
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then, serving=serving)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert started.stdin is not None
        assert started.stdout is not None
        of_zygote = int(started.stdout.readline())
        assert len(living(of_zygote)) == 4
        started.stdin.write("\n")
        started.stdin.flush()
        yield started, of_zygote
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


def test_nobody_is_left_of_a_program_that_is_killed():
    with program("time.sleep(100)") as (started, of_zygote):
        started.kill()
        assert nobody_left(of_zygote)


def test_nobody_is_left_of_a_program_that_is_killed_while_its_processes_are_busy():
    with program("time.sleep(100)", serving="time.sleep(100)") as (started, of_zygote):
        started.kill()
        assert nobody_left(of_zygote)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nobody_is_left_of_a_program_whose_group_is_interrupted(number: signal.Signals):
    """As Ctrl-C does, which only the program itself receives."""
    with program("time.sleep(100)") as (started, of_zygote):
        os.killpg(started.pid, number)
        _, err = started.communicate(timeout=60)
        assert nobody_left(of_zygote)
        assert err.count("KeyboardInterrupt") == (number is signal.SIGINT)


@pytest.mark.parametrize(
    "then", ["raise LookupError", "sys.exit(0)", "os._exit(3)", "os.abort()", "zygote.close()", ""]
)
def test_nobody_is_left_of_a_program_that_ends(then: str):
    with program(then) as (started, of_zygote):
        started.communicate(timeout=60)
        assert nobody_left(of_zygote)


def test_an_interrupt_of_the_processes_themselves_is_ignored():
    """A terminal may send it to each of its processes."""
    with opened() as zygote:
        process = zygote.fork()
        of_zygote = ask(process, group)
        os.killpg(of_zygote, signal.SIGINT)
        assert ask(process, remembered) is not None
        assert ask(zygote.fork(), remembered) is not None


def test_a_zygote_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with opened() as zygote:
        number = os.getpgid(zygote.fork()._pid)
        os.kill(number, signal.SIGSTOP)
        try:
            with pytest.raises(InternalError, match="has not answered"):
                zygote.fork()
        finally:
            os.kill(number, signal.SIGCONT)
