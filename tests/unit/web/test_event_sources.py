"""What events say, as the data classes of Powertools understand them."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest

from toctou import Model, Table, event
from toctou.errors import ModelError
from toctou.history.request import Response
from toctou.scheduling.control import EPOCH
from toctou.web.event_sources import HAPPENED, SOURCES, answer, delivered_again


def data_classes():
    return pytest.importorskip(
        "aws_lambda_powertools.utilities.data_classes", reason="no Powertools: `pip install aws-lambda-powertools`"
    )


def test_a_batch_of_messages():
    made = SOURCES["sqs"](messages=[{"id": "n1"}, "as it is"], queue="work", attributes={"kind": "new", "count": 2})
    first, second = data_classes().SQSEvent(made).records
    assert (first.json_body, second.body) == ({"id": "n1"}, "as it is")
    assert first.md5_of_body == hashlib.md5(b'{"id": "n1"}', usedforsecurity=False).hexdigest()
    assert first.attributes.approximate_receive_count == "1"
    assert first.attributes.sent_timestamp == "1767225599000"
    assert first.message_attributes["kind"].string_value == "new"
    assert first.message_attributes["count"].data_type == "Number"
    assert first.event_source_arn == "arn:aws:sqs:us-east-1:123456789012:work"
    assert first.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/work"
    assert first.attributes.message_group_id is None


def test_messages_of_a_fifo_queue_have_a_group():
    (record,) = data_classes().SQSEvent(SOURCES["sqs"](messages=["x"], queue="work.fifo")).records
    assert record.attributes.message_group_id == "group"
    assert record.attributes.message_deduplication_id == hashlib.sha256(b"x").hexdigest()
    assert len(record.attributes.sequence_number) == 20


def test_a_message_is_the_same_wherever_it_is_delivered():
    def identifiers(*messages, **options):
        return [one["messageId"] for one in SOURCES["sqs"](messages=messages, **options)["Records"]]

    assert identifiers("x", "y") == identifiers("y", "x")[::-1] == identifiers("x", "y")
    assert len({*identifiers("x", "x"), *identifiers("x"), *identifiers("x", queue="other")}) == 3


@pytest.mark.parametrize(
    ("record", "name", "view"),
    [
        ({"new": {"id": "a"}}, "INSERT", "NEW_AND_OLD_IMAGES"),
        ({"new": {"id": "a"}, "old": {"id": "a"}}, "MODIFY", "NEW_AND_OLD_IMAGES"),
        ({"old": {"id": "a"}}, "REMOVE", "NEW_AND_OLD_IMAGES"),
        ({}, "INSERT", "KEYS_ONLY"),
    ],
)
def test_changes_of_a_table(record, name, view):
    made = SOURCES["dynamodb"](table="Notes", records=[{"keys": {"id": "a"}, **record}])
    (found,) = data_classes().DynamoDBStreamEvent(made).records
    assert (found.event_name.name, found.dynamodb.stream_view_type.name) == (name, view)
    assert found.dynamodb.keys == {"id": "a"}
    assert found.event_source_arn.startswith("arn:aws:dynamodb:us-east-1:123456789012:table/Notes/stream/")
    assert found.dynamodb.sequence_number.isdigit()


def test_values_of_changed_items_are_typed_as_an_event_has_them():
    item = {"id": "a", "n": 1, "half": Decimal("0.5"), "raw": b"\x00", "tags": {"x"}, "of": {"more": [None, True]}}
    made = SOURCES["dynamodb"](table="Notes", records=[{"keys": {"id": "a"}, "new": item}])
    image = json.loads(json.dumps(made))["Records"][0]["dynamodb"]["NewImage"]
    assert image["n"] == {"N": "1"}
    assert image["raw"] == {"B": "AA=="}
    assert image["of"] == {"M": {"more": {"L": [{"NULL": True}, {"BOOL": True}]}}}
    assert data_classes().DynamoDBStreamEvent(made).records.__next__().dynamodb.new_image["half"] == Decimal("0.5")


def test_an_event_of_a_bus():
    made = SOURCES["eventbridge"](source="shop", detail_type="paid", detail={"order": "o1"}, resources=["arn:x"])
    found = data_classes().EventBridgeEvent(made)
    assert (found.detail_type, found.source, found.detail) == ("paid", "shop", {"order": "o1"})
    assert (found.account, found.region, found.resources) == ("123456789012", "us-east-1", ["arn:x"])
    assert found.time == "2025-12-31T23:59:59Z"
    assert found.get_id == SOURCES["eventbridge"](**{**_PAID, "resources": ["arn:x"]})["id"]
    assert found.get_id != SOURCES["eventbridge"](**_PAID)["id"]


_PAID = {"source": "shop", "detail_type": "paid", "detail": {"order": "o1"}}


def test_a_notification_of_an_object():
    made = SOURCES["s3"](bucket="docs", key="in box/ä+.txt", size=3)
    found = data_classes().S3Event(made)
    assert (found.bucket_name, found.object_key) == ("docs", "in box/ä+.txt")
    assert made["Records"][0]["s3"]["object"]["key"] == "in+box/%C3%A4%2B.txt"
    assert found.record.event_name == "ObjectCreated:Put"
    assert (found.record.s3.get_object.size, len(found.record.s3.get_object.etag)) == (3, 32)
    removed = SOURCES["s3"](bucket="docs", key="x", event_name="ObjectRemoved:Delete")
    assert removed["Records"][0]["s3"]["object"].keys() == {"key", "sequencer"}


def test_events_happened_before_the_clock_of_any_request_starts():
    assert HAPPENED == EPOCH - 1


@pytest.mark.parametrize(
    ("returned", "response", "again"),
    [
        (None, Response(200), False),
        ({"batchItemFailures": []}, Response(200), False),
        (
            {"batchItemFailures": [{"itemIdentifier": "m"}]},
            Response(200, {"batchItemFailures": [{"itemIdentifier": "m"}]}),
            True,
        ),
        ({"statusCode": 500}, Response(200, {"statusCode": 500}), False),
        (500, Response(200, 500), False),
    ],
)
def test_whatever_a_function_returns_is_a_success(returned, response, again):
    assert answer(returned) == response
    assert delivered_again(response) is again


def test_a_failure_is_delivered_again():
    assert delivered_again(Response(500))


@pytest.mark.parametrize(
    ("source", "content", "observed"),
    [
        ("kafka", {}, "'kafka' is no source of events"),
        ("sqs", {"id": ["n1"]}, "does not say 'messages'"),
        ("sqs", {"messages": ["{id}"]}, "names 'id', of which there are no values"),
        ("sqs", {"messages": ["x"], "id": ["n1"]}, "has values of 'id', which it does not name"),
        ("eventbridge", {"detail": {}}, "does not say 'source'"),
    ],
)
def test_what_cannot_be_an_event(source, content, observed):
    with pytest.raises(ModelError, match=observed):
        event(source, **content)


def test_sources_are_listed_in_the_error():
    with pytest.raises(ModelError, match="'sqs' or 'dynamodb' or 'eventbridge' or 's3'"):
        event("kafka")


def test_what_cannot_be_said_in_an_event_is_told_before_anything_runs():
    work = event("dynamodb", table="Notes", records=[{"new": {"n": "{n}"}}], n=[0.5])
    with pytest.raises(ModelError, match="no event of dynamodb can be made"):
        type("Wrong", (Model,), {"function": print, "tables": [Table("Notes", "id")], "work": work}).requests()


@pytest.mark.parametrize("members", [{}, {"app": lambda environ, start_response: []}])
def test_an_event_needs_a_function(members):
    work = event("sqs", messages=["x"])
    with pytest.raises(ModelError, match="sends an event of sqs, but has no Lambda function"):
        type("Wrong", (Model,), {"tables": [Table("Notes", "id")], "work": work, **members}).requests()


def test_values_are_filled_at_any_depth_and_the_source_is_the_principal():
    work = event("sqs", messages=[{"ids": ["{id}", {"of": "{id}-{n}"}]}], id=["a"], n=[1, 2], redelivered=True)
    assert [one.principal for one in work.requests("work", ["alice"])] == ["sqs", "sqs"]
    (record,) = work.function("sqs", id="a", n=2).event["Records"]
    assert json.loads(record["body"]) == {"ids": ["a", {"of": "a-2"}]}
