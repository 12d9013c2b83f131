"""``toctou scan`` on applications in this process: Flask, and FastAPI with threaded and asynchronous endpoints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from toctou.cli import main

SERVICES = Path(__file__).parent / "services"
SCHEMA = Path(__file__).parents[2] / "reports" / "scan.schema.json"


@pytest.fixture
def scanned(tmp_path, monkeypatch, capsys):
    """Runs ``toctou scan``; returns its status, document, output, error output and report folder."""
    monkeypatch.chdir(SERVICES)
    monkeypatch.syspath_prepend(str(SERVICES))

    def run(*arguments: str):
        report = tmp_path / "report"
        status = main(["scan", *arguments, "--report", str(report)])
        output = capsys.readouterr()
        file = report / "scan.json"
        return status, json.loads(file.read_text()) if file.exists() else None, output.out, output.err, report

    yield run
    for name in ("flask_items", "fastapi_items", "service_items", "item_table", "plain_items"):
        sys.modules.pop(name, None)


def verdicts(document) -> dict[str, str]:
    return {one["operation"]: one["verdict"] for one in document["operations"]}


def test_what_is_accepted_fails_no_scan_and_hides_nothing_inconclusive(scanned, tmp_path):
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    status, document, *_, report = scanned("--model", "flask_items.py:RacyItems")
    assert (status, document["outcome"]["exit_status"]) == (1, 1)
    baseline = tmp_path / "accepted.json"
    assert main(["baseline", str(report / "run.json"), "-o", str(baseline), "--reason", "known"]) == 0
    status, document, out, *_ = scanned("--model", "flask_items.py:RacyItems", "--baseline", str(baseline))
    assert status == document["outcome"]["exit_status"] == 3  # one operation is never accepted
    assert document["outcome"]["failing"] == 0
    assert " ".join(out.split()).count("owner check bypassed: known (") == 2
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))


FRAMEWORKS = [("flask", "flask_items.py"), ("fastapi", "fastapi_items.py")]


@pytest.mark.parametrize(("library", "file"), FRAMEWORKS)
def test_a_racy_application(library, file, scanned):
    pytest.importorskip(library, reason=f"no {library}: `pip install {library}`")
    status, document, printed, _, report = scanned("--model", f"{file}:RacyItems")
    assert status == 1
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    found = {one["operation"]: one for one in document["operations"]}
    assert found["getItem"]["verdict"] == "VERIFIED", found["getItem"]["detail"]
    assert found["transferItem"]["verdict"] == "VERIFIED"
    assert "takes part in the finding in" in found["transferItem"]["detail"]
    for operation, write, weakness in (
        ("deleteItem", "DeleteItem", "CWE-639"),
        ("updateItem", "UpdateItem", "CWE-367"),
    ):
        scanned_operation = found[operation]
        assert scanned_operation["verdict"] == "VIOLATED"
        assert [one["action"] for one in scanned_operation["accesses"]] == ["GetItem", write]
        assert [(one["read"], one["write"]) for one in scanned_operation["windows"]] == [(0, 1)]
        assert weakness in scanned_operation["findings"][0]["weaknesses"]
        assert scanned_operation["findings"][0]["confirmed_on"] == "moto"
        assert " ".join(scanned_operation["findings"][0]["remedy"].split()) in " ".join(printed.split())
        assert main(["replay", str(report / scanned_operation["findings"][0]["report"])]) == 1
    assert found["updateItem"]["windows"][0]["condition"] == ["existence"]
    # the arguments that lead to the stored item and to principals were found
    assert {one["request"] for one in found["transferItem"]["requests"]} >= {
        "alice: transferItem(item_id='i1', to='bob')",
        "bob: transferItem(item_id='i1', to='alice')",
    }
    page = (report / "scan.html").read_text()
    assert "DELETE " in page
    assert 'href="scan.html"' in (report / "index.html").read_text()
    assert found["deleteItem"]["findings"][0]["report"].replace(".json", ".html") in page


@pytest.mark.parametrize(("library", "file"), FRAMEWORKS)
def test_the_fixed_application(library, file, scanned):
    pytest.importorskip(library, reason=f"no {library}: `pip install {library}`")
    status, document, _, _, _ = scanned("--model", f"{file}:FixedItems")
    found = {one["operation"]: one for one in document["operations"]}
    for operation in ("getItem", "updateItem", "deleteItem", "transferItem"):
        assert found[operation]["verdict"] == "VERIFIED", found[operation]["detail"]
        assert found[operation]["windows"] == []
        assert found[operation]["schedules"] > 10
    assert document["pairs"]["conflicting"] > 30
    if library == "flask":  # its document has two more operations, without a verdict
        assert status == 3
        assert found["purge"]["stop_reason"] == "not_reached"
        assert "administrators only" in found["purge"]["unreached"]
        assert [one["name"] for one in document["unusable"]] == ["POST /reports"]
    else:
        assert status == 0
        assert found["deleteItem"]["undocumented"] == ["204", "403"]


def test_findings_as_sarif_name_the_operation(scanned):
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    _, _, printed, _, _ = scanned("--model", "flask_items.py:RacyItems", "--format", "sarif")
    log = json.loads(printed)
    names = {
        place["name"]
        for result in log["runs"][0]["results"]
        for location in result["locations"]
        for place in location["logicalLocations"]
        if place["kind"] == "resource"
    }
    assert names == {"DELETE /v1/items/{item_id}", "PUT /v1/items/{item_id}"}


def test_a_document_that_the_model_does_not_name(scanned):
    """It is part of the model's name, so that findings can be replayed."""
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    _, document, _, _, _ = scanned("items.openapi.yaml", "--model", "fastapi_items.py:FixedItems")
    assert document["model"] == "fastapi_items.py:FixedItems@items.openapi.yaml"
    assert verdicts(document)["deleteItem"] == "INCONCLUSIVE"
    assert (
        "the document's server is at /v1: if the application is elsewhere, set base_path"
        in document["operations"][0]["unreached"]
    )


