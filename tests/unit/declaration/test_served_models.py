"""Who serves the requests of a model, and what the requests say of who calls."""

from __future__ import annotations

import json
from urllib.parse import unquote

import boto3
import pytest

import toctou
from toctou import HttpCall, Model, Service, StopReason, Table, Verdict, claims, handler, route
from toctou.errors import ModelError

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Notes")


def deleted(caller, note_id):
    if caller is None:
        return 401
    note = table.get_item(Key={"id": note_id}).get("Item")
    if note is None or note["owner"] != caller:
        return 404
    table.delete_item(Key={"id": note_id}, ConditionExpression="attribute_exists(id)")
    return 204


def wsgi(environ, start_response):
    caller = environ.get("HTTP_X_USER")
    status = deleted(caller, environ["PATH_INFO"].rpartition("/")[2])
    start_response(f"{status} x", [])
    return [b""]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["greeting"] = "hello"
        await send({"type": "lifespan.startup.complete"})
        await receive()
    caller = dict(scope["headers"]).get(b"x-user")
    status = deleted(caller and caller.decode(), scope["path"].rpartition("/")[2])
    assert scope["state"] == {"greeting": "hello"}
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body"})


def lambda_handler(event, context):
    caller = event["requestContext"]["authorizer"].get("claims", {}).get("sub")
    return {"statusCode": deleted(caller, unquote(event["pathParameters"]["id"]))}


class Notes(Model):
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n 1", "owner": "alice"}]}
    owner = "owner"
    delete = route("DELETE /notes/{id}", id=["n 1"])


class Method(Notes):
    app = wsgi

    def headers(self, principal):
        return {"X-User": principal}


SERVED = [
    {"app": wsgi, "headers": {"X-User": "{principal}"}},
    {"app": wsgi, "headers": {"alice": {"X-User": "alice"}, "bob": {"X-User": "{principal}"}}},
    {"app": wsgi, "headers": lambda principal: {"X-User": principal}},
    {"app": staticmethod(wsgi), "headers": staticmethod(lambda principal: {"X-User": principal})},
    {"app": asgi, "headers": {"X-User": "{principal}"}},
    {"function": lambda_handler},
    {"function": staticmethod(lambda_handler), "caller": [claims("sub")]},
    {"delete": route("DELETE /notes/{id}", function=lambda_handler, id=["n 1"])},
]


@pytest.mark.parametrize("members", SERVED)
def test_routes_are_served_in_process(members):
    result = toctou.check(type("Served", (Notes,), members))
    # The second of two deletes fails its condition, which nobody catches.
    assert {one.finding.oracle for one in result.violations} >= {"no_exception"}
    assert {one.execution.requests[0].principal for one in result.violations} == {"alice"}


def test_headers_may_be_a_method():
    assert toctou.check(Method).verdict is Verdict.VIOLATED


def test_a_handler_may_make_its_request():
    class Made(Notes):
        app = wsgi
        headers = {"X-User": "{principal}"}

        @handler(id=["n 1"])
        def delete(self, principal, id):  # noqa: A002 - the name of the parameter
            return HttpCall("DELETE", "/notes/n 1")

    assert toctou.check(Made).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("members", "observed"),
    [
        ({}, "sends DELETE /notes/{id}, but has nothing that serves it"),
        ({"app": wsgi, "service": Service(["x", "{port}"])}, "has a `service` beside an `app`"),
        ({"app": 3}, "`app` of the model Wrong is 3"),
        ({"app": lambda_handler}, r"takes \(event, context\): it is a Lambda function"),
        ({"function": wsgi}, "`function` of the model Wrong is <function wsgi"),
        ({"function": lambda_handler, "api": ["rest"]}, "`api` of the model Wrong is \\['rest'\\]"),
        (
            {"function": lambda self, event, context: {}},
            "`function` of the model Wrong cannot be called with an event and a",
        ),
        (
            {"function": lambda event: {}},
            "`function` of the model Wrong cannot be called with an event and a context: too",
        ),
        ({"function": lambda_handler, "api": "v2"}, "`api` of the model Wrong is 'v2'"),
        ({"function": lambda_handler, "caller": "sub"}, "`caller` of the model Wrong is 'sub'"),
        (
            {"function": lambda_handler, "api": "alb", "caller": claims("sub")},
            "`caller` of the model Wrong is in no event",
        ),
        ({"app": wsgi, "headers": {"X-User": 3}}, "`headers` of the model Wrong is {'X-User': 3}"),
        ({"app": wsgi, "headers": {"alice": {}, "X-User": "x"}}, "`headers` of the model Wrong is"),
        ({"app": wsgi, "headers": {"alice": {}, "bob": {"X-User": 3}}}, "`headers` of the model Wrong is"),
        ({"app": wsgi, "headers": {"alice": {}}}, "has no headers for 'bob'"),
        ({"app": wsgi, "headers": {"alice": {}, "bob": {}, "Bob": {}}}, "has 'Bob'"),
        ({"app": wsgi, "headers": lambda self: {}}, "`headers` of the model Wrong cannot be called with a principal"),
        (
            {"app": wsgi, "headers": lambda principal: principal and None},
            "`headers` of the model Wrong returned None for alice",
        ),
        ({"app": wsgi, "headers": lambda principal: None}, "`headers` of the model Wrong never returns anything"),
        ({"function": lambda event, context: "ok"}, "the function of the model Wrong returned 'ok'"),
    ],
)
def test_what_cannot_serve_is_an_error(members, observed):
    with pytest.raises(ModelError, match=observed):
        run(type("Wrong", (Notes,), members))


