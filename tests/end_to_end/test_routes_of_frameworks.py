"""``toctou check`` of routes over applications of frameworks and Lambda functions, as a user writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTES = """
import boto3

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Notes")


def delete(caller, note_id):
    note = table.get_item(Key={"id": note_id}).get("Item")
    if note is None:
        return 404
    if note["owner"] != caller:
        return 403
    table.delete_item(Key={"id": note_id})
    return 204


def give(caller, note_id, to):
    try:
        table.update_item(
            Key={"id": note_id},
            UpdateExpression="SET #owner = :to",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": to, ":caller": caller},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return 403
    return 200
"""

GUARDED = """
    try:
        table.delete_item(
            Key={"id": note_id},
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":caller": caller},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return 403
"""

APPLICATIONS = {
    "flask": """
from flask import Flask, request

app = Flask(__name__)


@app.delete("/notes/<note_id>")
def delete(note_id):
    return "", notes.delete(request.headers["X-User"], note_id)


@app.post("/notes/<note_id>/owner")
def give(note_id):
    return "", notes.give(request.headers["X-User"], note_id, request.json["to"])
""",
    "django": """
import json

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None)


def note(request, note_id):
    return HttpResponse(status=notes.delete(request.headers["X-User"], note_id))


def owner(request, note_id):
    return HttpResponse(status=notes.give(request.headers["X-User"], note_id, json.loads(request.body)["to"]))


urlpatterns = [path("notes/<note_id>", note), path("notes/<note_id>/owner", owner)]
app = get_wsgi_application()
""",
    "fastapi": """
from typing import Annotated

from fastapi import Body, FastAPI, Header, Response

app = FastAPI()


@app.delete("/notes/{note_id}")
def delete(note_id: str, x_user: Annotated[str, Header()]):
    return Response(status_code=notes.delete(x_user, note_id))


@app.post("/notes/{note_id}/owner")
async def give(note_id: str, x_user: Annotated[str, Header()], to: Annotated[str, Body(embed=True)]):
    return Response(status_code=notes.give(x_user, note_id, to))
""",
    "chalice": """
from chalice import Chalice, Response

app = Chalice("notes")


def caller():
    return app.current_request.context["authorizer"]["claims"]["sub"]


@app.route("/notes/{note_id}", methods=["DELETE"])
def delete(note_id):
    return Response("", status_code=notes.delete(caller(), note_id))


@app.route("/notes/{note_id}/owner", methods=["POST"])
def give(note_id):
    return Response("", status_code=notes.give(caller(), note_id, app.current_request.json_body["to"]))
""",
    "aws_lambda_powertools": """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

logger, metrics = Logger(service="notes"), Metrics(namespace="Notes", service="notes")
resolver = APIGatewayHttpResolver()


def caller():
    return resolver.current_event.request_context.authorizer.jwt_claim["sub"]


@resolver.delete("/notes/<note_id>")
def delete(note_id):
    return Response(notes.delete(caller(), note_id))


@resolver.post("/notes/<note_id>/owner")
def give(note_id):
    metrics.add_metric(name="given", unit="Count", value=1)
    return Response(notes.give(caller(), note_id, resolver.current_event.json_body["to"]))


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def app(event, context):
    return resolver.resolve(event, context)
""",
}

SERVED = {
    "chalice": "function = application.app",
    "aws_lambda_powertools": 'function = application.app\n    api = "http"\n    caller = claims("sub")',
}

MODEL = """
import application
from toctou import Model, Table, claims, route


class Notes(Model):
    {served}
    tables = [Table("Notes", "id")]
    items = {{"Notes": [{{"id": "n1", "owner": "alice"}}]}}
    owner = "owner"
    delete = route("DELETE /notes/{{note_id}}", note_id=["n1"])
    give = route("POST /notes/{{note_id}}/owner", body={{"to": "{{to}}"}}, note_id=["n1"], to=["bob"], principals=["alice"])
