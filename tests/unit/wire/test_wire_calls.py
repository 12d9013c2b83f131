"""What a request says, and in which order what is wrong with it is found."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from toctou.engine import ServiceError
from toctou.wire import HttpRequest, answer, decoded, failed, names_this_machine
from toctou.wire.calls import MAXIMUM_BODY, read_call, request_id

SIGNED = "AWS4-HMAC-SHA256 Credential=any, SignedHeaders=host, Signature=any"


def request(body: object = None, *, action="GetItem", method="POST", target="/", drop=(), **headers) -> HttpRequest:
    given = {
        "content-type": "application/x-amz-json-1.0",
        "authorization": SIGNED,
        "x-amz-target": f"DynamoDB_20120810.{action}",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    raw = body if isinstance(body, bytes) else json.dumps(body if body is not None else GET).encode()
    return HttpRequest(method, target, {name: text for name, text in given.items() if name not in drop}, raw)


GET = {"TableName": "Items", "Key": {"id": {"S": "a"}}}


def respond(asked: HttpRequest, result=None, error=None):
    seen = []

    async def perform(call):
        seen.append(call)
        if error is not None:
            raise error
        return result or {}

    return asyncio.run(answer(asked, perform)), seen


def refusal(asked: HttpRequest) -> str:
    with pytest.raises(ServiceError) as caught:
        read_call(asked)
    return str(caught.value)


def wrong(action: str, parameters: object) -> str:
    with pytest.raises(ServiceError) as caught:
        decoded(action, parameters)
    return str(caught.value)


def put(value: object) -> dict:
    return {"TableName": "Items", "Item": {"id": value}}


# Decoding.


def test_binaries_are_bytes_wherever_a_value_stands_and_nowhere_else():
    parameters = {
        "TableName": "AQID",
        "Item": {
            "B": {"S": "AQID"},
            "binary": {"B": "AQID"},
            "set": {"BS": ["AQID", ""]},
            "list": {"L": [{"B": "AQID"}, {"M": {"B": {"B": "/w=="}}}]},
        },
        "ExpressionAttributeNames": {"#B": "AQID"},
        "ExpressionAttributeValues": {":B": {"B": "AQID"}},
        "Expected": {"B": {"Value": {"B": "AQID"}, "AttributeValueList": [{"B": "AQID"}]}},
    }
    content = bytes([1, 2, 3])
    assert decoded("PutItem", parameters) == {
        "TableName": "AQID",
        "Item": {
            "B": {"S": "AQID"},
            "binary": {"B": content},
            "set": {"BS": [content, b""]},
            "list": {"L": [{"B": content}, {"M": {"B": {"B": b"\xff"}}}]},
        },
        "ExpressionAttributeNames": {"#B": "AQID"},
        "ExpressionAttributeValues": {":B": {"B": content}},
        "Expected": {"B": {"Value": {"B": content}, "AttributeValueList": [{"B": content}]}},
    }


def test_binaries_in_batches_transactions_and_statements():
    content = {"k": {"B": b"\x01"}}
    raw = {"k": {"B": "AQ=="}}
    batch = decoded("BatchWriteItem", {"RequestItems": {"T": [{"DeleteRequest": {"Key": raw}}]}})
    assert batch == {"RequestItems": {"T": [{"DeleteRequest": {"Key": content}}]}}
    assert decoded("BatchGetItem", {"RequestItems": {"T": {"Keys": [raw]}}})["RequestItems"]["T"]["Keys"] == [content]
    transaction = {"TransactItems": [{"Put": {"TableName": "T", "Item": raw}}]}
    assert decoded("TransactWriteItems", transaction)["TransactItems"][0]["Put"]["Item"] == content
    statement = {"Statement": "SELECT", "Parameters": [raw["k"]]}
    assert decoded("ExecuteStatement", statement)["Parameters"] == [content["k"]]


def test_null_members_are_absent_and_unknown_ones_are_passed_over():
    assert decoded("GetItem", {**GET, "ConsistentRead": None, "Novelty": {"B": "?"}}) == GET


def test_the_last_of_two_members_counts():
    body = b'{"TableName":"first","TableName":"second","Key":{"id":{"S":"a","S":"b"}}}'
    assert read_call(request(body)).parameters == {"TableName": "second", "Key": {"id": {"S": "b"}}}


def test_decimals_are_rounded_down_where_a_whole_number_stands():
    assert decoded("ListTables", {"Limit": 7.9})["Limit"] == 7


@pytest.mark.parametrize(("text", "truth"), [("true", True), ("YES", True), ("0", False), ("no", False)])
def test_some_strings_are_booleans(text, truth):
    assert decoded("GetItem", {**GET, "ConsistentRead": text})["ConsistentRead"] is truth


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"S": 23}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": 2.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"N": 5}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": []}, "Unrecognized collection type class java.lang.String"),
        ({"S": {}}, "Start of structure or map found where not expected"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"BOOL": "perhaps"}, "Unexpected token received from parser"),
        ({"NULL": []}, "Unrecognized collection type class java.lang.Boolean"),
        ({"B": 5}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": []}, "Unrecognized collection type class java.nio.ByteBuffer"),
        ({"B": "23456"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ({"B": "=+/="}, "Invalid last non-pad Base64 character dectected"),
        ({"B": "AR=="}, "Invalid last non-pad Base64 character dectected"),
        ({"B": "é==="}, "Invalid last non-pad Base64 character dectected"),
        ({"SS": "x"}, "Unexpected field type"),
        ({"NS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"BS": ["AR=="]}, "Invalid last non-pad Base64 character dectected"),
        ({"L": {}}, "Start of structure or map found where not expected"),
        ({"L": ["x"]}, "Unexpected value type in payload"),
        (
            {"M": []},
            "Unrecognized collection type java.util.Map<java.lang.String, "
            "com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ),
        ({"M": {"a": {"L": [{"M": {"b": {"S": 1}}}]}}}, "NUMBER_VALUE cannot be converted to String"),
        ("x", "Unexpected value type in payload"),
        ([], "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue"),
    ],
)
def test_json_of_another_type_cannot_be_read(value, message):
    assert wrong("PutItem", put(value)) == f"SerializationException: {message}"


@pytest.mark.parametrize("limit", ["1", True, 2**31, -(2**31) - 1, 10**400])
def test_what_is_not_a_whole_number_cannot_be_read(limit):
    assert wrong("ListTables", {"Limit": limit}).startswith("SerializationException: ")


@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("GetItem", {"TableName": "Items"}, "1 validation error detected: Value null at 'key' {null}"),
        (
            "PutItem",
            {},
            "2 validation errors detected: Value null at 'tableName' {null}; Value null at 'item' {null}",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Delete": {"TableName": "T", "Key": {}}}, {"Put": {"TableName": "T"}}]},
            "1 validation error detected: Value null at 'transactItems.2.member.put.item' {null}",
        ),
        (
            "BatchGetItem",
            {"RequestItems": {"Items": {}}},
            "1 validation error detected: Value null at 'requestItems.Items.member.keys' {null}",
        ),
        (
            "TransactGetItems",
            {"TransactItems": []},
            "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            "Query",
            {"TableName": "Items", "IndexName": "ab", "Limit": 0},
            "2 validation errors detected: Value 'ab' at 'indexName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 3; Value '0' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        ("DescribeTable", {}, "The parameter 'TableName' is required but was not present in the request"),
    ],
)
def test_missing_and_small_members_are_named(action, parameters, message):
    null = "failed to satisfy constraint: Member must not be null"
    assert wrong(action, parameters) == "ValidationException: " + message.format(null=null)


def test_types_are_found_before_missing_members():
    assert wrong("PutItem", {"TableName": 5}).startswith("SerializationException")


def test_null_stands_for_an_empty_value_and_for_no_string():
    assert decoded("PutItem", put(None))["Item"] == {"id": {}}
    assert decoded("PutItem", put({"L": [None]}))["Item"] == {"id": {"L": [{}]}}
    assert wrong("PutItem", put({"SS": ["a", None]})).startswith("ValidationException")


def test_nesting_within_reason_is_read_and_beyond_it_refused():
    def nested(depth):
        return b'{"TableName":"T","Item":{"a":' + b'{"L":[' * depth + b"]}" * depth + b"}}"

    assert read_call(request(nested(40), action="PutItem")).action == "PutItem"
    for depth in (5_000, 100_000):
        assert refusal(request(nested(depth), action="PutItem")) == "SerializationException: "


# Requests.


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"hi",
        b"{} x",
        b'{"Limit": }',
        b"{'Limit':1}",
        b'{"Limit":NaN}',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"ExclusiveStartTableName":"\\ud800"}',
        "{}".encode("utf-16"),
        b"",
    ],
)
def test_what_is_not_json_cannot_be_read(body):
    assert refusal(request(body, action="ListTables")) == "SerializationException: "


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"5"])
def test_json_that_is_no_object_cannot_be_read(body):
    assert refusal(request(body, action="ListTables")).startswith("SerializationException: ")


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("DynamoDB_20120810.Foo", ": Foo"),
        ("ListTables", ": ListTables"),
        ("DynamoDBStreams_20120810.ListStreams", ": ListStreams"),
        ("DynamoDB_20120810.", ": DynamoDB_20120810."),
    ],
)
def test_an_unknown_target_is_named(target, named):
    assert refusal(request(x_amz_target=target)) == (
        f"UnknownOperationException: An unknown operation was requested{named}"
    )


def test_no_target_is_an_unknown_operation():
    assert refusal(request(drop=["x-amz-target"])) == "UnknownOperationException: "


def test_a_request_must_be_signed_by_anyone():
    assert refusal(request(drop=["authorization"])).startswith("MissingAuthenticationTokenException")
    assert refusal(request(authorization="Basic abc")).startswith("MissingAuthenticationTokenException")
    presigned = request(drop=["authorization"], target="/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0")
    assert read_call(presigned).parameters == GET


def test_json_is_read_before_the_target_and_the_target_before_the_signature():
    assert refusal(request(b"{", action="Foo")).startswith("SerializationException")
    assert refusal(request(action="Foo", drop=["authorization"])).startswith("UnknownOperationException")


def test_a_call_keeps_the_headers_it_came_with():
    assert read_call(request(x_request="7")).headers["x-request"] == "7"


def test_a_packed_body_is_unpacked():
    assert read_call(request(gzip.compress(json.dumps(GET).encode()), content_encoding="GZIP")).parameters == GET


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not packed", "gzip"),
        (gzip.compress(json.dumps(GET).encode())[:-4], "gzip"),
        (json.dumps(GET).encode(), "br"),
        (gzip.compress(b'{"a":"' + b" " * MAXIMUM_BODY + b'"}'), "gzip"),
    ],
    ids=["damaged", "torn", "unknown", "bomb"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body, encoding):
    assert refusal(request(body, content_encoding=encoding)) == "SerializationException: "


# Responses.


def test_health():
    response, _ = respond(request(method="GET", drop=["content-type"]))
    assert (response.status, response.body) == (200, b"healthy: dynamodb.us-east-1.amazonaws.com ")
    assert response.headers["x-amz-crc32"] == "3128867991"  # as the service sends it


@pytest.mark.parametrize(
    "asked",
    [
        request(content_type="text/plain"),
        request(content_type="application/x-amz-json-1.1"),
        request(drop=["content-type"]),
        request(method="PUT"),
        request(method="OPTIONS"),
    ],
)
def test_another_method_or_content_type_is_not_found(asked):
    response, seen = respond(asked)
    assert (response.status, response.body, seen) == (404, b"<UnknownOperationException/>\n", [])
    assert response.headers["x-amz-crc32"] == "3552371480"  # as the service sends it


@pytest.mark.parametrize(
    ("content_type", "answered"),
    [
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/json", "application/json"),
        ("application/x-amz-json-1.0; charset=utf-8", "application/x-amz-json-1.0"),
    ],
)
def test_the_content_type_is_answered_in_kind(content_type, answered):
    response, _ = respond(request(content_type=content_type))
    assert response.headers["Content-Type"] == answered


def test_a_result_is_encoded():
    response, seen = respond(request(), {"Item": {"b": {"B": b"\x01"}, "s": {"S": "ü"}}})
    assert response.body.decode() == '{"Item":{"b":{"B":"AQ=="},"s":{"S":"ü"}}}'
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(response.body))
    assert len(response.headers["x-amzn-RequestId"]) == 52
    assert [call.action for call in seen] == ["GetItem"]


def test_an_error_has_type_text_and_fields():
    error = ServiceError(
        "ConditionalCheckFailedException", "The conditional request failed", {"Item": {"b": {"B": b""}}}
    )
    response, _ = respond(request(), error=error)
    assert response.status == 400
    assert json.loads(response.body) == {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": {"b": {"B": ""}},
    }


def test_a_large_result_is_packed_for_those_who_take_it():
    items = {"Items": [{"id": {"S": str(number)}} for number in range(200)]}
    plain, _ = respond(request(), items)
    packed, _ = respond(request(accept_encoding="br;q=1.0, gzip;q=0.5"), items)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["x-amz-crc32"] == str(zlib.crc32(packed.body))


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "gzip; q=0.0", "br", ""])
def test_nobody_else_gets_it_packed(accepted):
    response, _ = respond(request(accept_encoding=accepted), {"Items": [{"id": {"S": "x" * 5000}}]})
    assert "Content-Encoding" not in response.headers


def test_a_small_result_is_not_packed():
    response, _ = respond(request(accept_encoding="gzip"), {})
    assert response.body == b"{}"


def test_a_fault_of_ours_has_status_500():
    response = failed(request())
    assert response.status == 500
    assert json.loads(response.body)["__type"] == "com.amazonaws.dynamodb.v20120810#InternalServerError"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost",
        "LocalHost:1",
        "a.localhost:80",
        "[::1]:8000",
        "127.8.9.1",
        "mine.example",
        "localhost.",
    ],
)
def test_a_request_may_be_for_this_machine(host):
    assert names_this_machine({"host": host}, {"mine.example"})
    assert names_this_machine({})


@pytest.mark.parametrize(
    "host",
    ["evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "", "0.0.0.0"],
)
def test_a_request_may_be_for_no_other(host):
    assert not names_this_machine({"host": host}, {"mine.example"})


def test_request_identifiers_differ():
    assert len({request_id() for _ in range(100)}) == 100
    assert request_id().isalnum()
