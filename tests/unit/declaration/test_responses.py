"""What handlers return and raise becomes what a client is answered: status, body, headers; or an error that says what to return.

Frameworks that are not installed are skipped; a stand-in of the same shape is tested everywhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import http
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from toctou.declaration.response import response_of, response_to
from toctou.errors import ModelError
from toctou.history.request import Response


def read(returned: Any) -> tuple[int, Any, tuple[tuple[str, str], ...]]:
    return parts(response_of(returned, "cancel", asyncio.run))


def caught(raised: BaseException) -> tuple[int, Any, tuple[tuple[str, str], ...]]:
    """What a client is answered when a handler raises this."""
    response = response_to(raised, asyncio.run)
    assert response.exception is None
    return parts(response)


def aborted(flask: Any, *arguments: Any) -> BaseException:
    with pytest.raises(Exception) as abort:  # noqa: PT011 - whatever it is, flask answers it
        flask.abort(*arguments)
    return abort.value


def parts(response: Response) -> tuple[int, Any, tuple[tuple[str, str], ...]]:
    return response.status, response.body, tuple(one for one in response.headers if one[0] != "content-type")


class Pair(NamedTuple):
    status: int
    body: Any


class Plain(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Result:
    status_code: int
    item: str
    version: int


@dataclasses.dataclass
class Order:
    status: str
    code: int | None = None


class Answered:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


ETAG = (("etag", "3"),)


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        (None, (200, None, ())),
        (204, (204, None, ())),
        (http.HTTPStatus.CREATED, (201, None, ())),
        ("204", (200, "204", ())),
        (b"x", (200, b"x", ())),
        ({"id": 1}, (200, {"id": 1}, ())),
        ([1, 2, 3], (200, [1, 2, 3], ())),
        (["200", 1], (200, ["200", 1], ())),
        (Order("paid"), (200, {"status": "paid", "code": None}, ())),
        (Plain(200, 404), (200, (200, 404), ())),
        ((200, {"id": 1}), (200, {"id": 1}, ())),
        ([200, {"id": 1}], (200, {"id": 1}, ())),
        ((200, 404), (200, 404, ())),
        ((http.HTTPStatus.OK, "x"), (200, "x", ())),
        ((201, "x", {"ETag": 3}), (201, "x", ETAG)),
        (({"id": 1}, 201), (201, {"id": 1}, ())),
        (("x", "404 NOT FOUND"), (404, "x", ())),
        (("200", 404), (404, "200", ())),
        (("404", {"id": 1}), (404, {"id": 1}, ())),
        (("x", 201, {"ETag": "3"}), (201, "x", ETAG)),
        (("x", 201, [("ETag", "3"), ("Date", "today")]), (201, "x", ETAG)),
        (("x", {"ETag": "3"}), (200, "x", ETAG)),
        (
            (Answered(status_code=200, body="x", headers={"A": "1"}), 409, {"ETag": "3"}),
            (409, "x", (("a", "1"), *ETAG)),
        ),
        (("a", "b", "c"), (200, ("a", "b", "c"), ())),
        (Response(409, "late"), (409, "late", ())),
    ],
)
def test_forms_of_models_and_of_views(returned, answer):
    assert read(returned) == answer


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ({"statusCode": "404"}, (404, None, ())),
        ({"statusCode": "404 Not Found", "body": "none"}, (404, "none", ())),
        ({"statusCode": 200, "body": '{"b": 1, "a": 2}'}, (200, {"a": 2, "b": 1}, ())),
        ({"statusCode": 200, "body": {"a": 2}, "headers": None}, (200, {"a": 2}, ())),
        ({"statusCode": 200, "headers": {"eTag": "3", "content-length": 4}}, (200, None, ETAG)),
        (
            {
                "statusCode": 200,
                "headers": {"ETag": "3"},
                "multiValueHeaders": {"etag": ["3"], "Set-Cookie": ["a", "b"]},
            },
            (200, None, (*ETAG, ("set-cookie", "a"), ("set-cookie", "b"))),
        ),
        ({"statusCode": 200, "cookies": ["a=1"]}, (200, None, (("set-cookie", "a=1"),))),
        ({"statusCode": 200, "body": "eyJhIjogMX0=", "isBase64Encoded": True}, (200, {"a": 1}, ())),
        ({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}, (200, "\\xff", ())),
        ({"statusCode": 200, "body": "1", "items": [1]}, (200, {"items": [1], "body": 1}, ())),
        ({"statusCode": 200, "statusDescription": "200 OK", "body": ""}, (200, "", ())),
    ],
)
def test_answers_of_lambda_functions(returned, answer):
    assert read(returned) == answer


def cookies(**values: str) -> SimpleCookie:
    return SimpleCookie(values)


async def pieces():
    yield b'{"a":'
    yield b" 1}"


class Template(Answered):
    is_rendered = False

    def render(self) -> None:
        self.content = b"rendered"


class Method:
    status = "201 CREATED"

    def get_data(self) -> bytes:
        return b"x"


class AsyncMethod:
    status = 200

    async def get_data(self) -> bytes:
        return b"x"


class Mute:
    """Raises for what it does not have, as the responses of HTTP clients do."""

    status_code = 200
    text = "x"

    @property
    def cookies(self):
        raise RuntimeError("no request")

    @property
    def content(self):
        raise RuntimeError("not read")


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        (Answered(status_code=200, content=b'{"a": 1}', headers={"ETag": "3"}), (200, {"a": 1}, ETAG)),
        (Answered(status="404 Not Found", body="none"), (404, "none", ())),
        (Answered(status=200, text="x", cookies=cookies(a="1")), (200, "x", (("set-cookie", "a=1"),))),
        (Answered(status_code=200, body=None, headers={"X": [1, 2]}), (200, None, (("x", "1"), ("x", "2")))),
        (Answered(status_code=200, body=None, cookies=["a=1"]), (200, None, (("set-cookie", "a=1"),))),
        (Answered(status_code=204), (204, None, ())),
        (Answered(status_code=200, streaming=True, streaming_content=iter([b"a", b"b"])), (200, "ab", ())),
        (Answered(status_code=200, streaming=True, streaming_content=pieces()), (200, {"a": 1}, ())),
        (Template(status_code=200), (200, "rendered", ())),
        (Template(status_code=200, data={"a": 1}), (200, {"a": 1}, ())),
        (SimpleNamespace(code=404, data=[1]), (404, [1], ())),
        (Method(), (201, "x", ())),
        (AsyncMethod(), (200, "x", ())),
        (Mute(), (200, "x", ())),
        (Pair(404, "none"), (404, "none", ())),
        (Result(404, "i1", 3), (404, {"item": "i1", "version": 3}, ())),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects_with_a_status(returned, answer):
    assert read(returned) == answer


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        (True, "neither a status nor a body"),
        (7, "neither a status nor a body"),
        (1.5, "neither a status nor a body"),
        (object(), "of which nothing can be compared"),
        ((200, object()), "of which nothing can be compared"),
        (Answered(payload=1), "of which nothing can be compared"),
        (Answered(status_code=200, payload=1), "nothing but its status can be compared, and it has payload besides"),
        (Answered(status_code=200, body=object()), "of which nothing can be compared"),
        ((409, "late", "i1"), "a tuple with a status, whose other parts are not a body and headers"),
        ({"statusCode": "none"}, "neither a status nor a body"),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "?"}, "its body is not base64"),
    ],
)
def test_what_cannot_be_compared_is_told_with_what_to_return_instead(returned, why):
    with pytest.raises(ModelError, match="the handler 'cancel' returned") as unclear:
        read(returned)
    assert why in str(unclear.value)
    assert unclear.value.expected
    assert "return (status, body) with a body of plain values" in unclear.value.remedy


def test_other_exceptions_are_no_answers():
    class HTTPException(Exception):
        """Of no framework, although it is called like one of theirs."""

        status_code = code = 404

    for raised in (KeyError("x"), HTTPException("x"), SystemExit(1)):
        response = response_to(raised, asyncio.run)
        assert response.status == 500
        assert response.exception is not None
        assert response.exception.type == type(raised).__name__


def framework_exception(module: str, name: str, **attributes: Any) -> Exception:
    """An exception whose base class is, by its names, the framework's."""
    base = type(name, (Exception,), {"__module__": module})
    raised = type("Own", (base,), {})("why")
    vars(raised).update(attributes)
    return raised


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (
            framework_exception(
                "starlette.exceptions", "HTTPException", status_code=404, detail="none", headers={"ETag": "3"}
            ),
            (404, {"detail": "none"}, ETAG),
        ),
        (
            framework_exception("chalice.app", "ChaliceViewError", STATUS_CODE=409),
            (409, {"Code": "Own", "Message": "why"}, ()),
        ),
        (
            framework_exception(
                "aws_lambda_powertools.event_handler.exceptions", "ServiceError", status_code=403, msg="no"
            ),
            (403, {"statusCode": 403, "message": "no"}, ()),
        ),
        (framework_exception("django.http.response", "Http404"), (404, "why", ())),
        (framework_exception("django.core.exceptions", "PermissionDenied"), (403, "why", ())),
        (framework_exception("django.core.exceptions", "SuspiciousOperation"), (400, "why", ())),
        (framework_exception("django.core.exceptions", "BadRequest"), (400, "why", ())),
        (
            framework_exception("rest_framework.exceptions", "APIException", status_code=429, detail={"wait": 1}),
            (429, {"wait": 1}, ()),
        ),
        (
            framework_exception(
                "aiohttp.web_exceptions", "HTTPException", status=302, body=b"go", headers={"Location": "/x"}
            ),
            (302, "go", (("location", "/x"),)),
        ),
    ],
)
def test_exceptions_of_frameworks_are_recognised_by_the_names_of_their_classes(raised, answer):
    assert caught(raised) == answer


