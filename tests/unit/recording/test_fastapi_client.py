from __future__ import annotations

import asyncio
import gzip
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from recorded_sessions import ORDERS, actions, alone, at_once, orders, recorded_session

fastapi = pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
httpx = pytest.importorskip("httpx", reason="no httpx: `pip install httpx`")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer ones of Starlette ask for another package, and take this one
    testclient = pytest.importorskip("starlette.testclient", reason="no Starlette: `pip install starlette`")


def signed_in() -> str:
    raise fastapi.HTTPException(401)


async def settings() -> dict[str, str]:
    return {"prefix": "order "}


def shop(**options: Any) -> Any:
    app = fastapi.FastAPI(title="shop", **options)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> Any:
        item = orders().get_item(Key={"order_id": order_id}).get("Item")
        if item is None:
            raise fastapi.HTTPException(404, "no such order")
        return item

    @app.delete("/orders/{order_id}", status_code=204, response_model=None)
    async def cancel(order_id: str, caller: Annotated[str, fastapi.Depends(signed_in)]) -> None:
        if orders().get_item(Key={"order_id": order_id})["Item"]["owner"] != caller:
            raise fastapi.HTTPException(403)
        orders().delete_item(Key={"order_id": order_id})

    @app.put("/orders/{order_id}")
    def rename(
        order_id: str,
        given: dict[str, Any],
        later: fastapi.BackgroundTasks,
        q: str = "",
        x_user: str = fastapi.Header(""),
    ) -> Any:
        orders().get_item(Key={"order_id": order_id})
        later.add_task(orders().put_item, Item={"order_id": order_id, **given})
        return {"q": q, "user": x_user, "given": given, "padding": "x" * 1000}

    @app.get("/export")
    async def export() -> Any:
        async def lines() -> AsyncIterator[str]:
            for order_id in ("o1", "o2"):
                await asyncio.sleep(0)
                yield orders().get_item(Key={"order_id": order_id})["Item"]["owner"] + "\n"

        return fastapi.responses.StreamingResponse(lines(), media_type="text/plain")

    @app.get("/state")
    async def state(request: fastapi.Request) -> Any:
        return {
            "lifespan": getattr(request.state, "region", None),
            "own": getattr(request.app.state, "region", None),
            "client": request.client.host,
            "url": str(request.url),
        }

    @app.get("/fails")
    def fail() -> Any:
        raise KeyError("status")

    return app


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with recorded_session(monkeypatch) as recorder:
        yield recorder


def test_a_request_is_recorded_and_performed_again(recorder):
    answer = testclient.TestClient(shop()).put(
        "/orders/o1?q=a%20b", json={"state": "paid"}, headers={"X-User": "alice"}
    )
    assert answer.json()["given"] == {"state": "paid"}
    orders().scan()
    (request,) = recorder.requests
    assert (request.entry.kind, request.entry.name) == ("http", "shop")
    assert request.arguments["path"] == "/orders/o1"
    assert request.arguments["query"] == "q=a%20b"
    assert request.arguments["headers"]["x-user"] == "alice"
    assert request.arguments["body"] == {"state": "paid"}
    assert request.entry.route(request.arguments) == "PUT /orders/o1"
    assert request.entry.template(request.arguments) == "PUT /orders/{order_id}"
    assert actions(recorder, request) == ["GetItem", "PutItem"]  # the last in a background task
    assert actions(recorder, None) == ["Scan"]
    assert not request.unclear
    assert request.returned.body == answer.json()
    assert alone(request) == request.returned
    assert alone(request, body={"state": "late"}).body["given"] == {"state": "late"}


def test_dependencies_are_replaced_for_the_request_that_had_them(recorder):
    app = shop()
    client = testclient.TestClient(app)
    for caller in ("alice", "bob"):
        app.dependency_overrides[signed_in] = lambda caller=caller: caller
        assert client.delete("/orders/o2").status_code == (204 if caller == "bob" else 403)
    app.dependency_overrides.clear()
    assert client.delete("/orders/o1").status_code == 401
    assert [one.returned.status for one in recorder.requests] == [403, 204, 401]
    assert [alone(one) for one in recorder.requests] == [one.returned for one in recorder.requests]
    app.dependency_overrides[signed_in] = lambda: "alice"
    assert testclient.TestClient(app).delete("/orders/o1").status_code == 204  # they can be replaced as before


