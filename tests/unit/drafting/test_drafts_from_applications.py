"""What is drafted for an application or a service: by its code, and by an OpenAPI document beside it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from drafts import drafted, handlers, written

from toctou.drafting.composing import sketch_of
from toctou.drafting.model_file import model_file
from toctou.drafting.names import identifier, is_generic, value_of
from toctou.drafting.sketch import Table
from toctou.drafting.source_hints import hints_of
from toctou.drafting.sources import are_tests, material_of
from toctou.errors import BadInput

FLASK = """
import os
import boto3
from flask import Blueprint, Flask, request

app = Flask(__name__)
seats = Blueprint("seats", __name__, url_prefix="/seats")
table = boto3.resource("dynamodb").Table(os.environ["SEATS_TABLE"])
queue = boto3.client("sqs")


@seats.route("/<int:seat_id>", methods=["PUT", "DELETE"])
def change(seat_id):
    user = request.headers["X-User"]
    seat = table.get_item(Key={"seat_id": seat_id})["Item"]
    if seat["state"] != "free":
        return {}, 409
    if seat.get("kind") == "broken":
        raise ValueError
    if seat["tier"] == "gold":
        discount = seat["stock"]
    data = request.get_json()
    if "note" in data:
        table.put_item(Item={"seat_id": seat_id, "owner": user, "state": "taken", "note": read(data)})


def read(data):
    return json.loads(data)["note"]


@app.get("/health")
def health():
    return "ok"
"""


def test_a_flask_application_is_read_for_routes_bodies_items_and_headers(tmp_path: Path):
    sketch = drafted(tmp_path, {"app.py": FLASK})
    assert (sketch.app, sketch.imports, sketch.folders) == ("app.app", ["import app"], [])
    assert sketch.environment == {"SEATS_TABLE": "Seats"}
    assert sketch.tables == [Table("Seats", "seat_id")]
    stored = {"owner": "alice", "state": "free", "kind": "old", "tier": "gold", "stock": 10, "note": "old"}
    assert sketch.items == {"Seats": [{"seat_id": "s1", **stored}]}
    assert sketch.owner == "owner"
    assert sketch.headers == {"X-User": "{principal}"}
    assert sketch.services == ["sqs"]
    assert [one.subject for one in sketch.handlers] == [
        "PUT /seats/{seat_id}",
        "DELETE /seats/{seat_id}",
        "GET /health",
    ]
    change = handlers(sketch)["change"]
    assert change.options == {"body": {"note": "{note}"}}
    assert change.pools == {"seat_id": ["s1"], "note": ["new"]}
    compile(model_file(sketch), "model", "exec")


def test_a_fastapi_application_is_read_for_the_bodies_that_pydantic_declares(tmp_path: Path):
    code = """
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

app = FastAPI()
router = APIRouter(prefix="/orders")

class HandOver(BaseModel):
    to: str
    remark: str = ""

@router.post("/{order_id}/owner")
async def hand_over(order_id: str, wanted: HandOver): ...
"""
    sketch = drafted(tmp_path, {"shop/main.py": code, "shop/__init__.py": ""}, ["shop/main.py"])
    assert (sketch.name, sketch.app, sketch.imports) == ("shop", "shop.main.app", ["import shop.main"])
    (hand_over,) = sketch.handlers
    assert (hand_over.subject, hand_over.options["body"]) == ("POST /orders/{order_id}/owner", {"to": "{to}"})
    assert hand_over.pools["to"] == ["bob"]


def test_a_chalice_application_is_a_function(tmp_path: Path):
    code = (
        "from chalice import Chalice\napp = Chalice(app_name='x')\n\n@app.route('/x', methods=['POST'])\ndef x(): ...\n"
    )
    sketch = drafted(tmp_path, {"app.py": code})
    assert (sketch.app, sketch.function) == (None, "app.app")
    assert [one.subject for one in sketch.handlers] == ["POST /x"]


def test_routes_behind_a_proxy_are_those_that_the_code_declares(tmp_path: Path):
    template = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Api:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          Runtime: python3.12
          Events: {All: {Type: HttpApi}}
    """
    code = "app = APIGatewayHttpResolver()\n\n@app.delete('/notes/<note_id>')\ndef remove(note_id): ...\n"
    sketch = drafted(tmp_path, {"template.yaml": template, "app.py": code})
    assert [(one.name, one.subject) for one in sketch.handlers] == [("remove", "DELETE /notes/{note_id}")]


