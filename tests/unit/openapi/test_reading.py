from __future__ import annotations

import json

import pytest

from toctou.errors import DocumentError
from toctou.openapi.reading import Limits, read


def of_yaml(text: str, **limits: int):
    return read(text.encode(), "api.yaml", Limits(**limits))


def test_yaml_gives_json_data():
    text = """
    version: 1.0
    200: ok
    on: no
    when: 2020-03-02T17:00:49Z
    octal: 0o17
    written: '12'
    none: ~
    tagged: !!str 7
    folded: >-
      a
      b
    list: [1, -2.5e3, true, null, .inf]
    """
    assert of_yaml(text) == {
        "version": 1.0,
        "200": "ok",
        "on": "no",
        "when": "2020-03-02T17:00:49Z",
        "octal": 15,
        "written": "12",
        "none": None,
        "tagged": "7",
        "folded": "a b",
        "list": [1, -2500.0, True, None, ".inf"],
    }


def test_aliases_and_merges_are_expanded():
    text = "base: &b {x: 1, y: 2}\nsame: *b\nmore: {<<: *b, y: 3}\nboth: {<<: [*b, {x: 9, z: 4}]}\n"
    found = of_yaml(text)
    assert found["same"] == {"x": 1, "y": 2}
    assert found["more"] == {"x": 1, "y": 3}
    assert found["both"] == {"x": 1, "y": 2, "z": 4}


def test_json_and_its_yaml_are_the_same():
    data = {"a": [1, {"b": None}], "c": "x: y", "d": {}}
    assert read(json.dumps(data).encode(), "api.json", Limits()) == data
    assert read(json.dumps(data).encode(), "api.yaml", Limits()) == data
    assert of_yaml("{a: [1, {b: ~}], c: 'x: y', d: {}}") == data


def bomb(levels: int) -> str:
    rows = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"l{at}: &l{at} [{', '.join([f'*l{at - 1}'] * 10)}]" for at in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: duplicate key 'a'"),
        ("a: &x [*x]\n", "the alias *x contains itself"),
        ("a: *x\n", "*x is used before it is defined"),
        ("a: !!python/object/apply:os.system [id]\n", "the tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !custom x\n", "the tag '!custom'"),
        ("a: 1\n---\nb: 2\n", "a second document begins"),
        ("? [a]\n: 1\n", "a key is not a scalar"),
        ("a: {<<: 3}\n", "the value of << is not a mapping"),
        ("a: [1\n", "is not YAML"),
        ("a: " + "9" * 5000, "is not a readable number"),
        ("[" * 200_000 + "]" * 200_000, "nested more than 200 levels deep"),
        (bomb(9), "contains more than 1000000 values"),
    ],
    ids=lambda value: value[:30],
)
def test_invalid_yaml_is_rejected(text, said):
    with pytest.raises(DocumentError) as rejected:
        of_yaml(text)
    assert said in str(rejected.value)
    assert "api.yaml" in str(rejected.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "duplicate key 'a'"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": ', "is not JSON"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "nested more than 200 levels deep"),
        ('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}", "nested more than 200 levels deep"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "is not JSON"),
    ],
    ids=range(6),
)
def test_invalid_json_is_rejected(text, said):
    with pytest.raises(DocumentError) as rejected:
        read(text.encode(), "api.json", Limits())
    assert said in str(rejected.value)


def test_an_alias_counts_with_its_expanded_size():
    few = bomb(2)
    assert len(of_yaml(few)["l1"]) == 10
    with pytest.raises(DocumentError, match="more than 100 values"):
        of_yaml(few, values=100)
    with pytest.raises(DocumentError, match="has 11 bytes"):
        of_yaml("a: 12345678", file_bytes=10)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: !Ref X", {"a": {"Ref": "X"}}),
        ("a: !Condition X", {"a": {"Condition": "X"}}),
        ("a: !GetAtt X.Y.Z", {"a": {"Fn::GetAtt": ["X", "Y.Z"]}}),
        ("a: !GetAtt [X, Y]", {"a": {"Fn::GetAtt": ["X", "Y"]}}),
        ("a: !Sub '${X}-1'", {"a": {"Fn::Sub": "${X}-1"}}),
        ("a: !Join ['-', [!Ref X, 1]]", {"a": {"Fn::Join": ["-", [{"Ref": "X"}, 1]]}}),
        ("a: !Transform {Name: x}", {"a": {"Fn::Transform": {"Name": "x"}}}),
        ("a: &b !Ref X\nc: *b", {"a": {"Ref": "X"}, "c": {"Ref": "X"}}),
    ],
)
def test_functions_of_cloudformation_are_read_in_full_where_they_are_allowed(text, value):
    assert read(text.encode(), "template.yaml", Limits(), functions=True) == value
    with pytest.raises(DocumentError, match="the tag '!"):
        read(text.encode(), "openapi.yaml", Limits())


def test_tags_that_are_no_functions_are_refused_there_too():
    with pytest.raises(DocumentError, match="python"):
        read(b"a: !!python/object:os.system x", "template.yaml", Limits(), functions=True)
