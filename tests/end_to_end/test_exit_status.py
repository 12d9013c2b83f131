"""What a script can rely on: exit status, one JSON document, expected verdicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from written_models import FIXED, NEVER_WRITES, RACY

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"fixed": FIXED}, 0),
        ({"racy": RACY}, 1),
        ({"never": NEVER_WRITES}, 3),
        ({"fixed": FIXED, "racy": RACY}, 1),
        ({"fixed": FIXED, "never": NEVER_WRITES}, 3),
        ({"racy": RACY, "never": NEVER_WRITES}, 1),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_the_worst_verdict_decides(folder, command, files, status):
    write(folder, **files)
    ended = command("check", folder)
    assert ended.status == status
    assert ended.err == ""


@pytest.mark.parametrize(("options", "status"), [((), 1), (("--requests", "1"), 0), (("--max-schedules", "1"), 3)])
def test_options_reach_the_exploration(folder, command, options, status):
    """One request alone is not racy, and the first schedule of two runs them one after the other."""
    write(folder, racy=RACY)
    assert command("check", "racy.py", *options).status == status


@pytest.mark.parametrize("target", [".", "racy.py", "racy.py:Racy", "racy:Racy"])
def test_a_target_may_be_a_folder_a_file_or_a_model(folder, command, target):
    write(folder, racy=RACY)
    assert command("check", target).status == 1


def test_random_schedules_find_the_race_but_never_verify(folder, command):
    write(folder, racy=RACY, fixed=FIXED)
    assert command("check", "racy.py", "--strategy", "random", "--seed", "7").status == 1
    assert command("check", "fixed.py", "--strategy", "random", "--max-schedules", "5").status == 3


def test_json_is_one_document_and_nothing_else(folder, command):
    write(folder, racy=RACY, fixed=FIXED)
    ended = command("check", ".", "--format", "json")
    document = json.loads(ended.out)
    schema = json.loads((ROOT / "reports" / "run.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert [model["verdict"] for model in document["models"]] == ["VERIFIED", "VIOLATED"]
    assert ended.status == 1
    (found,) = [violation for one in document["models"][1]["scenarios"] for violation in one["violations"]]
    assert found["schedule"].startswith("t1:")
    assert found["explanation"]


def test_json_in_a_process_of_its_own(folder):
    """Progress must not mix with the document, whatever the process is connected to."""
    write(folder, racy=RACY)
    arguments = [sys.executable, "-m", "toctou.cli", "check", "racy.py", "--format", "json"]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["models"]


def test_reports_are_written_where_they_should_be(folder, command):
    write(folder, racy=RACY)
    command("check", "racy.py", "--report", "out/here")
    assert {"run.json", "index.html", "racy.Racy-1.json"} <= {one.name for one in (folder / "out/here").iterdir()}
    assert not (folder / "reports").exists()


def test_a_second_run_replaces_the_reports_of_the_first(folder, command):
    write(folder, racy=RACY)
    command("check", "racy.py")
    assert (folder / "reports/latest/racy.Racy-1.json").exists()
    write(folder, fixed=FIXED)
    assert command("check", "fixed.py").status == 0
    assert not (folder / "reports/latest/racy.Racy-1.json").exists()


def test_replay_shows_the_violation_again(folder, command):
    write(folder, racy=RACY)
    command("check", "racy.py")
    again = command("replay", "reports/latest/racy.Racy-1.json")
    assert again.status == 1
    assert "overwrote" in again.out


@pytest.mark.parametrize("backend", ["embedded", "moto"])
def test_replay_on_a_chosen_backend(folder, command, backend):
    write(folder, racy=RACY)
    command("check", "racy.py")
    assert command("replay", "reports/latest/racy.Racy-1.json", "--backend", backend).status == 1


def test_replay_of_a_handler_that_draws_random_numbers(folder, command):
    text = RACY.replace("return 204", "return 200, random.random()").replace(
        "import boto3", "import random\n\nimport boto3"
    )
    write(folder, racy=text)
    assert command("check", "racy.py").status == 1
    again = command("replay", "reports/latest/racy.Racy-1.json")
    assert (again.status, again.err) == (1, "")


def test_a_fault_of_our_own_is_not_taken_for_a_violation(folder, command, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    write(folder, fixed=FIXED)
    monkeypatch.setattr("toctou.cli.check.write_run", broken)
    ended = command("check", "fixed.py")
    assert ended.status == 70
    assert "KeyError: 'a bug'" in ended.err
    assert "a fault of toctou itself" in ended.err


class TestExpected:
    @pytest.fixture(autouse=True)
    def models(self, folder):
        write(folder, racy=RACY, fixed=FIXED)

    def check(self, folder, command, **expected):
        names = {"racy": "racy.py:Racy", "fixed": "fixed.py:Fixed"}
        (folder / "expected.json").write_text(
            json.dumps({names.get(name, name): value for name, value in expected.items()})
        )
        return command("check", "racy.py", "fixed.py", "--expect", "expected.json")

    def test_as_expected(self, folder, command):
        ended = self.check(folder, command, racy="VIOLATED", fixed="VERIFIED")
        assert ended.status == 0
        assert "all 2 verdicts are as expected" in ended.err

    def test_another_verdict(self, folder, command):
        ended = self.check(folder, command, racy="VERIFIED", fixed="VERIFIED")
        assert ended.status == 1
        assert "racy.py:Racy: expected VERIFIED, found VIOLATED" in ended.err

    def test_a_model_that_is_not_listed(self, folder, command):
        ended = self.check(folder, command, racy="VIOLATED")
        assert ended.status == 1
        assert "fixed.py:Fixed: expected nothing, found VERIFIED" in ended.err

    def test_a_model_that_is_not_there(self, folder, command):
        ended = self.check(folder, command, racy="VIOLATED", fixed="VERIFIED", gone="VERIFIED")
        assert ended.status == 1
        assert "gone: expected VERIFIED, found no such model" in ended.err


AWKWARD = r"""
import boto3
from toctou import Model, Table, handler

