"""What handlers print, log and warn stands in the reports, at the steps where they wrote it, and nowhere else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from written_models import Ended

Command = Callable[..., Ended]

HEAD = """
import asyncio
import contextlib
import copy
import io
import logging
import os
import pickle
import sys
import threading
import warnings
import boto3
from toctou import Model, Table, handler

notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")
KEY = {"note_id": "n1"}


class OfNotes(Model):
    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{**KEY, "count": 0}]}
    principals = ("alice",)


def read():
    return notes.get_item(Key=KEY, ConsistentRead=True)["Item"]["count"]


def write(count):
    notes.put_item(Item={**KEY, "count": count})
"""

PRINTS = (
    HEAD
    + """
print("printed at import")
log = logging.getLogger("shop")
log.addHandler(logging.StreamHandler())
log.addHandler(logging.StreamHandler(sys.stdout))


class Prints(OfNotes):
    @handler()
    def increment(self, principal):
        print("begins")
        count = read()
        log.warning("read %s", count)
        warnings.warn("careful")
        sys.stdout.buffer.write("naïve\\n".encode())
        write(count + 1)
        sys.stderr.writelines(["ends", " here\\n"])
        os.write(1, b"past the streams\\n")
        return 200
"""
)


@pytest.fixture
def command(folder: Path) -> Command:
    """The command in a process of its own, where pytest neither records warnings nor replaces streams."""

    def run(*arguments: object) -> Ended:
        line = [sys.executable, "-m", "toctou.cli", *map(str, arguments)]
        ended = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


def reports(folder: Path) -> list[Path]:
    """The JSON files of the violations of the last run."""
    return sorted(one for one in (folder / "reports/latest").glob("*.json") if one.name != "run.json")


def output_of(folder: Path, command: Command, model: str, *options: str) -> list[dict[str, Any]]:
    """What the only report of a model holds."""
    (folder / "prints.py").write_text(model)
    ended = command("check", "prints.py", *options)
    assert ended.status == 1, ended.out + ended.err
    (report,) = reports(folder)
    return list(json.loads(report.read_text()).get("output", []))


def texts(output: list[dict[str, Any]], request: str) -> list[tuple[str | None, str, str]]:
    """Step, stream and text of what a request wrote, with warnings without their place."""
    return [
        (one["step"], one["stream"], re.sub(r"\S*/prints\.py:\d+", "prints.py", one["text"]))
        for one in output
        if one["request"] == request
    ]


@pytest.mark.parametrize("isolation", ["memory", "processes", "auto"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_stands_at_its_step(folder: Path, command: Command, isolation: str, jobs: str) -> None:
    output = output_of(folder, command, PRINTS, "--isolation", isolation, "--jobs", jobs)
    for letter in "AB":
        count = texts(output, letter)[1][2].strip()[-1]
        warning = 'prints.py: UserWarning: careful\n  warnings.warn("careful")\n'
        assert texts(output, letter) == [
            (None, "stdout", "begins\n"),
            (f"{letter}.1", "stderr", f"read {count}\n"),
            (f"{letter}.1", "stdout", f"read {count}\n"),
            (f"{letter}.1", "stderr", warning),
            (f"{letter}.1", "stdout", "naïve\n"),
            (f"{letter}.2", "stderr", "ends here\n"),
        ]


def test_it_is_in_the_order_of_the_steps(folder: Path, command: Command) -> None:
    output = output_of(folder, command, PRINTS)
    (report,) = reports(folder)
    names = [one["name"] for one in json.loads(report.read_text())["steps"]]
    first = {name[0]: name for name in reversed(names)}
    places = [names.index(one["step"] or first[one["request"]]) for one in output]
    assert places == sorted(places)
    assert set(places) == set(range(len(names)))


def test_terminal_shows_what_is_printed_outside_of_requests_only(folder: Path, command: Command) -> None:
    (folder / "prints.py").write_text(PRINTS)
    ended = command("check", "prints.py")
    assert "printed at import" in ended.err
    assert "past the streams" in ended.err
    for text in ("begins", "read 0", "careful", "naïve", "ends here"):
        assert text not in ended.err
        assert text not in ended.out


def test_page_shows_it_escaped(folder: Path, command: Command) -> None:
    model = PRINTS.replace('print("begins")', 'print("<b>begins</b>", "\\x1b[31m")')
    output_of(folder, command, model)
    (report,) = reports(folder)
    page = report.with_suffix(".html").read_text()
    (detail,) = re.findall(r'<article class="detail[^>]*id="step-A.1".*?</article>', page, re.DOTALL)
    assert "<figcaption>stdout, before the call</figcaption><pre>&lt;b&gt;begins&lt;/b&gt; \\x1b[31m</pre>" in detail
    assert "<figcaption>stderr, after the call</figcaption><pre>read 0</pre>" in detail
    (node,) = re.findall(r'<a class="node[^>]*id="node-A.1".*?</a>', page, re.DOTALL)
    assert "&lt;b&gt;begins&lt;/b&gt;" in node
    assert "<b>begins" not in page


def test_long_output_is_collapsed_on_the_page_and_shortened_in_the_text(folder: Path, command: Command) -> None:
    model = PRINTS.replace('print("begins")', 'print(*range(500), sep="\\n")')
    output = output_of(folder, command, model)
    assert output[0]["text"].splitlines() == [str(one) for one in range(500)]
    (report,) = reports(folder)
    assert "<summary>stdout, before the call, 500 lines</summary>" in report.with_suffix(".html").read_text()
    shown = command("replay", report, "--verbose").out
    assert "    stdout   before the call: 0\n             1\n" in shown
    assert "             … 492 more lines\n" in shown


def test_replay_shows_it_if_asked(folder: Path, command: Command) -> None:
    output_of(folder, command, PRINTS)
    (report,) = reports(folder)
    short, long = command("replay", report), command("replay", report, "--verbose")
    assert (short.status, long.status) == (1, 1)
    assert "before the call" not in short.out
    words = short.out.partition("WHAT HAPPENED")[0].split()  # the lanes are as wide as the terminal
    assert long.out.split()[: len(words)] == words
    assert "    stdout   before the call: begins\n" in long.out
    assert "    stderr   after the call: ends here\n" in long.out
    stored = command("report", report, "--format", "detail").out
    assert stored.partition("STEP BY STEP")[2] == long.out.partition("STEP BY STEP")[2]


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_it_can_be_left_out(folder: Path, command: Command, isolation: str) -> None:
    assert output_of(folder, command, PRINTS, "--no-output", "--isolation", isolation) == []
    for report in (folder / "reports/latest").iterdir():
        # what a handler prints stands in its code, which is shown; what comes of it does not
        assert "read 0" not in report.read_text(), report
    (report,) = reports(folder)
    assert "call: begins" in command("replay", report, "--verbose").out
    assert "call: begins" not in command("replay", report, "--verbose", "--no-output").out


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_what_is_too_much_is_cut(folder: Path, command: Command, isolation: str) -> None:
    model = PRINTS.replace('print("begins")', 'print("x" * 50_000)').replace("read %s", "y" * 50_000 + "%s")
    output = output_of(folder, command, model, "--isolation", isolation)
    for letter in "AB":
        kept = "".join(text for _, _, text in texts(output, letter))
        assert kept.startswith("x" * 50_000 + "\n" + "y" * 10_000)
        assert kept.endswith("y… more was left out")
        assert len(kept) == 65_536 + len("… more was left out")


VARIES = """

