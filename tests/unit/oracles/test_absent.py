"""A request that fails for want of what the model has not made is a doubt, unless another request makes it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.errors import NotSetUp
from toctou.history.operation import ErrorResponse
from toctou.oracles.absent import absent, making
from toctou.oracles.no_exception import NoException


def failed(code, action, parameters, events="A.get(x) A=", raised=None):
    execution = parse(f"item x n=1\n{events}raises(ClientError: 'gone')")
    operation = next(one for one in execution.operations if one.request == 0)
    operation.action, operation.parameters = action, parameters
    operation.error = ErrorResponse(code, "gone")
    message = f"An error occurred ({raised or code}) when calling the operation: gone"
    first, *rest = execution.responses
    assert first.exception is not None
    answers = (replace(first, exception=replace(first.exception, message=message)), *rest)
    return replace(execution, responses=answers)


SECRET = ("ResourceNotFoundException", "secretsmanager.GetSecretValue", {"SecretId": "key"})


def test_a_table_that_the_model_does_not_have_is_named():
    key = {"order_id": {"S": "o1"}}
    with pytest.raises(NotSetUp) as missed:
        list(NoException().judge(failed("ResourceNotFoundException", "GetItem", {"TableName": "Orders", "Key": key})))
    assert "the GetItem is of the table Orders, which the model does not declare" in missed.value.observed
    assert missed.value.remedy.startswith('add Table("Orders", "order_id") to `tables`')
    assert missed.value.expected.endswith(": Items")


def test_what_a_service_misses_is_named_with_its_answer():
    with pytest.raises(
        NotSetUp, match="GetSecretValue of 'secretsmanager' was answered ResourceNotFoundException: gone"
    ):
        list(NoException().judge(failed(*SECRET)))


@pytest.mark.parametrize(
    "execution",
    [
        failed("ResourceNotFoundException", "GetItem", {"TableName": "Items"}),
        failed("ConditionalCheckFailedException", "PutItem", {"TableName": "Orders"}),
        failed("InvalidParameterValue", "sqs.SendMessage", {"QueueUrl": "q"}),
        failed(*SECRET, raised="AccessDenied"),
        failed(*SECRET, events="B.set(x.n=2) A.get(x) A="),
        failed(*SECRET, events="A.get(x) B.set(x.n=2) A="),
    ],
    ids=["declared", "another error", "a wrong call", "raised for another reason", "deleted before", "made later"],
)
def test_other_failures_are_the_handler_s(execution):
    assert len(list(NoException().judge(execution))) == 1


@pytest.mark.parametrize(
    ("action", "parameters", "region", "line"),
    [
        (
            "secretsmanager.GetSecretValue",
            {"SecretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/key-AbCdEf"},
            "",
            'boto3.client("secretsmanager").create_secret(Name="app/key", SecretString="…")',
        ),
        (
            "ssm.GetParameter",
            {"Name": "/limit"},
            "eu-west-1",
            'boto3.client("ssm", region_name="eu-west-1").put_parameter(Name="/limit", Value="…", Type="String")',
        ),
        (
            "s3.HeadObject",
            {"Bucket": "b", "Key": "k"},
            "",
            'boto3.client("s3").put_object(Bucket="b", Key="k", Body=b"…")',
        ),
        ("cognito-idp.AdminGetUser", {"UserPoolId": "p", "Username": "u"}, "", ""),
    ],
)
def test_the_line_that_makes_it(action, parameters, region, line, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert making(action, parameters, region) == line


def test_what_nothing_is_known_of_is_made_in_setup_or_answered():
    missed = absent(failed("UserNotFoundException", "cognito-idp.AdminGetUser", {"Username": "u"}), 0)
    assert missed is not None
    assert "make it in the model's `setup`" in missed.remedy
    assert 'answers = {"cognito-idp.AdminGetUser": {...}}' in missed.remedy
