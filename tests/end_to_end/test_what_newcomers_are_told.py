"""The command on models whose requests do not do what their author thought: what the terminal says, once, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from written_models import Ended

Command = Callable[..., Ended]

NOTES = """
import boto3

table = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")
"""

DEPENDENCY = (
    NOTES
    + """
from fastapi import Depends, FastAPI
from toctou import Model, Table, route

app = FastAPI()

def current():
    return {}["user"]

@app.post("/notes")
def add(user=Depends(current)): ...

@app.delete("/notes")
async def remove(user=Depends(current)): ...

class Notes(Model):
    tables = [Table("Notes", "id")]
    app = app
    add = route("POST /notes")
    remove = route("DELETE /notes")
"""
)

FLASK = (
    NOTES
    + """
from flask import Flask, abort, jsonify, request
from toctou import Model, Table, handler, route

app = Flask(__name__)

@app.delete("/notes/<note_id>")
def delete(note_id):
    caller = request.headers.get("X-User") or abort(401)
    note = table.get_item(Key={"id": note_id}).get("Item") or abort(404)
    if note["owner"] != caller:
        abort(403)
    table.delete_item(Key={"id": note_id})
    return "", 204

@app.put("/notes/<note_id>")
def put(note_id):
    if "text" not in request.get_json():
        return jsonify(error="text is missing"), 400
    table.put_item(Item={"id": note_id, "text": request.json["text"]})
    return "", 204

@app.post("/broken")
def broken():
    return {"message": "no database"}, 500

@app.post("/search")
def search():
    return table.get_item(Key={"id": "n1"})["Item"]

class Notes(Model):
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n1", "owner": "alice"}]}
    owner = "owner"
    app = app
    MEMBERS
"""
)
CALLER = 'headers = {"X-User": "{principal}"}; '

FASTAPI = (
    NOTES
    + """
from typing import Annotated

from fastapi import FastAPI, Header
from pydantic import BaseModel
from toctou import Model, Table, route

app = FastAPI()

class Note(BaseModel):
    text: str

@app.put("/notes/{note_id}")
def put(note_id: str, note: Note, x_user: Annotated[str, Header()]):
    table.put_item(Item={"id": note_id, "owner": x_user, "text": note.text})

class Notes(Model):
    tables = [Table("Notes", "id")]
    app = app
    MEMBERS
"""
)

READS_THEN_FAILS = (
    NOTES
    + """
from toctou import Model, Table, handler

class Notes(Model):
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n1"}]}

    @handler()
    def show(self, principal):
        return 200, table.get_item(Key={"id": "n1"})["Item"]["txt"]

    @handler()
    def add(self, principal):
        table.put_item(Item={"id": "n1", "text": principal})
"""
)


WITH_SERVICES = (
    NOTES
    + """
from toctou import Model, Table, handler

secrets, parameters, s3 = (boto3.client(one) for one in ("secretsmanager", "ssm", "s3"))

class Notes(Model):
    tables = [Table("Notes", "id")]
    services = ["secretsmanager", "ssm", "s3"]

    def setup(self):
        SETUP

    @handler()
    def secret(self, principal):
        table.put_item(Item={"id": "n1", "text": secrets.get_secret_value(SecretId="unmade")["SecretString"]})

    @handler()
    def parameter(self, principal):
        value = parameters.get_parameter(Name="/limit", WithDecryption=True)["Parameter"]["Value"]
        table.put_item(Item={"id": "n1", "text": value})

    @handler()
    def stored(self, principal):
        text = s3.get_object(Bucket="docs", Key="a.txt")["Body"].read().decode()
        table.put_item(Item={"id": "n1", "text": text})

    @handler()
    def elsewhere(self, principal):
        boto3.resource("dynamodb").Table("Notices").delete_item(Key={"notice_id": "1"})
"""
)

UPLOADS = (
    NOTES
    + """
from toctou import Model, Table, handler

s3 = boto3.client("s3")

class Notes(Model):
    tables = [Table("Notes", "id")]
    services = ["s3"]

    @handler()
    def upload(self, principal):
        s3.put_object(Bucket="docs", Key="a.txt", Body=b"text")

    @handler()
    def remember(self, principal):
        text = s3.get_object(Bucket="docs", Key="a.txt")["Body"].read().decode()
        table.put_item(Item={"id": "n1", "text": text})
"""
)

FUNCTION = (
    NOTES
    + """
from toctou import Model, Table, route

def lambda_handler(event, context):
    key = boto3.client("secretsmanager").get_secret_value(SecretId="unmade")["SecretString"]
    table.put_item(Item={"id": "n1", "text": key})
    return {"statusCode": 200}

