"""A call that escapes interception is outside of control: library and line of the handler are named, and it is no violation."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import botocore.client
import botocore.session
import pytest
import requests
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

import toctou
from toctou import Model, StopReason, Table, Verdict, handler

URL = "http://dynamodb.us-east-1.amazonaws.com"
ITEM = {"note_id": {"S": "n1"}, "text": {"S": "new"}}


@pytest.fixture(autouse=True)
def without_credentials(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def model_of(function: Callable[[str], Any]) -> type[Model]:
    return type(
        "Notes",
        (Model,),
        {
            "tables": [Table("Notes", "note_id")],
            "items": {"Notes": [{"note_id": "n1"}]},
            "principals": ["alice"],
            function.__name__: handler(function),
        },
    )


def by_requests(principal):
    return requests.post(URL, timeout=1).status_code


def by_urllib3(principal):
    return urllib3.request("POST", URL).status


def by_urllib(principal):
    return urllib.request.urlopen(URL).status


def by_http_client(principal):
    connection = http.client.HTTPConnection("127.0.0.1", 9)
    connection.request("GET", "/")


def by_hand(principal):
    request = AWSRequest("POST", URL, data="{}")
    SigV4Auth(boto3.Session().get_credentials(), "dynamodb", "us-east-1").add_auth(request)
    return requests.post(URL, data="{}", headers=dict(request.headers), timeout=1).status_code


def by_requests_and_swallowed(principal):
    try:
        requests.post(URL, timeout=1)
    except BaseException:
        return 503


class Escaping(botocore.client.BaseClient):
    """A client that sends by itself what others leave to be intercepted."""

    def _make_api_call(self, operation_name, api_params):
        model = self.meta.service_model.operation_model(operation_name)
        request = self._convert_to_request_dict(api_params, model, endpoint_url=URL)
        return self._make_request(model, request, {})[1]


def by_a_subclass(principal):
    client = boto3.client("dynamodb")
    client.__class__ = type("DynamoDB", (Escaping, type(client)), {})
    client.put_item(TableName="Notes", Item=ITEM)


def by_another_service(principal):
    boto3.client("sqs").send_message(QueueUrl=URL, MessageBody="new")


async def by_httpx(principal):
    httpx = pytest.importorskip("httpx", reason="no httpx: `pip install httpx`")
    async with httpx.AsyncClient() as client:
        await client.post(URL)


async def by_aiohttp(principal):
    aiohttp = pytest.importorskip("aiohttp", reason="no aiohttp: `pip install aiohttp`")
    async with aiohttp.ClientSession() as client, client.post(URL) as response:
        return response.status


async def by_aiobotocore(principal):
    session = pytest.importorskip("aiobotocore.session", reason="no aiobotocore: `pip install aiobotocore`")
    async with session.get_session().create_client("sqs") as client:
        await client.send_message(QueueUrl="https://queue.example", MessageBody="n1")


async def by_aiobotocore_and_swallowed(principal):
    try:
        await by_aiobotocore(principal)
    except Exception:
        return 503


@pytest.mark.parametrize(
    ("function", "library", "line"),
    [
        (by_requests, "through requests", "requests.post(URL"),
        (by_requests_and_swallowed, "through requests", "requests.post(URL"),
        (by_urllib3, "through urllib3", "urllib3.request("),
        (by_urllib, "through urllib.request", "urllib.request.urlopen("),
        (by_http_client, "through http.client", "connection.request("),
        (by_hand, "through requests", "requests.post(URL"),
        (by_a_subclass, f"through {__name__}.Escaping._make_api_call", "client.put_item("),
        (by_another_service, "SendMessage of the AWS service 'sqs'", 'boto3.client("sqs").send_message('),
        (by_httpx, "through httpx", "await client.post(URL)"),
        (by_aiohttp, "through aiohttp", "client.post(URL) as response"),
        (by_aiobotocore, "SendMessage of the AWS service 'sqs'", "await client.send_message("),
        (by_aiobotocore_and_swallowed, "SendMessage of the AWS service 'sqs'", "await client.send_message("),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_is_outside_of_control_and_named(function, library, line):
    for name in ("httpx", "aiohttp", "aiobotocore"):
        if name in function.__name__:
            pytest.importorskip(name, reason=f"no {name}: `pip install {name}`")
    result = toctou.check(model_of(function), requests=1)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert library in result.detail
    assert any("test_escapes.py:" in shown and line in shown for shown in result.detail.splitlines())
    assert "remedy: replace that" in result.detail or "remedy: add to the model:" in result.detail


def test_a_profile_that_is_missing_here_is_no_violation():
    def by_profile(principal):
        boto3.Session(profile_name="production").client("dynamodb").put_item(TableName="Notes", Item=ITEM)

    result = toctou.check(model_of(by_profile), requests=1)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "raised ProfileNotFound: The config profile (production) could not be found, through boto3" in result.detail
    assert 'in by_profile: boto3.Session(profile_name="production")' in result.detail


def test_sessions_endpoints_and_signed_urls_escape_nothing():
    urls = []

    def stays(principal):
        session = botocore.session.Session()
        session.create_client("dynamodb", endpoint_url="http://localhost:8000").put_item(TableName="Notes", Item=ITEM)
        urls.append(boto3.client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"}))
        return 200, urls[-1]

    assert toctou.check(model_of(stays), requests=1).verdict is Verdict.VERIFIED
    assert all("AKIAIOSFODNN7EXAMPLE" in url for url in urls), "signed, and by nobody's credentials"
