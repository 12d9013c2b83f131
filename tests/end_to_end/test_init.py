"""``toctou init`` as a user meets it: a template, or a document and an application, become a model that finds the race."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from written_models import Ended

Command = Callable[..., Ended]

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: src/
    Environment:
      Variables:
        ORDERS_TABLE: !Ref OrdersTable
        LOG_LEVEL: INFO
Resources:
  OrdersTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: order_id, AttributeType: S}
      KeySchema:
        - {AttributeName: order_id, KeyType: HASH}
  CancelOrder:
    Type: AWS::Serverless::Function
    Properties:
      Handler: orders_of_template.cancel
      Events:
        Api: {Type: HttpApi, Properties: {Path: "/orders/{order_id}", Method: delete}}
  HandOver:
    Type: AWS::Serverless::Function
    Properties:
      Handler: orders_of_template.hand_over
      Events:
        Api: {Type: HttpApi, Properties: {Path: "/orders/{order_id}/owner", Method: post}}
"""

FUNCTIONS = """
import json
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])


def caller(event):
    return event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]


def cancel(event, context):
    order_id = event["pathParameters"]["order_id"]
    order = table.get_item(Key={"order_id": order_id}).get("Item")
    if order is None:
        return {"statusCode": 404}
    if order["owner"] != caller(event):
        return {"statusCode": 403}
    table.delete_item(Key={"order_id": order_id})
    return {"statusCode": 204}


def hand_over(event, context):
    body = json.loads(event["body"])
    try:
        table.update_item(
            Key={"order_id": event["pathParameters"]["order_id"]},
            UpdateExpression="SET #owner = :to",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": body["to"], ":caller": caller(event)},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return {"statusCode": 403}
    return {"statusCode": 200}
"""

OPENAPI = """
openapi: 3.0.3
info: {title: Seats, version: "1"}
components:
  securitySchemes:
    user: {type: apiKey, in: header, name: X-User}
security: [{user: []}]
paths:
  /seats/{seat_id}/booking:
    post:
      operationId: book
      parameters: [{name: seat_id, in: path, required: true, schema: {type: string}}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [note]
              properties: {note: {type: string, minLength: 2}}
      responses: {"200": {description: booked}}
  /seats/{seat_id}:
    get:
      operationId: show
      parameters: [{name: seat_id, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: shown}}
"""

FLASK = """
import boto3
from flask import Flask, abort, request

app = Flask(__name__)
table = boto3.resource("dynamodb").Table("Seats")


@app.post("/seats/<seat_id>/booking")
def book(seat_id):
    seat = table.get_item(Key={"seat_id": seat_id}).get("Item") or abort(404)
    if seat["state"] != "free":
        abort(409)
    table.put_item(
        Item={"seat_id": seat_id, "state": "taken", "by": request.headers["X-User"], "note": request.json["note"]}
    )
    return {"by": request.headers["X-User"]}


@app.get("/seats/<seat_id>")
def show(seat_id):
    return table.get_item(Key={"seat_id": seat_id}).get("Item") or abort(404)
"""


@pytest.fixture
def lambda_service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDERS_TABLE", "")  # so that what the model sets is undone
    monkeypatch.delenv("ORDERS_TABLE")
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "src").mkdir()
    (folder / "src" / "orders_of_template.py").write_text(FUNCTIONS)
    return folder


def test_a_sam_template_becomes_a_model_that_finds_the_race(lambda_service: Path, command: Command):
    ended = command("init")
    assert ended.status == 1, ended.err
    assert "wrote toctou_model.py: 1 table, 2 handlers" in ended.err
    assert "VIOLATED" in ended.out
    assert "hand_over × cancel_order" in ended.out or "cancel_order × hand_over" in ended.out
    text = (lambda_service / "toctou_model.py").read_text()
    assert 'tables = [Table("OrdersTable", "order_id")]' in text
    assert 'items = {"OrdersTable": [{"order_id": "o1", "owner": "alice"}]}' in text
    assert 'owner = "owner"' in text
    assert 'api = "http"' in text
    assert "LOG_LEVEL" not in text, "only what the handlers ask for"
    assert "nothing is left open in toctou_model.py" in ended.err


def test_an_openapi_document_and_a_flask_application_become_a_model(folder: Path, command: Command):
    pytest.importorskip("flask", reason="`pip install -e '.[test]'` installs flask")
    (folder / "openapi.yaml").write_text(OPENAPI)
    (folder / "seats_of_document.py").write_text(FLASK)
    ended = command("init", "openapi.yaml", "seats_of_document.py", "--output", "seats_model.py")
    text = (folder / "seats_model.py").read_text()
    assert ended.status == 1, ended.err
    assert "VIOLATED" in ended.out
    assert "book" in ended.out
    assert 'items = {"Seats": [{"seat_id": "s1", "state": "free"' in text, "of the code"
    assert 'headers = {"X-User": "{principal}"}' in text, "of the document's security scheme"
    assert 'show = route("GET /seats/{seat_id}", read_only=True, seat_id=["s1"])' in text
    assert "to complete: seats_model.py:" in ended.err, "who owns a seat is not known"


def test_what_a_draft_lacks_is_told(lambda_service: Path, command: Command):
    topic = 'Api: {Type: SNS, Properties: {Topic: "arn"}}'
    text = TEMPLATE.replace('Api: {Type: HttpApi, Properties: {Path: "/orders/{order_id}", Method: delete}}', topic)
    (lambda_service / "template.yaml").write_text(text)
    ended = command("init", "--no-check")
    assert "toctou: not drafted: the SNS event of CancelOrder. A method that makes" in ended.err
    assert "wrote toctou_model.py: 1 table, 1 handler" in ended.err


