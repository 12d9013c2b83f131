"""Tables as the management actions describe them, and what makes a description valid.

Tables and indexes are active immediately; times and counters that only the cloud has are fixed, so that answers are the same
on every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from toctou.engine.schema import Schema
from toctou.engine.service_error import invalid_parameter, validation
from toctou.engine.tables import Table
from toctou.engine.values import item_size

CREATED = datetime(2020, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
ACCOUNT = "123456789012"

WAS_ON_DEMAND = "WasOnDemand"
"""A setting of our own: whether the table was billed on demand before; then its description continues to report its mode."""

_MOST_LOCAL = 5
_MOST_GLOBAL = 20


def arn(table: str) -> str:
    """The ARN of a table."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"


def described(table: Table) -> dict[str, Any]:
    """A ``TableDescription``."""
    name = table.schema.table
    settings = table.description
    throughput = settings.get("ProvisionedThroughput") or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    result: dict[str, Any] = {
        "AttributeDefinitions": [dict(one) for one in settings["AttributeDefinitions"]],
        "TableName": name,
        "KeySchema": [dict(one) for one in settings["KeySchema"]],
        "TableStatus": "ACTIVE",
        "CreationDateTime": CREATED,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **throughput},
        "TableSizeBytes": sum(item_size(image) for image in table.items.values()),
        "ItemCount": len(table.items),
        "TableArn": arn(name),
        "TableId": "00000000-0000-0000-0000-000000000000",
        "DeletionProtectionEnabled": bool(settings.get("DeletionProtectionEnabled")),
    }
    if settings.get("BillingMode") == "PAY_PER_REQUEST" or settings.get(WAS_ON_DEMAND):
        mode = settings["BillingMode"]
        result["BillingModeSummary"] = {"BillingMode": mode, "LastUpdateToPayPerRequestDateTime": CREATED}
    for parameter in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if settings.get(parameter):
            result[parameter] = [_described_index(table, one, parameter) for one in settings[parameter]]
    return result


def _described_index(table: Table, definition: Mapping[str, Any], parameter: str) -> dict[str, Any]:
    index = table.indexes[definition["IndexName"]]
    keys = [key for entries in index.items.values() for key in entries.values()]
    result: dict[str, Any] = {
        "IndexName": definition["IndexName"],
        "KeySchema": [dict(one) for one in definition["KeySchema"]],
        "Projection": dict(definition["Projection"]),
        "IndexSizeBytes": sum(item_size(index.held(table.items[key])) for key in keys),
        "ItemCount": len(keys),
        "IndexArn": f"{arn(table.schema.table)}/index/{definition['IndexName']}",
    }
    if parameter == "GlobalSecondaryIndexes":
        throughput = definition.get("ProvisionedThroughput") or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        result["IndexStatus"] = "ACTIVE"
        result["ProvisionedThroughput"] = {"NumberOfDecreasesToday": 0, **throughput}
    return result


def checked_schema(parameters: Mapping[str, Any]) -> Schema:
    """The schema that ``CreateTable`` requests.

    Raises:
        ServiceError: it contradicts itself.
    """
    check_billing(parameters)
    types = types_of(parameters.get("AttributeDefinitions") or ())
    key = parameters.get("KeySchema") or []
    used = _check_key(key, types)
    local, everywhere = parameters.get("LocalSecondaryIndexes"), parameters.get("GlobalSecondaryIndexes")
    if local is None and everywhere is None and len(types) != len(key):
        raise invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )
    seen: set[str] = set()
    if local is not None:
        if not local:
            raise invalid_parameter("List of LocalSecondaryIndexes is empty")
        if len(key) < 2:
            raise invalid_parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
            )
        for index in local:
            used |= check_index(index, types, seen, key[0]["AttributeName"])
        if len(local) > _MOST_LOCAL:
            raise invalid_parameter(f"Number of LocalSecondaryIndexes exceeds per-table limit of {_MOST_LOCAL}")
    if everywhere is not None:
        if not everywhere:
            raise invalid_parameter("List of GlobalSecondaryIndexes is empty")
        for index in everywhere:
            used |= check_index(index, types, seen)
            check_index_billing(parameters, index)
        if len(everywhere) > _MOST_GLOBAL:
            raise invalid_parameter(f"GlobalSecondaryIndex count exceeds the per-table limit of {_MOST_GLOBAL}")
    if len(used) != len(types):
        raise invalid_parameter(
            f"Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(types)}], "
            f"keys used: [{', '.join(name for name in types if name in used)}]"
        )
    return Schema.of(parameters)


def types_of(definitions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """``AttributeDefinitions`` as types by name; raises ``ServiceError`` if one stands twice."""
    types: dict[str, str] = {}
    for one in definitions:
        name = one["AttributeName"]
        if name in types:
            raise invalid_parameter(f"Duplicate AttributeName in AttributeDefinitions: {name}")
        types[name] = one["AttributeType"]
    return types


def _check_key(elements: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> set[str]:
    names = [one["AttributeName"] for one in elements]
    if len(names) > len(types):
        raise validation("Invalid KeySchema: Some index key attribute have no definition")
    if any(name not in types for name in names):
        raise invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    if len(set(names)) < len(names):
        raise validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    for element, ordinal, kind in zip(elements, ("first", "second"), ("HASH", "RANGE"), strict=False):
        if element["KeyType"] != kind:
            raise validation(f"Invalid KeySchema: The {ordinal} KeySchemaElement is not a {kind} key type")
    return set(names)


def check_index(
    index: Mapping[str, Any], types: Mapping[str, str], seen: set[str], leading: str | None = None
) -> set[str]:
    """Check one index; the attributes of its key.

    Args:
        seen: the names of earlier indexes; this one's is added.
        leading: for a local one, the partition key of its table.
    """
    name = index["IndexName"]
    used = _check_key(index["KeySchema"], types)
    if leading is not None:
        if len(index["KeySchema"]) < 2:
            raise invalid_parameter(f"Index KeySchema does not have a range key for index: {name}")
        own = index["KeySchema"][0]["AttributeName"]
        if own != leading:
            raise invalid_parameter(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
                f"{name}. index hash key: {own}, table hash key: {leading}"
            )
    projection = index.get("Projection") or {}
    kind, extra = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise invalid_parameter("Unknown ProjectionType: null")
    if kind == "INCLUDE" and not extra:
        raise invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and extra is not None:
        raise invalid_parameter(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if name in seen:
        raise invalid_parameter(f"Duplicate index name: {name}")
    seen.add(name)
    return used


def check_index_billing(parameters: Mapping[str, Any], index: Mapping[str, Any]) -> None:
    """Refuse throughput of a global index without provisioned billing, and the other way round."""
    name, throughput = index["IndexName"], index.get("ProvisionedThroughput")
    if parameters.get("BillingMode") == "PAY_PER_REQUEST":
        if throughput is not None:
            raise invalid_parameter(
                f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
            )
    elif throughput is None:
        raise invalid_parameter(f"ProvisionedThroughput must be specified for index: {name}")


def check_billing(parameters: Mapping[str, Any]) -> None:
    """Refuse throughput without provisioned billing, and the other way round."""
    throughput = parameters.get("ProvisionedThroughput")
    if parameters.get("BillingMode") == "PAY_PER_REQUEST":
        if throughput is not None:
            raise invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
    elif throughput is None:
        raise invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
