"""An engine that is started again from its file stands where it stood."""

from __future__ import annotations

import asyncio
import json

import pytest

from toctou import real_time
from toctou.engine import Engine, ServiceError
from toctou.errors import BadInput
from toctou.server import Service
from toctou.server import service as service_module
from toctou.server.data_file import DataFile
from toctou.server.storage import Storage
from toctou.wire import HttpRequest, encoded

TABLE = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "g", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


class Stored:
    """An engine with its file, changed through both."""

    def __init__(self, path, smallest=10**9):
        self.engine = Engine()
        self.storage = Storage(self.engine, path, smallest)

    def perform(self, action, **parameters):
        result = self.engine.perform(action, parameters)
        self.storage.record(action, parameters)
        for wait in self.storage.compact():
            if wait is not None:
                wait()
        return result

    def put(self, name, **attributes):
        self.perform("PutItem", TableName="Items", Item={"id": {"S": name}, **attributes})

    def add(self, name):
        values = {":one": {"N": "1"}}
        key = {"id": {"S": name}}
        update = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": values}
        self.perform("UpdateItem", TableName="Items", Key=key, **update)

    def transact(self, token, name):
        put = {"TableName": "Items", "Item": {"id": {"S": name}}, "ConditionExpression": "attribute_not_exists(id)"}
        self.perform("TransactWriteItems", TransactItems=[{"Put": put}], ClientRequestToken=token)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def opened(path):
    closing = []

    def open_it(smallest=10**9):
        closing.append(Stored(path, smallest))
        return closing[-1]

    yield open_it
    for one in closing:
        if one.storage is not None:
            one.storage.close()


def closed(stored):
    stored.storage.close()
    stored.storage = None
    return stored.engine.stored()


def test_everything_comes_back(opened):
    first = opened()
    first.perform("CreateTable", **TABLE)
    first.put(
        "a", g={"S": "x"}, binary={"B": b"\x00\xff"}, all={"M": {"set": {"BS": [b"\x01"]}, "none": {"NULL": True}}}
    )
    first.add("b")
    first.add("b")
    first.transact("token", "c")
    first.perform("DeleteItem", TableName="Items", Key={"id": {"S": "a"}})
    first.put("d", g={"S": "x"})
    before = closed(first)
    second = opened()
    assert second.engine.stored() == before
    assert before["Items"] == [
        {"id": {"S": "b"}, "n": {"N": "2"}},
        {"id": {"S": "c"}},
        {"id": {"S": "d"}, "g": {"S": "x"}},
    ]
    query = {"KeyConditionExpression": "g = :g", "ExpressionAttributeValues": {":g": {"S": "x"}}}
    assert second.engine.perform("Query", {"TableName": "Items", "IndexName": "by_g", **query})["Count"] == 1


def test_a_completed_transaction_is_remembered(opened):
    first = opened()
    first.perform("CreateTable", **TABLE)
    first.transact("token", "c")
    closed(first)
    second = opened()
    second.transact("token", "c")  # repeated: succeeds without effect, although the item exists
    with pytest.raises(ServiceError, match="IdempotentParameterMismatch"):
        second.transact("token", "other")


def test_the_file_does_not_grow_forever(opened, path):
    stored = opened(smallest=20_000)
    stored.perform("CreateTable", **TABLE)
    for _ in range(2_000):
        stored.add("counter")
    assert path.stat().st_size < 25_000
    before = closed(stored)
    assert before["Items"] == [{"id": {"S": "counter"}, "n": {"N": "2000"}}]
    assert opened().engine.stored() == before


def test_the_file_may_be_twice_what_is_stored(opened, path, monkeypatch):
    replaced = []
    replace = DataFile.replace
    monkeypatch.setattr(DataFile, "replace", lambda file, documents: replaced.append(1) or replace(file, documents))
    stored = opened(smallest=1_000)
    stored.perform("CreateTable", **TABLE)
    for number in range(2_000):
        stored.put(f"item {number:06}", text={"S": "x" * 20})
    size = path.stat().st_size
    assert size > 2_000 * 100
    assert 1 <= len(replaced) <= 10  # log2 of 200 kB over 1 kB is 8


def test_what_is_left_is_compacted_at_the_start(opened, path):
    first = opened()
    first.perform("CreateTable", **TABLE)
    for _ in range(500):
        first.add("counter")
    before = closed(first)
    large = path.stat().st_size
    assert opened(smallest=1_000).engine.stored() == before
    assert path.stat().st_size < large / 20


