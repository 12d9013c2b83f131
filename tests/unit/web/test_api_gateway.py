"""Events of API Gateway, read by those who know them: Powertools' data classes."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest

from toctou.openapi.request import HttpRequest
from toctou.web.api_gateway import EVENTS, Sent, known_of
from toctou.web.callers import authorizer, claims, iam
from toctou.web.lambda_context import TIMEOUT, LambdaContext, invoke

REQUEST = HttpRequest(
    "PUT",
    "/notes/a%20b?tag=x&tag=y&q=",
    {"X-User": "alice", "Cookie": "a=1; b=2", "Content-Type": "application/json"},
    b'{"title": "t"}',
)


def made(kind, request=REQUEST, caller=None):
    return EVENTS[kind](Sent(request, "/notes/{id}", {"id": "a b"}, known_of("alice", caller)))


def classes():
    return pytest.importorskip(
        "aws_lambda_powertools.utilities.data_classes", reason="no Powertools: `pip install aws-lambda-powertools`"
    )


def test_a_rest_api_as_powertools_reads_it():
    event = classes().APIGatewayProxyEvent(made("rest"))
    assert (event.http_method, event.path, event.resource) == ("PUT", "/notes/a%20b", "/notes/{id}")
    assert event.path_parameters == {"id": "a%20b"}
    assert event.query_string_parameters == {"tag": "y", "q": ""}
    assert event.multi_value_query_string_parameters == {"tag": ["x", "y"], "q": [""]}
    assert event.headers["x-user"] == "alice"
    assert event.multi_value_headers["X-User"] == ["alice"]
    assert event.json_body == {"title": "t"}
    context = event.request_context
    assert context.authorizer.claims == {"sub": "alice"}
    assert context.authorizer.principal_id == "alice"
    assert (context.stage, context.path) == ("prod", "/prod/notes/a%20b")
    assert (context.resource_path, context.http_method) == ("/notes/{id}", "PUT")
    assert context.request_id != classes().APIGatewayProxyEvent(made("rest")).request_context.request_id
    assert context.identity.source_ip == "127.0.0.1"
    assert context.request_time_epoch > 1_700_000_000_000


@pytest.mark.parametrize("kind", ["http", "url"])
def test_payload_2_as_powertools_reads_it(kind):
    path = {"http": "/notes/a b", "url": "/notes/a%20b"}[kind]
    event = {"http": classes().APIGatewayProxyEventV2, "url": classes().LambdaFunctionUrlEvent}[kind](made(kind))
    assert (event.version, event.http_method, event.raw_path, event.path) == (
        "2.0",
        "PUT",
        path,
        path,
    )
    assert event.raw_query_string == "tag=x&tag=y&q="
    assert event.query_string_parameters == {"tag": "x,y", "q": ""}
    assert event.cookies == ["a=1", "b=2"]
    assert "cookie" not in event.headers
    assert event.headers["x-user"] == "alice"
    assert event.json_body == {"title": "t"}
    assert event.request_context.authorizer.jwt_claim == {"sub": "alice"}
    assert event.request_context.authorizer.get_lambda == {"principalId": "alice"}
    assert event.path_parameters == ({"id": "a b"} if kind == "http" else {})
    assert event.route_key == ("PUT /notes/{id}" if kind == "http" else "$default")


def test_a_load_balancer_as_powertools_reads_it():
    event = classes().ALBEvent(made("alb"))
    assert (event.http_method, event.path) == ("PUT", "/notes/a%20b")
    assert event.query_string_parameters == {"tag": "y", "q": ""}
    assert event.headers["x-user"] == "alice"
    assert event.headers["cookie"] == "a=1; b=2"
    assert event.json_body == {"title": "t"}
    assert ":targetgroup/" in event.request_context.elb_target_group_arn


def test_which_event_it_is_shows():
    """By what adapters of frameworks tell them apart."""
    assert "version" not in made("rest")
    assert [made(kind)["version"] for kind in ("http", "url")] == ["2.0", "2.0"]
    assert list(made("alb")["requestContext"]) == ["elb"]


def test_callers():
    member = claims("sub", "cognito:username", email="{principal}@x.org", groups=lambda who: [who])
    known = made("rest", caller=[member, authorizer(role="admin"), iam()])["requestContext"]
    assert known["authorizer"] == {
        "claims": {"sub": "alice", "cognito:username": "alice", "email": "alice@x.org", "groups": ["alice"]},
        "scopes": None,
        "role": "admin",
    }
    assert known["identity"]["userArn"] == "arn:aws:iam::123456789012:user/alice"
    signed = made("url", caller=iam("arn:aws:sts::1:role/{principal}"))["requestContext"]["authorizer"]
    assert list(signed) == ["iam"]
    assert signed["iam"]["userArn"] == "arn:aws:sts::1:role/alice"


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_json_and_bodies_that_are_no_text_are_encoded(kind):
    request = HttpRequest("POST", "/x", {"Content-Type": "image/png"}, b"\xff\x00")
    event = json.loads(json.dumps(made(kind, request)))
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00"
    empty = made(kind, HttpRequest("GET", "/x"))
    assert not empty.get("body")
    assert empty["isBase64Encoded"] is False


@pytest.mark.parametrize(("kind", "encoded"), [("rest", False), ("http", True), ("url", True), ("alb", True)])
def test_forms_are_encoded_by_all_but_rest_apis(kind, encoded):
    form = HttpRequest("POST", "/x", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1")
    assert made(kind, form)["isBase64Encoded"] is encoded


def test_the_context_is_one_of_its_own_for_each_invocation():
    def function(event, context):
        return context

    first, second = invoke(function, {}), invoke(function, {})
    assert isinstance(first, LambdaContext)
    assert first.function_name == "function"
    assert first.invoked_function_arn.endswith(":function:function")
    assert first.aws_request_id == first.aws_request_id != second.aws_request_id
    assert 0 < first.get_remaining_time_in_millis() <= TIMEOUT * 1000


def test_powertools_takes_the_context():
    logger = pytest.importorskip(
        "aws_lambda_powertools.logging", reason="no Powertools: `pip install aws-lambda-powertools`"
    )
    fields = SimpleNamespace(found={})

    class Log(logger.Logger):
        def append_keys(self, **keys):
            fields.found.update(keys)
            super().append_keys(**keys)

    @Log(service="x").inject_lambda_context
    def handle(event, context):
        return {"statusCode": 204}

    assert invoke(handle, made("rest")) == {"statusCode": 204}
    assert fields.found["function_name"] == "handle"
