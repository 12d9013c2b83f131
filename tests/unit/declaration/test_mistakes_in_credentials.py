"""What a model says of who calls is told before anything runs if no request would have it, or if nothing fills it in."""

from __future__ import annotations

import pytest

from toctou import App, HttpCall, Model, Service, Table, authorizer, claims, event, handler, iam, route
from toctou.declaration.model import check_model
from toctou.errors import ModelError

USER = {"X-User": "{principal}"}


def wsgi(environ, start_response):
    raise AssertionError("nothing runs")


def function(event, context):
    raise AssertionError("nothing runs")


class Things(Model):
    tables = [Table("Things", "id")]


class Called(Things):
    read = handler(lambda principal, id: 200, id=["t1"])  # noqa: A006 - a name of the model's


class Served(Things):
    app = wsgi
    read = route("GET /things/{id}", id=["t1"])


class OfFunction(Things):
    function = function
    read = route("GET /things/{id}", id=["t1"])


class OfEvents(Things):
    function = function
    work = event("sqs", messages=["{id}"], id=["t1"])


def told(base, members):
    with pytest.raises(ModelError) as refused:
        check_model(type("Wrong", (base,), {**members, "__module__": __name__}))
    return refused.value


WRONG = [
    # without a request that has it
    (
        Called,
        {"headers": USER},
        "`headers` of the model Wrong is ignored: the handlers are called by the checker",
        "; or leave it out",
    ),
    (Called, {"headers": lambda principal: USER}, "`headers` of the model Wrong is ignored", "app = shop.app"),
    (Called, {"caller": claims("sub")}, "`caller` of the model Wrong is ignored", "function = shop.lambda_handler"),
    (Called, {"api": "http"}, "`api` of the model Wrong is ignored", "declare routes"),
    (
        Served,
        {"caller": claims("sub")},
        "`caller` of the model Wrong is ignored: only the events of a Lambda",
        "headers = {",
    ),
    (
        Served,
        {"api": "http"},
        "`api` of the model Wrong is ignored: only the events of a Lambda function",
        "leave it out",
    ),
    (
        Served,
        {"function": function},
        "`function` of the model Wrong is ignored: `app` serves all",
        "route(…, function=…)",
    ),
    (
        OfEvents,
        {"caller": claims("sub")},
        "`caller` of the model Wrong is ignored: the model has only events",
        "leave it out",
    ),
    (OfEvents, {"headers": USER}, "`headers` of the model Wrong is ignored: the model has only events", "leave it out"),
    # placeholders
    (Served, {"headers": {"X-User": "{user}"}}, "has '{user}', in which nothing fills {user}", "write {principal}; "),
    (Served, {"headers": {"X-User": "Bearer {Principal}"}}, "in which nothing fills {Principal}", "write {principal}"),
    (Served, {"headers": {"X-User": "{ principal }"}}, "in which nothing fills { principal }", "write {principal}"),
    (Served, {"headers": {"X-User": "{{principal}}"}}, "in which nothing fills {{principal}}", "write {principal}"),
    (
        Served,
        {"headers": {"alice": {"X-User": "{user}"}, "bob": {}}},
        "`headers` of the model Wrong has '{user}'",
        "write {",
    ),
    (
        Served,
        {"app": None, "service": Service(["x", "{port}"], headers={"X-User": "{user}"})},
        "`headers` of the service has",
        "write",
    ),
    (
        OfFunction,
        {"caller": claims("sub", email="{user}@x")},
        "`claims` in `caller` of the model Wrong has '{user}@x'",
        "email=lambda",
    ),
    (
        OfFunction,
        {"caller": [claims("sub"), authorizer(roles=["{role}"])]},
        "`authorizer` in `caller` of the model Wrong",
        "roles=",
    ),
    (
        OfFunction,
        {"caller": iam("arn:aws:iam::1:user/{name}")},
        "`iam` in `caller` of the model Wrong has",
        "write {principal}",
    ),
    (Served, {"headers": {"X-User": "$principal"}}, "in which nothing fills $principal", "write {principal}"),
    (Served, {"headers": {"X-User": "${principal}"}}, "in which nothing fills ${principal}", "write {principal}"),
    (Served, {"headers": {"X-User": "%s"}}, "in which nothing fills %s", "write {principal}"),
    (Served, {"headers": {"X-User": "<principal>"}}, "in which nothing fills <principal>", "write {principal}"),
    (
        Served,
        {"headers": {"alice": "a", "bob": "b"}},
        "`headers` of the model Wrong names principals",
        '{"alice": {"X-User"',
    ),
    # fields
    (
        OfFunction,
        {"caller": claims("{principal}")},
        "has a field by the name '{principal}'",
        'claims("sub", "username")',
    ),
    (
        OfFunction,
        {"caller": claims(("sub", "email"))},
        "has a field by the name ('sub', 'email')",
        'claims("sub", "username")',
    ),
    (
        OfFunction,
        {"caller": claims(sub=lambda: 3)},
        "a function as 'sub' that cannot be called with a principal",
        "sub=lambda",
    ),
]


