"""``pytest --toctou`` on tests that send requests through test clients of frameworks, with callers as each of them has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ORDERS = """
import boto3
from botocore.exceptions import ClientError

def table():
    return boto3.resource("dynamodb", region_name="eu-central-1").Table("Orders")

def owner_of(order_id):
    return table().get_item(Key={"order_id": order_id}).get("Item", {}).get("owner")

def change(order_id, caller, to):
    "Give an order to somebody; without anybody, cancel it."
    if owner_of(order_id) != caller:
        return 403
    key, mine = {"order_id": order_id}, dict(GUARD)
    if mine:
        mine["ExpressionAttributeValues"] = {":caller": caller}
    try:
        if to is None:
            table().delete_item(Key=key, **mine)
        else:
            values = {":to": to, **mine.pop("ExpressionAttributeValues", {})}
            names = {"#o": "owner"}
            mine.pop("ExpressionAttributeNames", None)
            table().update_item(
                Key=key, UpdateExpression="SET #o = :to", ExpressionAttributeNames=names, ExpressionAttributeValues=values, **mine
            )
    except ClientError:
        return 403
    return 204
"""
UNGUARDED = "GUARD = {}\n"
GUARDED = 'GUARD = {"ConditionExpression": "#o = :caller", "ExpressionAttributeNames": {"#o": "owner"}}\n'

CONFTEST = """
import os

os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-central-1")

import boto3
import pytest
from moto import mock_aws

@pytest.fixture(autouse=True)
def stored():
    with mock_aws():
        boto3.client("dynamodb", region_name="eu-central-1").create_table(
            TableName="Orders", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        )
        import orders

        for order_id, owner in (("o-1", "alice"), ("o-2", "bob")):
            orders.table().put_item(Item={"order_id": order_id, "owner": owner})
        yield
"""

TESTS = """
def test_cancel():
    assert send("alice", "DELETE", "/orders/o-1") == 204

def test_cancel_of_another():
    assert send("bob", "DELETE", "/orders/o-1") == 403

def test_give():
    assert send("bob", "POST", "/orders/o-2/give", {"to": "carol"}) == 204

def test_give_of_another():
    assert send("alice", "POST", "/orders/o-2/give", {"to": "carol"}) == 403
"""

FLASK = """
import flask
import orders

def create_app():
    app = flask.Flask("shop")
    app.secret_key = "secret"

    @app.delete("/orders/<order_id>")
    def cancel(order_id):
        return "", orders.change(order_id, flask.session["user_id"], None)

    @app.post("/orders/<order_id>/give")
    def give(order_id):
        return "", orders.change(order_id, flask.session["user_id"], flask.request.json["to"])

    return app

def send(caller, method, path, body=None):
    client = create_app().test_client()
    with client.session_transaction() as session:
        session["user_id"] = caller
    return client.open(path, method=method, json=body).status_code
"""

FASTAPI = """
import warnings
from typing import Annotated

import fastapi
import orders

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

app = fastapi.FastAPI()

def get_current_user():
    raise fastapi.HTTPException(401)

User = Annotated[dict, fastapi.Depends(get_current_user)]

@app.delete("/orders/{order_id}")
def cancel(order_id: str, user: User):
    return fastapi.Response(status_code=orders.change(order_id, user["username"], None))

@app.post("/orders/{order_id}/give")
async def give(order_id: str, user: User, body: dict):
    return fastapi.Response(status_code=orders.change(order_id, user["username"], body["to"]))

def send(caller, method, path, body=None):
    app.dependency_overrides[get_current_user] = lambda: {"username": caller}
    try:
        with TestClient(app) as client:
            return client.request(method, path, json=body).status_code
    finally:
        app.dependency_overrides.clear()
"""

HTTPX = FASTAPI.replace(
    """        with TestClient(app) as client:
            return client.request(method, path, json=body).status_code
""",
    """        async def sent():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop") as client:
                return (await client.request(method, path, json=body)).status_code

        return asyncio.run(sent())
""",
).replace("import warnings\n", "import asyncio\nimport httpx\nimport warnings\n")

DJANGO = """
import json

import django
import orders
from django.conf import settings

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="secret", ALLOWED_HOSTS=["testserver"], LOGGING_CONFIG=None)
django.setup()

from django.http import HttpResponse
from django.test import Client
from django.urls import path as route

def cancel(request, order_id):
    return HttpResponse(status=orders.change(order_id, request.headers["X-User"], None))

def give(request, order_id):
    return HttpResponse(status=orders.change(order_id, request.headers["X-User"], json.loads(request.body)["to"]))

