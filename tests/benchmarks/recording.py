"""What ``pytest --toctou`` costs a suite before anything is interleaved; as a ratio, which machines share.

    python tests/benchmarks/recording.py [--tests N] [--rounds N]

A suite of tests on moto, each of which makes a table, stores an item and calls a Lambda function four times, is run without the
flag and with ``--toctou --toctou-seconds 0``, in turns; processor time of the whole process, imports included.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = """
import boto3
import pytest
from moto import mock_aws

REGION = "eu-central-1"


def lambda_handler(event, context):
    table = boto3.resource("dynamodb", region_name=REGION).Table("Notes")
    note = table.get_item(Key={"note_id": event["pathParameters"]["note_id"]})["Item"]
    if note["owner"] != event["requestContext"]["authorizer"]["claims"]["sub"]:
        return {"statusCode": 403}
    table.update_item(
        Key={"note_id": note["note_id"]}, UpdateExpression="ADD #r :one",
        ExpressionAttributeNames={"#r": "reads"}, ExpressionAttributeValues={":one": 1},
    )
    return {"statusCode": 200}


@pytest.fixture
def notes():
    with mock_aws():
        table = boto3.resource("dynamodb", region_name=REGION).create_table(
            TableName="Notes",
            KeySchema=[{"AttributeName": "note_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "note_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(Item={"note_id": "n1", "owner": "alice"})
        yield table


@pytest.mark.parametrize("number", range(TESTS))
def test_notes(notes, number):
    for caller, status in (("alice", 200), ("bob", 403), ("alice", 200), ("carol", 403)):
        event = {
            "httpMethod": "POST", "path": "/notes/n1", "pathParameters": {"note_id": "n1"},
            "requestContext": {"authorizer": {"claims": {"sub": caller}}},
        }
        assert lambda_handler(event, None)["statusCode"] == status
"""
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def seconds(folder: str, *options: str) -> float:
    """Processor time of a run of the suite."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=folder, env={**os.environ, **KEYS}, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_suite.py").write_text(SUITE.replace("TESTS", str(arguments.tests)))
        pairs = [
            (seconds(folder), seconds(folder, "--toctou", "--toctou-seconds", "0")) for _ in range(arguments.rounds)
        ]
    plain, recorded = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(recorded / plain for plain, recorded in pairs)
    print(f"{arguments.tests} tests: {plain:.2f} s without, {recorded:.2f} s recorded: {(ratio - 1) * 100:+.0f} %")


if __name__ == "__main__":
    main()
