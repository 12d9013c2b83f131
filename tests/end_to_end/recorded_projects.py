"""Services of teams with their tests, as files, and what runs them with ``--toctou``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HANDLERS = """
import json
import os

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb", region_name="eu-central-1").Table(os.environ.get("TABLE", "docs"))


def answer(status, body=None):
    return {"statusCode": status, "body": json.dumps(body)}


def owned(event):
    item = table.get_item(Key={"id": event["pathParameters"]["id"]}).get("Item")
    return item, item is not None and item["owner"] == event["requestContext"]["authorizer"]["claims"]["sub"]


def lambda_handler(event, context):
    caller = event["requestContext"]["authorizer"]["claims"]["sub"]
    key = {"id": event["pathParameters"]["id"]}
    if event["httpMethod"] == "PUT":
        item = {**key, "owner": caller, "text": "", "likes": 0}
        try:
            table.put_item(Item=item, ConditionExpression="attribute_not_exists(id)")
        except ClientError:
            return answer(409)
        return answer(201)
    if event["httpMethod"] == "DELETE":
        _, mine = owned(event)
        if not mine:
            return answer(403)
        table.delete_item(Key=key)
        return answer(204)
    try:
        table.update_item(
            Key=key,
            UpdateExpression="SET #o = :to",
            ConditionExpression="#o = :caller",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":to": json.loads(event["body"])["to"], ":caller": caller},
        )
    except ClientError:
        return answer(403)
    return answer(200)
"""
GUARDED = HANDLERS.replace(
    "        table.delete_item(Key=key)\n        return answer(204)\n",
    """        try:
            table.delete_item(
                Key=key,
                ConditionExpression="#o = :caller",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":caller": caller},
            )
        except ClientError:
            return answer(403)
        return answer(204)
""",
)
CONFTEST = """
import os

os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-central-1")

import boto3
import pytest
from moto import mock_aws


@pytest.fixture
def docs():
    with mock_aws():
        boto3.client("dynamodb", region_name="eu-central-1").create_table(
            TableName="docs",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield boto3.resource("dynamodb", region_name="eu-central-1").Table("docs")


@pytest.fixture
def call(docs):
    from handlers import lambda_handler

    def call(method, identifier, caller, body=None):
        event = {
            "httpMethod": method, "path": f"/docs/{identifier}", "pathParameters": {"id": identifier},
            "body": body, "requestContext": {"authorizer": {"claims": {"sub": caller}}},
        }
        return lambda_handler(event, None)["statusCode"]

    return call
"""
TESTS = """
import json


def test_delete(call):
    call("PUT", "doc-of-the-first-test", "ann")
    assert call("DELETE", "doc-of-the-first-test", "bea") == 403
    assert call("DELETE", "doc-of-the-first-test", "ann") == 204


def test_give_away(call):
    call("PUT", "another-doc", "ann")
    assert call("POST", "another-doc", "ann", json.dumps({"to": "bea"})) == 200
    assert call("POST", "another-doc", "ann", json.dumps({"to": "bea"})) == 403
"""
TITLE = "DELETE /docs/{id} × POST /docs/{id}: owner check bypassed"


class Project:
    """A folder with a service and its tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env={**own, **environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    def fix(self, report: Path) -> subprocess.CompletedProcess[str]:
        """`toctou fix` of a report of these tests."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
        return subprocess.run(
            [sys.executable, "-m", "toctou.cli", "fix", str(report)],
            cwd=self.folder, env=own, capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def run_document(self) -> dict[str, object]:
        return json.loads((self.folder / "reports/pytest/recorded/run.json").read_text())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write(handlers=HANDLERS, conftest=CONFTEST, test_docs=TESTS)
    return made
