"""A new action of the engine is one file and one line: added to a copy of the package, it is checked and served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving_process import TABLE, client, serving

import toctou

FILE = '''
"""CreateBackup: counts what a table holds at one instant."""

from toctou.engine.actions.action import Action, Kind
from toctou.history.footprint import ALL, KeyRange


def _perform(database, parameters):
    table = database.table(parameters)
    return {"BackupDetails": {"BackupName": parameters["BackupName"], "BackupSizeBytes": len(table.items)}}


def _footprint(touched, parameters, result, error):
    if error is None:
        touched.ranges.append(KeyRange(parameters["TableName"], None, None, frozenset({ALL})))


ACTION = Action(
    name="CreateBackup",
    kind=Kind.READS,
    perform=_perform,
    footprint=_footprint,
    request="CreateBackupInput: TableName!!=string>=1 BackupName!=string>=3",
)
'''
LINE = '    "create_backup",\n'
BEFORE = '    "create_table",\n'

MODEL = """
import boto3
from toctou import Model, Table, handler

client = boto3.client("dynamodb", region_name="us-east-1")


class Backups(Model):
    tables = [Table("Notes", "note_id"), Table("Others", "other_id")]
    items = {"Notes": [{"note_id": "n1"}]}
    principals = ["alice"]

    @handler(read_only=True)
    def back_up(self, principal):
        made = client.create_backup(TableName="Notes", BackupName="nightly")
        return 200, made["BackupDetails"]["BackupSizeBytes"]

    @handler()
    def write_note(self, principal):
        client.put_item(TableName="Notes", Item={"note_id": {"S": "n2"}})
        return 204

    @handler()
    def write_other(self, principal):
        client.put_item(TableName="Others", Item={"other_id": {"S": "o1"}})
        return 204
"""


@pytest.fixture
def extended(tmp_path, monkeypatch) -> Path:
    """A folder with a copy of the package that has one more action, which subprocesses import."""
    copy = tmp_path / "copy" / "toctou"
    shutil.copytree(Path(toctou.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    actions = copy / "engine" / "actions"
    (actions / "create_backup.py").write_text(FILE)
    registry = (actions / "__init__.py").read_text()
    assert registry.count(BEFORE) == 1
    (actions / "__init__.py").write_text(registry.replace(BEFORE, LINE + BEFORE))
    monkeypatch.setenv("PYTHONPATH", str(copy.parent))
    return tmp_path


def test_a_new_action_is_checked_and_its_footprint_decides_which_orders_matter(extended):
    (extended / "backups.py").write_text(MODEL)
    command = [sys.executable, "-m", "toctou.cli", "check", "backups.py", "--report", "report"]
    ended = subprocess.run(command, cwd=extended, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (model,) = json.loads((extended / "report" / "run.json").read_text())["models"]
    assert model["verdict"] == "VERIFIED"
    counts = {
        tuple(request.partition(": ")[2] for request in one["requests"]): (one["schedules"], one["interleavings"])
        for one in model["scenarios"]
    }
    assert counts["back_up()", "write_note()"] == (2, 2)  # a write to the table that is backed up
    assert counts["back_up()", "write_other()"] == (1, 2)
    assert counts["back_up()", "back_up()"] == (1, 2)


def test_a_new_action_is_served_over_http(extended):
    with serving() as server, client(server.url) as dynamodb:
        dynamodb.create_table(**TABLE)
        dynamodb.put_item(TableName="Items", Item={"id": {"S": "i1"}})
        backup = dynamodb.create_backup(TableName="Items", BackupName="nightly")
        assert backup["BackupDetails"] == {"BackupName": "nightly", "BackupSizeBytes": 1}
        status, refusal = server.call("CreateBackup", TableName="Items")
        assert (status, refusal["message"]) == (
            400,
            "1 validation error detected: Value null at 'backupName' failed to satisfy constraint: Member must not be null",
        )
