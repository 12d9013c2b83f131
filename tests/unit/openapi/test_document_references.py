from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from documents import api, with_schema, written

from toctou.errors import DocumentError
from toctou.openapi.document import opened
from toctou.openapi.operations import operations
from toctou.openapi.reading import Limits
from toctou.openapi.values import valid


def body_schema(document):
    (operation,) = operations(document)
    return operation.body.schema


@pytest.mark.parametrize("version", ["3.0", "3.1", "3.2"])
def test_a_local_reference_with_escapes(tmp_path, version):
    schema = {"$ref": "#/components/schemas/a~1b~0c%25"}
    document = written(tmp_path, {"api.json": with_schema(version, schema, **{"a/b~c%": {"type": "integer"}})})
    found = body_schema(document)
    assert valid(found, 3)
    assert not valid(found, "3")


def test_references_to_other_files_are_relative_to_their_own_file(tmp_path):
    files = {
        "api.yaml": api("3.0", {"/things": {"$ref": "paths/things.yaml"}}),
        "paths/things.yaml": """
            put:
              operationId: put
              parameters: [{$ref: '../common.yaml#/parameters/limit'}]
              requestBody: {$ref: 'bodies/thing.json'}
        """,
        "paths/bodies/thing.json": {
            "content": {"application/json": {"schema": {"$ref": "../../common.yaml#/schemas/thing"}}}
        },
        "common.yaml": {
            "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"$ref": "#/schemas/count"}}},
            "schemas": {"thing": {"type": "array", "items": {"$ref": "#/schemas/count"}}, "count": {"type": "integer"}},
        },
    }
    (operation,) = operations(written(tmp_path, files))
    assert valid(operation.parameters[0].schema, 3)
    assert not valid(operation.parameters[0].schema, "x")
    assert valid(operation.body.schema, [1, 2])
    assert not valid(operation.body.schema, ["x"])


def test_siblings_of_a_reference_count_from_3_1_on(tmp_path):
    schema = {"$ref": "#/components/schemas/text", "maxLength": 2}
    for version, long in (("3.0", True), ("3.1", False)):
        document = written(tmp_path / version, {"api.json": with_schema(version, schema, text={"type": "string"})})
        assert valid(body_schema(document), "long") is long


def test_schemas_that_contain_themselves(tmp_path):
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/node"}}},
    }
    found = body_schema(
        written(tmp_path, {"api.json": with_schema("3.0", {"$ref": "#/components/schemas/node"}, node=node)})
    )
    assert valid(found, {"children": [{"children": []}]})
    assert not valid(found, {"children": [{"children": [3]}]})


def test_anchors_and_ids(tmp_path):
    schemas = {
        "named": {"$anchor": "count", "type": "integer"},
        "based": {
            "$id": "https://example.com/schemas/based",
            "type": "array",
            "items": {"$ref": "#/$defs/inner"},
            "$defs": {"inner": {"$anchor": "inner", "type": "boolean"}},
        },
    }
    for reference, good, bad in (
        ("#count", 3, "x"),
        ("https://example.com/schemas/based", [True], [3]),
        ("https://example.com/schemas/based#inner", True, 3),
        ("#/components/schemas/based/items", True, 3),
    ):
        found = body_schema(written(tmp_path, {"api.json": with_schema("3.1", {"$ref": reference}, **schemas)}))
        assert valid(found, good), reference
        assert not valid(found, bad), reference


def test_a_dynamic_reference_leads_to_the_outermost_anchor(tmp_path):
    """A generic list: the schema that refers to it defines its items."""
    schemas = {
        "list": {
            "$id": "https://example.com/list",
            "type": "array",
            "items": {"$dynamicRef": "#item"},
            "$defs": {"any": {"$dynamicAnchor": "item"}},
        },
        "texts": {
            "$id": "https://example.com/texts",
            "$ref": "https://example.com/list",
            "$defs": {"item": {"$dynamicAnchor": "item", "type": "string"}},
        },
        "numbers": {
            "$id": "https://example.com/numbers",
            "$ref": "https://example.com/list",
            "$defs": {"item": {"$dynamicAnchor": "item", "type": "integer"}},
        },
        "both": {"properties": {"t": {"$ref": "texts"}, "n": {"$ref": "numbers"}}, "$id": "https://example.com/both"},
    }
    document = with_schema("3.1", {"$ref": "https://example.com/both"}, **schemas)
    found = body_schema(written(tmp_path, {"api.json": document}))
    assert valid(found, {"t": ["x"], "n": [1]})
    assert not valid(found, {"t": [1]})
    assert not valid(found, {"n": ["x"]})


