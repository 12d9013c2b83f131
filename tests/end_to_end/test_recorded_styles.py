"""``pytest --toctou`` on the styles in which teams write tests and services, and ``toctou init`` on the same."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
from recorded_projects import CONFTEST, HANDLERS, TITLE, Project, project

__all__ = ["project"]

pytestmark = pytest.mark.starts_moto

UNITTEST = """
import json
import os
import unittest
from unittest import mock

import boto3
from moto import mock_aws


@mock_aws
class DocsTest(unittest.TestCase):
    def setUp(self):
        boto3.client("dynamodb", region_name="eu-central-1").create_table(
            TableName="docs",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def call(self, method, identifier, caller, body=None):
        import handlers

        event = {
            "httpMethod": method, "path": f"/docs/{identifier}", "pathParameters": {"id": identifier},
            "body": body, "requestContext": {"authorizer": {"claims": {"sub": caller}}},
        }
        return handlers.lambda_handler(event, None)["statusCode"]

    def test_delete(self):
        self.call("PUT", "d1", "ann")
        self.assertEqual(self.call("DELETE", "d1", "bea"), 403)
        self.assertEqual(self.call("DELETE", "d1", "ann"), 204)

    @mock.patch.dict(os.environ, {"STAGE": "test"})
    def test_give_away(self):
        self.call("PUT", "d2", "ann")
        self.assertEqual(self.call("POST", "d2", "ann", json.dumps({"to": "bea"})), 200)
"""


def test_unittest_suites_are_recorded(project):
    project.write(test_docs=UNITTEST, conftest=CONFTEST.partition("import boto3")[0])
    ended = project.run("--toctou")
    assert TITLE in ended.stdout, ended.stdout


REPOSITORY = """
import boto3
from boto3.dynamodb.conditions import Attr


class NotYours(Exception):
    pass


class Docs:
    def __init__(self, table):
        self.table = table

    def add(self, identifier, user_id):
        self.table.put_item(Item={"id": identifier, "owner": user_id, "likes": 0})

    def like(self, identifier):
        item = self.table.get_item(Key={"id": identifier})["Item"]
        self.table.update_item(
            Key={"id": identifier}, UpdateExpression="SET likes = :n", ExpressionAttributeValues={":n": item["likes"] + 1}
        )

    def delete(self, identifier, user_id):
        item = self.table.get_item(Key={"id": identifier})["Item"]
        if item["owner"] != user_id:
            raise NotYours(identifier)
        self.table.delete_item(Key={"id": identifier})

    def give(self, identifier, user_id, to):
        self.table.update_item(
            Key={"id": identifier},
            UpdateExpression="SET #o = :to",
            ConditionExpression=Attr("owner").eq(user_id),
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":to": to},
        )
"""
TESTS_OF_REPOSITORY = """
import pytest

from repository import Docs, NotYours


@pytest.fixture
def repository(docs):
    return Docs(docs)


def test_like(repository):
    repository.add("d1", "ann")
    repository.like("d1")


@pytest.mark.parametrize("identifier", ["d1", "d2"])
def test_delete(repository, identifier):
    repository.add(identifier, "ann")
    with pytest.raises(NotYours):
        repository.delete(identifier, "bea")
    repository.delete(identifier, "ann")


class TestGive:
    def test_give(self, repository):
        repository.add("d7", "ann")
        repository.give("d7", "ann", "bea")