@pytest.mark.parametrize(
    ("code", "caller"),
    [
        ('event["requestContext"]["authorizer"]["claims"]["sub"]', None),
        ('event["requestContext"]["authorizer"]["claims"]["cognito:username"]', 'claims("cognito:username")'),
        (
            'event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {}).get("email")',
            'claims("email")',
        ),
        ('event["requestContext"]["authorizer"]["principalId"]', None),
        ('event["requestContext"]["authorizer"]["userId"]', 'authorizer("userId")'),
        ('event["requestContext"]["authorizer"]["lambda"]["user"]', 'authorizer("user")'),
    ],
)
def test_where_the_caller_is_looked_for_is_where_the_event_says_it(tmp_path: Path, code: str, caller: str | None):
    template = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      F:
        Type: AWS::Serverless::Function
        Properties: {Handler: app.handler, Runtime: python3.12, Events: {A: {Type: Api, Properties: {Path: /x, Method: get}}}}
    """
    sketch = drafted(
        tmp_path, {"template.yaml": template, "app.py": f"def handler(event, context):\n    user = {code}\n"}
    )
    assert sketch.caller == caller


def document(**more: Any) -> str:
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Shop API", "version": "1"},
            "servers": [{"url": "https://x.org/v1"}],
            "paths": {
                "/orders/{orderId}": {
                    "parameters": [{"name": "orderId", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "patch": {
                        "operationId": "changeOrder",
                        "parameters": [
                            {"name": "mode", "in": "query", "required": True, "schema": {"enum": ["fast"]}},
                            {"name": "X-Trace", "in": "header", "required": True, "schema": {"type": "string"}},
                        ],
                        "requestBody": {
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "properties": {
                                            "owner": {"type": "string"},
                                            "state": {"enum": ["open", "shut"]},
                                            "count": {"type": "integer", "minimum": 50},
                                            "lines": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                                        },
                                    }
                                }
                            }
                        },
                    },
                    "get": {},
                }
            },
            **more,
        }
    )


SERVICE = {"command": ["x", "{port}"]}


def test_an_openapi_document_gives_routes_with_valid_values(tmp_path: Path):
    given = material_of([written(tmp_path, {"openapi.json": document()}) / "openapi.json"])
    given.tables.append(Table("Orders", "order_id"))
    sketch = sketch_of(given, tmp_path / "toctou_model.py", SERVICE)
    assert (sketch.name, sketch.service, sketch.imports) == ("Shop API", SERVICE, [])
    change, get = sketch.handlers
    assert change.subject == "PATCH /v1/orders/{orderId}?mode={mode}"
    assert change.pools["orderId"] == ["o1"]
    assert change.pools["mode"] == ["fast"]
    assert set(change.options["headers"]) == {"X-Trace"}
    body = change.options["body"]
    assert (body["owner"], body["state"], body["count"]) == ("{owner}", "{state}", "{count}")
    assert change.pools["owner"] == ["bob"]
    assert change.pools["state"] == ["open"]
    assert change.pools["count"][0] >= 50
    assert isinstance(body["lines"], list)
    assert (get.subject, get.options) == ("GET /v1/orders/{orderId}", {"read_only": True})
    assert sketch.notes["headers"] == ['TODO: headers = {"…": "{principal}"}, what says who calls.']


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ({"type": "http", "scheme": "bearer"}, {"Authorization": "Bearer {principal}"}),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"X-Key": "{principal}"}),
        ({"type": "http", "scheme": "basic"}, {}),
    ],
)
def test_who_calls_is_said_by_the_security_scheme(tmp_path: Path, scheme: dict[str, str], headers: dict[str, str]):
    text = document(components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    sketch = drafted(tmp_path, {"openapi.json": text}, ["openapi.json"], service=SERVICE)
    assert sketch.headers == headers


def test_routes_of_a_document_are_served_by_the_functions_of_a_template(tmp_path: Path):
    template = """
    Transform: AWS::Serverless-2016-10-31
    Globals: {Function: {Runtime: python3.12}}
    Resources:
      Orders: {Type: AWS::Serverless::SimpleTable, Properties: {PrimaryKey: {Name: id, Type: String}}}
      Change:
        Type: AWS::Serverless::Function
        Properties: {Handler: app.change, Events: {A: {Type: Api, Properties: {Path: "/orders/{id}", Method: patch}}}}
      Rest:
        Type: AWS::Serverless::Function
        Properties: {Handler: app.rest, Events: {A: {Type: Api, Properties: {Path: "/{proxy+}", Method: any}}}}
    """
    sketch = drafted(tmp_path, {"template.yaml": template, "openapi.json": document(), "app.py": ""})
    change, get = sketch.handlers
    assert (change.options["function"], get.options["function"]) == ("app.change", "app.rest")
    assert change.subject == "PATCH /orders/{orderId}?mode={mode}"
    assert change.pools["orderId"] == ["o1"], "an order's id, whatever the parameter is called"


def test_keys_of_a_single_table_are_left_to_a_person(tmp_path: Path):
    template = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      T:
        Type: AWS::DynamoDB::Table
        Properties:
          KeySchema: [{AttributeName: PK, KeyType: HASH}, {AttributeName: SK, KeyType: RANGE}]
      F:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.f
          Runtime: python3.12
          Events: {A: {Type: Api, Properties: {Path: "/notes/{id}", Method: put}}}
    """
    sketch = drafted(tmp_path, {"template.yaml": template, "app.py": ""})
    assert sketch.items == {}
    assert sketch.notes["items"] == [
        "TODO: an item of T; its keys (PK, SK) are made by the handlers in a way of their own."
    ]
    assert sketch.handlers[0].pools == {"id": ["i1"]}