class Notes(Model):
    tables = [Table("Notes", "id")]
    services = ["secretsmanager"]
    function = lambda_handler
    add = route("POST /notes")
"""
)


def run_of(folder: Path) -> dict:
    return json.loads((folder / "reports/latest/run.json").read_text())


def test_a_bug_in_what_endpoints_share_is_told_once_and_names_them(folder: Path, command: Command):
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    (folder / "dependency.py").write_text(DEPENDENCY)
    ended = command("check", "dependency.py")
    assert ended.status == 1, ended
    (finding,) = run_of(folder)["findings"]
    assert finding["handlers"] == ["add", "remove"]
    assert finding["anomalies"] == ["fails_alone"]
    assert "add and remove: fail alone, for one cause" in ended.out
    assert ended.out.count("KeyError: 'user'") == 1, "not as what the handlers have answered as well"


def test_a_request_that_fails_alone_is_no_other_finding_after_what_another_one_wrote(folder: Path, command: Command):
    (folder / "fails.py").write_text(READS_THEN_FAILS)
    ended = command("check", "fails.py")
    (finding,) = run_of(folder)["findings"]
    assert finding["anomalies"] == ["fails_alone"], ended.out
    assert len(finding["scenarios"]) > 1


def test_a_request_that_fails_only_after_what_another_one_wrote_is_a_race(folder: Path, command: Command):
    (folder / "raced.py").write_text(
        READS_THEN_FAILS.replace('["txt"]', '["text"]')
        .replace('"id": "n1"}]', '"id": "n1", "text": ""}]')
        .replace('table.put_item(Item={"id": "n1", "text": principal})', 'table.delete_item(Key={"id": "n1"})')
    )
    command("check", "raced.py")
    (finding,) = run_of(folder)["findings"]
    assert finding["anomalies"] == ["unhandled_exception"]


def words(ended: Ended) -> str:
    return " ".join(ended.out.split())


def lines_about(ended: Ended, handler: str) -> list[str]:
    found: list[str] = []
    begun = 0
    for line in ended.out.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith(f"{handler}: "):
            found.append(line.strip())
            begun = indent
        elif found and begun < indent:  # it goes on under its head
            found[-1] += f" {line.strip()}"
        else:
            begun = len(line) + 1
    return found


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            CALLER + 'h = route("DELETE /note/n1")',
            "answered 404 to DELETE /note/n1: the application has no such path; there is DELETE /notes/<note_id>",
        ),
        (
            CALLER + 'h = route("DELETE /notes/n2")',
            "answered 404 to DELETE /notes/n2: what it looks for is not there: store it in `items`, or give arguments of what is "
            "there",
        ),
        (
            'h = route("POST /notes/n1")',
            "answered 405 to POST /notes/n1: the path has no such method, only DELETE, OPTIONS, PUT: correct the route",
        ),
        (
            'h = route("PUT /notes/n1", body={"txt": ""})',
            'answered 400 to PUT /notes/n1: {"error": "text is missing"}: correct the `body`, the arguments or the headers '
            "of the request",
        ),
        (
            'h = route("POST /broken")',
            'answered 500 to POST /broken: {"message": "no database"}: it fails by itself: correct it, or what it depends on '
            "(environment variables, `setup`, `services`)",
        ),
        (
            'h = route("POST /search")',
            "answered 200 to POST /search without a write: if it is meant only to read, declare it with read_only=True; if not, "
            "give it items and arguments with which it reaches its write",
        ),
        (
            CALLER + 'principals = ["bob"]; h = route("DELETE /notes/n1")',
            'all items belong to alice: say principals = ["alice"], or change `items`',
        ),
        ('h = route("DELETE /notes/n1")', "it does not know who calls: say so in `headers`"),
        (
            'headers = {"X-Usr": "{principal}"}; h = route("DELETE /notes/n1")',
            "it was sent X-Usr, and does not take the caller from that: correct it",
        ),
    ],
)
def test_a_request_that_an_application_does_not_accept(folder: Path, command: Command, members: str, told: str):
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    (folder / "app_of_notes.py").write_text(FLASK.replace("MEMBERS", members))
    ended = command("check", "app_of_notes.py")
    (line,) = lines_about(ended, "h")
    assert line.endswith(told), ended
    assert ended.status == 3
    assert ("read_only=True" in ended.out) == ("read_only=True" in told)


def test_headers_are_not_asked_for_where_they_are_declared(folder: Path, command: Command):
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    members = 'headers = {"X-Usr": "{principal}"}; h = route("DELETE /notes/n1")'
    (folder / "with_headers.py").write_text(FLASK.replace("MEMBERS", members))
    assert "every request was answered 401, although requests carry X-Usr: the application does not take" in (
        words(command("check", "with_headers.py"))
    )
    (folder / "without.py").write_text(FLASK.replace("MEMBERS", 'h = route("DELETE /notes/n1")'))
    ended = command("check", "without.py")
    assert (
        "every request was answered 401: the application does not know who calls; say so in the model: headers ="
        in words(ended)
    )


def test_a_handler_that_refuses_everybody_is_not_told_to_send_headers(folder: Path, command: Command):
    (folder / "refuses.py").write_text(
        FLASK.partition("from flask")[0]
        + "from toctou import Model, Table, handler\n\n"
        + "class Notes(Model):\n"
        + '    tables = [Table("Notes", "id")]\n    items = {"Notes": [{"id": "n1", "owner": "carol"}]}\n    owner = "owner"\n'
        + "    @handler()\n    def delete(self, principal):\n"
        + '        if table.get_item(Key={"id": "n1"})["Item"]["owner"] != principal:\n            return 403\n'
        + '        table.delete_item(Key={"id": "n1"})\n'
    )
    ended = command("check", "refuses.py")
    assert lines_about(ended, "delete") == [
        'delete: answered 403: all items belong to carol: say principals = ["carol"], or change `items`'
    ]
    assert "headers" not in ended.out


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            'h = route("PUT /notes/n1", body={"text": ""})',
            'header x-user: Field required: say it in headers = {"x-user": "{principal}"}',
        ),
        (
            'headers = {"X-User": "{principal}"}; h = route("PUT /notes/n1", body={"txt": ""})',
            'body text: Field required: say it in body={"text": …}',
        ),
        (
            'h = route("PUT /note/n1", body={"text": ""})',
            "the application has no such path; there is PUT /notes/{note_id}",
        ),
    ],
)
def test_a_request_that_fastapi_does_not_accept(folder: Path, command: Command, members: str, told: str):
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    (folder / "fast_notes.py").write_text(FASTAPI.replace("MEMBERS", members))
    (line,) = lines_about(command("check", "fast_notes.py"), "h")
    assert line.endswith(told)


MADE = [
    'boto3.client("secretsmanager").create_secret(Name="unmade", SecretString="…")',
    'boto3.client("ssm").put_parameter(Name="/limit", Value="…", Type="SecureString")',
    'boto3.client("s3").put_object(Bucket="docs", Key="a.txt", Body=b"…")',
]


def test_what_the_model_has_not_made_is_a_doubt_with_the_line_to_add(folder: Path, command: Command):
    (folder / "with_services.py").write_text(WITH_SERVICES.replace("SETUP", "pass"))
    ended = command("check", "with_services.py")
    (checked,) = run_of(folder)["models"]
    assert (ended.status, checked["stop_reason"], run_of(folder)["findings"]) == (3, "not_set_up", []), ended
    for line in MADE:
        assert ended.out.count(line) == 1, "once, not for each scenario"
    assert 'add Table("Notices", "notice_id") to `tables`' in ended.out
    made = WITH_SERVICES.replace("SETUP", "; ".join(MADE).replace('b"…"', 'b"text"'))
    made = made.replace('"Notes", "id")]', '"Notes", "id"), Table("Notices", "notice_id")]')
    (folder / "made.py").write_text(made)
    command("check", "made.py")
    assert run_of(folder)["models"][0]["stop_reason"] != "not_set_up", "what is told works"


def test_what_another_handler_makes_may_be_missing_in_production_too(folder: Path, command: Command):
    (folder / "uploads.py").write_text(UPLOADS)
    command("check", "uploads.py")
    (finding,) = run_of(folder)["findings"]
    assert (finding["handler"], finding["anomaly"]) == ("remember", "fails_alone")


@pytest.mark.parametrize("kind", ["flask", "fastapi", "lambda"])
def test_a_secret_is_missed_behind_an_application_as_well(folder: Path, command: Command, kind: str):
    if kind == "lambda":
        text = FUNCTION
    else:
        pytest.importorskip(kind, reason=f"no {kind}: `pip install {kind}`")
        application = {
            "flask": "from flask import Flask\napp = Flask(__name__)",
            "fastapi": "import fastapi\napp = fastapi.FastAPI()",
        }
        text = FUNCTION.replace(
            "def lambda_handler(event, context)", application[kind] + '\n\n@app.post("/notes")\ndef add()'
        )
        text = text.replace("function = lambda_handler", "app = app")
    (folder / f"behind_{kind}.py").write_text(text)
    ended = command("check", f"behind_{kind}.py")
    assert ended.status == 3, ended
    assert ended.out.count(MADE[0]) == 1
