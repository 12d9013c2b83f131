"""Other AWS services from the command to the reports: they are named in every format, and findings there replay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = '''
import json
import boto3
from toctou import Model, Table, handler

s3 = boto3.client("s3", region_name="eu-central-1")
sqs = boto3.client("sqs", region_name="eu-central-1")


class Lists(Model):
    """A list that is kept as an object."""

    tables = [Table("Orders", "order_id")]
    services = ["s3", "sqs"]

    def setup(self):
        s3.create_bucket(Bucket="lists", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="lists", Key="all.json", Body=b"[]")

    @handler
    def add(self, principal):
        found = json.load(s3.get_object(Bucket="lists", Key="all.json")["Body"])
        s3.put_object(Bucket="lists", Key="all.json", Body=json.dumps([*found, principal]))
        sqs.send_message(QueueUrl="https://sqs.eu-central-1.amazonaws.com/111122223333/added", MessageBody=principal)
        return 200
'''


def toctou(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toctou.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    (tmp_path / "lists.py").write_text(MODEL)
    run = toctou(tmp_path, "check", "lists.py")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "alice's add overwrote what bob's add had written" in run.stdout
    return tmp_path


def test_reports_and_replay(checked: Path) -> None:
    report = next(checked.glob("reports/latest/lists.Lists-*.json"))
    document = json.loads(report.read_text())
    assert {step["action"] for step in document["steps"]} >= {"s3.GetObject", "s3.PutObject", "sqs.SendMessage"}
    assert document["confirmed_on"] == "moto"
    assert "IfMatch" in document["explanation"]["remedy"]
    page = report.with_suffix(".html").read_text()
    assert "s3.PutObject" in page
    assert "sqs:added[alice]" in page
    again = toctou(checked, "replay", str(report))
    assert again.returncode == 1, again.stderr
    assert "s3:lists[all.json]" in again.stdout
    sarif = toctou(checked, "report", "reports/latest", "--format", "sarif")
    assert "s3.PutObject" in sarif.stdout


def test_the_generated_test_fails_while_the_race_is_there(checked: Path) -> None:
    report = next(checked.glob("reports/latest/lists.Lists-*.json"))
    (checked / "test_lists.py").write_text(toctou(checked, "report", str(report), "--format", "pytest").stdout)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lists.py"]
    assert subprocess.run(command, cwd=checked, capture_output=True, check=False).returncode == 1
    fixed = MODEL.replace("Body=json.dumps([*found, principal]))", "Body=b'[]')")
    (checked / "lists.py").write_text(fixed)
    assert subprocess.run(command, cwd=checked, capture_output=True, check=False).returncode == 0


def test_a_resumed_run_knows_the_calls(checked: Path) -> None:
    for _ in range(2):
        assert toctou(checked, "check", "lists.py", "--resume", "journal").returncode == 1