def run(model):
    result = toctou.check(model, requests=1)
    if result.refused:  # what shows only while it is explored
        raise ModelError(result.detail)


def test_a_service_has_headers_of_the_same_shapes():
    Service(["x", "{port}"], headers={"alice": {"X-User": "a"}})
    with pytest.raises(ModelError, match="`headers` of the service is"):
        Service(["x", "{port}"], headers={"alice": 3})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"app": wsgi}, "every request was answered 401"),
        ({"function": lambda_handler, "caller": claims("email")}, 'caller = claims("sub")'),
        ({"app": wsgi, "headers": {"alice": {"X-User": "bob"}, "bob": {}}}, "every request of bob was answered 401"),
    ],
)
def test_an_application_that_does_not_know_who_calls_is_never_verified(members, said):
    result = toctou.check(type("Unknown", (Notes,), members), requests=1)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert said in result.detail
    assert ("does not know who calls" in result.detail) == ("caller" not in members), "only where nothing says it"


def test_a_principal_who_is_never_known_keeps_a_model_from_being_verified():
    members = {"app": wsgi, "headers": {"alice": {"X-User": "alice"}, "bob": {}}}
    result = toctou.check(type("Unknown", (Notes,), members), requests=1)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.NOT_REACHED)
    assert result.unreached == (("every request of bob", "answered 401"),)


def owned(environ, start_response):
    """Answers 401 to whoever owns another's note."""
    found = table.get_item(Key={"id": "n 1"}).get("Item")
    caller = environ.get("HTTP_X_USER")
    known = caller and found and found["owner"] == caller
    if known:
        table.update_item(Key={"id": "n 1"}, UpdateExpression="ADD n :n", ExpressionAttributeValues={":n": 1})
    start_response("204 No Content" if known else "401 Unauthorized", [])
    return [b""]


def test_a_principal_who_does_not_own_an_item_is_known_all_the_same():
    members = {"app": owned, "headers": {"X-User": "{principal}"}}
    result = toctou.check(type("Owned", (Notes,), members))
    assert (result.verdict, result.unreached) == (Verdict.VERIFIED, ())


ECHOED = []


def echo(environ, start_response):
    body = environ["wsgi.input"].read().decode()
    ECHOED.append((environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("CONTENT_TYPE", ""), body))
    start_response("200 OK", [])
    return [b""]


@pytest.mark.parametrize(
    ("sends", "seen"),
    [
        (route("POST /a/{x}?q={y}", x=["1/2"], y=["&"]), ("/a/1/2", "q=%26", "", "")),
        (route("POST /", body={"a": ["{x}"]}, x=[3]), ("/", "", "application/json", json.dumps({"a": [3]}))),
        (route("POST /", body="a {x}", x=[3]), ("/", "", "", "a 3")),
        (
            route("POST /", form={"a": "{x}", "b": [1, 2]}, x=["ü"]),
            ("/", "", FORM := "application/x-www-form-urlencoded", "a=%C3%BC&b=1&b=2"),
        ),
    ],
)
def test_what_a_route_sends(sends, seen):
    ECHOED.clear()
    model = type(
        "Echo", (Model,), {"app": echo, "tables": [Table("Things", "id")], "send": sends, "principals": ["alice"]}
    )
    toctou.check(model, requests=1)
    assert set(ECHOED) == {seen}
