from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from recorded_sessions import ORDERS, actions, alone, orders, recorded_session

from toctou.recording.transplanting import as_caller

flask = pytest.importorskip("flask", reason="no Flask: `pip install flask`")


def signed(caller: str) -> str:
    """As PyJWT makes it."""
    head, body = (
        urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "x"}, {"sub": caller})
    )
    return f"{head}.{body}.{hashlib.sha256(f'secret {caller}'.encode()).hexdigest()}"


def signed_in() -> str:
    """Whom a valid token names."""
    token = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
    return next((caller for caller in ("alice", "bob") if token == signed(caller)), "")


def shop(**config: Any) -> Any:
    app = flask.Flask("shop")
    app.secret_key = "s3cret"
    app.config.update(config)

    @app.get("/orders/<order_id>")
    def show(order_id: str) -> Any:
        item = orders().get_item(Key={"order_id": order_id}).get("Item")
        return (item, 200) if item else ({"error": "no such order"}, 404)

    @app.delete("/orders/<string:order_id>")
    def cancel(order_id: str) -> Any:
        caller = flask.request.headers.get("X-User") or flask.session.get("user") or signed_in()
        if orders().get_item(Key={"order_id": order_id})["Item"]["owner"] != caller:
            return "", 403
        orders().delete_item(Key={"order_id": order_id})
        return "", 204

    @app.post("/orders")
    def create() -> Any:
        given = flask.request.get_json(silent=True) or flask.request.form
        orders().put_item(Item={"order_id": given["id"], "owner": given.get("owner", "nobody")})
        if given.get("redirect"):
            return flask.redirect(f"/orders/{given['id']}", 303)
        return {"created": given["id"]}, 201, {"X-Length": len(flask.request.get_data())}

    @app.get("/export")
    def export() -> Any:
        def lines() -> Any:
            for order_id in ("o1", "o2"):
                yield orders().get_item(Key={"order_id": order_id})["Item"]["owner"] + "\n"

        return flask.Response(lines(), mimetype="text/plain")

    @app.get("/environment")
    def environment() -> Any:
        request = flask.request
        return {"root": request.url_root, "address": request.remote_addr, "claim": request.environ.get("shop.claim")}

    @app.get("/fails")
    def fail() -> Any:
        raise KeyError("status")

    return app


