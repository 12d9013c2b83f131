"""What a task reaches behind the intercepted client is named, and ends the execution."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import pathlib
import py_compile
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading

import pytest

from toctou.errors import OutsideControl

OPENED, _name = tempfile.mkstemp()
os.write(OPENED, b"0")
os.remove(_name)


def listen():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))


def connect():
    with socket.socket() as opened:
        opened.connect(("127.0.0.1", 9))


def send_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"count:1|c", ("127.0.0.1", 8125))


def write_audit_log():
    with open("audit.log", "a") as file:
        file.write("alice was here")


@pytest.mark.parametrize(
    ("reach", "named"),
    [
        (connect, r"a socket to \('127\.0\.0\.1', 9\)"),
        (send_datagram, r"a socket to \('127\.0\.0\.1', 8125\)"),
        (lambda: socket.getaddrinfo("example.invalid", 443), r"the name service for 'example\.invalid'"),
        (write_audit_log, r"the file 'audit\.log' \(for writing\)"),
        (lambda: subprocess.run([sys.executable, "-V"], check=False), "another program"),
        (lambda: os.system("true"), "another program"),
        (lambda: sqlite3.connect("orders.db"), r"the database 'orders\.db'"),
        (listen, r"a socket at \('127\.0\.0\.1', 0\)"),
        (lambda: os.mkdir("locks"), r"the path 'locks' \(made\)"),
        (lambda: pathlib.Path("a/b").mkdir(parents=True), r"the path 'a/b' \(made\)"),
        (lambda: os.rename("old", "new"), r"the path 'new' \(renamed from 'old'\)"),
        (lambda: os.replace(pathlib.Path("old"), b"new"), r"the path 'new' \(renamed from 'old'\)"),
        (lambda: os.remove("old"), r"the path 'old' \(removed\)"),
        (lambda: pathlib.Path("old").unlink(missing_ok=True), r"the path 'old' \(removed\)"),
        (lambda: os.rmdir("old"), r"the path 'old' \(removed\)"),
        (lambda: os.symlink("old", "new"), r"the path 'new' \(linked to 'old'\)"),
        (lambda: os.link("old", "new"), r"the path 'new' \(linked to 'old'\)"),
        (lambda: os.truncate("old", 0), r"the path 'old' \(truncated\)"),
        (lambda: os.ftruncate(OPENED, 0), r"the open file '\d+' \(truncated\)"),
        (lambda: os.chmod("old", 0), r"the path 'old' \(mode changed\)"),
        (lambda: os.utime("old"), r"the path 'old' \(times changed\)"),
        (lambda: shutil.move("old", "new"), r"the path 'new' \(renamed from 'old'\)"),
        (lambda: os.chdir("old"), r"the working directory, changed to 'old'"),
        (lambda: fcntl.flock(OPENED, fcntl.LOCK_EX), r"a lock on the open file \d+"),
        (lambda: fcntl.lockf(OPENED, fcntl.LOCK_EX), r"a lock on the open file \d+"),
        (lambda: os.lockf(OPENED, os.F_LOCK, 0), r"a lock on the open file \d+"),
        (lambda: fcntl.fcntl(OPENED, fcntl.F_SETLKW, bytes(32)), r"a lock on the open file \d+"),
        (lambda: mmap.mmap(OPENED, 1), r"the open file \d+ \(mapped for writing\)"),
        (lambda: os.kill(os.getpid(), 0), r"the process \d+, by a signal"),
        (os.fork, "a forked process"),
    ],
)
def test_it_is_named_and_prevented(tasks, tmp_path, monkeypatch, reach, named):
    monkeypatch.chdir(tmp_path)

    def handler():
        tasks.reach("GetItem")
        reach()

    with pytest.raises(OutsideControl, match=f"request B reached {named}") as outside:
        tasks.execute([tasks.reach, handler])
    assert "test_outside_control.py" in str(outside.value), "the line that did it is shown"
    assert os.listdir(tmp_path) == []


def test_it_is_kept_although_the_handler_swallows_it(tasks):
    def handler():
        try:
            connect()
        except BaseException:
            return 503

    with pytest.raises(OutsideControl):
        tasks.execute([handler])


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (socket.getfqdn, socket.gethostname()),
        (lambda: socket.getfqdn("localhost"), socket.gethostname()),
        (lambda: socket.gethostbyname(socket.gethostname()), "127.0.0.1"),
        (lambda: socket.gethostbyname_ex("localhost")[0], socket.gethostname()),
        (lambda: socket.gethostbyaddr("127.0.0.1")[2], ["127.0.0.1"]),
        (lambda: socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)[0][4], ("127.0.0.1", 0)),
    ],
)
def test_this_machine_is_known_without_the_name_service(tasks, ask, expected):
    answers = []

    def handler():
        tasks.reach("GetItem")
        answers.append(ask())

    tasks.execute([handler])
    assert answers == [expected]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.getfqdn("example.invalid"),
        lambda: socket.gethostbyname("example.invalid"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
    ],
)
def test_another_machine_is_not(tasks, ask):
    with pytest.raises(OutsideControl, match="reached the name service for"):
        tasks.execute([ask])


def test_program_files_are_not_input(tasks):
    def handler():
        with open(json.__file__) as file:
            assert file.read()
        import colorsys  # noqa: PLC0415 - lazily, as handlers do

        assert colorsys

    tasks.execute([handler])


def test_a_lock_that_another_request_holds_is_not_waited_for(tasks, tmp_path):
    path = tmp_path / "lock"
    with open(path, "w") as held, open(path, "w") as wanted:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OutsideControl, match="request A reached a lock on the open file"):
            tasks.execute([lambda: fcntl.flock(wanted, fcntl.LOCK_EX)])


def test_what_changes_nothing_is_allowed(tasks, tmp_path):
    def handler():
        assert os.path.exists(tmp_path)
        assert os.listdir(tmp_path) == []
        fcntl.fcntl(OPENED, fcntl.F_GETFD)
        with mmap.mmap(-1, 1) as memory, mmap.mmap(OPENED, 1, access=mmap.ACCESS_READ) as mapped:
            assert memory[:] + mapped[:] == b"\x000"

    tasks.execute([handler])


@pytest.mark.parametrize("prefix", [None, "cache"])
def test_python_may_store_what_it_has_compiled(tasks, tmp_path, monkeypatch, prefix):
    monkeypatch.setattr(sys, "pycache_prefix", prefix and str(tmp_path / prefix))
    (tmp_path / "lazily_imported.py").write_text("")
    written = []
    tasks.execute([lambda: written.append(py_compile.compile(str(tmp_path / "lazily_imported.py"), doraise=True))])
    assert os.path.exists(written[0])


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_nor_are_those_of_an_environment_that_this_one_sees(tasks, tmp_path, folder):
    data = tmp_path / "lib" / folder / "known.json"
    data.parent.mkdir(parents=True)
    data.write_text("{}")
    tasks.execute([data.read_text])


def test_the_checker_itself_may_do_so_while_it_looks_away(tasks, tmp_path):
    def handler():
        tasks.reach()
        tasks.runner.suspend_monitoring()
        (tmp_path / "moto.json").write_text("{}")
        tasks.runner.resume_monitoring()
        (tmp_path / "handler.json").write_text("{}")

    with pytest.raises(OutsideControl, match=r"handler\.json"):
        tasks.execute([handler])
    assert [one.name for one in tmp_path.iterdir()] == ["moto.json"]


def test_outside_of_steps_nothing_is_watched(tasks, tmp_path):
    with tasks.runner.installed():
        (tmp_path / "report.json").write_text("{}")
        tasks.begin([lambda: None])
        (tmp_path / "report.json").write_text("[]")
    (tmp_path / "report.json").unlink()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_calls_the_service(tasks):
    def handler():
        thread = threading.Thread(target=tasks.reach, args=("PutItem",))
        thread.start()
        thread.join()

    with pytest.raises(
        OutsideControl, match=r"PutItem was called from a thread that a handler started|a thread of its own"
    ):
        tasks.execute([handler])


def test_a_thread_that_goes_on_after_its_step(tasks):
    going = threading.Event()

    def handler():
        threading.Thread(target=going.wait, daemon=True).start()
        tasks.reach()

    try:
        with pytest.raises(OutsideControl, match="a thread of its own"):
            tasks.execute([handler])
    finally:
        going.set()
