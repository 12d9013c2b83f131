"""Events that are delivered twice have to take effect once: handlers whose verdict is computed by hand."""

from __future__ import annotations

import time
import uuid
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, Table, Verdict, event, handler, route

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
dynamodb = boto3.resource("dynamodb", **KEYS)
counters, seen = dynamodb.Table("Counters"), dynamodb.Table("Seen")
gone = dynamodb.meta.client.exceptions.ConditionalCheckFailedException
cancelled = dynamodb.meta.client.exceptions.TransactionCanceledException
sqs = boto3.client("sqs", **KEYS)
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/done"
ONE: Any = {":one": 1}
COUNT: Any = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": ONE}
ADD: Any = {"TableName": "Counters", "Key": {"id": "c"}, **COUNT}


def count() -> None:
    counters.update_item(Key={"id": "c"}, **COUNT)


def identifier(event: Any) -> str:
    return str(event["Records"][0]["messageId"])


def adds(event: Any, context: Any) -> None:
    count()


def remembers_afterwards(event: Any, context: Any) -> None:
    """Naive: both deliveries may look before either has remembered."""
    if "Item" not in seen.get_item(Key={"id": identifier(event)}, ConsistentRead=True):
        count()
        seen.put_item(Item={"id": identifier(event)})


def in_one_transaction(event: Any, context: Any) -> None:
    put: Any = {
        "TableName": "Seen",
        "Item": {"id": identifier(event)},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    try:
        dynamodb.meta.client.transact_write_items(TransactItems=[{"Put": put}, {"Update": ADD}])
    except cancelled:
        return


def in_one_transaction_uncaught(event: Any, context: Any) -> None:
    put: Any = {
        "TableName": "Seen",
        "Item": {"id": identifier(event)},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    dynamodb.meta.client.transact_write_items(TransactItems=[{"Put": put}, {"Update": ADD}])


def sets(event: Any, context: Any) -> None:
    counters.update_item(
        Key={"id": "c"}, UpdateExpression="SET n = :one, written = :now",
        ExpressionAttributeValues={":one": 1, ":now": str(time.time())},
    )  # fmt: skip


def logs(event: Any, context: Any) -> None:
    seen.put_item(Item={"id": str(uuid.uuid4())})


def takes_part_of(event: Any, context: Any) -> dict[str, Any]:
    """A batch of two, of which the second one always fails."""
    first, second = (one["messageId"] for one in event["Records"])
    seen.put_item(Item={"id": first})
    return {"batchItemFailures": [{"itemIdentifier": second}]}


def announces(event: Any, context: Any) -> None:
    sqs.send_message(QueueUrl=QUEUE, MessageBody="done")


def counts_and_fails(event: Any, context: Any) -> None:
    count()
    raise RuntimeError("the connection is gone")


class Counting(Model):
    tables = [Table("Counters", "id"), Table("Seen", "id")]
    items = {"Counters": [{"id": "c", "n": 0}]}
    work = event("sqs", messages=[{"id": "{id}"}], id=["n1"], redelivered=True)


def checked(function: Any, **members: Any) -> Any:
    options = {name: members.pop(name) for name in ("requests", "strategy") if name in members}
    return toctou.check(type("Counts", (Counting,), {"function": staticmethod(function), **members}), **options)


def found(result: Any) -> set[tuple[str, int]]:
    """Oracles, with the number of requests in which each found something."""
    return {(one.finding.oracle, len(one.execution.requests)) for one in result.violations}


@pytest.mark.parametrize("isolation", ["memory", "processes", "auto"])
@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
class TestInEveryMode:
    def test_an_effect_without_a_check_counts_twice_already_one_after_the_other(self, strategy, isolation):
        result = checked(adds, strategy=strategy, isolation=isolation)
        assert found(result) == {("exactly_once", 2)}
        (violation,) = result.violations
        assert violation.execution.schedule.context_switches == 1
        assert violation.execution.final["Counters"][0]["n"] == {"N": "2"}

    def test_remembering_afterwards_is_too_late_where_deliveries_overlap(self, strategy, isolation):
        result = checked(remembers_afterwards, strategy=strategy, isolation=isolation)
        assert found(result) == {("exactly_once", 2)}
        assert all(one.execution.schedule.context_switches > 1 for one in result.violations)

    def test_remembering_in_the_transaction_of_the_effect_is_right(self, strategy, isolation):
        assert checked(in_one_transaction, strategy=strategy, isolation=isolation).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("function", [sets, takes_part_of])
def test_what_is_idempotent_by_itself_may_happen_twice(function):
    messages = ["one", "two"]
    assert checked(function, work=event("sqs", messages=messages, redelivered=True)).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("function", "members"), [(logs, {}), (announces, {"services": ["sqs"]}), (counts_and_fails, {})]
)
def test_an_effect_may_be_an_item_of_its_own_or_a_message_or_come_before_a_failure(function, members):
    assert ("exactly_once", 2) in found(checked(function, **members))


def test_a_later_delivery_that_raises_is_never_acknowledged():
    # Nothing counts twice, but the message comes back until its queue gives up.
    assert found(checked(in_one_transaction_uncaught)) == {("no_exception", 2)}


@handler
def reset(principal: str) -> None:
    counters.put_item(Item={"id": "c", "n": 0})


def test_requests_besides_the_event_are_counted_as_they_happened():
    # Reset before or after the event, the count is 1 or 0; the transaction never counts to 2.
    result = checked(in_one_transaction, reset=reset, principals=["alice"], requests=3)
    assert result.verdict is Verdict.VERIFIED
    assert found(checked(adds, reset=reset, principals=["alice"], requests=3)) == {
        ("exactly_once", 2),
        ("exactly_once", 3),
    }


def test_without_redelivery_equal_events_may_count_twice():
    work = event("sqs", messages=[{"id": "{id}"}], id=["n1"])
    assert checked(adds, work=work).verdict is Verdict.VERIFIED


def test_other_events_count_for_themselves():
    # Of n1 and n2 each is delivered once in a pair, and either is delivered twice in another one.
    work = event("sqs", messages=[{"id": "{id}"}], id=["n1", "n2"], redelivered=True)
    assert checked(in_one_transaction, work=work, requests=3).verdict is Verdict.VERIFIED
    violations = checked(adds, work=work).violations
    assert {one.execution.requests[0] == one.execution.requests[1] for one in violations} == {True}


def api_handler(event: Any, context: Any) -> dict[str, Any]:
    count()
    return {"statusCode": 204}


def test_a_request_that_a_client_sends_again_has_to_count_once():
    work = route("POST /count", headers={"Idempotency-Key": "k1"}, redelivered=True, principals=["alice"])
    assert found(checked(api_handler, work=work)) == {("exactly_once", 2)}


def powertools() -> Any:
    return pytest.importorskip(
        "aws_lambda_powertools.utilities.idempotency", reason="no Powertools: `pip install aws-lambda-powertools`"
    )


def idempotency(key: str) -> dict[str, Any]:
    """The table of Powertools' layer, the layer, and what it recognises an event by."""
    idempotent = powertools()
    layer = idempotent.DynamoDBPersistenceLayer(table_name="Known", boto3_client=boto3.client("dynamodb", **KEYS))
    return {"persistence_store": layer, "config": idempotent.IdempotencyConfig(event_key_jmespath=key)}


WITH_KNOWN = [*Counting.tables, Table("Known", "id")]


@pytest.mark.parametrize("isolation", ["memory", "processes"])
@pytest.mark.parametrize("strategy", ["dpor", "exhaustive"])
def test_the_idempotency_of_powertools_is_right(strategy, isolation):
    # The second delivery fails while the first one runs, so that the source tries it again, and finds the result later.
    function = powertools().idempotent(adds, **idempotency("Records[0].messageId"))
    result = checked(function, tables=WITH_KNOWN, strategy=strategy, isolation=isolation)
    assert result.verdict is Verdict.VERIFIED


def test_another_event_that_fails_because_of_one_that_runs_is_a_finding():
    # awsRegion is the same for all messages, so that y is rejected while x is processed.
    function = powertools().idempotent(adds, **idempotency("Records[0].awsRegion"))
    work = event("sqs", messages=["{text}"], text=["x", "y"], redelivered=True)
    assert found(checked(function, tables=WITH_KNOWN, work=work)) == {("no_exception", 2)}


def test_records_of_a_batch_may_be_divided_between_deliveries():
    # Each delivery reports what the other one is processing as failed: no serial order gives this, and all is counted once.
    batch = pytest.importorskip(
        "aws_lambda_powertools.utilities.batch", reason="no Powertools: `pip install aws-lambda-powertools`"
    )
    processor = batch.BatchProcessor(event_type=batch.EventType.SQS, raise_on_entire_batch_failure=False)
    options = idempotency("messageId")

    @powertools().idempotent_function(data_keyword_argument="record", **options)
    def process(record: Any) -> None:
        count()

    def work(event: Any, context: Any) -> Any:
        options["config"].register_lambda_context(context)
        return batch.process_partial_response(
            event, lambda record: process(record=record.raw_event), processor, context
        )

    messages = event("sqs", messages=["x", "y"], redelivered=True)
    assert checked(work, tables=WITH_KNOWN, work=messages).verdict is Verdict.VERIFIED


def test_a_delivery_that_fails_half_way_may_be_completed_by_another_one():
    # While one processes y, the other one, which has processed x, finds y in progress and fails.
    options = idempotency("messageId")

    @powertools().idempotent_function(data_keyword_argument="record", **options)
    def process(record: Any) -> None:
        count()

    def work(event: Any, context: Any) -> None:
        options["config"].register_lambda_context(context)
        for record in event["Records"]:
            process(record=record)

    messages = event("sqs", messages=["x", "y"], redelivered=True)
    assert checked(work, tables=WITH_KNOWN, work=messages).verdict is Verdict.VERIFIED
