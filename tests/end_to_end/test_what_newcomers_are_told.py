"""The command on models whose requests do not do what their author thought: what the terminal says, once, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from written_models import Ended

Command = Callable[..., Ended]

NOTES = """
import boto3

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")
"""

DEPENDENCY = (
    NOTES
    + """
from fastapi import Depends, FastAPI
from toctou import Model, Table, route

app = FastAPI()

def current():
    return {}["user"]

@app.post("/notes")
def add(user=Depends(current)): ...

@app.delete("/notes")
async def remove(user=Depends(current)): ...

class Notes(Model):
    tables = [Table("Notes", "id")]
    app = app
    add = route("POST /notes")
    remove = route("DELETE /notes")
"""
)

READS_THEN_FAILS = (
    NOTES
    + """
from toctou import Model, Table, handler

class Notes(Model):
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n1"}]}

    @handler()
    def show(self, principal):
        return 200, table.get_item(Key={"id": "n1"})["Item"]["txt"]

    @handler()
    def add(self, principal):
        table.put_item(Item={"id": "n1", "text": principal})
"""
)


def run_of(folder: Path) -> dict:
    return json.loads((folder / "reports/latest/run.json").read_text())


def test_a_bug_in_what_endpoints_share_is_told_once_and_names_them(folder: Path, command: Command):
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    (folder / "dependency.py").write_text(DEPENDENCY)
    ended = command("check", "dependency.py")
    assert ended.status == 1, ended
    (finding,) = run_of(folder)["findings"]
    assert finding["handlers"] == ["add", "remove"]
    assert finding["anomalies"] == ["fails_alone"]
    assert "add and remove: fail alone, for one cause" in ended.out
    assert ended.out.count("KeyError: 'user'") == 1, "not as what the handlers have answered as well"


def test_a_request_that_fails_alone_is_no_other_finding_after_what_another_one_wrote(folder: Path, command: Command):
    (folder / "fails.py").write_text(READS_THEN_FAILS)
    ended = command("check", "fails.py")
    (finding,) = run_of(folder)["findings"]
    assert finding["anomalies"] == ["fails_alone"], ended.out
    assert len(finding["scenarios"]) > 1


def test_a_request_that_fails_only_after_what_another_one_wrote_is_a_race(folder: Path, command: Command):
    (folder / "raced.py").write_text(
        READS_THEN_FAILS.replace('["txt"]', '["text"]')
        .replace('"id": "n1"}]', '"id": "n1", "text": ""}]')
        .replace('table.put_item(Item={"id": "n1", "text": principal})', 'table.delete_item(Key={"id": "n1"})')
    )
    command("check", "raced.py")
    (finding,) = run_of(folder)["findings"]
    assert finding["anomalies"] == ["unhandled_exception"]