urlpatterns = [route("orders/<order_id>", cancel), route("orders/<order_id>/give", give)]

def send(caller, method, path, body=None):
    headers = {"X-User": caller}
    return Client().generic(method, path, json.dumps(body), "application/json", headers=headers).status_code
"""

CHALICE = """
import json

import chalice
import orders
from chalice.test import Client

app = chalice.Chalice(app_name="shop")

@app.route("/orders/{order_id}", methods=["DELETE"])
def cancel(order_id):
    caller = app.current_request.headers["x-user"]
    return chalice.Response("", status_code=orders.change(order_id, caller, None))

@app.route("/orders/{order_id}/give", methods=["POST"])
def give(order_id):
    caller = app.current_request.headers["x-user"]
    return chalice.Response("", status_code=orders.change(order_id, caller, app.current_request.json_body["to"]))

def send(caller, method, path, body=None):
    headers = {"X-User": caller, "Content-Type": "application/json"}
    with Client(app) as client:
        return client.http.request(method, path, headers=headers, body=json.dumps(body).encode()).status_code
"""

SUITES = {
    "flask": (FLASK, "session.user_id"),
    "fastapi": (FASTAPI, "dependencies.current_user.username"),
    "httpx": (HTTPX, "dependencies.current_user.username"),
    "django": (DJANGO, "headers.x-user"),
    "chalice": (CHALICE, "headers.x-user"),
}


def recorded(folder: Path, framework: str, guard: str, *options: str) -> str:
    pytest.importorskip(framework, reason=f"no {framework}: `pip install {framework}`")
    if framework in ("httpx", "fastapi"):
        for package in ("fastapi", "httpx"):
            pytest.importorskip(package, reason=f"no {package}: `pip install {package}`")
    files = {"orders.py": guard + ORDERS, "conftest.py": CONFTEST, "test_shop.py": SUITES[framework][0] + TESTS}
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--toctou",
        "--toctou-seconds",
        "60",
        *options,
    ]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout
    assert "4 requests to 2 handlers were recorded in 4 tests." in run.stdout
    assert f"They are made by alice, bob ({SUITES[framework][1]})." in run.stdout
    return run.stdout


@pytest.mark.parametrize("framework", SUITES)
def test_the_race_between_two_tests_is_found(tmp_path, framework, not_a_worker):
    output = recorded(tmp_path, framework, UNGUARDED)
    assert "DELETE /orders/{order_id} × POST /orders/{order_id}/give: owner check bypassed" in output
    assert "(alice) removed Orders[o-1] although its owner was 'carol' by then" in output


@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_what_is_guarded_is_not_blamed(tmp_path, framework, not_a_worker):
    output = recorded(tmp_path, framework, GUARDED)
    assert "VIOLATED" not in output
    assert "VERIFIED" in output


def test_requests_of_two_workers_meet(tmp_path, not_a_worker):
    pytest.importorskip("xdist", reason="no pytest-xdist: `pip install pytest-xdist`")
    output = recorded(tmp_path, "fastapi", UNGUARDED, "-n", "2")
    assert "DELETE /orders/{order_id} × POST /orders/{order_id}/give: owner check bypassed" in output


LABELS = """
import warnings

import boto3
import fastapi
import pydantic
import pytest
from moto import mock_aws

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

app = fastapi.FastAPI()


class Label(pydantic.BaseModel):
    label: str


@app.post("/orders/{order_id}/labels")
def add(order_id: str, body: Label):
    orders = boto3.resource("dynamodb", region_name="eu-central-1").Table("Orders")
    labels = orders.get_item(Key={"order_id": order_id})["Item"]["labels"]
    orders.update_item(
        Key={"order_id": order_id},
        UpdateExpression="SET labels = :l",
        ExpressionAttributeValues={":l": sorted({*labels, body.label})},
    )
    return {}


def test_a_label_is_added():
    with mock_aws():
        orders = boto3.resource("dynamodb", region_name="eu-central-1").create_table(
            TableName="Orders",
            KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        orders.put_item(Item={"order_id": "o1", "labels": []})
        assert TestClient(app).post("/orders/o1/labels", json={"label": "blue"}).status_code == 200
"""


def test_a_schema_shows_what_the_tests_do_not(tmp_path, not_a_worker):
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    pytest.importorskip("httpx", reason="no httpx: `pip install httpx`")
    (tmp_path / "test_labels.py").write_text(LABELS)
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--toctou", "test_labels.py"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **keys}, capture_output=True, text=True, check=False
    )
    assert "1 passed" in ended.stdout, ended.stdout
    assert "POST /orders/{order_id}/labels ×2: lost update" in ended.stdout