"""


def test_functions_that_are_named_are_recorded(project):
    project.write(repository=REPOSITORY, test_docs=TESTS_OF_REPOSITORY)
    ended = project.run("--toctou", "--toctou-entry", "repository:*", "-s")
    # A like that is lost, and one of a document that was deleted meanwhile, are one window, which one condition closes.
    assert "Docs.like × Docs.delete: deleted item created again" in ended.stdout
    assert "Docs.delete × Docs.give: owner check bypassed" in ended.stdout
    assert "They are made by ann, bea (user_id)." in ended.stdout


def test_an_entry_that_is_not_there_is_told(project):
    ended = project.run("--toctou", "--toctou-entry", "repository:missing")
    assert "'repository:missing': no module that was imported has it" in ended.stdout


def test_tests_that_call_nothing_are_told_what_to_name(project):
    project.write(test_docs="def test_it():\n    pass\n")
    ended = project.run("--toctou")
    assert ended.returncode == 0
    assert "no request of a test was recorded" in ended.stdout
    assert "--toctou-entry" in ended.stdout


@pytest.mark.parametrize("value", ["-1", "soon"])
def test_a_budget_that_is_none_is_refused(project, value):
    assert project.run("--toctou", f"--toctou-seconds={value}").returncode == 4


def test_other_services_are_as_they_were(project):
    project.write(
        handlers=HANDLERS.replace(
            "        table.delete_item(Key=key)\n",
            """        boto3.client("s3", region_name="us-east-1").get_object(Bucket="attic", Key="rules.txt")
        table.delete_item(Key=key)
        boto3.client("sqs", region_name="eu-central-1").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=key["id"])
""",
        ),
        conftest=CONFTEST
        + """

@pytest.fixture(autouse=True)
def services(docs, monkeypatch):
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="attic")
    s3.put_object(Bucket="attic", Key="rules.txt", Body=b"none")
    url = boto3.client("sqs", region_name="eu-central-1").create_queue(QueueName="gone")["QueueUrl"]
    monkeypatch.setenv("QUEUE", url)
""",
    )
    ended = project.run("--toctou")
    assert TITLE in ended.stdout, ended.stdout


def init(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    command = [sys.executable, "-m", "toctou.cli", "init", *arguments]
    return subprocess.run(command, cwd=project.folder, env=own, capture_output=True, text=True, check=False)


def test_a_model_is_drafted_from_the_tests_and_shows_the_race(project):
    ended = init(project, "test_docs.py")
    assert ended.returncode == 1, ended.stderr
    model = (project.folder / "toctou_model.py").read_text()
    for line in (
        'tables = [Table("docs", "id")]',
        'owner = "owner"',
        "function = handlers.lambda_handler",
        'principals = ["ann", "bea"]',
        'route("DELETE /docs/{id}"',
        """body={"to": "bea"}""",
    ):
        assert line in model
    assert "owner check bypassed" in ended.stdout
    again = init(project, "test_docs.py")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (project.folder / "toctou_model.py").read_text() == model


def test_tests_from_which_nothing_can_be_drafted_are_told(project):
    project.write(test_docs="def test_it():\n    pass\n")
    ended = init(project, "test_docs.py")
    assert ended.returncode == 2
    assert "make no request that calls DynamoDB" in ended.stderr
    project.write(test_docs="import absent\n")
    assert "make no request" in init(project, "test_docs.py").stderr


def test_a_level_that_is_none_is_refused_in_the_settings_too(project):
    ended = project.run("--toctou", "-o", "toctou_fail_on=severe")
    assert ended.returncode == 4
    assert "toctou_fail_on is 'severe'; expected one of any, low, medium, high, critical" in ended.stderr


def test_nothing_is_sent_to_aws(project):
    project.write(
        conftest=CONFTEST.partition("import boto3")[0],
        test_docs="""
from botocore.stub import Stubber
from handlers import lambda_handler, table


def test_it(monkeypatch):
    import botocore.httpsession

    sent = []
    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", lambda self, request: sent.append(request.url))
    with Stubber(table.meta.client) as stubber:
        stubber.add_response("get_item", {})
        event = {
            "httpMethod": "DELETE", "path": "/docs/d1", "pathParameters": {"id": "d1"},
            "requestContext": {"authorizer": {"claims": {"sub": "ann"}}},
        }
        assert lambda_handler(event, None)["statusCode"] == 403
    assert sent == []
""",
    )
    ended = project.run("--toctou")
    assert "1 passed" in ended.stdout, ended.stdout


def test_tests_of_one_name_in_two_classes_are_told_apart(project):
    project.write(
        test_docs="""
import json


class TestDelete:
    def test_ok(self, call):
        call("PUT", "doc-of-the-first-test", "ann")
        assert call("DELETE", "doc-of-the-first-test", "bea") == 403
        assert call("DELETE", "doc-of-the-first-test", "ann") == 204