class Varies(OfNotes):
    @handler()
    def increment(self, principal):
        print(object(), os.times())
        count = read()
        print(id(object()), threading.get_ident(), os.getpid(), hash(principal))
        write(count + 1)
        return 200
"""


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_output_is_never_compared(folder: Path, command: Command, isolation: str) -> None:
    output = output_of(folder, command, HEAD + VARIES, "--isolation", isolation)
    assert len(output) == 4


STREAMS = """
kept = sys.stdout


class Streams(OfNotes):
    @handler()
    def increment(self, principal):
        assert isinstance(sys.stdout.isatty(), bool)
        assert sys.stdout.encoding and sys.stdout.errors and not sys.stdout.closed
        assert sys.stdout.writable() and sys.stdout.write("written\\n") == 8
        assert isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout == kept and {sys.stdout: 1}
        for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
            with contextlib.suppress(TypeError):
                duplicate(sys.stdout)
                raise AssertionError("a stream can be copied")
        assert sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
        with contextlib.redirect_stdout(io.StringIO()) as own:
            print("own")
            count = read()
            print("own as well")
        assert own.getvalue() == "own\\nown as well\\n", own.getvalue()
        print("afterwards", file=kept, flush=True)
        try:
            sys.stdout.write(b"bytes")
        except TypeError:
            print("no bytes")
        wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding="latin-1")
        wrapped.write("wrapped\\n")
        del wrapped
        write(count + 1)
        return 200
