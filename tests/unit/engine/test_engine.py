"""The engine's own surface: versions, restoring, reads of the past, and what callers may do with what they are given."""

from __future__ import annotations

import time
from typing import Any

import pytest
from engine_tables import ITEMS, LOG, engine_with, put, refusal

from toctou.engine import Engine, Schema, ServiceError
from toctou.errors import UnsupportedAction
from toctou.history.item import Change, ItemId

KEY = {"TableName": "Items", "Key": {"id": {"S": "a"}}}
ADD = {**KEY, "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}


def test_changes_are_numbered_and_told_with_both_images():
    engine = engine_with()
    start = engine.sequence
    put(engine, id="a", n=1)
    engine.perform("UpdateItem", ADD)
    engine.perform("DeleteItem", KEY)
    item = ItemId("Items", (("S", "a"),))
    first, second = {"id": {"S": "a"}, "n": {"N": "1"}}, {"id": {"S": "a"}, "n": {"N": "2"}}
    changes = (Change(item, None, first), Change(item, first, second), Change(item, second, None))
    assert engine.changes_since(start) == changes
    assert engine.changes_since(start + 2) == changes[2:]
    assert engine.sequence == start + 3


def test_a_write_that_leaves_the_item_as_it_was_is_no_change():
    engine = engine_with()
    put(engine, id="a", n=1)
    start = engine.sequence
    put(engine, id="a", n=1)
    engine.perform("DeleteItem", {"TableName": "Items", "Key": {"id": {"S": "missing"}}})
    assert engine.changes_since(start) == ()


def test_restore_brings_back_items_order_indexes_tables_and_tokens():
    engine = engine_with(ITEMS, LOG)
    put(engine, day="mon", at=1, who="alice")
    put(engine, id="a", n=1)
    start, stored = engine.sequence, engine.stored()
    transaction = {
        "TransactItems": [{"Update": ADD}],
        "ClientRequestToken": "token",
    }
    query = {
        "TableName": "Log",
        "IndexName": "by_who",
        "KeyConditionExpression": "who = :w",
        "ExpressionAttributeValues": {":w": {"S": "alice"}},
    }
    found = engine.perform("Query", query)
    put(engine, day="mon", at=2, who="alice")
    put(engine, day="mon", at=1, who="bob")
    engine.perform("TransactWriteItems", transaction)
    engine.perform("CreateTable", {**ITEMS, "TableName": "More"})
    engine.perform("DeleteTable", {"TableName": "Items"})
    assert engine.perform("Query", query) != found
    engine.restore(start)
    assert engine.stored() == stored
    assert engine.perform("Query", query) == found
    assert engine.sequence == start
    # The token is forgotten with the transaction: asked again, it takes effect again.
    engine.perform("TransactWriteItems", transaction)
    assert engine.perform("GetItem", KEY)["Item"]["n"] == {"N": "2"}
    engine.perform("TransactWriteItems", transaction)
    assert engine.perform("GetItem", KEY)["Item"]["n"] == {"N": "2"}


def test_a_read_can_be_answered_as_of_an_earlier_point():
    engine = engine_with()
    points = [engine.sequence]
    for n in range(3):
        put(engine, id="a", n=n)
        points.append(engine.sequence)
    engine.perform("DeleteItem", KEY)
    seen = [engine.perform_as_of(point, "GetItem", KEY).get("Item", {}).get("n") for point in points]
    assert seen == [None, {"N": "0"}, {"N": "1"}, {"N": "2"}]
    query = {"TableName": "Items", "Select": "COUNT"}
    assert [engine.perform_as_of(point, "Scan", query)["Count"] for point in points] == [0, 1, 1, 1]
    assert engine.perform("GetItem", KEY) == {}
    assert engine.sequence == points[-1] + 1


def test_what_goes_in_is_detached_from_what_is_stored():
    engine = engine_with()
    item = {"id": {"S": "a"}, "l": {"L": [{"S": "x"}]}, "m": {"M": {"k": {"SS": ["s"]}}}}
    engine.perform("PutItem", {"TableName": "Items", "Item": item})
    item["l"]["L"].append({"S": "y"})
    found = engine.perform("GetItem", KEY)["Item"]
    assert found["l"] == {"L": [{"S": "x"}]}


def test_an_update_leaves_the_version_before_untouched():
    engine = engine_with()
    item = {"id": {"S": "a"}, "l": {"L": [{"L": [{"S": "x"}]}, {"S": "y"}]}}
    engine.perform("PutItem", {"TableName": "Items", "Item": item})
    start = engine.sequence
    engine.perform(
        "UpdateItem",
        {**KEY, "UpdateExpression": "SET l[0][0] = :v REMOVE l[1]", "ExpressionAttributeValues": {":v": {"S": "z"}}},
    )
    (change,) = engine.changes_since(start)
    assert change.before == item
    assert change.after == {"id": {"S": "a"}, "l": {"L": [{"L": [{"S": "z"}]}]}}


def test_an_action_that_is_not_built_is_named_with_a_remedy():
    with pytest.raises(UnsupportedAction) as caught:
        Engine().perform("ExportTableToPointInTime", {})
    assert "ExportTableToPointInTime" in str(caught.value)
    assert "--backend moto" in str(caught.value)


def test_a_failed_transaction_changes_nothing_and_gives_a_reason_for_each_action():
    engine = engine_with()
    put(engine, id="a", n=1)
    start = engine.sequence
    check = {"TableName": "Items", "Key": {"id": {"S": "b"}}, "ConditionExpression": "attribute_exists(id)"}
    error = refusal(engine, "TransactWriteItems", {"TransactItems": [{"Update": ADD}, {"ConditionCheck": check}]})
    assert error.code == "TransactionCanceledException"
    assert error.message.endswith("[None, ConditionalCheckFailed]")
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert error.fields["CancellationReasons"] == [{"Code": "None"}, failed]
    assert engine.sequence == start


def test_the_failed_condition_reports_the_item_only_if_asked():
    engine = engine_with()
    put(engine, id="a", n=1)
    wrong = {**ADD, "ConditionExpression": "n > :one"}
    assert refusal(engine, "UpdateItem", wrong).fields == {}
    asked = refusal(engine, "UpdateItem", {**wrong, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
    assert asked.fields == {"Item": {"id": {"S": "a"}, "n": {"N": "1"}}}
    assert str(asked) == "ConditionalCheckFailedException: The conditional request failed"


def test_a_token_with_another_payload_is_refused():
    engine = engine_with()
    engine.perform("TransactWriteItems", {"TransactItems": [{"Update": ADD}], "ClientRequestToken": "t"})
    other = {"TransactItems": [{"Delete": KEY}], "ClientRequestToken": "t"}
    assert refusal(engine, "TransactWriteItems", other).code == "IdempotentParameterMismatchException"


def test_item_ids_are_the_same_however_a_number_is_written():
    schema = Schema.of(LOG)
    assert schema.item_id({"day": {"S": "mon"}, "at": {"N": "1.0"}, "who": {"S": "x"}}) == ItemId(
        "Log", (("S", "mon"), ("N", "1"))
    )


def test_pages_of_queries_and_scans_add_up_to_the_whole():
    engine = engine_with(LOG)
    for n in range(7):
        put(engine, day="mon" if n % 2 else "tue", at=n, who="w")
    for action, more in (
        ("Scan", {}),
        ("Scan", {"IndexName": "by_who"}),
        ("Query", {"IndexName": "by_who", "KeyConditionExpression": "who = :w", "ScanIndexForward": False}),
    ):
        request = {"TableName": "Log", **more}
        if action == "Query":
            request["ExpressionAttributeValues"] = {":w": {"S": "w"}}
        whole = engine.perform(action, request)["Items"]
        assert len(whole) == 7
        pages, start = [], None
        while True:
            paged = {**request, "Limit": 2, **({} if start is None else {"ExclusiveStartKey": start})}
            answer = engine.perform(action, paged)
            pages += answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if start is None:
                break
        assert pages == whole, action


def test_the_segments_of_a_scan_share_out_the_table():
    engine = engine_with()
    for n in range(20):
        put(engine, id=f"i{n}")
    segments = [
        engine.perform("Scan", {"TableName": "Items", "Segment": n, "TotalSegments": 3})["Items"] for n in range(3)
    ]
    assert sorted(item["id"]["S"] for part in segments for item in part) == sorted(f"i{n}" for n in range(20))
    assert all(segments)


def test_a_page_ends_at_one_megabyte():
    engine = engine_with()
    for n in range(4):
        put(engine, id=f"i{n}", text="x" * 390_000)
    first = engine.perform("Scan", {"TableName": "Items", "Select": "COUNT"})
    assert (first["Count"], first["LastEvaluatedKey"]) == (3, {"id": {"S": "i2"}})
    rest = engine.perform("Scan", {"TableName": "Items", "ExclusiveStartKey": first["LastEvaluatedKey"]})
    assert rest["Count"] == 1
    assert "LastEvaluatedKey" not in rest


def test_tables_can_be_described_changed_and_listed():
    engine = engine_with(ITEMS, LOG)
    put(engine, id="a", g="x")
    index = {
        "IndexName": "by_g",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    change = {
        "TableName": "Items",
        "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [{"Create": index}],
    }
    start = engine.sequence
    engine.perform("UpdateTable", change)
    query = {"TableName": "Items", "IndexName": "by_g", "KeyConditionExpression": "g = :g"}
    query["ExpressionAttributeValues"] = {":g": {"S": "x"}}
    assert engine.perform("Query", query)["Count"] == 1
    described = engine.perform("DescribeTable", {"TableName": "Items"})["Table"]
    assert described["GlobalSecondaryIndexes"][0]["ItemCount"] == 1
    engine.restore(start)
    assert "does not have the specified index" in refusal(engine, "Query", query).message
    assert engine.perform("ListTables", {"Limit": 1}) == {"TableNames": ["Items"], "LastEvaluatedTableName": "Items"}
    missing = refusal(engine, "DescribeTable", {"TableName": "Nowhere"})
    assert (missing.code, missing.message) == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: Nowhere not found",
    )
    assert refusal(engine, "CreateTable", ITEMS).code == "ResourceInUseException"


def test_time_to_live_and_tags_are_settings_that_restore_takes_back():
    engine = engine_with()
    start = engine.sequence
    arn = engine.perform("DescribeTable", {"TableName": "Items"})["Table"]["TableArn"]
    live = {"TableName": "Items", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
    engine.perform("UpdateTimeToLive", live)
    engine.perform(
        "TagResource", {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}
    )
    engine.perform("UntagResource", {"ResourceArn": arn, "TagKeys": ["a"]})
    assert engine.perform("ListTagsOfResource", {"ResourceArn": arn}) == {"Tags": [{"Key": "b", "Value": "2"}]}
    assert engine.perform("DescribeTimeToLive", {"TableName": "Items"})["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "until",
    }
    assert refusal(engine, "UpdateTimeToLive", live).message == "TimeToLive is already enabled"
    engine.restore(start)
    assert engine.perform("ListTagsOfResource", {"ResourceArn": arn}) == {"Tags": []}


def test_an_expired_item_is_there_as_before():
    """Deletion takes days, says the guide, and what is expired can be read and written until then; here it never comes."""
    engine = engine_with()
    live = {"TableName": "Items", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
    put(engine, id="a", until=1)
    engine.perform("UpdateTimeToLive", live)
    put(engine, id="b", until=1)
    assert engine.perform("Scan", {"TableName": "Items"})["Count"] == 2
    change = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    engine.perform("UpdateItem", {**KEY, **change, "ConditionExpression": "attribute_exists(id)"})
    assert engine.perform("GetItem", KEY)["Item"] == {"id": {"S": "a"}, "until": {"N": "1"}, "n": {"N": "1"}}
    other = {"Enabled": True, "AttributeName": "then"}
    message = refusal(engine, "UpdateTimeToLive", {**live, "TimeToLiveSpecification": other}).message
    assert message.startswith("TimeToLive is active on a different AttributeName")
    live["TimeToLiveSpecification"]["Enabled"] = False
    engine.perform("UpdateTimeToLive", live)
    described = engine.perform("DescribeTimeToLive", {"TableName": "Items"})
    assert described == {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    assert refusal(engine, "UpdateTimeToLive", live).message == "TimeToLive is already disabled"


def test_a_deleted_table_is_gone_with_its_items():
    engine = engine_with(ITEMS, LOG)
    put(engine, id="a")
    assert engine.perform("DeleteTable", {"TableName": "Items"})["TableDescription"]["TableStatus"] == "DELETING"
    assert engine.perform("ListTables", {}) == {"TableNames": ["Log"]}
    for action, request in (("GetItem", KEY), ("DescribeTable", {"TableName": "Items"}), ("DeleteTable", KEY)):
        assert refusal(engine, action, request).code == "ResourceNotFoundException"
    engine.perform("CreateTable", ITEMS)
    assert engine.perform("GetItem", KEY) == {}


def test_a_protected_table_is_not_deleted():
    engine = engine_with({**ITEMS, "DeletionProtectionEnabled": True})
    put(engine, id="a")
    error = refusal(engine, "DeleteTable", {"TableName": "Items"})
    assert (error.code, "protected against deletion" in error.message) == ("ValidationException", True)
    assert engine.perform("Scan", {"TableName": "Items"})["Count"] == 1
    engine.perform("UpdateTable", {"TableName": "Items", "DeletionProtectionEnabled": False})
    engine.perform("DeleteTable", {"TableName": "Items"})


def test_tables_are_listed_a_hundred_at_a_time():
    engine = engine_with(*({**ITEMS, "TableName": f"Table{number:03}"} for number in range(101)))
    first = engine.perform("ListTables", {})
    assert (len(first["TableNames"]), first["LastEvaluatedTableName"]) == (100, "Table099")
    rest = engine.perform("ListTables", {"ExclusiveStartTableName": first["LastEvaluatedTableName"]})
    assert rest == {"TableNames": ["Table100"]}
    assert engine.perform("ListTables", {"ExclusiveStartTableName": "Table098x", "Limit": 1})["TableNames"] == [
        "Table099"
    ]


@pytest.mark.parametrize(
    ("action", "arn", "more", "told"),
    [
        ("TagResource", "{}", {"Tags": []}, "Atleast one Tag needs to be provided as Input."),
        (
            "TagResource",
            "{}",
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
            "Duplicate tag keys are not permitted",
        ),
        ("UntagResource", "{}", {"TagKeys": []}, "Atleast one Tag Key needs to be provided as Input."),
        ("ListTagsOfResource", "Items", {}, "Invalid TableArn: Invalid ResourceArn provided as input Items"),
        ("ListTagsOfResource", "{}x", {}, "Requested resource not found: ResourcArn: {}x not found"),
    ],
)
def test_wrong_tags_are_refused_in_the_services_words(action: str, arn: str, more: dict[str, Any], told: str):
    engine = engine_with()
    own = engine.perform("DescribeTable", {"TableName": "Items"})["Table"]["TableArn"]
    assert refusal(engine, action, {"ResourceArn": arn.format(own), **more}).message == told.format(own)


def test_limits_and_endpoints_have_what_the_service_describes():
    limits = Engine().perform("DescribeLimits", {})
    assert limits == {
        "AccountMaxReadCapacityUnits": 80000,
        "AccountMaxWriteCapacityUnits": 80000,
        "TableMaxReadCapacityUnits": 40000,
        "TableMaxWriteCapacityUnits": 40000,
    }
    (endpoint,) = Engine().perform("DescribeEndpoints", {})["Endpoints"]
    assert endpoint == {"Address": "dynamodb.us-east-1.amazonaws.com", "CachePeriodInMinutes": 1440}


def test_the_size_of_a_collection_is_told_of_tables_with_local_indexes():
    local = {"IndexName": "by_day", "KeySchema": [LOG["KeySchema"][0], {"AttributeName": "who", "KeyType": "RANGE"}]}
    table = {name: value for name, value in LOG.items() if name != "GlobalSecondaryIndexes"}
    table["LocalSecondaryIndexes"] = [{**local, "Projection": {"ProjectionType": "ALL"}}]
    told = {"ItemCollectionKey": {"day": {"S": "mon"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    entry = {"TableName": "Log", "Item": {"day": {"S": "mon"}, "at": {"N": "1"}}}
    asked = {"ReturnItemCollectionMetrics": "SIZE"}
    both = {**LOG, "LocalSecondaryIndexes": table["LocalSecondaryIndexes"]}
    none = {name: value for name, value in table.items() if not name.endswith("Indexes")}
    none["AttributeDefinitions"] = LOG["AttributeDefinitions"][:2]
    for tables, metrics in (([table], told), ([both], told), ([LOG], None), ([none], None)):
        engine = engine_with(*tables)
        assert engine.perform("PutItem", {**entry, **asked}).get("ItemCollectionMetrics") == metrics
        assert "ItemCollectionMetrics" not in engine.perform("PutItem", entry)
        batch = {"RequestItems": {"Log": [{"PutRequest": {"Item": entry["Item"]}}]}}
        together = {"TransactItems": [{"Put": entry}]}
        for action, request in (("BatchWriteItem", batch), ("TransactWriteItems", together)):
            found = engine.perform(action, {**request, **asked}).get("ItemCollectionMetrics")
            assert found == (None if metrics is None else {"Log": [metrics]})


@pytest.mark.parametrize("size", [2_000, 20_000])
def test_loading_takes_time_that_grows_with_the_number_of_items(size: int):
    engine = engine_with(LOG)
    began = time.process_time()
    for n in range(size):
        put(engine, day="mon", at=(n * 7919) % size, who=f"w{n % 10}")
    query = {"TableName": "Log", "IndexName": "by_who", "KeyConditionExpression": "who = :w"}
    found = engine.perform("Query", {**query, "ExpressionAttributeValues": {":w": {"S": "w3"}}, "Select": "COUNT"})
    assert found["Count"] == size // 10
    # A quarter of a millisecond for each item is ten times what it takes, and far below what quadratic growth would.
    assert time.process_time() - began < size * 0.00025


def test_errors_of_the_service_carry_code_message_and_fields():
    error = ServiceError("Code", "text")
    assert (error.code, error.message, dict(error.fields)) == ("Code", "text", {})