class TestGiveAway:
    def test_ok(self, call):
        call("PUT", "another-doc", "ann")
        assert call("POST", "another-doc", "ann", json.dumps({"to": "bea"})) == 200
"""
    )
    project.run("--toctou")
    command = next(one["replay"] for one in project.run_document["findings"] if one["anomaly"] == "toctou")
    assert "TestDelete::test_ok" in command
    assert "TestGiveAway::test_ok" in command
    assert TITLE in project.run(*shlex.split(command)[1:]).stdout


TWO_NAMES = HANDLERS.replace('"likes": 0}', '"likes": 0, "assignee": caller}')


def test_an_owner_that_two_attributes_may_say_is_the_one_called_so(project):
    project.write(handlers=TWO_NAMES)
    assert "Items belong to whom their 'owner' names" in project.run("--toctou", "--toctou-seconds=0").stdout
    project.write(handlers=TWO_NAMES.replace("owner", "author"))
    assert "both may say it" in project.run("--toctou", "--toctou-seconds=0").stdout


def test_calls_outside_of_requests_are_told(project):
    project.write(
        test_docs="""
def test_it(docs):
    import handlers

    handlers.owned({"pathParameters": {"id": "d1"}, "requestContext": {}})
"""
    )
    assert "in owned (1)" in project.run("--toctou").stdout


def test_other_values_of_the_same_handler_meet(project):
    project.write(
        repository=REPOSITORY
        + """
    def label(self, identifier, label):
        item = self.table.get_item(Key={"id": identifier})["Item"]
        labels = item.get("labels", set())
        labels.add(label)
        self.table.put_item(Item={**item, "labels": labels})
""",
        test_docs="""
import pytest

from repository import Docs


@pytest.mark.parametrize("label", ["blue", "green"])
def test_label(docs, label):
    repository = Docs(docs)
    repository.add("d1", "ann")
    repository.label("d1", label)
""",
    )
    ended = project.run("--toctou", "--toctou-entry=repository:Docs")
    assert "Docs.label ×2: lost update" in ended.stdout, ended.stdout


APPSYNC = """
import boto3

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("docs")


class Sold(Exception):
    pass


def handler(event, context):
    try:
        table.update_item(
            Key={"id": event["arguments"]["id"]},
            UpdateExpression="SET buyer = :b",
            ConditionExpression="attribute_not_exists(buyer)",
            ExpressionAttributeValues={":b": event["identity"]["sub"]},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException as error:
        raise Sold from error
    return {"id": event["arguments"]["id"]}
"""


def test_what_tests_see_a_function_raise_is_its_way_to_refuse(project):
    project.write(
        handlers=APPSYNC,
        test_docs="""
import pytest


def test_buy(docs):
    import handlers

    def buy(caller):
        return handlers.handler({"arguments": {"id": "d1"}, "identity": {"sub": caller}}, None)

    docs.put_item(Item={"id": "d1"})
    assert buy("ann") == {"id": "d1"}
    with pytest.raises(handlers.Sold):
        buy("bea")
""",
    )
    ended = project.run("--toctou")
    assert "VIOLATED" not in ended.stdout, ended.stdout
    assert "VERIFIED" in ended.stdout


INTERRUPTING = """

import signal
import sys
import threading
import time


def interrupt():
    while "Interleaving" not in vars(sys.modules.get("toctou.recording.interleaving", object)):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)


threading.Thread(target=interrupt, daemon=True).start()
"""


def test_an_interrupt_ends_interleaving_and_nothing_else(project):
    project.write(repository=REPOSITORY, test_docs=TESTS_OF_REPOSITORY, conftest=CONFTEST + INTERRUPTING)
    ended = project.run("--toctou", "--toctou-entry", "repository:*")
    assert "4 passed" in ended.stdout, ended.stdout
    assert "Windows: requests that read" in ended.stdout
    assert "lost update" not in ended.stdout
    assert ended.returncode == 0


def test_who_acts_for_nobody_breaks_no_rule_of_ownership(project):
    project.write(repository=REPOSITORY, test_docs=TESTS_OF_REPOSITORY)
    project.run("--toctou", "--toctou-entry", "repository:*")
    judged = {(one["handler"], one["anomaly"]) for one in project.run_document["findings"]}
    assert ("Docs.delete", "toctou") in judged
    assert ("Docs.like", "missing_check") not in judged


SEVERAL = """
import json

