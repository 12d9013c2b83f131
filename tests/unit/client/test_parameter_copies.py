"""Compiled copies accept nothing that botocore's validator refuses, and copy all the way down."""

from __future__ import annotations

import base64
import collections
import copy
import enum
import io
import json
from typing import Any

import boto3
import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from toctou.client.parameters import NotPlainlyValid, as_sent, copy_if_valid

MODEL = boto3.client("dynamodb", region_name="us-east-1").meta.service_model
ACTIONS = [
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "TransactWriteItems", "TransactGetItems",
    "BatchWriteItem", "BatchGetItem", "ExecuteStatement",
]  # fmt: skip

scalars = st.one_of(
    st.text(max_size=3), st.integers(-1, 300), st.booleans(), st.none(), st.binary(max_size=2), st.floats()
)


def values_of(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly fit a shape, and sometimes do not."""
    if depth > 4:
        return scalars
    match shape.type_name:
        case "structure":
            members = {name: values_of(member, depth + 1) for name, member in shape.members.items()}
            required = {name: members[name] for name in shape.metadata.get("required", ())}
            some = st.lists(st.sampled_from(sorted(members)), max_size=2, unique=True) if members else st.just([])
            fits = some.flatmap(
                lambda names: st.fixed_dictionaries({**required, **{name: members[name] for name in names}})
            )
        case "map":
            fits = st.dictionaries(st.text(max_size=2), values_of(shape.value, depth + 1), max_size=2)
        case "list":
            fits = st.lists(values_of(shape.member, depth + 1), max_size=2)
        case "string":
            fits = st.text(max_size=3)
        case "blob":
            fits = st.one_of(st.binary(max_size=2), st.builds(bytearray, st.binary(max_size=2)), st.text(max_size=2))
        case "boolean":
            fits = st.booleans()
        case _:
            fits = st.integers(-1, 300)
    return st.one_of(fits, fits, fits, fits, fits, fits, fits, scalars)


requests = st.sampled_from(ACTIONS).flatmap(
    lambda action: st.tuples(st.just(action), values_of(MODEL.operation_model(action).input_shape))
)


@settings(max_examples=300, deadline=None)
@given(requests)
def test_what_is_copied_is_valid_and_equal(request):
    action, parameters = request
    model = MODEL.operation_model(action)
    before = copy.deepcopy(parameters)
    try:
        copied = copy_if_valid(model)(parameters)
    except NotPlainlyValid:
        return
    assert not ParamValidator().validate(parameters, model.input_shape).has_errors()
    assert repr(copied) == repr(before) == repr(parameters)
    assert not _mutable(copied) & _mutable(parameters), "something is shared that may be changed"


@settings(max_examples=100, deadline=None)
@given(requests)
def test_what_botocore_accepts_is_copied_as_it_would_write_it(request):
    action, parameters = request
    model = MODEL.operation_model(action)
    if ParamValidator().validate(parameters, model.input_shape).has_errors():
        return
    sent = as_sent(parameters, model.input_shape)
    assert _in_json(sent) == json.loads(create_serializer("json").serialize_to_request(parameters, model)["body"])
    assert not _mutable(sent) & _mutable(parameters)


class Colour(enum.StrEnum):
    RED = "red"


def test_values_of_the_user_s_own_types_become_plain():
    shape = MODEL.operation_model("PutItem").input_shape
    item = collections.OrderedDict({"a": {"B": "text"}, "b": {"BS": ("x", bytearray(b"y"))}, "c": {"S": Colour.RED}})
    sent = as_sent({"TableName": "Items", "Item": item}, shape)
    assert repr(sent["Item"]) == "{'a': {'B': b'text'}, 'b': {'BS': [b'x', b'y']}, 'c': {'S': 'red'}}"
    with pytest.raises(TypeError, match="bytes-like"):  # as botocore raises it
        as_sent({"TableName": "Items", "Item": {"a": {"B": io.BytesIO(b"x")}}}, shape)


def _in_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_json(content) for name, content in value.items()}
    if isinstance(value, list):
        return [*map(_in_json, value)]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _mutable(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(_mutable, value.values()))
    if isinstance(value, list):
        return {id(value)}.union(*map(_mutable, value))
    return set()


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("GetItem", {"TableName": "Items", "Key": {"item_id": {"S": "i1"}}, "ConsistentRead": True}),
        ("PutItem", {"TableName": "Items", "Item": {"a": {"M": {"b": {"L": [{"N": "1"}, {"NULL": True}]}}}}}),
        ("Query", {"TableName": "Items", "KeyConditionExpression": "a = :a", "Limit": 5}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": {"TableName": "Items", "Key": {"a": {"B": b"x"}}}}]}),
    ],
)
def test_ordinary_requests_take_the_short_way(action, parameters):
    assert copy_if_valid(MODEL.operation_model(action))(parameters) == parameters