PLAIN = """
import item_table
from toctou import Model, Table, handler


class Items(Model):
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "ITEM#i1", "owner": "alice", "text": "hers"}]}
    owner = "owner"

    @handler
    def delete_item(self, principal, item_id):
        return item_table.Racy().delete(principal, item_id)

    @handler(operation="POST /items/{item_id}/transfer")
    def hand_over(self, principal, item_id, to):
        return item_table.transfer(principal, item_id, to)

    @handler(text=["new"])
    async def update_item(self, principal, item_id, text):
        return item_table.Fixed().update(principal, item_id, text)

    @handler
    def something_else(self, principal):
        return 200
"""


@pytest.fixture
def plain(tmp_path):
    file = tmp_path / "plain_items.py"
    file.write_text(PLAIN)
    return f"{file}:Items"


def test_a_model_of_handlers(scanned, plain):
    """Handlers match operations by name, or as they declare; missing pools come from the document."""
    status, document, _, _, report = scanned("items.openapi.yaml", "--model", plain)
    assert status == 1
    found = {one["operation"]: one for one in document["operations"]}
    assert {name: one["handler"] for name, one in found.items()} == {
        "deleteItem": "delete_item",
        "transferItem": "hand_over",
        "updateItem": "update_item",
    }
    assert [one["operation"] for one in document["unusable"]] == ["getItem", "makeReport", "purge"]
    assert document["idle_handlers"] == ["something_else"]
    assert found["deleteItem"]["verdict"] == "VIOLATED"
    assert {one["request"] for one in found["updateItem"]["requests"]} == {
        "alice: update_item(item_id='i1', text='new')",
        "bob: update_item(item_id='i1', text='new')",
    }
    assert main(["replay", str(report / found["deleteItem"]["findings"][0]["report"])]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.yaml", "--model", "{plain}"], "nothing.yaml cannot be read"),
        (["--model", "{plain}"], "no OpenAPI document"),
        (["items.openapi.yaml", "--model", "nothing.py:Items"], "there is no Python file"),
        (["item_table.py", "--model", "{plain}"], "item_table.py is not"),
        (["items.openapi.yaml", "--max-document-bytes", "100", "--model", "{plain}"], "bytes"),
        (["https://127.0.0.1:9/api.yaml", "--model", "{plain}"], "--allow-remote"),
    ],
)
def test_bad_input(scanned, plain, arguments, said):
    status, document, _, complaint, _ = scanned(*[one.format(plain=plain) for one in arguments])
    assert status == 2
    assert document is None
    assert said in complaint
    assert "Traceback" not in complaint


INCOMPLETE = """
import sys
from toctou import App, Service, Table

class Incomplete(App):
    tables = [Table("Items", "item_id")]
    {attributes}
"""


