from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from recorded_sessions import ORDERS, actions, alone, orders, recorded_session

chalice = pytest.importorskip("chalice", reason="no chalice: `pip install chalice`")
chalice_test = pytest.importorskip("chalice.test", reason="no chalice: `pip install chalice`")


def shop() -> Any:
    app = chalice.Chalice(app_name="shop")

    @app.authorizer()
    def signed_in(request: Any) -> Any:
        return chalice.AuthResponse(routes=["*"] if request.token == "t1" else [], principal_id="alice")

    @app.route("/orders/{order_id}", methods=["GET", "PUT"])
    def one(order_id: str) -> Any:
        if app.current_request.method == "PUT":
            orders().put_item(Item={"order_id": order_id, **app.current_request.json_body})
            return chalice.Response(
                {"q": app.current_request.query_params}, status_code=201, headers={"X-Order": order_id}
            )
        item = orders().get_item(Key={"order_id": order_id}).get("Item")
        if item is None:
            raise chalice.NotFoundError("no such order")
        return item

    @app.route("/orders/{order_id}", methods=["DELETE"], authorizer=signed_in)
    def cancel(order_id: str) -> Any:
        orders().delete_item(Key={"order_id": order_id})
        return chalice.Response("", status_code=204)

    @app.route("/fails")
    def fail() -> Any:
        raise KeyError("status")

    @app.lambda_function()
    def expire(event: Any, context: Any) -> Any:
        orders().delete_item(Key={"order_id": event["id"]})
        return {"expired": event["id"], "function": context.function_name, "stage": os.environ.get("STAGE")}

    @app.on_sqs_message(queue="paid")
    def pay(event: Any) -> None:
        for record in event:
            orders().put_item(Item={"order_id": record.body, "state": "paid"})

    return app


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with recorded_session(monkeypatch) as recorder:
        yield recorder


def test_a_request_is_recorded_and_performed_again(recorder):
    with chalice_test.Client(shop()) as client:
        body = json.dumps({"state": "late"}).encode()
        answer = client.http.put("/orders/o1?q=a%20b", headers={"Content-Type": "application/json"}, body=body)
        assert answer.json_body == {"q": {"q": "a b"}}
        orders().scan()
        client.http.get("/orders/o1")
        client.http.get("/orders/o9")
    changed, shown, missing = recorder.requests
    assert (changed.entry.kind, changed.entry.name) == ("http", "shop")
    assert changed.arguments["path"] == "/orders/o1"
    assert changed.arguments["query"] == "q=a%20b"
    assert changed.arguments["body"] == {"state": "late"}
    assert changed.entry.route(changed.arguments) == "PUT /orders/o1"
    assert changed.entry.template(changed.arguments) == "PUT /orders/{order_id}"
    assert [actions(recorder, one) for one in recorder.requests] == [["PutItem"], ["GetItem"], ["GetItem"]]
    assert actions(recorder, None) == ["Scan"]
    assert dict(changed.returned.headers)["x-order"] == "o1"
    assert (shown.returned.body, missing.returned.status) == ({"order_id": "o1", "state": "late"}, 404)
    assert alone(changed) == changed.returned
    assert alone(changed, path="/orders/o7").headers != changed.returned.headers
    assert alone(shown).body == ORDERS["o1"]
    assert alone(missing) == missing.returned


def test_what_the_gateway_answers_itself_is_an_answer(recorder):
    with chalice_test.Client(shop()) as client:
        for token in ("t1", "t2"):
            client.http.delete("/orders/o1", headers={"Authorization": token})
        client.http.delete("/orders/o1")
        client.http.get("/nothing")
        client.http.get("/fails")
    answers = [one.returned for one in recorder.requests]
    assert [one.status for one in answers] == [204, 403, 401, 403, 500]
    assert [one.raised for one in recorder.requests] == [None] * 5
    again = [alone(one) for one in recorder.requests]
    assert [(one.status, one.body) for one in again] == [(one.status, one.body) for one in answers]


def test_functions_are_invoked_again(recorder):
    with chalice_test.Client(shop()) as client:
        assert client.lambda_.invoke("expire", {"id": "o1"}).payload["expired"] == "o1"
        client.lambda_.invoke("pay", client.events.generate_sqs_event(["o2", "o3"]))
    expired, paid = recorder.requests
    assert (expired.entry.kind, expired.entry.name) == ("lambda", "shop:expire")
    assert expired.arguments == {"event": {"id": "o1"}}
    assert expired.returned == {"expired": "o1", "function": "expire", "stage": None}
    assert alone(expired).body == expired.returned
    assert alone(expired, event={"id": "o2"}).body["expired"] == "o2"
    assert actions(recorder, paid) == ["PutItem", "PutItem"]
    assert alone(paid).status == 200


def test_a_function_has_the_name_and_the_environment_that_it_has(recorder, monkeypatch):
    app = shop()
    monkeypatch.setattr("recorded_sessions.expire", app.handler_map["expire"], raising=False)
    with chalice_test.Client(app) as client:
        client._chalice_config_obj = chalice_test.Config.create(environment_variables={"STAGE": "blue"})
        assert client.lambda_.invoke("expire", {"id": "o1"}).payload["stage"] == "blue"
        client.http.get("/orders/o1")
    function, http = recorder.requests
    assert function.entry.name == "recorded_sessions:expire"
    assert [one.surroundings.environment["STAGE"] for one in (function, http)] == ["blue", "blue"]
    assert alone(function).body["stage"] == "blue"
