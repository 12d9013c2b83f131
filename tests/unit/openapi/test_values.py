from __future__ import annotations

import pytest
from documents import with_schema, written

from toctou.errors import DocumentError
from toctou.openapi.operations import operations
from toctou.openapi.values import valid, values

SCHEMAS = [
    {"type": "string"},
    {"type": "string", "minLength": 3, "maxLength": 3},
    {"type": "string", "pattern": "^i[0-9]{2}$"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "date-time"},
    {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
    {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.25},
    {"type": ["integer", "null"]},
    {"enum": ["a", None, 3]},
    {"const": {"a": 1}},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}], "minItems": 2},
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}, "additionalProperties": False},
    {"type": "object", "minProperties": 2},
    {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
    {"oneOf": [{"type": "integer"}, {"type": "integer", "minimum": 5}]},
    {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "boolean"}]},
    {"type": "object", "required": ["a"], "properties": {"a": {"not": {"type": "string"}, "type": ["string", "null"]}}},
    {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["v"]}}},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_values_are_valid_and_deterministic(schema):
    found = values(schema, 3, "here")
    assert found
    assert all(valid(schema, one) for one in found)
    assert values(schema, 3, "here") == found


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"not": {}},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {
            "$ref": "#/$defs/n",
            "$defs": {"n": {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/$defs/n"}}}},
        },
        {"enum": []},
    ],
    ids=str,
)
def test_a_schema_that_accepts_nothing(schema):
    with pytest.raises(DocumentError, match="here: no value was found"):
        values(schema, 2, "here")


NODE = {"type": "object", "required": list("abcdefghij")}
NODE["properties"] = {name: {"$ref": "#/$defs/n"} for name in NODE["required"]}
LADDER = {f"r{at}": {"anyOf": [{"$ref": f"#/$defs/r{at + 1}"}] * 3} for at in range(40)}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}},
        {"$ref": "#/$defs/n", "$defs": {"n": NODE}},
        {"type": "object", "minProperties": 10**9},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "a{100000000}"},
    ],
    ids=range(6),
)
def test_a_schema_that_would_exhaust_the_machine(schema):
    with pytest.raises(DocumentError, match="here: no value was found"):
        values(schema, 2, "here")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("toctou.openapi.values._SECONDS", 0.1)


CATASTROPHIC = {"type": "string", "pattern": "^(a+)+$(?!x)", "minLength": 40}


def test_a_pattern_that_backtracks_without_end(impatient):
    with pytest.raises(DocumentError, match="here: no value was found that the schema accepts within 0"):
        values(CATASTROPHIC, 1, "here")
    assert not valid(CATASTROPHIC, "a" * 60 + "b")


def test_many_ways_to_the_same_thing():
    schema = {"$ref": "#/$defs/r0", "$defs": {**LADDER, "r40": {"type": "boolean"}}}
    assert values(schema, 2, "here") == [True, False]


def test_an_invalid_schema():
    with pytest.raises(DocumentError, match="here: the schema is not valid at type"):
        values({"type": "strin"}, 2, "here")


def of_document(tmp_path, version, schema, **components):
    (operation,) = operations(written(tmp_path, {"api.json": with_schema(version, schema, **components)}))
    return operation.body.schema


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, None, 3),
        ({"type": "string", "nullable": True, "enum": ["a"]}, None, "b"),
        ({"type": "string", "nullable": False}, "a", None),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": True}, 4, 3),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": False}, 3, 2),
        ({"type": "integer", "maximum": 3, "exclusiveMaximum": True}, 2, 3),
        ({"type": "string", "pattern": r"\p{L}+"}, "1", 1),
    ],
    ids=str,
)
def test_keywords_of_3_0_are_converted(tmp_path, schema, good, bad):
    found = of_document(tmp_path, "3.0", schema)
    assert valid(found, good)
    assert not valid(found, bad)
    assert all(valid(found, one) for one in values(found, 3, "here"))


def test_3_1_uses_json_schema(tmp_path):
    found = of_document(tmp_path, "3.1", {"type": ["integer", "null"], "exclusiveMinimum": 3})
    assert valid(found, None)
    assert not valid(found, 3)
    found = of_document(tmp_path, "3.1", {"type": "object", "properties": {"x": False}})
    assert not valid(found, {"x": 1})


@pytest.mark.parametrize("version", ["3.0", "3.1"])
def test_read_only_properties_are_not_sent(tmp_path, version):
    schema = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"$ref": "#/components/schemas/id"}, "name": {"type": "string"}},
    }
    found = of_document(tmp_path, version, schema, id={"type": "string", "readOnly": True})
    assert values(found, 1, "here")[0].keys() == {"name"}


def test_a_discriminator_distinguishes_the_alternatives(tmp_path):
    schema = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"dog": "#/components/schemas/Dog"}},
    }
    animal = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    found = of_document(tmp_path, "3.0", schema, Cat=animal, Dog=animal)
    assert {one["kind"] for one in values(found, 6, "here")} == {"Cat", "dog"}


def test_the_documents_examples_come_first(tmp_path):
    schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string", "example": "bob"}}}
    found = of_document(tmp_path, "3.0", schema)
    assert {"to": "bob"} in values(found, 4, "here")