def test_a_request_is_recorded_and_performed_again(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        answer = shop().test_client().delete("/orders/o1?why=late%20delivery", headers={"X-User": "alice"})
        assert answer.status_code == 204
        orders().scan()
    (request,) = recorder.requests
    assert request.entry.kind == "http"
    assert request.entry.name == "shop"
    assert request.arguments["method"] == "DELETE"
    assert request.arguments["path"] == "/orders/o1"
    assert request.arguments["query"] == "why=late%20delivery"
    assert request.arguments["headers"]["x-user"] == "alice"
    assert request.arguments["body"] is None
    assert request.entry.route(request.arguments) == "DELETE /orders/o1"
    assert request.entry.template(request.arguments) == "DELETE /orders/{order_id}"
    assert actions(recorder, request) == ["GetItem", "DeleteItem"]
    assert actions(recorder, None) == ["Scan"]
    assert request.returned.status == 204
    assert alone(request) == request.returned
    assert alone(request, path="/orders/o2").status == 403
    assert alone(request, path="/orders/o2", headers={"x-user": "bob"}).status == 204


def test_bodies_are_data_and_are_sent_as_they_were(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop().test_client()
        client.post("/orders", data='{ "id":   "o3" }', content_type="application/json")
        client.post("/orders", data={"id": "o4", "owner": "carol@example.com"})
        client.post("/orders", data={"id": "o5", "file": (__file__, "this.py")}, content_type="multipart/form-data")
    as_json, as_form, in_parts = recorder.requests
    assert as_json.arguments["body"] == {"id": "o3"}
    assert dict(as_json.returned.headers)["x-length"] == "16"
    assert alone(as_json) == as_json.returned
    assert alone(as_json, body={"id": "o6"}).body == {"created": "o6"}
    assert as_form.arguments["form"] == {"id": "o4", "owner": "carol@example.com"}
    assert alone(as_form) == as_form.returned
    assert alone(as_form, form={"id": "ö 7"}).body == {"created": "ö 7"}
    assert isinstance(in_parts.arguments["body"], bytes)
    assert alone(in_parts) == in_parts.returned


def test_a_session_and_other_cookies_are_sent_again(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop().test_client()
        with client.session_transaction() as session:
            session["user"] = "bob"
        client.set_cookie("theme", "dark")
        assert client.delete("/orders/o2").status_code == 204
    (request,) = recorder.requests
    assert "theme=dark" in request.arguments["headers"]["cookie"]
    assert alone(request).status == 204
    assert alone(request, headers={}).status == 403
    assert request.arguments["session"] == {"user": "bob"}
    assert alone(request, session={"user": "alice"}).status == 403
    assert alone(request, session={"user": "alice"}, path="/orders/o1").status == 204


def test_a_session_that_a_test_has_made_up_is_no_session(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop().test_client()
        client.set_cookie("session", "eyJ1c2VyIjoiYm9iIn0.made.up")
        assert client.delete("/orders/o2").status_code == 403
    (request,) = recorder.requests
    assert "session" not in request.arguments
    assert alone(request) == request.returned


def test_another_caller_has_the_token_that_a_test_has_for_it(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop().test_client()
        statuses = [
            client.delete("/orders/o1", headers={"Authorization": f"Bearer {signed(one)}"}).status_code
            for one in ("bob", "alice")
        ]
    assert statuses == [403, 204]
    bob, alice = recorder.requests
    headers = as_caller(bob.arguments, ("headers", "authorization", "sub"), "alice")["headers"]
    assert headers["authorization"] != alice.arguments["headers"]["authorization"]  # its signature is bob's
    assert alone(bob, headers=headers).status == 204


def test_each_request_that_follows_a_redirect_is_one(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        answer = shop().test_client().post("/orders", json={"id": "o3", "redirect": True}, follow_redirects=True)
        assert answer.json == {"order_id": "o3", "owner": "nobody"}
    assert [one.entry.route(one.arguments) for one in recorder.requests] == ["POST /orders", "GET /orders/o3"]
    assert [actions(recorder, one) for one in recorder.requests] == [["PutItem"], ["GetItem"]]


def test_what_a_test_puts_around_a_request_is_there_again(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop(SERVER_NAME="shop.example", APPLICATION_ROOT="/v1").test_client()
        client.environ_base["REMOTE_ADDR"] = "10.1.2.3"
        with client:
            answer = client.get("/environment", environ_overrides={"shop.claim": {"sub": "alice"}})
            assert answer.json["claim"] == {"sub": "alice"}
            assert flask.request.path == "/environment"
    (request,) = recorder.requests
    assert request.returned.body == {
        "root": "http://shop.example/v1/",
        "address": "10.1.2.3",
        "claim": {"sub": "alice"},
    }
    assert alone(request) == request.returned


@pytest.mark.parametrize("testing", [False, True])
def test_an_exception_is_the_answer_whoever_sees_it(monkeypatch, testing):
    with recorded_session(monkeypatch) as recorder:
        client = shop(TESTING=testing).test_client()
        if testing:
            with pytest.raises(KeyError):
                client.get("/fails")
        else:
            assert client.get("/fails").status_code == 500
    (request,) = recorder.requests
    assert request.raised is not None
    assert request.raised.exception.type == "KeyError"
    assert alone(request) == request.raised


def test_the_calls_of_a_stream_are_those_of_its_request(monkeypatch):
    with recorded_session(monkeypatch) as recorder:
        client = shop().test_client()
        answer = client.get("/export")
        orders().scan()
        client.get("/orders/o1")
        assert answer.text == "alice\nbob\n"
        client.get("/export").close()
    read, between, unread = recorder.requests
    assert actions(recorder, read) == ["GetItem", "GetItem"]
    assert actions(recorder, between) == ["GetItem"]
    assert actions(recorder, None) == ["Scan"]
    assert (read.returned.body, read.unclear) == ("alice\nbob\n", "")
    assert (unread.returned, unread.unclear) == (None, "its test has not read all of its answer")
    assert alone(read) == read.returned


def test_an_application_has_the_name_of_its_module_and_nothing_is_left_behind(monkeypatch):
    from werkzeug.test import Client  # noqa: PLC0415 - which Flask has imported

    before = Client.run_wsgi_app
    app = shop()
    monkeypatch.setattr("recorded_sessions.web", app, raising=False)
    with recorded_session(monkeypatch) as recorder:
        assert Client.run_wsgi_app is not before
        app.test_client().get("/orders/o1")
        recorder.test = ""
        app.test_client().get("/orders/o2")  # of no test
    assert [one.entry.name for one in recorder.requests] == ["recorded_sessions:web"]
    assert recorder.requests[0].returned.body == ORDERS["o1"]
    assert Client.run_wsgi_app is before
