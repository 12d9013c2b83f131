"""Calls that modules make while they are imported are performed at once, on what the models declare, and nothing is sent."""

from __future__ import annotations

import sys

import boto3
import pytest
from botocore.client import BaseClient

from toctou.client.while_importing import IMPORTED
from toctou.declaration import foreseeing
from toctou.declaration.initial_state import initial_state, remarks_on_imports
from toctou.declaration.loading import load
from toctou.errors import TargetError

MODEL = """
import boto3
from toctou import Model, Table, handler

{}

class Items(Model):
    tables = [Table("Items", "pk"), Table("Config", "pk")]
    items = {{"Config": [{{"pk": "limits", "most": 3}}]}}

    @handler
    def put(self, principal):
        return 204
"""
CONFIG = 'config = boto3.resource("dynamodb").Table("Config")\n'


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch):
    monkeypatch.setattr(IMPORTED, "calls", [])
    monkeypatch.setattr(IMPORTED, "notes", [])


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Loads a model with this code above it, and this code in a module of its own that it may import."""
    monkeypatch.syspath_prepend(tmp_path)
    names = iter("abcdefgh")

    def write_and_load(code: str, imported: str = ""):
        name = f"{next(names)}_{tmp_path.name}"
        (tmp_path / f"its_{name}.py").write_text(f"import boto3\n{imported}\n")
        (tmp_path / f"{name}.py").write_text(MODEL.format(code.replace("ITS_MODULE", f"its_{name}")))
        (loaded,) = load([str(tmp_path / f"{name}.py")])
        return loaded.model, sys.modules[loaded.model.__module__]

    return write_and_load


def test_an_item_that_the_model_declares_below_is_found(loaded):
    model, module = loaded(
        "from ITS_MODULE import MOST", CONFIG + 'MOST = int(config.get_item(Key={"pk": "limits"})["Item"]["most"])'
    )
    assert module.MOST == 3
    assert remarks_on_imports(model) == []


def test_so_it_is_by_a_client_and_by_a_query(loaded):
    _, module = loaded(
        'client = boto3.client("dynamodb")\n'
        'FOUND = client.get_item(TableName="Config", Key={"pk": {"S": "limits"}})["Item"]["most"]["N"]\n'
        'QUERIED = client.query(TableName="Config", KeyConditionExpression="pk = :pk", '
        'ExpressionAttributeValues={":pk": {"S": "limits"}})["Count"]'
    )
    assert (module.FOUND, module.QUERIED) == ("3", 1)


def test_an_item_that_nobody_declares_is_not_there(loaded):
    model, module = loaded(CONFIG + 'FOUND = "Item" in config.get_item(Key={"pk": "other"})')
    assert module.FOUND is False
    assert remarks_on_imports(model) == []


def test_what_is_printed_while_looking_ahead_is_printed_once(loaded, capfd):
    loaded(CONFIG + 'config.get_item(Key={"pk": "limits"})\nprint("imported", flush=True)')
    assert capfd.readouterr().out == "imported\n"


def test_a_declared_table_exists_and_is_active_at_once(loaded):
    _, module = loaded(
        'client = boto3.client("dynamodb")\n'
        "try:\n"
        '    client.create_table(TableName="Items", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],\n'
        '        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")\n'
        "except client.exceptions.ResourceInUseException:\n"
        "    EXISTED = True\n"
        'client.get_waiter("table_exists").wait(TableName="Items")\n'
        'NAMES = client.list_tables()["TableNames"]\n'
        'STATUS = client.describe_table(TableName="Config")["Table"]["TableStatus"]'
    )
    assert (module.EXISTED, module.NAMES, module.STATUS) == (True, ["Config", "Items"], "ACTIVE")


CREATE = (
    'client.create_table(TableName="Items", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],\n'
    '    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")'
)


@pytest.mark.starts_moto
def test_in_a_moto_of_the_users_own_the_first_to_create_a_declared_table_succeeds(loaded):
    model, module = loaded(
        "from ITS_MODULE import NAME, AGAIN",
        "from moto import mock_aws\n"
        "with mock_aws():\n"
        '    client = boto3.client("dynamodb")\n'
        f"    NAME = {CREATE}['TableDescription']['TableName']\n"
        '    client.put_item(TableName="Items", Item={"pk": {"S": "made"}})\n'
        "    try:\n"
        f"        {CREATE}\n"
        "    except client.exceptions.ResourceInUseException:\n"
        "        AGAIN = False",
    )
    assert (module.NAME, module.AGAIN) == ("Items", False)
    assert {"pk": {"S": "made"}} in initial_state(model).items["Items"]


def test_what_is_stored_is_there_in_every_schedule(loaded):
    model, _ = loaded("import ITS_MODULE", CONFIG + 'config.put_item(Item={"pk": "flags", "on": True})')
    assert initial_state(model).items["Config"] == [
        {"pk": {"S": "flags"}, "on": {"BOOL": True}},
        {"pk": {"S": "limits"}, "most": {"N": "3"}},
    ]


@pytest.mark.parametrize(("condition", "most"), [("", "9"), (', ConditionExpression="attribute_not_exists(pk)"', "3")])
def test_it_is_stored_after_the_declared_items(loaded, condition, most):
    model, _ = loaded(
        CONFIG
        + f'try:\n    config.put_item(Item={{"pk": "limits", "most": 9}}{condition})\n'
        + "except config.meta.client.exceptions.ConditionalCheckFailedException:\n    pass"
    )
    assert initial_state(model).items["Config"] == [{"pk": {"S": "limits"}, "most": {"N": most}}]


def test_a_table_that_is_created_and_not_declared_is_there_too(loaded):
    create = (
        'made = boto3.resource("dynamodb").create_table(TableName="Made", '
        'KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST", '
        'AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}])\n'
        "made.wait_until_exists()\n"
        'made.put_item(Item={"id": 1})\n'
        'made.meta.client.update_table(TableName="Made", '
        'AttributeDefinitions=[{"AttributeName": "by", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[{"Create": '
        '{"IndexName": "by-by", "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}], '
        '"Projection": {"ProjectionType": "ALL"}}}])'
    )
    model, _ = loaded("import ITS_MODULE", create)
    tables, items = initial_state(model)
    (made,) = [one for one in tables if one["TableName"] == "Made"]
    assert [one["IndexName"] for one in made["GlobalSecondaryIndexes"]] == ["by-by"]
    assert items["Made"] == [{"id": {"N": "1"}}]


def test_it_is_not_there_for_a_model_that_does_not_use_the_module(loaded):
    loaded("import ITS_MODULE", CONFIG + 'config.put_item(Item={"pk": "flags"})')
    model, _ = loaded("")
    assert [one["pk"] for one in initial_state(model).items["Config"]] == [{"S": "limits"}]


def test_a_table_that_nobody_declares_counts_as_empty_and_is_noted(loaded):
    model, module = loaded(
        'table = boto3.resource("dynamodb").Table("Else")\n'
        'FOUND = [table.get_item(Key={"id": 1}).get("Item"), table.scan()["Items"]]\n'
        'COUNT = table.update_item(Key={"id": 1}, UpdateExpression="ADD n :1", ExpressionAttributeValues={":1": 1}, '
        'ReturnValues="ALL_NEW")["Attributes"]["n"]\n'
        'table.put_item(Item={"id": 2})'
    )
    assert (module.FOUND, module.COUNT) == ([None, []], 1)
    actions = [one.partition(" ")[0] for one in remarks_on_imports(model)]
    assert actions == ["GetItem", "Scan", "UpdateItem", "PutItem"]
    assert all("no model declares that table" in one and ".py:" in one for one in remarks_on_imports(model))
    assert "Else" not in initial_state(model).items


def test_without_fork_nothing_is_known_of_what_is_declared_below(loaded, monkeypatch):
    monkeypatch.setattr(foreseeing, "CAN_FORK", False)
    model, module = loaded(CONFIG + 'FOUND = config.get_item(Key={"pk": "limits"}).get("Item")')
    assert module.FOUND is None
    assert len(remarks_on_imports(model)) == 1


def test_a_secret_that_was_made_before_is_read(loaded):
    _, module = loaded(
        'boto3.client("secretsmanager").create_secret(Name="key", SecretString="s3cret")\n'
        'boto3.client("ssm").put_parameter(Name="/limit", Value="7", Type="String")\n'
        "from ITS_MODULE import KEY, LIMIT",
        'KEY = boto3.client("secretsmanager").get_secret_value(SecretId="key")["SecretString"]\n'
        'LIMIT = boto3.client("ssm").get_parameter(Name="/limit")["Parameter"]["Value"]',
    )
    assert (module.KEY, module.LIMIT) == ("s3cret", "7")


def test_what_two_files_make_alike_is_there_for_both(loaded):
    make = 'MADE = boto3.client("secretsmanager").create_secret(Name="both", SecretString="s")["Name"]'
    assert loaded(make)[1].MADE == loaded(make)[1].MADE == "both"
    with pytest.raises(TargetError, match="ResourceExistsException"):
        loaded(f"{make}\n{make.replace('both', 'twice')}\n{make.replace('both', 'twice')}")


def test_one_that_was_not_is_not_found(loaded):
    _, module = loaded(
        'client = boto3.client("secretsmanager")\n'
        "try:\n    client.get_secret_value(SecretId='none')\n"
        "except client.exceptions.ResourceNotFoundException as missing:\n    FOUND = missing.response['Error']['Code']"
    )
    assert module.FOUND == "ResourceNotFoundException"
    with pytest.raises(TargetError, match="ResourceNotFoundException") as refused:
        loaded("import ITS_MODULE", 'boto3.client("secretsmanager").get_secret_value(SecretId="none")')
    assert "create_secret" in (refused.value.remedy or "")
    assert "its_" in str(refused.value)


def test_clients_are_as_they_were_afterwards(loaded):
    before = BaseClient._make_api_call
    loaded(CONFIG + 'config.get_item(Key={"pk": "limits"})')
    with pytest.raises(TargetError):
        loaded("raise ValueError")
    assert BaseClient._make_api_call is before


def test_an_import_that_fails_looking_ahead_is_told_as_it_fails_here(loaded):
    with pytest.raises(TargetError, match="KeyError: 'Item'"):
        loaded(CONFIG + 'config.get_item(Key={"pk": "none"})["Item"]')


@pytest.mark.starts_moto
def test_what_moto_answers_is_left_to_it(loaded):
    loaded(
        "from moto import mock_aws\nmocked = mock_aws()\nmocked.start()\n"
        'boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="orders")\nmocked.stop()'
    )
    assert boto3.client
