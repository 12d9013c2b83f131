"""Formats on the command line: what the registry holds is what ``check``, ``scan`` and ``report`` offer."""

import csv
import io
import json

import pytest

from toctou.cli import main
from toctou.reporting import registry
from toctou.reporting.renderer import Renderer

MODEL = "models/delete_item.py:ReadThenDelete"
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "Items", "version": "1"},
    "paths": {
        "/items/{item_id}": {
            "parameters": [{"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "delete": {"operationId": "deleteItem", "responses": {"204": {"description": "deleted"}}},
        },
        "/items/{item_id}/owner": {
            "parameters": [{"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "post": {
                "operationId": "transfer",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["to"],
                                "properties": {"to": {"type": "string"}},
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "transferred"}},
            },
        },
    },
}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """The arguments of a scan, and where its reports are."""
    folder = tmp_path_factory.mktemp("scan")
    (folder / "openapi.json").write_text(json.dumps(OPENAPI))
    arguments = ["scan", str(folder / "openapi.json"), "--model", MODEL, "--report", str(folder / "reports")]
    assert main(arguments) == 1
    return arguments, folder / "reports"


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_of_check_and_of_its_reports(tmp_path, capsys):
    assert main(["check", MODEL, "--report", str(tmp_path), "--format", "csv"]) == 1
    printed = capsys.readouterr().out
    (row,) = rows(printed)
    assert row["handler"] == "delete_item"
    assert row["replay"].endswith("delete_item.ReadThenDelete-1.json")
    assert row["confirmed on"] == "moto"
    assert main(["report", str(tmp_path), "--format", "csv"]) == 0
    assert capsys.readouterr().out == printed
    assert main(["report", str(tmp_path / "delete_item.ReadThenDelete-1.json"), "--format", "csv"]) == 0
    (alone,) = rows(capsys.readouterr().out)
    assert alone["fingerprint"] == row["fingerprint"]
    assert main(["report", str(tmp_path), "--format", "csv", "--output", str(tmp_path / "found.csv")]) == 0
    assert (tmp_path / "found.csv").read_bytes().decode() == printed


def test_csv_of_models_without_a_race_is_the_header(tmp_path, capsys):
    assert main(["check", "models/delete_item.py:ConditionalDelete", "--report", str(tmp_path), "--format", "csv"]) == 0
    (header,) = capsys.readouterr().out.splitlines()
    assert header.startswith('"severity","score",')


def test_csv_of_a_scan_names_the_operation(scanned, capsys):
    arguments, reports = scanned
    assert main([*arguments, "--format", "csv"]) == 1
    printed = capsys.readouterr().out
    assert {row["operation"] for row in rows(printed)} == {"DELETE /items/{item_id}"}
    assert main(["report", str(reports / "scan.json"), "--format", "csv"]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", registry.formats("scan"))
def test_a_stored_scan_in_every_format(scanned, capsys, name):
    assert main(["report", str(scanned[1] / "scan.json"), "--format", name]) == 0
    assert "delete_item" in capsys.readouterr().out


def test_a_new_renderer_is_offered_by_every_command(scanned, tmp_path, capsys):
    kinds = dict.fromkeys(("violation", "run", "scan"), lambda document: f"a {document['kind']}\n")
    registry.register(Renderer("novel", ".novel", kinds, printed=True, stored=True, files={"run": "novel.txt"}))
    try:
        for command in ("check", "scan", "report"):
            with pytest.raises(SystemExit) as ended:
                main([command, "--help"])
            assert ended.value.code == 0
            assert "novel" in capsys.readouterr().out
        assert main(["check", MODEL, "--report", str(tmp_path), "--format", "novel"]) == 1
        assert capsys.readouterr().out == "a run\n"
        assert (tmp_path / "novel.txt").read_text() == "a run\n"
        assert (tmp_path / "delete_item.ReadThenDelete-1.novel").read_text() == "a violation\n"
        assert main([*scanned[0], "--format", "novel"]) == 1
        assert capsys.readouterr().out == "a scan\n"
        assert main(["report", str(tmp_path), "--format", "novel"]) == 0
        assert capsys.readouterr().out == "a run\n"
    finally:
        del registry.RENDERERS["novel"]


@pytest.mark.parametrize(
    ("command", "name", "observed"),
    [
        ("check", "mermaid", "the format mermaid renders a single violation, not a whole run"),
        ("check", "html", "the format html is not offered for printing a whole run"),
        ("scan", "github", "the format github renders a single violation or a whole run, not a scan of an API"),
    ],
)
def test_a_format_that_a_command_does_not_offer(capsys, command, name, observed):
    assert main([command, "--format", name]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"toctou: {observed}\n")
    assert "expected: one of the formats text, json, sarif" in told
    assert "remedy: " in told


def test_a_format_that_there_is_not(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", MODEL, "--format", "svc"])
    assert ended.value.code == 2
    assert "csv" in capsys.readouterr().err


def test_a_scan_that_was_edited_is_refused(scanned, tmp_path, capsys):
    stored = json.loads((scanned[1] / "scan.json").read_text(encoding="utf-8"))
    stored["operations"][0]["windows"] = [{"item": "x", "read": 7, "write": 9, "unchecked": [], "condition": []}]
    (tmp_path / "scan.json").write_text(json.dumps(stored))
    assert main(["report", str(tmp_path / "scan.json")]) == 2
    assert "a call that is not listed" in capsys.readouterr().err
    del stored["operations"]
    (tmp_path / "scan.json").write_text(json.dumps(stored))
    assert main(["report", str(tmp_path / "scan.json")]) == 2
    assert "has no field operations" in capsys.readouterr().err