def test_flask_and_werkzeug():
    flask = pytest.importorskip("flask", reason="no flask: `pip install flask`")
    from werkzeug import exceptions  # noqa: PLC0415 - as flask's own

    class OwnPage(exceptions.Conflict):
        def get_body(self, environ=None, scope=None):
            return '{"late": true}'

        def get_headers(self, environ=None, scope=None):
            return [("Content-Type", "application/json")]

    with flask.Flask(__name__).test_request_context():
        made = flask.jsonify(b=1, a=2)
        made.set_cookie("a", "1")
        made.set_cookie("b", "2")
        made.headers["ETag"] = "3"
        set_cookies = (("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/"))
        assert read(made) == (200, {"a": 2, "b": 1}, (*ETAG, *set_cookies))
        assert read((flask.jsonify(a=1), 201, {"ETag": "3"})) == (201, {"a": 1}, ETAG)
        assert read(flask.Response(iter(["a", "b"]), 202)) == (202, "ab", ())
        assert read(flask.redirect("/x"))[::2] == (302, (("location", "/x"),))
        assert caught(aborted(flask, 404, "none")) == (404, "none", ())
        assert caught(aborted(flask, flask.make_response({"a": 1}, 410))) == (410, {"a": 1}, ())
    assert caught(exceptions.MethodNotAllowed(["GET"], "no")) == (405, "no", (("allow", "GET"),))
    assert caught(exceptions.InternalServerError("sorry")) == (500, "sorry", ())
    assert caught(OwnPage()) == (409, {"late": True}, ())
    assert read(exceptions.Gone())[0] == 410