def test_the_base_of_a_document_of_3_2(tmp_path):
    document = with_schema("3.2", {"$ref": "https://example.com/api#/components/schemas/n"}, n={"type": "integer"})
    found = body_schema(written(tmp_path, {"api.json": {**document, "$self": "https://example.com/api"}}))
    assert not valid(found, "x")


def test_an_example_is_not_a_reference(tmp_path):
    schema = {"type": "object", "example": {"$ref": "#/nowhere"}, "default": {"$ref": "nowhere.json"}}
    document = written(tmp_path, {"api.json": with_schema("3.0", schema)})
    assert list(document.references()) == []


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("#/components/schemas/other", "the reference '#/components/schemas/other' leads nowhere"),
        ("#/paths/0/x", "leads nowhere"),
        ("#nothing", "leads nowhere"),
        ("missing.yaml", "missing.yaml cannot be read: No such file or directory"),
        ("folder", "is not a regular file"),
        ("../outside.yaml", "leads out of the document's folder"),
        ("/etc/hostname", "leads out of the document's folder"),
        ("file://elsewhere/etc/hostname", "leads out of the document's folder"),
        ("link.yaml", "leads out of the document's folder"),
        ("inside/../../outside.yaml", "leads out of the document's folder"),
        ("%2e%2e/outside.yaml", "leads out of the document's folder"),
        ("a%00b.yaml", "cannot be read"),
        ("https://example.com/x.yaml", "refers to https://example.com/x.yaml"),
        ("ftp://example.com/x.yaml", "has the scheme 'ftp'"),
        ("broken.yaml", "broken.yaml is not YAML"),
        ("#/components/schemas/a", "leads in a circle"),
    ],
)
@pytest.mark.parametrize("version", ["3.0", "3.1"])
def test_a_broken_reference_is_reported_with_its_place(tmp_path, version, reference, said):
    (tmp_path / "outside.yaml").write_text("type: string")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").mkdir()
    (inside / "broken.yaml").write_text("a: [")
    (inside / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    circle = {"a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"}}
    schemas = circle if "circle" in said else {}
    document = written(inside, {"api.json": with_schema(version, {"$ref": reference}, **schemas)})
    with pytest.raises(DocumentError) as rejected:
        list(document.references())
    assert said in str(rejected.value)
    assert "api.json#/" in str(rejected.value)
    assert "remedy" in str(rejected.value) or "expected" in str(rejected.value)
    assert str(tmp_path) not in str(rejected.value)


def test_a_wider_folder_can_be_named(tmp_path):
    (tmp_path / "outside.yaml").write_text("type: integer")
    files = {"spec/api.json": with_schema("3.0", {"$ref": "../outside.yaml"})}
    assert not valid(body_schema(written(tmp_path, files, root_folder=tmp_path)), "x")


def test_the_total_size_is_limited(tmp_path):
    document = with_schema("3.0", {"$ref": "large.json"})
    document = written(
        tmp_path, {"api.json": document, "large.json": {"x": "y" * 900}}, limits=Limits(total_bytes=1000)
    )
    with pytest.raises(DocumentError, match="exceed 1000 bytes"):
        list(document.references())


@pytest.fixture
def served():
    """The URL of a server that returns the schema of an integer."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "file:///etc/hostname")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"type: integer")

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_remote_references_are_followed_only_with_the_option(tmp_path, served):
    files = {"api.json": with_schema("3.0", {"$ref": f"{served}/count.yaml"})}
    with pytest.raises(DocumentError, match="--allow-remote"):
        list(written(tmp_path, files).references())
    assert not valid(body_schema(written(tmp_path, files, allow_remote=True)), "x")
    files = {"api.json": with_schema("3.0", {"$ref": f"{served}/elsewhere"})}
    with pytest.raises(DocumentError, match="cannot be fetched"):
        list(written(tmp_path, files, allow_remote=True).references())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "is not an OpenAPI document"),
        ("openapi: 4.0.0", "says openapi: '4.0.0'"),
        ("swagger: '1.2'", "says openapi: '1.2'"),
        ("", "is not an OpenAPI document"),
    ],
)
def test_other_files_are_rejected(tmp_path, text, said):
    (tmp_path / "api.yaml").write_text(text)
    with pytest.raises(DocumentError, match=said):
        opened(tmp_path / "api.yaml")


def test_a_missing_document(tmp_path):
    with pytest.raises(DocumentError, match=r"nothing\.yaml cannot be read"):
        opened(tmp_path / "nothing.yaml")
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    with pytest.raises(DocumentError, match="not a regular file"):
        opened(fifo)
