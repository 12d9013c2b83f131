"""What code under test prints, by whatever means, never gets into the document on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toctou.cli import main

MODEL = """
import atexit
import logging
import os
import sys
import boto3
from toctou import Model, Table, handler

print("printed at import")
os.system("echo from another process")
os.write(1, b"written at import\\n")
atexit.register(print, "printed at exit")
logging.basicConfig(stream=sys.stdout, level="INFO")
notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")


class Loud(Model):
    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{"note_id": "n1", "count": 0}]}
    principals = ("alice",)

    @handler()
    def increment(self, principal):
        print("printed by a handler")
        count = notes.get_item(Key={"note_id": "n1"}, ConsistentRead=True)["Item"]["count"]
        logging.info("logged by a handler")
        os.write(1, b"written by a handler\\n")
        print("to the stream of the process", file=sys.__stdout__)
        notes.put_item(Item={"note_id": "n1", "count": count + 1})
        return 200
"""


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """A folder with a model that writes in every way."""
    (tmp_path / "loud.py").write_text(MODEL)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    return subprocess.run(
        [sys.executable, "-m", "toctou.cli", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("isolation", ["memory", "processes"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_document_is_parseable(loud: Path, jobs: str, isolation: str) -> None:
    ended = command(loud, "check", "loud.py", "--format", "json", "--jobs", jobs, "--isolation", isolation)
    assert json.loads(ended.stdout)["models"][0]["verdict"] == "VIOLATED", ended.stderr
    assert ended.returncode == 1
    for written in ("printed at import", "from another process", "written at import", "printed at exit"):
        assert written in ended.stderr


def test_replay_prints_the_explanation_only(loud: Path) -> None:
    command(loud, "check", "loud.py", "--report", "found")
    (report,) = [one for one in (loud / "found").glob("*.json") if one.name != "run.json"]
    ended = command(loud, "replay", str(report))
    assert ended.returncode == 1
    assert "VIOLATED" in ended.stdout
    shown = [line.strip() for line in ended.stdout.splitlines()]  # the code that prints is shown, what it prints is not
    assert not any(line.startswith(("printed by", "written by")) for line in shown)


def test_reader_that_has_seen_enough(loud: Path) -> None:
    line = f"{sys.executable} -m toctou.cli check loud.py --format json | head -c 1"
    ended = subprocess.run(line, shell=True, cwd=loud, capture_output=True, text=True, check=False)
    assert ended.stdout == "{"
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_closed(loud: Path, closed: str) -> None:
    line = f"{sys.executable} -m toctou.cli check loud.py --format json {closed}"
    ended = subprocess.run(line, shell=True, cwd=loud, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    if ">&-" not in closed.replace("2>&-", ""):
        json.loads(ended.stdout)


def test_stream_of_somebody_else(
    loud: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(loud)
    stream = sys.stdout
    assert main(["check", "loud.py", "--format", "json"]) == 1
    json.loads(capsys.readouterr().out)
    assert sys.stdout is stream


def test_descriptor_is_given_back(
    loud: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(loud)
    assert main(["check", "loud.py", "--format", "json"]) == 1
    json.loads(capfd.readouterr().out)
    os.write(1, b"afterwards")
    assert capfd.readouterr().out == "afterwards"
