"""The streams that ask whose a text is, apart from any request."""

from __future__ import annotations

import io
import logging
import sys
import threading

import pytest

from toctou.scheduling.output import routed, taken_by, warn_again
from toctou.scheduling.runner import Limits, Runner
from toctou.scheduling.written import LEFT_OUT, Output, Piece


@pytest.fixture
def beneath() -> io.TextIOWrapper:
    """What a test puts at ``sys.stdout``: pytest does so itself after its fixtures."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def passed(beneath: io.TextIOWrapper) -> str:
    beneath.flush()
    content: bytes = beneath.buffer.getvalue()  # type: ignore[attr-defined]
    return content.decode()


def test_what_no_request_writes_passes(beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    with routed():
        assert sys.stdout is not beneath
        print("text", flush=True)
        sys.stdout.writelines(["lines\n"])
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.buffer.writelines([bytearray(b"more\n")])
    assert sys.stdout is beneath
    assert passed(beneath) == "text\nlines\nbytes\nmore\n"


def test_what_is_taken_does_not_pass(beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    found = []
    with taken_by(lambda name, text: found.append((name, text)) is None):
        print("text", flush=True)
        sys.stderr.write("error")
        sys.stdout.buffer.write(b"\xff")
    assert [one for one in found if one[1]] == [
        ("stdout", "text"),
        ("stdout", "\n"),
        ("stderr", "error"),
        ("stdout", "\\xff"),
    ]
    assert passed(beneath) == ""


def test_streams_are_installed_once_and_given_back_if_they_are_there_still(
    beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    with routed():
        ours = sys.stdout
        with routed():
            assert sys.stdout is ours
        assert sys.stdout is ours
        other = sys.stdout = io.StringIO()
    assert sys.stdout is other


def test_stream_that_is_closed_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with routed():
        assert sys.stdout is None


def test_log_handler_that_keeps_the_stream_of_before(
    beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    logger, handler = logging.getLogger("kept"), logging.StreamHandler(sys.stdout)
    logger.addHandler(handler)
    found = []
    try:
        with taken_by(lambda _, text: found.append(text) is None):
            logger.error("logged")
        assert found[0] == "logged\n"
        assert handler.stream is beneath
    finally:
        logger.removeHandler(handler)


def test_other_threads_are_no_request(beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    runner = Runner(Limits())
    with runner.installed():
        go, done = threading.Event(), threading.Event()

        def elsewhere() -> None:
            go.wait()
            print("by another thread")
            done.set()

        thread = threading.Thread(target=elsewhere)
        thread.start()

        def body() -> None:
            print("by a request")
            go.set()
            thread.join()

        runner.begin([body])
        runner.step(0)
        assert [one.text for one in runner.written()] == ["by a request\n"]
    assert passed(beneath) == "by another thread\n"


def test_each_task_has_the_streams_that_it_has_put_in_place(
    beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    runner = Runner(Limits())
    streams = [io.StringIO(), io.StringIO()]

    def body(own: io.StringIO) -> None:
        sys.stdout = own
        print("before")
        runner.reach("GetItem")
        print("after")

    with runner.installed():
        ours = sys.stdout
        runner.begin([lambda: body(streams[0]), lambda: body(streams[1])])
        for index in (0, 1):
            runner.start(index)
            assert sys.stdout is ours
        for index in (0, 1):
            runner.step(index)
        assert runner.written() == ()
    assert [one.getvalue() for one in streams] == ["before\nafter\n"] * 2
    assert sys.stdout is beneath


def test_what_a_request_that_is_given_up_prints_is_dropped(
    beneath: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", beneath)
    runner = Runner(Limits())

    def body() -> None:
        try:
            runner.reach("GetItem")
        finally:
            print("cleaned up")

    with runner.installed():
        runner.begin([body])
        runner.start(0)
        runner.end()
    assert passed(beneath) == ""


def test_pieces_are_joined_and_cut() -> None:
    output = Output(10)
    for after, stream, text in ((0, "stdout", "ab"), (0, "stdout", ""), (0, "stdout", "cd"), (1, "stdout", "ef")):
        output.write(after, stream, text)
    output.write(1, "stderr", "g")
    assert output.pieces() == [Piece(0, "stdout", "abcd"), Piece(1, "stdout", "ef"), Piece(1, "stderr", "g")]
    assert len(output.taken()) == 3
    assert output.taken() == ()
    output.write(2, "stdout", "hij")
    assert output.pieces() == [Piece(2, "stdout", "hij")]
    output.write(2, "stdout", "k")
    output.write(3, "stdout", "l")
    assert output.pieces() == [Piece(2, "stdout", "hij" + LEFT_OUT)]


def test_nothing_is_kept() -> None:
    output = Output(0)
    output.write(0, "stdout", "secret")
    assert output.pieces() == []


@pytest.mark.filterwarnings("default")
def test_a_line_warns_again() -> None:
    namespace = {"__name__": "warning"}
    code = compile("import warnings\nwarnings.warn('careful')", "warning.py", "exec")
    for fresh, count in ((False, 1), (False, 0), (True, 1)):
        if fresh:
            warn_again()
        with pytest.MonkeyPatch.context() as patch:
            shown: list[object] = []
            patch.setattr("warnings.showwarning", lambda *about: shown.append(about))  # noqa: B023
            exec(code, namespace)
        assert len(shown) == count