"""


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_streams_behave_as_such(folder: Path, command: Command, isolation: str) -> None:
    output = output_of(folder, command, HEAD + STREAMS, "--isolation", isolation)
    for letter in "AB":
        assert texts(output, letter) == [
            (None, "stdout", "written\n"),
            (f"{letter}.1", "stdout", "afterwards\nno bytes\nwrapped\n"),
        ]


@pytest.mark.skipif(
    sys.platform == "win32", reason="there is no pseudo-terminal: run `pytest tests/end_to_end` on another system"
)
def test_streams_behave_as_such_on_a_terminal(folder: Path) -> None:
    (folder / "prints.py").write_text(HEAD + STREAMS)
    terminal, own = os.openpty()
    line = [sys.executable, "-m", "toctou.cli", "check", "prints.py"]
    with subprocess.Popen(line, cwd=folder, stdout=own, stderr=own):
        os.close(own)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while piece := os.read(terminal, 4096):
                shown += piece
    os.close(terminal)
    (report,) = reports(folder)
    assert len(json.loads(report.read_text())["output"]) == 4
    assert b"written" not in shown.replace(b"had written", b"")


THREADS = """

class Threads(OfNotes):
    isolation = "processes"

    @handler()
    def increment(self, principal):
        counts = []

        def work():
            print("in a thread")
            counts.append(read())
            print("in a thread,", "after", "its call")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print("joined")
        write(counts[0] + 1)
        return 200
"""


def test_threads_write_for_their_request(folder: Path, command: Command) -> None:
    output = output_of(folder, command, HEAD + THREADS)
    for letter in "AB":
        assert texts(output, letter) == [
            (None, "stdout", "in a thread\n"),
            (f"{letter}.1", "stdout", "in a thread, after its call\njoined\n"),
        ]


ASYNC = """

class Async(OfNotes):
    @handler()
    async def increment(self, principal):
        print("begins")
        await asyncio.sleep(1)
        count = read()
        await asyncio.sleep(1)
        print("has read")
        write(count + 1)
        return 200
"""


def test_async_handlers(folder: Path, command: Command) -> None:
    output = output_of(folder, command, HEAD + ASYNC)
    for letter in "AB":
        assert texts(output, letter) == [(None, "stdout", "begins\n"), (f"{letter}.1", "stdout", "has read\n")]


IDLE = """

class Idle(OfNotes):
    @handler()
    def increment(self, principal):
        write(read() + 1)
        return 200

    @handler()
    def refuse(self, principal):
        print("refused")
        return 403
"""


def test_what_is_no_part_of_the_violation_is_not_there(folder: Path, command: Command) -> None:
    assert output_of(folder, command, HEAD + IDLE) == []


LEAVES = """

class Leaves(OfNotes):
    @handler()
    def increment(self, principal):
        write(read() + 1)
        sys.stdout = io.StringIO()
        print("to itself")
        return 200
"""


def test_streams_are_no_memory_that_requests_share(folder: Path, command: Command) -> None:
    (folder / "prints.py").write_text(HEAD + STREAMS + LEAVES)
    ended = command("check", "prints.py", "--format", "json")
    for model in json.loads(ended.out)["models"]:
        assert (model["verdict"], model["isolation"], model["remarks"]) == ("VIOLATED", "memory", []), model


def test_old_report_is_read(folder: Path, command: Command) -> None:
    output_of(folder, command, PRINTS)
    (report,) = reports(folder)
    document = json.loads(report.read_text())
    del document["output"]
    old = folder / "old.json"
    old.write_text(json.dumps(document))
    assert command("report", old, "--format", "html").status == 0
    document["output"] = [{"request": "A", "step": "C.7", "stream": "stdout", "text": "no such step"}]
    old.write_text(json.dumps(document))
    assert "C.7" in command("report", old, "--format", "html").err
    document["output"] = [{"request": "A", "step": None, "stream": "stdout"}]
    old.write_text(json.dumps(document))
    assert "output[0].text" in command("report", old, "--format", "html").err


WSGI = """
from toctou import App


def serve(environ, start_response):
    print("logged by the application", file=environ["wsgi.errors"])
    write(read() + 1)
    start_response("200 OK", [])
    return [b""]


class Served(App):
    app = staticmethod(serve)
    document = "openapi.json"
    tables = OfNotes.tables
    items = OfNotes.items
    principals = ("alice",)
"""


def test_log_of_an_application(folder: Path, command: Command) -> None:
    operation = {"operationId": "increment", "responses": {"200": {"description": "done"}}}
    document = {"openapi": "3.1.0", "info": {"title": "Notes", "version": "1"}, "paths": {"/": {"post": operation}}}
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "prints.py").write_text(HEAD + WSGI)
    assert command("scan", "--model", "prints.py:Served").status == 1
    report = next(one for one in reports(folder) if one.name != "scan.json")
    output = json.loads(report.read_text())["output"]
    for letter in "AB":
        assert texts(output, letter) == [(None, "stderr", "logged by the application\n")]
