"""What a model says of other AWS services is held against their descriptions before anything runs."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import sys
from decimal import Decimal
from unittest.mock import MagicMock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.loaders import JSONFileLoader
from botocore.response import StreamingBody

from toctou import Model, Table, handler
from toctou.client.service_descriptions import service_descriptions_shared, shared_loader
from toctou.declaration.model import check_model
from toctou.errors import ModelError


class Right(Model):
    tables = [Table("Items", "item_id")]

    @handler(item_id=["i1"])
    def read(self, principal, item_id):
        raise AssertionError("nothing runs")


async def later(parameters):
    return {}


WRONG = [
    # actions
    (
        {"answers": {"sqs.SendMesage": {}}},
        "`answers` of the model Wrong has 'sqs.SendMesage'; did you mean 'sqs.SendMessage'?",
    ),
    ({"answers": {"sqs.send_message": {}}}, "'sqs.send_message'; did you mean 'sqs.SendMessage'?"),
    ({"answers": {"sqs:SendMessage": {}}}, "'sqs:SendMessage'; did you mean 'sqs.SendMessage'?"),
    ({"answers": {"SQS.sendMessage": {}}}, "'SQS.sendMessage'; did you mean 'sqs.SendMessage'?"),
    ({"answers": {"sqss.SendMessage": {}}}, "'sqss.SendMessage'; did you mean 'sqs.SendMessage'?"),
    ({"answers": {"eventbridge.PutEvents": {}}}, "'eventbridge.PutEvents'; did you mean 'events.PutEvents'?"),
    ({"answers": {"sqs": {}}}, "`answers` of the model Wrong has 'sqs'; did you mean 'sqs.*'?"),
    ({"answers": {"sqs.": {}}}, "`answers` of the model Wrong has 'sqs.'; did you mean 'sqs.*'?"),
    ({"answers": {"sqs.Frobnicate": {}}}, "has 'sqs.Frobnicate'; for example answers = {"),
    ({"answers": {("sqs", "SendMessage"): {}}}, "has ('sqs', 'SendMessage'); for example answers = {"),
    ({"answers": {"dynamodb.GetItem": {}}}, "has 'dynamodb.GetItem'; leave it out: calls to DynamoDB are performed"),
    ({"answers": [("sqs.SendMessage", {})]}, "`answers` of the model Wrong is [('sqs.SendMessage', {})]; for example"),
    # answers
    (
        {"answers": {"sqs.SendMessage": "1"}},
        "`answers['sqs.SendMessage']` of the model Wrong is '1'; for example answers = {'",
    ),
    ({"answers": {"sqs.SendMessage": None}}, "`answers['sqs.SendMessage']` of the model Wrong is None; for example"),
    (
        {"answers": {"sqs.*": [{}]}},
        "`answers['sqs.*']` of the model Wrong is [{}]; for example answers = {'sqs.*': {}}",
    ),
    ({"answers": {"sqs.SendMessage": ValueError("x")}}, "of the model Wrong is ValueError('x'); for example"),
    (
        {"answers": {"sqs.SendMessage": lambda: {"MessageId": "1"}}},
        "is no function that can answer: too many positional arguments",
    ),
    ({"answers": {"sqs.SendMessage": lambda **given: {}}}, "is no function that can answer: too many positional"),
    (
        {"answers": {"sqs.SendMessage": ClientError}},
        "is no function that can answer: missing a required argument",
    ),
    ({"answers": {"sqs.SendMessage": later}}, "is no function that can answer: it is a coroutine"),
    # members of responses
    (
        {"answers": {"sqs.SendMessage": {"MesageId": "1"}}},
        "`answers['sqs.SendMessage']` of the model Wrong has 'MesageId', which is never returned; did you mean 'MessageId'?",
    ),
    ({"answers": {"sqs.SendMessage": {"MessageId": 1}}}, "has 1 as 'MessageId'; give a text"),
    (
        {"answers": {"sqs.SendMessage": {"Success": True}}},
        "'Success', which is never returned; leave it out: what is returned",
    ),
    ({"answers": {"sqs.DeleteMessage": {"Deleted": "x"}}}, "never returned; leave it out: what is returned is nothing"),
    ({"answers": {"sqs.ReceiveMessage": {"Messages": {"Body": "x"}}}}, "has {'Body': 'x'} as 'Messages'; give a list"),
    (
        {"answers": {"sqs.ReceiveMessage": {"Messages": [{"body": "x"}]}}},
        "has 'Messages[0].body', which is never returned",
    ),
    (
        {"answers": {"sqs.GetQueueAttributes": {"Attributes": {"DelaySeconds": 0}}}},
        "has 0 as 'Attributes.DelaySeconds'; give",
    ),
    ({"answers": {"s3.GetObject": {"ContentLength": True}}}, "has True as 'ContentLength'; give an integer"),
    # services
    ({"services": "sqs"}, "`services` of the model Wrong is 'sqs'; for example services = [\"sqs\"]"),
    ({"services": {"sqs": {}}}, "`services` of the model Wrong is {'sqs': {}}; for example services = ["),
    ({"services": None}, "`services` of the model Wrong is None; for example services = ["),
    ({"services": ["sqss"]}, "`services` of the model Wrong has 'sqss'; did you mean 'sqs'?"),
    ({"services": ["SQS"]}, "`services` of the model Wrong has 'SQS'; did you mean 'sqs'?"),
    ({"services": ["sqs.SendMessage"]}, "has 'sqs.SendMessage'; did you mean 'sqs'?"),
    ({"services": ["secretmanager"]}, "has 'secretmanager'; did you mean 'secretsmanager'?"),
    ({"services": ["eventbridge"]}, "has 'eventbridge'; did you mean 'events'?"),
    ({"services": ["dynamodb"]}, "has 'dynamodb'; leave it out"),
    ({"services": ["xyzzy"]}, "has 'xyzzy'; for example services = ["),
]


def mistakes(members):
    with pytest.raises(ModelError) as refused:
        check_model(type("Wrong", (Right,), {**members, "__module__": __name__}))
    return refused.value


@pytest.mark.parametrize(("members", "line"), WRONG, ids=[one[-1][:40] for one in WRONG])
def test_a_mistake_is_told_in_one_line_with_its_remedy(members, line):
    one = mistakes(members)
    assert line in f"{one.observed}; {one.remedy}"
    assert "\n" not in one.observed + one.remedy


def test_all_of_them_are_told():
    answers = {"sqs.SendMesage": {}, "sns.Publish": {"MessageID": "1", "Sequence": 3}, "cloudwatch.*": 3}
    lines = str(mistakes({"services": ["sqss"], "answers": answers}))
    for said in (
        "has 5 mistakes",
        "'sqss'",
        "'sqs.SendMesage'",
        "'MessageID'",
        "'Sequence'",
        "answers['cloudwatch.*']",
    ):
        assert said in lines


class Raising:
    def __call__(self, parameters):
        raise EndpointConnectionError(endpoint_url="x")


def now(parameters):
    return {}


USED = [
    {"sqs.SendMessage": {}, "cloudwatch.*": {}, "lambda.Invoke": {"StatusCode": 200, "Payload": io.BytesIO(b"{}")}},
    {"sqs.SendMessage": {"MessageId": None, "ResponseMetadata": {"HTTPStatusCode": 200}}},
    {"cloudwatch.*": {"Anything": 3}},
    {"sqs.SendMessage": ClientError({"Error": {"Code": "Throttling"}}, "SendMessage")},
    {"sqs.SendMessage": Raising(), "sns.Publish": now, "s3.*": MagicMock(return_value={})},
    {
        "s3.GetObject": {
            "Body": StreamingBody(io.BytesIO(b"x"), 1),
            "LastModified": dt.datetime(2026, 1, 1),
            "Metadata": {},
        }
    },
    {"iam.GetRolePolicy": {"PolicyDocument": {"Statement": []}}},  # botocore parses it
    {"s3.SelectObjectContent": {"Payload": [{"Records": {"Payload": b"x"}}]}},  # a stream of events
    {"cloudwatch.GetMetricStatistics": {"Datapoints": ({"Sum": 1, "Average": Decimal(2), "Maximum": 1.5},)}},
    {"bedrock-runtime.Converse": {"output": {"message": {"content": [{"toolUse": {"input": {"any": [1]}}}]}}}},
]


@pytest.mark.parametrize("answers", USED, ids=", ".join)
def test_answers_as_boto3_returns_them_are_no_mistakes(answers):
    check_model(type("Answered", (Right,), {"answers": answers, "__module__": __name__}))


def test_a_function_that_an_answer_names_is_no_forgotten_handler():
    check_model(type("Answered", (Right,), {"translated": now, "answers": {"sqs.SendMessage": now}}))


def test_the_handlers_clients_share_what_was_read(monkeypatch):
    read = []
    load = JSONFileLoader.load_file
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda self, path: read.append(path) or load(self, path))
    shared_loader.cache_clear()
    mistakes({"answers": {"translate.Translate": {}}})
    with service_descriptions_shared():
        boto3.session.Session().client("translate", region_name="us-east-1")
    assert len([one for one in read if "/translate/" in one and one.endswith("service-2")]) == 1


def test_a_model_that_says_nothing_of_services_loads_no_description():
    program = """
import sys
from toctou import Model, Table, handler
from toctou.declaration.model import check_model

class Right(Model):
    tables = [Table("Items", "item_id")]
    read = handler(lambda principal: 200)

check_model(Right)
print([one for one in sys.modules if one.startswith(("botocore", "toctou.client.declared"))])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