def test_compacting_waits_while_a_transaction_may_be_repeated(opened, path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(real_time, "seconds", lambda: now[0])
    first = opened(smallest=2_000)
    first.perform("CreateTable", **TABLE)
    first.transact("token", "c")
    for _ in range(100):
        first.add("counter")
    large = path.stat().st_size
    assert large > 10_000
    before = closed(first)
    second = opened(smallest=2_000)
    second.transact("token", "c")
    assert second.engine.stored() == before
    now[0] += 601
    second.add("counter")
    assert path.stat().st_size < 2_000


def test_compacting_does_not_wait_beyond_all_measure(opened, path):
    stored = opened(smallest=1_000)
    stored.perform("CreateTable", **TABLE)
    for number in range(200):
        stored.transact(str(number), f"item {number}")
        stored.perform("DeleteItem", TableName="Items", Key={"id": {"S": f"item {number}"}})
    assert path.stat().st_size < 18_000


def test_what_is_compacted_has_every_table_as_it_was_made(opened, path):
    first = opened(smallest=1)
    first.perform("CreateTable", **TABLE)
    first.put("a", g={"S": "x"})
    first.perform("CreateTable", **{**TABLE, "TableName": "Others"})
    first.perform("PutItem", TableName="Others", Item={"id": {"S": "o"}, "g": {"S": "x"}})
    before = closed(first)
    second = opened()
    assert second.engine.stored() == before
    for table in before:
        query = {"KeyConditionExpression": "g = :g", "ExpressionAttributeValues": {":g": {"S": "x"}}}
        assert second.engine.perform("Query", {"TableName": table, "IndexName": "by_g", **query})["Count"] == 1


def test_what_would_not_rebuild_the_tables_is_not_written(opened, monkeypatch, capsys):
    stored = opened(smallest=1_000)
    stored.perform("CreateTable", **TABLE)
    snapshot = Engine.snapshot
    for items, what in (({}, "tables"), ({"Items": [{"id": {"S": "a"}, "n": {"N": "01"}}]}, "items")):
        with monkeypatch.context() as other:
            told = {stored.engine: items}
            other.setattr(Engine, "snapshot", lambda engine, told=told: told.get(engine, snapshot(engine)))
            for _ in range(100):
                stored.add("counter")
        assert f"would not give the same {what} again" in capsys.readouterr().err
    before = closed(stored)
    assert opened().engine.stored() == before


def test_a_failure_to_compact_is_told_and_loses_nothing(opened, path, capsys):
    path.with_name("data.compacting").write_bytes(b"precious")
    stored = opened(smallest=1_000)
    stored.perform("CreateTable", **TABLE)
    for _ in range(100):
        stored.add("counter")
    assert "not compacted" in capsys.readouterr().err
    before = closed(stored)
    assert opened().engine.stored() == before


def test_a_request_that_cannot_be_performed_again_is_an_error(opened, path):
    first = opened()
    first.perform("CreateTable", **TABLE)
    first.storage.record("PutItem", {"TableName": "Missing", "Item": {"id": {"S": "a"}}})
    closed(first)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="cannot be performed again: ResourceNotFoundException"):
        opened()
    assert path.read_bytes() == before


@pytest.mark.parametrize("record", [b"[]", b"5", b"{}", b"x", b'{"action":"Novelty","parameters":{}}'])
def test_a_record_of_another_kind_is_an_error(opened, path, record):
    file = DataFile(path)
    file.append(record)
    file.close()
    with pytest.raises(BadInput, match="cannot be performed again"):
        opened()


# The service.


def asked(action, **parameters):
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "authorization": "AWS4-HMAC-SHA256 any",
        "x-amz-target": f"DynamoDB_20120810.{action}",
    }
    return HttpRequest("POST", "/", headers, encoded(parameters))


def answered(service, action, **parameters):
    response = asyncio.run(service.respond(asked(action, **parameters)))
    return response.status, json.loads(response.body)