def test_code_that_cannot_be_read_says_nothing(tmp_path: Path):
    folder = written(tmp_path, {"broken.py": "def (", "good.py": "x = 1"})
    (folder / "bytes.py").write_bytes(b"\xff\xfe")
    assert hints_of(sorted(folder.glob("*.py"))).text == "x = 1"


@pytest.mark.parametrize(
    ("files", "target", "expected"),
    [
        (["test_a.py"], "test_a.py", True),
        (["a_test.py"], "a_test.py", True),
        (["tests/test_a.py"], "tests", True),
        (["tests/unit/test_a.py"], "tests", True),
        (["a.py"], "a.py", False),
        (["tests/a.py"], "tests", False),
        ([], "absent", False),
    ],
)
def test_tests_are_known_by_their_names(tmp_path: Path, files: list[str], target: str, expected: bool):
    assert are_tests(written(tmp_path, dict.fromkeys(files, "")) / target) is expected


def test_a_folder_with_an_application_beside_its_tests_is_no_folder_of_tests(tmp_path: Path):
    assert not are_tests(written(tmp_path, {"app.py": FLASK, "test_app.py": ""}))


def test_templates_in_several_folders_have_to_be_named(tmp_path: Path):
    template = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n"
    written(tmp_path, {"a/template.yaml": template})
    assert [one.name for one in material_of([tmp_path]).origins] == ["template.yaml"]
    written(tmp_path, {"b/template.yaml": template})
    with pytest.raises(BadInput, match="holds nothing to draft"):
        material_of([tmp_path])


def test_an_application_that_a_function_makes_is_made_by_it(tmp_path: Path):
    code = """
def create_app(testing=False):
    app = Flask(__name__)

    @app.get('/x')
    def x(): ...
    return app
"""
    sketch = drafted(tmp_path, {"app.py": code})
    assert sketch.app == "app.create_app()"
    assert [one.subject for one in sketch.handlers] == ["GET /x"]


@pytest.mark.parametrize(
    ("code", "api"),
    [
        ("app = APIGatewayHttpResolver()", "http"),
        ("app = LambdaFunctionUrlResolver()", "url"),
        ("app = ALBResolver()", "alb"),
        ("app = APIGatewayRestResolver()", "rest"),
    ],
)
def test_a_function_without_a_template_gets_the_events_that_it_takes(tmp_path: Path, code: str, api: str):
    more = """

@app.put('/notes/<note_id>')
def change(note_id): ...

def lambda_handler(event, context):
    return app.resolve(event, context)
"""
    sketch = drafted(tmp_path, {"notes.py": code + more}, ["notes.py"])
    assert (sketch.function, sketch.api) == ("notes.lambda_handler", api)
    assert [one.subject for one in sketch.handlers] == ["PUT /notes/{note_id}"]


def test_several_tables_of_the_code_get_the_keys_that_are_named_after_them(tmp_path: Path):
    code = """
import os
import boto3
from flask import Flask
from shop import other

app = Flask(__name__)
database = boto3.resource("dynamodb")
ORDERS = os.environ.get("ORDERS", "Orders")
orders = database.Table(ORDERS)
customers = database.Table(os.environ["CUSTOMERS_TABLE"])

@app.get("/orders/<order_id>")
def show(order_id):
    return orders.get_item(Key={"order_id": order_id})["Item"]
"""
    other = "def find(customers, at):\n    return customers.get_item(Key={'customer_id': at, 'kind': 'x'})\n"
    files = {"shop/__init__.py": "", "shop/app.py": code, "shop/other.py": other, "shop/unused.py": "Table('Unused')"}
    sketch = drafted(tmp_path, files, ["shop/app.py"])
    assert sketch.tables == [Table("Orders", "order_id"), Table("Customers", "customer_id", "kind")]
    assert sketch.environment == {"CUSTOMERS_TABLE": "Customers"}