@dataclass(frozen=True)
class User:
    name: str
    roles: tuple[str, ...] = ()


def get_current_user() -> User:
    raise fastapi.HTTPException(401)


def loaded(order_id: str) -> Any:
    found = orders().get_item(Key={"order_id": order_id})
    if "Item" not in found:
        raise fastapi.HTTPException(404)
    return found["Item"]


def looked_at(order_id: str) -> None:
    orders().get_item(Key={"order_id": order_id})


def two_step_shop() -> Any:
    app = fastapi.FastAPI()

    @app.delete("/orders/{order_id}", status_code=204, response_model=None)
    async def cancel(
        order_id: str,
        order: Annotated[Any, fastapi.Depends(loaded)],
        _: Annotated[Any, fastapi.Depends(looked_at)],  # while another request may go on
        user: Annotated[Any, fastapi.Depends(get_current_user)],
    ) -> None:
        if order["owner"] != user.name:
            raise fastapi.HTTPException(403)
        orders().delete_item(Key={"order_id": order_id})

    return app


def test_who_calls_is_an_argument_where_a_test_says_so_by_a_dependency(recorder):
    app = two_step_shop()
    app.dependency_overrides[get_current_user] = lambda: User("bob")
    assert app.dependency_overrides.copy().keys() == {get_current_user}
    testclient.TestClient(app).delete("/orders/o1")
    (request,) = recorder.requests
    assert request.arguments["dependencies"] == {"current_user": {"name": "bob"}}
    assert alone(request).status == request.returned.status == 403
    assert alone(request, dependencies={"current_user": {"name": "alice"}}).status == 204


def test_an_application_in_another_has_replaced_dependencies_of_its_own(recorder):
    inner, outer = two_step_shop(), fastapi.FastAPI()
    outer.mount("/v1", inner)
    inner.dependency_overrides[get_current_user] = lambda: User("alice")
    assert testclient.TestClient(outer).delete("/v1/orders/o1").status_code == 204
    inner.dependency_overrides.clear()
    (request,) = recorder.requests
    assert request.entry.template(request.arguments) == "DELETE /v1/orders/{order_id}"
    assert request.arguments["dependencies"] == {"current_user": {"name": "alice"}}
    assert alone(request) == request.returned
    assert alone(request, dependencies={"current_user": {"name": "bob"}}).status == 403


def test_two_requests_at_once_have_each_its_own_dependencies(recorder):
    app = two_step_shop()
    client = testclient.TestClient(app)

    def act_as(name: str) -> None:
        app.dependency_overrides[get_current_user] = lambda: User(name)
        client.delete("/orders/o1")

    act_as("bob")
    act_as("alice")
    app.dependency_overrides.clear()
    bob, alice = recorder.requests
    assert [bob.returned.status, alice.returned.status] == [403, 204]
    statuses = at_once(bob, alice)
    assert statuses == {(403, 204), (404, 204)}


def test_what_a_startup_has_left_is_there_again(recorder):
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        app.state.region = "eu"
        yield {"region": "us"}
        del app.state.region

    with testclient.TestClient(shop(lifespan=lifespan), base_url="http://shop.example") as client:
        client.get("/state")
    (request,) = recorder.requests
    expected = {"lifespan": "us", "own": "eu", "client": "testclient", "url": "http://shop.example/state"}
    assert request.returned.body == expected
    assert alone(request) == request.returned


@pytest.mark.parametrize("raises", [False, True])
def test_an_exception_is_the_answer_whoever_sees_it(recorder, raises):
    client = testclient.TestClient(shop(), raise_server_exceptions=raises)
    if raises:
        with pytest.raises(KeyError):
            client.get("/fails")
    else:
        assert client.get("/fails").status_code == 500
    (request,) = recorder.requests
    assert request.raised.exception.type == "KeyError"
    assert alone(request) == request.raised