"""


@pytest.fixture(params=APPLICATIONS)
def framework(request, tmp_path: Path):
    library = request.param
    package = library.replace("_", "-")
    pytest.importorskip(library, reason=f"no {library}: `pip install {package}`")
    (tmp_path / "notes.py").write_text(NOTES)
    (tmp_path / "application.py").write_text("import notes\n" + APPLICATIONS[library])
    served = SERVED.get(library, 'app = application.app\n    headers = {"X-User": "{principal}"}')
    (tmp_path / "notes_model.py").write_text(MODEL.format(served=served))
    return tmp_path


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A process of its own: Django is configured once per process.
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("isolation", ["auto", "processes"])
def test_a_race_behind_routes_is_found_and_replayed(framework, isolation):
    done = ran(framework, "toctou.cli", "check", "notes_model.py", "--isolation", isolation, "--report", "report")
    assert done.returncode == 1, done.stdout + done.stderr
    (model,) = json.loads((framework / "report" / "run.json").read_text())["models"]
    verdicts = {tuple(one["requests"]): one["verdict"] for one in model["scenarios"]}
    give, delete = "alice: give(note_id='n1', to='bob')", "alice: delete(note_id='n1')"
    assert verdicts[delete, give] == "VIOLATED"
    assert verdicts[give, give] == verdicts[(delete,)] == "VERIFIED"
    assert "INCONCLUSIVE" not in verdicts.values(), done.stdout
    assert "bypassed" in done.stdout
    assert "share" not in model["detail"]
    if isolation == "processes":
        return
    again = ran(framework, "toctou.cli", "replay", "report/notes_model.Notes-1.json")
    assert again.returncode == 1, again.stdout + again.stderr
    test = ran(framework, "toctou.cli", "report", "report/notes_model.Notes-1.json", "--format", "pytest").stdout
    (framework / "test_race.py").write_text(test)
    failed = ran(framework, "pytest", "-q", "-p", "no:cacheprovider", "test_race.py")
    assert "1 failed" in failed.stdout, failed.stdout + failed.stderr
    source = (framework / "notes.py").read_text()
    (framework / "notes.py").write_text(source.replace('    table.delete_item(Key={"id": note_id})\n', GUARDED))
    assert ran(framework, "toctou.cli", "check", "notes_model.py", "--report", "report").returncode == 0
    assert "1 passed" in ran(framework, "pytest", "-q", "-p", "no:cacheprovider", "test_race.py").stdout


def test_a_machine_of_routes_finds_the_race(framework):
    (framework / "test_machine.py").write_text(
        "from toctou.stateful import machine\nfrom notes_model import Notes\n\nTestNotes = machine(Notes).TestCase\n"
    )
    done = ran(framework, "pytest", "-q", "-p", "no:cacheprovider", "test_machine.py")
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert "VIOLATED" in done.stdout


def test_chalice_gets_its_own_route_of_what_a_model_writes_out(tmp_path):
    pytest.importorskip("chalice", reason="no chalice: `pip install chalice`")
    (tmp_path / "notes.py").write_text(NOTES)
    (tmp_path / "application.py").write_text("import notes\n" + APPLICATIONS["chalice"])
    model = MODEL.replace(
        'delete = route("DELETE /notes/{{note_id}}", note_id=["n1"])', 'delete = route("DELETE /notes/n1")'
    )
    model = model.replace("{{note_id}}/owner", "{{which}}/owner").replace("note_id=", "which=")
    (tmp_path / "notes_model.py").write_text(model.format(served="function = application.app"))
    done = ran(tmp_path, "toctou.cli", "check", "notes_model.py", "--report", "report")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "bypassed" in done.stdout


def test_a_function_that_looks_its_code_up_by_the_resource_is_told_as_that(tmp_path):
    (tmp_path / "notes_model.py").write_text("""
import notes
from toctou import Model, Table, route


def function(event, context):
    views = {("DELETE", "/notes/{note_id}"): lambda note_id: notes.delete("alice", note_id)}
    view = views.get((event["httpMethod"], event["resource"]))
    return {"statusCode": 404 if view is None else view(**event["pathParameters"])}


class Notes(Model):
    function = function
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n1", "owner": "alice"}]}
    delete = route("DELETE /notes/n1")
""")
    (tmp_path / "notes.py").write_text(NOTES)
    done = ran(tmp_path, "toctou.cli", "check", "notes_model.py")
    assert done.returncode == 3
    assert "the resource of the event is '/notes/n1', as the model writes it" in " ".join(done.stdout.split())