def test_fastapi_and_starlette():
    fastapi = pytest.importorskip("fastapi", reason="no fastapi: `pip install fastapi`")
    import pydantic  # noqa: PLC0415 - fastapi needs both
    from starlette import background, responses  # noqa: PLC0415

    done: list[str] = []

    class Item(pydantic.BaseModel):
        name: str
        count: int = pydantic.Field(alias="n")

    made = responses.JSONResponse(
        {"a": 1}, 201, {"ETag": "3"}, background=background.BackgroundTask(done.append, "audit")
    )
    made.set_cookie("a", "1", samesite=None)
    assert read(made) == (201, {"a": 1}, (*ETAG, ("set-cookie", "a=1; Path=/")))
    assert done == ["audit"]
    assert read(responses.StreamingResponse(pieces(), media_type="application/json")) == (200, {"a": 1}, ())
    assert read(responses.StreamingResponse(iter("ab"))) == (200, "ab", ())
    assert read(responses.RedirectResponse("/x")) == (307, None, (("location", "/x"),))
    assert read(responses.Response(status_code=204)) == (204, None, ())
    assert read(Item(name="a", n=1)) == (200, {"name": "a", "n": 1}, ())
    assert read((201, [Item(name="a", n=1)])) == (201, [{"name": "a", "n": 1}], ())
    assert caught(fastapi.HTTPException(404, "none", {"ETag": "3"})) == (404, {"detail": "none"}, ETAG)
    assert caught(fastapi.HTTPException(304)) == (304, None, ())