def test_parameters_of_fastapi_are_headers_and_bodies(tmp_path: Path):
    code = """
from typing import Annotated
from fastapi import FastAPI, Header
from shop.bodies import New

app = FastAPI()

@app.post("/notes")
def add(new: New, x_user: Annotated[str, Header()]): ...
"""
    bodies = """
class New(BaseModel):
    text: str = Field(min_length=2)
    size: int = Field(3)
    kind: str = Field(default='x')
    owner: str = Field(...)
"""
    sketch = drafted(tmp_path, {"shop/__init__.py": "", "shop/app.py": code, "shop/bodies.py": bodies}, ["shop/app.py"])
    assert sketch.handlers[0].options == {"body": {"text": "{text}", "owner": "{owner}"}}
    assert sketch.headers == {"x-user": "{principal}"}


def test_what_is_stored_is_like_the_schema_that_a_table_is_named_after(tmp_path: Path):
    order = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "customerId": {"type": "string"},
            "title": {"type": "string"},
            "state": {"enum": ["open", "shut"]},
            "price": {"type": "number", "minimum": 1.5, "maximum": 1.5},
            "lines": {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
        },
    }
    text = document(components={"schemas": {"Order": order, "Error": {"type": "object", "properties": {"text": {}}}}})
    given = material_of([written(tmp_path, {"openapi.json": text}) / "openapi.json"])
    given.tables.append(Table("Orders", "id"))
    sketch = sketch_of(given, tmp_path / "toctou_model.py", SERVICE)
    stored = {"customerId": "alice", "title": "old", "state": "open", "price": Decimal("1.5"), "lines": []}
    assert sketch.items == {"Orders": [{"id": "o1", **stored}]}
    assert sketch.owner == "customerId"
    assert "from decimal import Decimal" in model_file(sketch)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("title", "old", "new"),
        ("message", "old", "new"),
        ("ownerId", "alice", "bob"),
        ("to", "bob", "bob"),
        ("stock", 10, 1),
        ("maxSize", 10, 1),
        ("version", 1, 1),
        ("is_open", False, True),
        ("issue", "old", "new"),
        ("paid", False, True),
        ("productId", "p1", "p1"),
        ("API_KEY", "a1", "a1"),
        ("created_at", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("format", "old", "new"),
    ],
)
def test_values_follow_the_names_of_attributes(name: str, old: Any, new: Any):
    assert (value_of(name), value_of(name, new=True)) == (old, new)


@pytest.mark.parametrize(
    ("key", "noun", "value"),
    [
        ("order_id", "x", "o1"),
        ("id", "order", "o1"),
        ("ID", "order", "o1"),
        ("number:N", "x", 1),
        ("hash:B", "x", b"1"),
        ("user_id", "x", "alice"),
        ("vin", "bike", "v1"),
    ],
)
def test_identifiers_are_named_after_what_they_identify(key: str, noun: str, value: Any):
    assert identifier(key, noun) == value


@pytest.mark.parametrize("key", ["pk", "SK", "GSI1PK", "gsi_2_sk", "partition_key", "hashKey", "key"])
def test_keys_that_are_called_by_their_role_are_not_guessed(key: str):
    assert is_generic(key)
    assert not is_generic(f"order_{key}")


def test_classes_of_pynamodb_say_what_is_stored(tmp_path: Path):
    code = """
app = FastAPI()

class Account(Model):
    class Meta:
        table_name = "Accounts"
        region = "eu-west-1"

    number = NumberAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True, attr_name="opened")
    owner: str = UnicodeAttribute(null=False)
    balance = attributes.NumberAttribute(default=0)
    version = VersionAttribute()
    changed = UTCDateTimeAttribute()
    other = 7

@app.get("/accounts/{number}")
def show(number: int): ...
"""
    sketch = drafted(tmp_path, {"bank.py": code}, ["bank.py"])
    assert sketch.tables == [Table("Accounts", "number:N", "opened")]
    stored = {"owner": "alice", "balance": 10, "version": 1, "changed": "2026-01-01T00:00:00.000000+0000"}
    assert sketch.items == {"Accounts": [{"number": 1, "opened": "o1", **stored}]}
    assert sketch.handlers[0].pools == {"number": [1]}


def test_an_operation_whose_schema_is_none_is_told_and_hides_no_other(tmp_path: Path):
    data = json.loads(document())
    body = {"content": {"application/json": {"schema": {"type": True}}}, "required": True}
    data["paths"]["/orders/{orderId}"]["patch"]["requestBody"] = body
    sketch = drafted(tmp_path, {"openapi.json": json.dumps(data)}, ["openapi.json"], service=SERVICE)
    assert [one.subject for one in sketch.handlers] == ["GET /v1/orders/{orderId}"]
    (note,) = sketch.notes[""]
    assert note.startswith("Not drafted: PATCH /v1/orders/{orderId}: ")
    assert "schema is not valid" in note
