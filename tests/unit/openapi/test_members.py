from __future__ import annotations

from itertools import combinations

import pytest

from toctou.errors import DocumentError
from toctou.openapi.members import MOST, Bodies, leaves_out_pairs, sets_of
from toctou.openapi.values import valid


def test_sets_of_a_few_members():
    assert list(sets_of("abc")) == [frozenset(one) for one in ["", "a", "b", "c", "abc", "ab", "ac", "bc"]]
    assert not leaves_out_pairs("abc")


@pytest.mark.parametrize("count", [9, 20, 38])
def test_any_two_of_many_members_occur_together_apart_and_not_at_all(count):
    members = list(range(count))
    assert leaves_out_pairs(members)
    found = list(sets_of(members))
    assert len(found) <= MOST + 10
    assert {frozenset([one]) for one in members} <= set(found)
    covering = [one for one in found if len(one) != 1]
    for left, right in combinations(members, 2):
        seen = {(left in one, right in one) for one in covering}
        assert seen == {(False, False), (False, True), (True, False), (True, True)}


ADDRESS = {"type": "object", "required": ["street"], "properties": {"street": {"const": "s"}, "city": {"const": "c"}}}
SCHEMA = {
    "$ref": "#/$defs/person",
    "$defs": {
        "person": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"const": "n"}, "age": {"const": 3}, "address": {"$ref": "#/$defs/address"}},
        },
        "address": {"anyOf": [{"type": "null"}, ADDRESS]},
    },
}


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ([], {"name": "n"}),
        ([("age",)], {"name": "n", "age": 3}),
        ([("address",)], {"name": "n", "address": {"street": "s"}}),
        ([("address", "city")], {"name": "n", "address": {"street": "s", "city": "c"}}),
    ],
    ids=str,
)
def test_a_body_has_exactly_the_members_that_were_chosen(members, body):
    bodies = Bodies(SCHEMA, (), "here")
    assert bodies.alternatives == [[("age",), ("address",), ("address", "city")]]
    assert bodies.of(0, members) == body


def test_values_come_from_the_example():
    bodies = Bodies(
        {"type": "object", "properties": {"to": {"type": "string"}, "note": {"type": "string"}}},
        [{"to": "bob"}],
        "here",
    )
    assert bodies.of(0, [("to",)]) == {"to": "bob"}
    assert bodies.in_example == {("to",)}


def test_members_that_need_each_other():
    schema = {
        "type": "object",
        "properties": {"a": {"const": 1}, "b": {"enum": [1, 2]}},
        "allOf": [{"if": {"required": ["b"]}, "then": {"properties": {"b": {"const": 2}}}}],
        "dependentRequired": {"a": ["b"]},
    }
    bodies = Bodies(schema, (), "here")
    with pytest.raises(DocumentError):
        bodies.of(0, [("a",)])
    both = bodies.of(0, [("a",), ("b",)])
    assert both == {"a": 1, "b": 2}
    assert valid(schema, both)