import boto3


def notes():
    return boto3.resource("dynamodb", region_name="eu-central-1").Table("docs")


def owned(event):
    item = notes().get_item(Key={"id": event["pathParameters"]["id"]}).get("Item")
    return item is not None and item["owner"] == event["requestContext"]["authorizer"]["claims"]["sub"]
"""
DELETE = """
import common


def handler(event, context):
    if not common.owned(event):
        return {"statusCode": 403}
    common.notes().delete_item(Key={"id": event["pathParameters"]["id"]})
    return {"statusCode": 204}
"""
GIVE = """
import json

import common


def handler(event, context):
    if not common.owned(event):
        return {"statusCode": 403}
    common.notes().update_item(
        Key={"id": event["pathParameters"]["id"]}, UpdateExpression="SET #o = :to",
        ExpressionAttributeNames={"#o": "owner"}, ExpressionAttributeValues={":to": json.loads(event["body"])["to"]},
    )
    return {"statusCode": 200}
"""
TESTS_OF_SEVERAL = """
import json

import delete_doc
import give_doc


def event(method, resource, caller, body=None):
    return {
        "httpMethod": method, "path": resource.replace("{id}", "d1"), "resource": resource, "pathParameters": {"id": "d1"},
        "body": json.dumps(body), "requestContext": {"authorizer": {"claims": {"sub": caller}}},
    }


def test_delete(docs):
    docs.put_item(Item={"id": "d1", "owner": "ann"})
    assert delete_doc.handler(event("DELETE", "/docs/{id}", "bea"), None)["statusCode"] == 403
    assert delete_doc.handler(event("DELETE", "/docs/{id}", "ann"), None)["statusCode"] == 204


def test_give(docs):
    docs.put_item(Item={"id": "d1", "owner": "ann"})
    assert give_doc.handler(event("POST", "/docs/{id}/owner", "ann", {"to": "bea"}), None)["statusCode"] == 200
"""


def test_functions_of_their_own_for_each_route_are_drafted_as_such(project):
    project.write(common=SEVERAL, delete_doc=DELETE, give_doc=GIVE, test_docs=TESTS_OF_SEVERAL)
    ended = init(project, "test_docs.py")
    assert ended.returncode == 1, ended.stderr
    model = (project.folder / "toctou_model.py").read_text()
    assert "function=delete_doc.handler" in model
    assert "function=give_doc.handler" in model
    assert "owner check bypassed" in ended.stdout


ORDERS = """
import boto3


def docs():
    return boto3.resource("dynamodb", region_name="eu-central-1").Table("docs")


def delete(user_id, identifier):
    item = docs().get_item(Key={"id": identifier})["Item"]
    if item["owner"] != user_id:
        return 403
    docs().delete_item(Key={"id": identifier})
    return 204


def give(user_id, identifier, to):
    docs().update_item(
        Key={"id": identifier}, UpdateExpression="SET #o = :to", ConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"}, ExpressionAttributeValues={":to": to, ":o": user_id},
    )
    return 200
"""
TESTS_OF_ORDERS = """
from orders import delete, give


def test_delete(docs):
    docs.put_item(Item={"id": "d1", "owner": "ann"})
    delete("ann", "d1")


def test_give(docs):
    docs.put_item(Item={"id": "d1", "owner": "ann"})
    give("ann", "d1", "bea")
"""


def test_functions_become_handlers(project):
    project.write(orders=ORDERS, test_docs=TESTS_OF_ORDERS)
    (project.folder / "pytest.ini").write_text("[pytest]\ntoctou_entry = orders:*\ntoctou_owner = owner\n")
    ended = init(project, "test_docs.py")
    model = (project.folder / "toctou_model.py").read_text()
    assert 'handler(orders.give, identifier=["d1"], to=["bea"])' in model
    assert "owner check bypassed" in ended.stdout
