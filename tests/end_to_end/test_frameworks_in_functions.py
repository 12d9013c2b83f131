"""``toctou check`` of the commonest ways to serve a framework by a Lambda function, behind all that may stand before it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTES = """
import boto3
from boto3.dynamodb.conditions import Attr

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")


def delete(caller, note_id, guard):
    note = table.get_item(Key={"id": note_id}, ConsistentRead=True).get("Item")
    if note is None:
        return 404
    if note["owner"] != caller:
        return 403
    try:
        table.delete_item(Key={"id": note_id}, **({"ConditionExpression": Attr("owner").eq(caller)} if guard else {}))
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return 403
    return 204


def give(caller, note_id, to):
    try:
        table.update_item(
            Key={"id": note_id},
            UpdateExpression="SET #o = :to",
            ConditionExpression=Attr("owner").eq(caller),
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":to": to},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return 403
    return 200
"""
"""One note may be deleted without a guard, and with one."""

FLASK = """
from flask import Flask, make_response, request
import notes

app = Flask(__name__)


@app.delete("/notes/<note_id>")
def delete(note_id):
    status = notes.delete(request.headers["X-User"], note_id, request.args["guard"] == "a&b c")
    response = make_response("", status)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.post("/notes/<note_id>/owner")
def give(note_id):
    return {"id": note_id}, notes.give(request.cookies["who"], note_id, request.form["to"])
"""
FASTAPI = """
from typing import Annotated
from fastapi import Cookie, FastAPI, Form, Header, Response
import notes

app = FastAPI()


@app.delete("/notes/{note_id}")
def delete(note_id: str, guard: str, x_user: Annotated[str, Header()]):
    return Response(status_code=notes.delete(x_user, note_id, guard == "a&b c"))


@app.post("/notes/{note_id}/owner")
async def give(note_id: str, who: Annotated[str, Cookie()], to: Annotated[str, Form()]):
    return Response(b"\\xff\\x00", status_code=notes.give(who, note_id, to))
"""
POWERTOOLS = """
import base64
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, unquote
from aws_lambda_powertools.event_handler import {resolver} as Resolver, Response
import notes

resolver = Resolver()


@resolver.delete("/notes/<note_id>")
def delete(note_id):
    event = resolver.current_event
    guard = unquote(event.query_string_parameters["guard"]) == "a&b c"
    return Response(notes.delete(event.headers["x-user"], unquote(note_id), guard))


@resolver.post("/notes/<note_id>/owner")
def give(note_id):
    event = resolver.current_event
    cookies = getattr(event, "cookies", None) or [event.headers.get("Cookie") or event.headers["cookie"]]
    who = SimpleCookie(cookies[0])["who"].value
    return Response(notes.give(who, unquote(note_id), parse_qs(event.decoded_body)["to"][0]))


function = resolver.resolve
"""
RESOLVERS = {
    "rest": "APIGatewayRestResolver",
    "http": "APIGatewayHttpResolver",
    "url": "LambdaFunctionUrlResolver",
    "alb": "ALBResolver",
}

ADAPTERS = {
    "mangum": FASTAPI + "\nfrom mangum import Mangum\nfunction = Mangum(app)\n",
    "serverless_wsgi": FLASK
    + "\nimport serverless_wsgi\ndef function(event, context):\n"
    + "    return serverless_wsgi.handle_request(app, event, context)\n",
    "awsgi": FLASK
    + "\nimport awsgi\ndef function(event, context):\n"
    + "    return awsgi.response(app, event, context, base64_content_types={'image/png'})\n",
    "apig_wsgi": FLASK + "\nfrom apig_wsgi import make_lambda_handler\nfunction = make_lambda_handler(app)\n",
}
PACKAGES = {
    "python_multipart": "python-multipart",
    "awsgi": "aws-wsgi",
    "serverless_wsgi": "serverless-wsgi",
    "apig_wsgi": "apig-wsgi",
}

MODEL = """
import application
from toctou import Model, Table, route


class Racy(Model):
    function = application.function
    api = "{api}"
    headers = {{"X-User": "{{principal}}"}}
    tables = [Table("Notes", "id")]
    items = {{"Notes": [{{"id": "{note}", "owner": "alice"}}]}}
    owner = "owner"
    delete = route("DELETE /notes/{{note_id}}?guard={{guard}}", note_id=["{note}"], guard=["no"])
    give = route(
        "POST /notes/{{note_id}}/owner", form={{"to": "bob"}}, headers={{"Cookie": "who={{principal}}; b=2"}}, note_id=["{note}"],
        principals=["alice"],
    )


class Guarded(Racy):
    delete = route("DELETE /notes/{{note_id}}?guard={{guard}}", note_id=["{note}"], guard=["a&b c"])
"""  # fmt: skip


def check(folder: Path, application: str, api: str, note: str = "n 1:a") -> None:
    (folder / "notes.py").write_text(NOTES)
    (folder / "application.py").write_text(application)
    (folder / "notes_model.py").write_text(MODEL.format(api=api, note=note))
    command = [sys.executable, "-m", "toctou.cli", "check", "notes_model.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout + done.stderr
    verdicts = dict(re.findall(r"^notes_model.py:(\w+) +(\w+)", done.stdout, re.MULTILINE))
    assert verdicts == {"Racy": "VIOLATED", "Guarded": "VERIFIED"}
    assert "delete × give: owner check bypassed" in done.stdout


KNOWS_ALL = [(adapter, api) for adapter in ADAPTERS for api in RESOLVERS if adapter != "awsgi"]
KNOWS_SOME = [("awsgi", "rest")]
"""Which decodes no path, and knows neither payload 2.0 nor that a load balancer decodes no query."""


@pytest.mark.parametrize(("adapter", "api"), [*KNOWS_ALL, *KNOWS_SOME])
def test_adapters_of_frameworks(tmp_path, adapter, api):
    for module in (adapter, *(["fastapi", "python_multipart"] if adapter == "mangum" else ["flask"])):
        package = PACKAGES.get(module, module)
        pytest.importorskip(module, reason=f"no {module}: `pip install {package}`")
    check(tmp_path, ADAPTERS[adapter], api, *(["n1"] if adapter == "awsgi" else []))


@pytest.mark.parametrize("api", RESOLVERS)
def test_resolvers_of_powertools(tmp_path, api):
    pytest.importorskip("aws_lambda_powertools", reason="no Powertools: `pip install aws-lambda-powertools`")
    check(tmp_path, POWERTOOLS.format(resolver=RESOLVERS[api]), api)