@pytest.mark.parametrize(
    ("attributes", "status", "said"),
    [
        ("document = 'api.yaml'", 2, "the model Incomplete has no application"),
        ("app = print", 2, "the model Incomplete has no OpenAPI document"),
        (
            "document, service = 'api.yaml', Service(command=[sys.executable, '-c', 'exit(3)', '{port}'])",
            2,
            "ended with status 3",
        ),
        (
            "document, service = 'api.yaml', Service(command=['no-such-tool', '{port}'])",
            3,
            "no-such-tool is not installed",
        ),
    ],
)
def test_an_application_that_cannot_be_scanned(scanned, tmp_path, attributes, status, said):
    (tmp_path / "api.yaml").write_text((SERVICES / "items.openapi.yaml").read_text())
    (tmp_path / "plain_items.py").write_text(INCOMPLETE.replace("{attributes}", attributes))
    found, _, printed, complaint, _ = scanned("--model", f"{tmp_path / 'plain_items.py'}:Incomplete")
    assert (found, said in printed + complaint) == (status, True), printed + complaint
    assert "Traceback" not in complaint


BROKEN = """
openapi: 3.0.0
info: {title: t, version: "1"}
paths:
  /items/{item_id}:
    delete:
      operationId: deleteItem
      parameters: [{name: item_id, in: path, required: true, schema: {$ref: SCHEMA}}]
      responses: {}
components:
  schemas:
    a: {$ref: '#/components/schemas/b'}
    b: {$ref: '#/components/schemas/a'}
"""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("'#/components/schemas/c'", "'#/components/schemas/c' leads nowhere"),
        ("'#/components/schemas/a'", "leads in a circle"),
        ("'../secret.yaml'", "leads out of the document's folder"),
        ("'https://127.0.0.1:9/x.yaml'", "--allow-remote"),
    ],
)
def test_a_document_with_broken_references(scanned, plain, tmp_path, schema, said):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("type: string")
    (folder / "api.yaml").write_text(BROKEN.replace("SCHEMA", schema))
    status, _, _, complaint, _ = scanned(str(folder / "api.yaml"), "--model", plain)
    assert status == 2
    assert said in complaint
    assert "api.yaml#/" in complaint
    assert str(tmp_path) not in complaint


ONE_GOOD = """
openapi: 3.0.0
security: [{user: []}]
components: {securitySchemes: {user: {type: apiKey, in: header, name: X-User}}}
paths:
  /dangling/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {$ref: '#/nowhere'}}]}}
  /empty: {get: null}
  /impossible: {get: {parameters: [{name: s, in: query, required: true, schema: {enum: []}}]}}
  /v1/items/{item_id}: {get: {parameters: [{name: item_id, in: path, required: true, schema: {type: string}}]}}
"""


def test_an_operation_that_cannot_be_read_does_not_end_the_scan_of_the_others(scanned, tmp_path):
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    (tmp_path / "api.yaml").write_text(ONE_GOOD)
    status, document, printed, _, _ = scanned(str(tmp_path / "api.yaml"), "--model", "flask_items.py:FixedItems")
    assert status == 3
    assert verdicts(document) == {"get_v1_items_item_id": "VERIFIED"}
    reasons = {one["name"]: one["reason"] for one in document["unusable"]}
    assert "'#/nowhere' leads nowhere" in reasons["GET /dangling/{x}"]
    assert "get contains nothing" in reasons["GET /empty"]
    assert "no value was found" in reasons["GET /impossible"]
    assert all(name in printed for name in reasons)


@pytest.mark.parametrize(
    ("paths", "said"),
    [("[]", "#/paths contains []"), ("{}", "it has none"), ("{/x: {get: {}}}", "no handler of the model serves it")],
)
def test_a_document_without_an_operation_to_drive(scanned, plain, tmp_path, paths, said):
    (tmp_path / "api.yaml").write_text(f"openapi: 3.0.0\npaths: {paths}")
    status, document, _, complaint, _ = scanned(str(tmp_path / "api.yaml"), "--model", plain)
    assert (status, document) == (2, None)
    assert said in complaint


MERGING = """
from typing import Optional

import boto3
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from toctou import App, Table

app = FastAPI()
notes = boto3.resource("dynamodb", region_name="eu-central-1").Table("Notes")


class Change(BaseModel):
    subject: Optional[str] = None
    colour: Optional[str] = None


@app.patch("/notes/{note_id}", operation_id="mergeNote")
def merge(note_id: str, change: Change, caller: str = Depends(APIKeyHeader(name="X-User"))):
    note = notes.get_item(Key={"note_id": note_id}, ConsistentRead=True).get("Item")
    if note is None or note["owner"] != caller:
        raise HTTPException(404)
    try:
        notes.put_item(Item=note | change.model_dump(exclude_unset=True), ConditionExpression=Attr("owner").eq(caller))
    except ClientError:
        raise HTTPException(409)
    return {}


class Notes(App):
    app = app
    tables = [Table("Notes", "note_id")]
    items = {"Notes": [{"note_id": "n1", "owner": "alice", "subject": "s", "colour": "red"}]}
    owner = "owner"
    arguments = {"subject": ["A", "B"], "colour": ["C"]}
"""


