"""Results and errors as bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import botocore.session
import pytest

from toctou.engine import ServiceError
from toctou.wire.encoding import encoded, encoded_error, error_status, error_type

SERVICE = botocore.session.Session().get_service_model("dynamodb")
MODELED = sorted(shape.name for shape in SERVICE.error_shapes)


def test_binaries_and_times():
    document = {"a": b"\x00", "b": [bytearray(b"\x01"), memoryview(b"\x02")], "c": datetime(2020, 1, 1, tzinfo=UTC)}
    assert encoded(document) == b'{"a":"AA==","b":["AQ==","Ag=="],"c":1577836800.0}'


def test_anything_else_is_a_fault_of_ours():
    with pytest.raises(TypeError, match="set has no place"):
        encoded({"a": {1}})


def spelling(code: str) -> str:
    (key,) = [key for key in json.loads(encoded_error(ServiceError(code, "why"))) if key != "__type"]
    return key


@pytest.mark.parametrize("code", MODELED)
def test_the_text_is_spelt_as_the_service_describes(code):
    assert spelling(code) in SERVICE.shape_for(code).members


@pytest.mark.parametrize(("code", "key"), [("ValidationException", "message"), ("SerializationException", "Message")])
def test_the_text_of_other_errors(code, key):
    assert spelling(code) == key


def test_no_text_no_member():
    error = ServiceError("SerializationException", "")
    assert encoded_error(error) == b'{"__type":"com.amazon.coral.service#SerializationException"}'


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("ValidationException", "com.amazon.coral.validate#"),
        ("UnknownOperationException", "com.amazon.coral.service#"),
        ("MissingAuthenticationTokenException", "com.amazon.coral.service#"),
        ("ThrottlingException", "com.amazon.coral.availability#"),
        ("ResourceNotFoundException", "com.amazonaws.dynamodb.v20120810#"),
        ("TransactionCanceledException", "com.amazonaws.dynamodb.v20120810#"),
    ],
)
def test_the_prefix_says_who_refused(code, prefix):
    assert error_type(code) == prefix + code


def test_cancellation_reasons_go_with_the_error():
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "no", "Item": {"b": {"B": b"\x01"}}}]
    body = json.loads(
        encoded_error(ServiceError("TransactionCanceledException", "why", {"CancellationReasons": reasons}))
    )
    assert body["Message"] == "why"
    assert body["CancellationReasons"][1]["Item"] == {"b": {"B": "AQ=="}}


@pytest.mark.parametrize(("code", "status"), [("InternalServerError", 500), ("ValidationException", 400)])
def test_statuses(code, status):
    assert error_status(code) == status