def test_what_is_compressed_is_recorded_as_it_was_before(recorder):
    from starlette.middleware.gzip import GZipMiddleware  # noqa: PLC0415 - which may be missing

    app = shop()
    app.add_middleware(GZipMiddleware)
    answer = testclient.TestClient(app).put("/orders/o1", json={})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["padding"]) == 1000
    (request,) = recorder.requests
    assert request.returned.body == answer.json()
    again = alone(request)
    assert (again.status, again.body) == (request.returned.status, request.returned.body)


def test_the_calls_of_a_stream_are_those_of_its_request(recorder):
    client = testclient.TestClient(shop())
    with client.stream("GET", "/export") as answer:
        assert list(answer.iter_lines()) == ["alice", "bob"]
    client.get("/orders/o1")
    read, after = recorder.requests
    assert actions(recorder, read) == ["GetItem", "GetItem"]
    assert actions(recorder, after) == ["GetItem"]
    assert read.returned.body == "alice\nbob\n"
    assert alone(read) == read.returned


def test_cookies_of_the_client_and_the_answer_of_an_application_in_middleware(recorder):
    app = shop()

    async def around(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    around.app = app  # type: ignore[attr-defined] # as middleware has it
    client = testclient.TestClient(around, cookies={"theme": "dark"})
    client.get("/orders/o1")
    (request,) = recorder.requests
    assert request.arguments["headers"]["cookie"] == "theme=dark"
    assert request.entry.name == "shop"
    assert request.entry.template(request.arguments) == "GET /orders/{order_id}"
    assert request.returned.body == ORDERS["o1"]


def test_requests_of_a_test_at_once_are_told_apart(recorder):
    app = shop()

    async def test() -> list[Any]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(
                client.put("/orders/o1", json={"state": "paid"}), client.get("/orders/o2"), client.get("/export")
            )

    answers = asyncio.run(test())
    by_path = {one.arguments["path"]: one for one in recorder.requests}
    first, second, third = (by_path[path] for path in ("/orders/o1", "/orders/o2", "/export"))
    assert [actions(recorder, one) for one in (first, second, third)] == [
        ["GetItem", "PutItem"],
        ["GetItem"],
        ["GetItem", "GetItem"],
    ]
    assert all(one.unclear == "the test runs several requests at once" for one in (first, second, third))
    assert [one.returned.body for one in (first, second)] == [one.json() for one in answers[:2]]
    assert [alone(one) for one in (first, second, third)] == [one.returned for one in (first, second, third)]


def test_a_test_awaits_one_request_after_the_other(recorder):
    async def test() -> None:
        transport = httpx.ASGITransport(app=shop(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/orders/o9")
            assert answer.status_code == 404
            orders().scan()
            assert (await client.get("/fails")).status_code == 500

    asyncio.run(test())
    missing, failed = recorder.requests
    assert actions(recorder, missing) == ["GetItem"]
    assert actions(recorder, None) == ["Scan"]
    assert not missing.unclear
    assert alone(missing) == missing.returned
    assert alone(failed) == failed.raised


def test_httpx_sends_to_a_wsgi_application(recorder):
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        owner = orders().get_item(Key={"order_id": environ["PATH_INFO"][1:]})["Item"]["owner"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [owner.encode(), environ["wsgi.input"].read()]

    with httpx.Client(transport=httpx.WSGITransport(app=application), base_url="http://test") as client:
        assert client.post("/o1", content=gzip.compress(b"")).content.startswith(b"alice")
        assert client.post("/o2", content="!").text == "bob!"
        with pytest.raises(KeyError):
            client.get("/\N{SNOWMAN}")
    binary, text, missing = recorder.requests
    assert missing.arguments["path"] == "/\N{SNOWMAN}"
    del recorder.requests[2]
    assert isinstance(binary.arguments["body"], bytes)
    assert text.arguments["body"] == "!"
    assert text.entry.name.endswith(":test_httpx_sends_to_a_wsgi_application.<locals>.application")
    assert text.entry.template(text.arguments) == ""
    assert [actions(recorder, one) for one in recorder.requests] == [["GetItem"], ["GetItem"]]
    assert [alone(one) for one in recorder.requests] == [one.returned for one in recorder.requests]