def test_a_write_that_cannot_be_stored_has_not_happened(path, monkeypatch, capsys):
    service = Service(path)
    assert answered(service, "CreateTable", **TABLE)[0] == 200

    def full(*_):
        raise OSError(28, "No space left on device")

    put = {"TableName": "Items", "Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)"}
    with monkeypatch.context() as broken:
        broken.setattr("os.pwrite", full)
        status, body = answered(service, "PutItem", **put)
    assert (status, body["__type"].partition("#")[2]) == (500, "InternalServerError")
    assert "No space left" in capsys.readouterr().err
    assert answered(service, "GetItem", TableName="Items", Key={"id": {"S": "a"}}) == (200, {})
    assert answered(service, "PutItem", **put) == (200, {})
    service.close()


def test_requests_are_served_while_the_file_is_compacted(path, monkeypatch):
    monkeypatch.setattr(service_module, "_TURN", 0.0)
    text = {"S": "x" * 30_000}
    sizes = []

    async def served(service):
        assert (await service.respond(asked("CreateTable", **TABLE))).status == 200
        for number in range(60):
            put = {"TableName": "Items", "Item": {"id": {"S": str(number % 40)}, "text": text}}
            assert (await service.respond(asked("PutItem", **put))).status == 200
        sizes.append(path.stat().st_size)
        turns = 0
        while service._compacting is not None and not service._compacting.done():
            add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
            update = {"TableName": "Items", "Key": {"id": {"S": "counter"}}, **add}
            assert (await service.respond(asked("UpdateItem", **update))).status == 200
            await asyncio.sleep(0)
            turns += 1
        sizes.append(path.stat().st_size)
        assert (await service.respond(asked("PutItem", TableName="Items", Item={"id": {"S": "last"}}))).status == 200
        return turns

    service = Service(path)
    turns = asyncio.run(served(service))
    assert turns > 30  # one for each item at least, and not all of them at once
    assert sizes[1] < 0.8 * sizes[0]
    before = service._engine.stored()
    service.close()
    engine = Engine()
    Storage(engine, path, 10**9).close()
    assert engine.stored() == before
    assert [item["n"] for item in before["Items"] if "n" in item] == [{"N": str(turns)}]


def test_a_server_that_ends_while_compacting_has_stored_everything(path, tmp_path, monkeypatch):
    monkeypatch.setattr(service_module, "_TURN", 0.0)
    text = {"S": "x" * 30_000}

    async def served(service):
        await service.respond(asked("CreateTable", **TABLE))
        for number in range(40):
            await service.respond(asked("PutItem", TableName="Items", Item={"id": {"S": str(number)}, "text": text}))
        await asyncio.sleep(0)
        assert path.with_name("data.compacting").exists()

    service = Service(path)
    asyncio.run(served(service))
    service.close()
    assert [file.name for file in tmp_path.iterdir()] == ["data"]
    engine = Engine()
    Storage(engine, path, 10**9).close()
    assert len(engine.stored()["Items"]) == 40


def test_reads_and_refused_writes_are_not_stored(path):
    service = Service(path)
    answered(service, "CreateTable", **TABLE)
    answered(service, "PutItem", TableName="Items", Item={"id": {"S": "a"}})
    size = path.stat().st_size
    answered(service, "GetItem", TableName="Items", Key={"id": {"S": "a"}})
    refused = {"Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)"}
    assert answered(service, "PutItem", TableName="Items", **refused)[0] == 400
    assert path.stat().st_size == size
    service.close()


def test_a_fault_of_ours_is_undone_and_reported(monkeypatch, capsys):
    service = Service()
    answered(service, "CreateTable", **TABLE)
    perform = Engine.perform

    def faulty(engine, action, parameters):
        perform(engine, action, parameters)
        if action == "PutItem":
            raise AssertionError("a bug")
        return perform(engine, action, parameters)

    monkeypatch.setattr(Engine, "perform", faulty)
    assert answered(service, "PutItem", TableName="Items", Item={"id": {"S": "a"}})[0] == 500
    assert answered(service, "GetItem", TableName="Items", Key={"id": {"S": "a"}}) == (200, {})
    assert "a bug" in capsys.readouterr().err


def test_a_server_keeps_no_versions(monkeypatch):
    service = Service()
    answered(service, "CreateTable", **TABLE)
    for n in range(100):
        answered(service, "PutItem", TableName="Items", Item={"id": {"S": "a"}, "n": {"N": str(n)}})
    assert service._engine.sequence == 0
    assert answered(service, "GetItem", TableName="Items", Key={"id": {"S": "a"}})[1]["Item"]["n"] == {"N": "99"}