def test_a_draft_is_formatted_and_runs_again_as_it_is(lambda_service: Path, command: Command):
    command("init", "--no-check")
    file = lambda_service / "toctou_model.py"
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "100", "--check", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    assert command("check", file).status == 1


def test_a_file_that_exists_is_not_overwritten(lambda_service: Path, command: Command):
    (lambda_service / "toctou_model.py").write_text("mine = True\n")
    ended = command("init")
    assert ended.status == 2
    assert "toctou_model.py exists already" in ended.err
    assert "--output" in ended.err
    assert (lambda_service / "toctou_model.py").read_text() == "mine = True\n"
    assert command("init", "--no-check", "--output", "other_model.py").status == 0


def test_a_file_that_would_hide_the_handlers_is_not_written(lambda_service: Path, command: Command):
    ended = command("init", "--output", "orders_of_template.py")
    assert ended.status == 2
    assert "--output orders_of_template_model.py" in ended.err
    assert not (lambda_service / "orders_of_template.py").exists()


def test_a_service_in_another_language_is_drafted_from_its_document(folder: Path, command: Command):
    (folder / "openapi.yaml").write_text(OPENAPI)
    ended = command(
        "init", "--service", "cargo run", "--openapi", "openapi.yaml", "--table", "Seats:seat_id", "--no-check"
    )
    assert ended.status == 0, ended.err
    text = (folder / "toctou_model.py").read_text()
    assert 'service = Service(command=["cargo", "run"], environment={"PORT": "{port}"})' in text
    assert 'tables = [Table("Seats", "seat_id")]' in text
    assert (
        'book = route("POST /seats/{seat_id}/booking", body={"note": "{note}"}, seat_id=["s1"], note='
        in text.replace("\n        ", " ").replace("( ", "(")
    )


SERVICE = """
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
import boto3

table = boto3.resource("dynamodb").Table("Seats")


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body=None):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        seat = table.get_item(Key={"seat_id": self.path.split("/")[2]})["Item"]
        self.answer(200, seat)

    def do_POST(self):
        note = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["note"]
        seat_id = self.path.split("/")[2]
        if "by" in table.get_item(Key={"seat_id": seat_id})["Item"]:
            return self.answer(409)
        table.put_item(Item={"seat_id": seat_id, "by": self.headers["X-User"], "note": note})
        self.answer(200)


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_drafted_service_is_started_and_its_race_is_found(folder: Path, command: Command):
    (folder / "openapi.yaml").write_text(OPENAPI)
    (folder / "server.py").write_text(SERVICE)
    (folder / "models").mkdir()
    start = f"{sys.executable} server.py"
    ended = command(
        "init",
        "--service",
        start,
        "--openapi",
        "openapi.yaml",
        "--table",
        "Seats:seat_id",
        "--output",
        "models/seats.py",
    )
    assert ended.status == 1, ended.err
    assert "book" in ended.out
    assert 'folder=".."' in (folder / "models" / "seats.py").read_text(), "it is started where the command was given"


@pytest.mark.parametrize(
    ("document", "arguments", "told"),
    [
        (("template.yaml", "Resources: {A: {Type: AWS::S3::Bucket}}"), [], "names no function"),
        (("values.yaml", "a: 1"), ["values.yaml"], "none of the documents"),
        (("broken.yaml", "a: [1"), ["broken.yaml"], "is not YAML"),
        (("openapi.yaml", OPENAPI), ["openapi.yaml"], "not what serves them"),
        (("nothing.txt", ""), [], "holds nothing to draft a model from"),
        (("test_orders.py", "def test_it(): pass"), ["test_orders.py"], "make no request that calls DynamoDB"),
        (("plain.py", "x = 1"), ["plain.py"], "holds no application"),
        (("x.txt", ""), ["absent.yaml"], "there is no 'absent.yaml'"),
        (
            ("openapi.yaml", OPENAPI),
            ["--service", "x", "--table", "Seats", "--openapi", "openapi.yaml"],
            "--table Seats is no table",
        ),
        (("openapi.yaml", OPENAPI), ["--service", "x", "--output", "a-b.py"], "no Python file that can be imported"),
        (("openapi.yaml", OPENAPI), ["--service", "x", "--output", "no/model.py"], "there is no folder no"),
        (("template.yaml", TEMPLATE.replace("python3.12", "nodejs22.x")), [], "--service"),
    ],
)
def test_what_cannot_be_drafted_from_is_told_and_nothing_is_written(
    folder: Path, command: Command, document: tuple[str, str], arguments: list[str], told: str
):
    name, text = document
    (folder / name).write_text(text)
    ended = command("init", *arguments)
    assert ended.status == 2
    assert told in ended.err
    assert "remedy: " in ended.err
    assert [one.name for one in folder.rglob("*.py")] == [name] * name.endswith(".py")


def test_a_template_that_refers_to_itself_is_told(folder: Path, command: Command):
    (folder / "template.yaml").write_text(
        TEMPLATE.replace("BillingMode: PAY_PER_REQUEST", "TableName: !Ref OrdersTable")
    )
    ended = command("init")
    assert ended.status == 2
    assert "refers to itself in a circle" in ended.err


def test_a_draft_that_cannot_be_imported_yet_is_kept_and_says_which_line_it_needs(
    lambda_service: Path, command: Command
):
    (lambda_service / "src" / "orders_of_template.py").write_text("import absent_library\n" + FUNCTIONS)
    ended = command("init")
    assert ended.status == 2
    assert "wrote toctou_model.py" in ended.err
    assert "absent_library" in ended.err
    assert (lambda_service / "toctou_model.py").exists()