@pytest.mark.parametrize(("base", "members", "observed", "remedy"), WRONG, ids=[one[-2][:40] for one in WRONG])
def test_a_mistake_is_told_in_one_line_with_its_remedy(base, members, observed, remedy):
    one = told(base, members)
    assert observed in one.observed
    assert remedy in one.remedy
    assert "\n" not in one.observed + one.remedy


def test_nobody_who_serves_is_told_alone():
    assert "nothing that serves it" in told(Served, {"app": None, "headers": USER}).observed


def test_each_of_them_is_told_once():
    lines = str(told(Called, {"headers": {"X-User": "{user}"}, "caller": claims("sub"), "api": "url"}))
    assert "has 4 mistakes" in lines
    assert [lines.count(f"`{name}` of the model Wrong is ignored") for name in ("headers", "caller", "api")] == [
        1,
        1,
        1,
    ]


class Shared(Model):
    """What all models of a service have in common."""

    tables = [Table("Things", "id")]
    headers = USER
    caller = claims("sub")
    api = "http"


class Mixed(Shared):
    function = function
    app = wsgi
    read = route("GET /things/{id}", id=["t1"])
    change = route("PUT /things/{id}", function=function, id=["t1"])
    work = event("sqs", messages=["{id}"], id=["t1"])


class Signed(Things):
    """Has headers for requests that its handlers make by themselves."""

    def headers(self, principal):
        return {"X-User": principal}

    @handler(id=["t1"])
    def read(self, principal, id):  # noqa: A002 - a name of the model's
        return self.headers(principal)


class Made(Served):
    headers = USER

    @handler(id=["t1"])
    def change(self, principal, id):  # noqa: A002 - a name of the model's
        return HttpCall("PUT", f"/things/{id}")


class Documented(App):
    tables = [Table("Things", "id")]
    headers = USER
    app = wsgi
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/t": {"get": {"operationId": "read", "responses": {}}}},
    }


USED = [
    type("Plain", (Shared,), {"read": Called.read}),
    type(
        "Literal",
        (Served,),
        {"headers": {"X-Cost": "$5", "X-Share": "50%", "X-Of": "urn:principal", "X-Time": "a:b<c>"}},
    ),
    type("Explicit", (Called,), {"headers": {}, "caller": None, "api": "rest"}),
    type("Json", (Served,), {"headers": {"X-User": '{"sub": "{principal}", "n": {"a": 1}, "of": {3}}'}}),
    type(
        "Roles",
        (OfFunction,),
        {"caller": claims("sub", "{{x", role=lambda principal: f"{{{principal}}}"), "headers": USER},
    ),
    Mixed,
    Signed,
    Made,
    Documented,
]


@pytest.mark.parametrize("model", USED)
def test_what_requests_have_is_no_mistake(model):
    check_model(model)