def test_a_server_forgets_a_transaction_after_ten_minutes(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(real_time, "seconds", lambda: clock[0])
    service = Service()
    answered(service, "CreateTable", **TABLE)
    key = {"id": {"S": "a"}}
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    update = {"TableName": "Items", "Key": key, **add}
    transaction = {"TransactItems": [{"Update": update}], "ClientRequestToken": "t"}
    stored = []
    for now in (1000, 1599, 1601, 1602):
        clock[0] = now
        answered(service, "TransactWriteItems", **transaction)
        stored.append(answered(service, "GetItem", TableName="Items", Key=key)[1]["Item"]["n"]["N"])
    assert stored == ["1", "1", "2", "2"]


def test_an_action_that_the_engine_lacks_is_an_unknown_operation(monkeypatch):
    from toctou.engine import engine  # noqa: PLC0415

    monkeypatch.setattr(engine, "ACTIONS", {})
    status, body = answered(Service(), "GetItem", TableName="Items", Key={"id": {"S": "a"}})
    assert (status, body["__type"]) == (400, "com.amazon.coral.service#UnknownOperationException")


# Tables.


def described(engine):
    """What the service says of each table."""
    said = {}
    for name in engine.perform("ListTables", {})["TableNames"]:
        table = engine.perform("DescribeTable", {"TableName": name})["Table"]
        lives = engine.perform("DescribeTimeToLive", {"TableName": name})
        said[name] = (table, lives, engine.perform("ListTagsOfResource", {"ResourceArn": table["TableArn"]}))
    return said


def changed(stored):
    """Every action that changes what is said of a table."""
    arn = stored.perform("CreateTable", **TABLE)["TableDescription"]["TableArn"]
    stored.put("a", g={"S": "x"}, h={"S": "y"})
    new = {
        "IndexName": "by_h",
        "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    definitions = [*TABLE["AttributeDefinitions"], {"AttributeName": "h", "AttributeType": "S"}]
    updates = [{"Create": new}]
    stored.perform(
        "UpdateTable", TableName="Items", AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=updates
    )
    lives = {"Enabled": True, "AttributeName": "ttl"}
    stored.perform("UpdateTimeToLive", TableName="Items", TimeToLiveSpecification=lives)
    tags = [{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "b"}]
    stored.perform("TagResource", ResourceArn=arn, Tags=tags)
    stored.perform("UntagResource", ResourceArn=arn, TagKeys=["stage"])
    for _ in range(2):
        stored.perform("CreateTable", **{**TABLE, "TableName": "Brief"})
        stored.perform("DeleteTable", TableName="Brief")
    return described(stored.engine)


@pytest.mark.parametrize("smallest", [1, 10**9], ids=["compacted", "as written"])
def test_what_is_said_of_tables_comes_back(opened, smallest):
    first = opened()
    before = changed(first)
    assert list(before) == ["Items"]
    assert before["Items"][1]["TimeToLiveDescription"]["AttributeName"] == "ttl"
    assert before["Items"][2]["Tags"] == [{"Key": "team", "Value": "a"}]
    closed(first)
    second = opened(smallest)
    assert described(second.engine) == before
    closed(second)
    assert described(opened().engine) == before


def test_tables_that_come_and_go_leave_nothing(opened, path):
    stored = opened(smallest=2_000)
    for _ in range(50):
        stored.perform("CreateTable", **TABLE)
        stored.put("a")
        stored.perform("DeleteTable", TableName="Items")
    assert path.stat().st_size < 2_500
    assert closed(stored) == {}


def test_items_older_than_an_index_that_they_do_not_fit_are_kept(opened, capsys):
    first = opened(smallest=1_000)
    plain = {**TABLE, "AttributeDefinitions": TABLE["AttributeDefinitions"][:1]}
    del plain["GlobalSecondaryIndexes"]
    first.perform("CreateTable", **plain)
    first.put("a", g={"N": "1"})
    updates = [{"Create": TABLE["GlobalSecondaryIndexes"][0]}]
    definitions = TABLE["AttributeDefinitions"]
    first.perform(
        "UpdateTable", TableName="Items", AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=updates
    )
    for _ in range(50):
        first.add("counter")
    assert "would not give the same items again" in capsys.readouterr().err
    before = closed(first)
    assert opened().engine.stored() == before