def test_django():
    pytest.importorskip("django", reason="no django: `pip install django`")
    from django import http as django_http  # noqa: PLC0415 - it may be missing
    from django.conf import settings  # noqa: PLC0415
    from django.core import exceptions  # noqa: PLC0415

    if not settings.configured:
        settings.configure()
    made = django_http.JsonResponse({"b": 1, "a": 2}, status=201, headers={"ETag": "3"})
    made.set_cookie("a", "1")
    assert read(made) == (201, {"a": 2, "b": 1}, (*ETAG, ("set-cookie", "a=1; Path=/")))
    assert read(django_http.HttpResponse(status=204)) == (204, None, ())
    assert read(django_http.StreamingHttpResponse(iter([b"a", b"b"]))) == (200, "ab", ())
    assert read(django_http.StreamingHttpResponse(pieces())) == (200, {"a": 1}, ())
    assert caught(django_http.Http404("none")) == (404, "none", ())
    assert caught(exceptions.PermissionDenied()) == (403, None, ())
    assert caught(exceptions.DisallowedHost("x")) == (400, "x", ())
    assert caught(exceptions.BadRequest("x")) == (400, "x", ())


def test_chalice():
    chalice = pytest.importorskip("chalice", reason="no chalice: `pip install chalice`")
    made = chalice.Response({"a": 1}, {"ETag": "3", "X": ["1", "2"]}, 201)
    assert read(made) == (201, {"a": 1}, (*ETAG, ("x", "1"), ("x", "2")))
    assert caught(chalice.NotFoundError("none")) == (404, {"Code": "NotFoundError", "Message": "none"}, ())


def test_aiohttp():
    web = pytest.importorskip("aiohttp.web", reason="no aiohttp: `pip install aiohttp`")
    made = web.json_response({"a": 1}, status=201, headers={"ETag": "3"})
    made.set_cookie("a", "1")
    assert read(made) == (201, {"a": 1}, (*ETAG, ("set-cookie", "a=1; Path=/")))
    assert read(web.Response(text="x")) == (200, "x", ())
    assert read(web.Response(status=204)) == (204, None, ())
    assert caught(web.HTTPConflict(text="late")) == (409, "late", ())
    assert caught(web.HTTPFound("/x")) == (302, "302: Found", (("location", "/x"),))
    for streamed in (web.StreamResponse(), web.FileResponse(__file__)):
        with pytest.raises(ModelError, match="nothing but its status can be compared"):
            read(streamed)


def test_clients_in_a_handler():
    httpx = pytest.importorskip("httpx", reason="no httpx: `pip install httpx`")
    assert read(httpx.Response(201, json={"a": 1}, headers=[("A", "1"), ("A", "2")])) == (
        201,
        {"a": 1},
        (("a", "1"), ("a", "2")),
    )