client = boto3.client("dynamodb", region_name="us-east-1")
KEY = {"note_id": {"S": "</p>"}}


class Awkward(Model):
    tables = [Table("Notes", "note_id")]
    items = {"Notes": [{"note_id": "</p>", "$count": 1, "\u202e": b"\xff"}]}
    principals = ["ali\ud800ce"]

    @handler(body=[{"a": [1, {2}]}])
    def increment(self, principal, body):
        note = client.get_item(TableName="Notes", Key=KEY)["Item"]
        client.put_item(TableName="Notes", Item={**note, "$count": {"N": str(int(note["$count"]["N"]) + 1)}})
        return 200, {"cut": "\ud800", 1: {2}}

    @handler(body=[{"a": [1]}, {"a": {"b": 2}}])
    def cut(self, principal, body):
        client.put_item(TableName="Notes", Item={**KEY, "text": {"S": "\ud800"}})
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_values_that_cannot_be_counted_printed_or_encoded_cost_nothing(folder, encoding):
    """Arguments that cannot be hashed, names with ``$``, half a pair of surrogates, and an output that knows ASCII only."""
    (folder / "awkward.py").write_text(AWKWARD)
    command = [sys.executable, "-m", "toctou.cli", "check", "awkward.py", "--report", "reports"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = subprocess.run(command, capture_output=True, cwd=folder, env=environment, check=False)
    assert ended.returncode == 1, ended.stderr.decode()
    assert rb"ali\ud800ce: increment(body={'a': [1, {2}]})" in ended.stdout
    run = json.loads((folder / "reports" / "run.json").read_text(encoding="utf-8"))
    assert run["faults"] == []
    assert (run["models"][0]["verdict"], run["models"][0]["stop_reason"]) == ("VIOLATED", "unsupported_action")
    assert "half of a pair of surrogates" in run["models"][0]["detail"]
