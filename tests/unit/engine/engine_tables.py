"""Engines with tables, for the tests of this folder."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.engine import Engine, ServiceError

ITEMS = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
LOG = {
    "TableName": "Log",
    "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "day", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "who", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_who",
            "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


def engine_with(*tables: dict[str, Any]) -> Engine:
    """An engine with these tables."""
    engine = Engine()
    for table in tables or (ITEMS,):
        engine.perform("CreateTable", table)
    return engine


def put(engine: Engine, **attributes: Any) -> None:
    """Put an item into the first table; strings and integers only."""
    item = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in attributes.items()}
    engine.perform("PutItem", {"TableName": "Items" if "id" in item else "Log", "Item": item})


def refusal(engine: Engine, action: str, parameters: dict[str, Any]) -> ServiceError:
    """The error that a call is answered with."""
    with pytest.raises(ServiceError) as caught:
        engine.perform(action, parameters)
    return caught.value
