import json
from decimal import Decimal

import pytest

from toctou.reporting.encoding import Opaque, decode, encode

VALUES = [
    None,
    True,
    7,
    1.5,
    "text",
    Decimal("1.50"),
    b"\x00\xff",
    ("a", 1),
    [1, [2]],
    {"a", "b"},
    frozenset({Decimal(1), b"x"}),
    {"owner": {"S": "alice"}},
    {"$decimal": "not a number"},
    {"$other": 1, "plain": 2},
    {1: "one", ("a",): {"$x": b""}},
    float("inf"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_survives_the_round_trip_through_json(value):
    again = decode(json.loads(json.dumps(encode(value), allow_nan=False)))
    assert again == value
    assert type(again) is type(value)


def test_nan_survives_too():
    assert str(decode(encode(float("nan")))) == "nan"


def test_sets_are_written_in_one_order():
    assert encode({"b", "a", "c"}) == {"$set": ["a", "b", "c"]}


def test_another_object_is_written_for_people_without_its_address():
    class Custom:
        pass

    written = encode(Custom())
    assert "Custom object" in written["$repr"]
    assert " at 0x" not in written["$repr"]
    assert decode(written) == Opaque(written["$repr"])
    assert encode(decode(written)) == written


def test_an_unknown_tag_is_refused():
    with pytest.raises(ValueError, match=r"\$new"):
        decode({"$new": 1})