def test_a_merge_of_different_members_loses_one(scanned, tmp_path):
    """Requests with all members, or with none, never show it: each overwrites what the other has written anyway."""
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    (tmp_path / "plain_items.py").write_text(MERGING)
    status, document, printed, _, report = scanned("--model", f"{tmp_path / 'plain_items.py'}:Notes")
    assert status == 1
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (operation,) = document["operations"]
    assert operation["verdict"] == "VIOLATED"
    assert operation["members"]["explored"] == [[], ["subject"], ["colour"], ["subject", "colour"]]
    assert "no optional argument; subject; colour; subject, colour" in printed
    assert "(with subject)" in (report / "scan.html").read_text()
    assert main(["replay", str(report / operation["findings"][0]["report"])]) == 1


IN_FLIGHT = """
import boto3
import flask

app = flask.Flask(__name__)
table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Items")
in_flight = set()


@app.delete("/items/<item_id>")
def delete_item(item_id):
    if item_id in in_flight:
        return "", 409
    in_flight.add(item_id)
    try:
        item = table.get_item(Key={"item_id": item_id}).get("Item")
        if item is None:
            return "", 404
        table.delete_item(Key={"item_id": item_id})
        return "", 204
    finally:
        in_flight.discard(item_id)
"""

ITS_MODEL = """
from guarded_items import app

from toctou import App, Table


class Items(App):
    app = app
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "i1", "owner": "alice"}]}
    document = {
        "openapi": "3.0.0", "info": {"title": "Items", "version": "1"},
        "paths": {"/items/{item_id}": {"delete": {
            "operationId": "removeItem",
            "parameters": [{"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"204": {"description": "removed"}, "404": {"description": "none"}, "409": {"description": "busy"}},
        }}},
    }
"""


@pytest.fixture
def guarded(tmp_path, monkeypatch, scanned):
    """An application with a guard in memory, and its model in a module of its own."""
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    (tmp_path / "guarded_items.py").write_text(IN_FLIGHT)
    (tmp_path / "guarded_model.py").write_text(ITS_MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda *arguments: scanned("--model", f"{tmp_path / 'guarded_model.py'}:Items", *arguments)
    for name in ("guarded_items", "guarded_model"):
        sys.modules.pop(name, None)


def test_what_requests_of_an_application_share_is_noted_once_by_its_name(guarded):
    _, document, printed, _, report = guarded()
    (note,) = document["remarks"]
    assert note.startswith("each request was run in a process of its own: ")
    assert "`guarded_items.in_flight`" in note
    assert " ".join(printed.split()).count(note) == 1
    assert "guarded_items.in_flight" in (report / "scan.html").read_text()
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))


def test_a_fault_that_ends_a_scan_has_rows_as_in_a_check(guarded):
    _, document, printed, _, _ = guarded("--isolation", "memory")
    (operation,) = document["operations"]
    rows = [row.strip() for row in printed.splitlines()]
    at = next(number for number, row in enumerate(rows) if row.startswith("shared_memory"))
    assert "requests share memory of their process: `guarded_items.in_flight`" in " ".join(rows[at : at + 2])
    for begins in ("expected: ", "likely cause: ", "remedy: "):
        assert any(row.startswith(begins) for row in rows[at:])
    told = " ".join(" ".join(operation["detail"].splitlines()[1:]).split())
    assert told in " ".join(rows[at:])


def test_what_no_name_leads_to_is_placed_in_the_application(guarded, tmp_path):
    hidden = IN_FLIGHT.replace("in_flight = set()", "from hidden_items import in_flight")
    hidden = hidden.replace("in in_flight", "in in_flight()").replace("in_flight.", "in_flight().")
    (tmp_path / "guarded_items.py").write_text(hidden)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "hidden_items.py").write_text("kept = set()\n\n\ndef in_flight():\n    return kept\n")
    sys.path.append(str(tmp_path / "site-packages"))
    try:
        _, document, _, _, _ = guarded("--isolation", "memory")
    finally:
        sys.path.remove(str(tmp_path / "site-packages"))
        sys.modules.pop("hidden_items", None)
    (operation,) = document["operations"]
    assert "something that removeItem (guarded_items.py:16) leaves there" in operation["detail"]
