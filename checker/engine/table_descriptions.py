"""Tables as the management actions describe them, and what makes a description valid.

Tables and indexes are active at once; times and counters that only the cloud has are fixed, so that answers are the same
on every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from checker.engine.database import check_name
from checker.engine.schema import Schema
from checker.engine.service_error import ServiceError, invalid_parameter
from checker.engine.tables import Table
from checker.engine.values import item_size

CREATED = datetime(2020, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
ACCOUNT = "123456789012"

_MAXIMUM_INDEXES = {"GlobalSecondaryIndexes": 20, "LocalSecondaryIndexes": 5}


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
    if settings.get("BillingMode") == "PAY_PER_REQUEST":
        result["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": CREATED}
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
    """The schema that ``CreateTable`` asks for.

    Raises:
        ServiceError: it contradicts itself.
    """
    check_name("TableName", parameters["TableName"])
    definitions = parameters.get("AttributeDefinitions") or []
    types = {one["AttributeName"]: one["AttributeType"] for one in definitions}
    if len(types) < len(definitions):
        raise invalid_parameter("Duplicate AttributeName in AttributeDefinitions")
    for kind in types.values():
        if kind not in ("S", "N", "B"):
            raise invalid_parameter(f"Member must satisfy enum value set: [B, N, S], not {kind}")
    used = _check_key(parameters.get("KeySchema") or [], types)
    seen: set[str] = set()
    for parameter, limit in _MAXIMUM_INDEXES.items():
        indexes = parameters.get(parameter)
        if indexes is None:
            continue
        what = "GSI" if parameter.startswith("Global") else "LSI"
        if not indexes:
            raise invalid_parameter(f"List of {parameter} is empty")
        if len(indexes) > limit:
            raise invalid_parameter(f"{parameter} count exceeds the per-table limit of {limit}")
        for index in indexes:
            used |= check_index(index, types, parameters["KeySchema"], seen, what)
    check_definitions(types, used)
    check_billing(parameters)
    return Schema.of(parameters)


def check_definitions(types: Mapping[str, str], used: Iterable[str]) -> None:
    """Refuse attribute definitions that no key uses."""
    if len(set(used)) != len(types):
        raise invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )


def _check_key(elements: list[Mapping[str, str]], types: Mapping[str, str]) -> set[str]:
    roles = [one["KeyType"] for one in elements]
    names = [one["AttributeName"] for one in elements]
    if not elements or roles[0] != "HASH":
        raise invalid_parameter("The first KeySchemaElement is not a HASH key type")
    if len(elements) > 2 or roles[1:] not in ([], ["RANGE"]):
        raise invalid_parameter("The second KeySchemaElement is not a RANGE key type")
    if len(set(names)) < len(names):
        raise invalid_parameter("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    missing = [name for name in names if name not in types]
    if missing:
        raise _undefined(names, types)
    return set(names)


def _undefined(names: Iterable[str], types: Mapping[str, str]) -> ServiceError:
    return invalid_parameter(
        "Some index key attributes are not defined in AttributeDefinitions. "
        f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
    )


def check_index(
    index: Mapping[str, Any],
    types: Mapping[str, str],
    table_key: list[Mapping[str, str]],
    seen: set[str],
    what: str,
) -> set[str]:
    """Check one index; the attributes of its key.

    Args:
        index: its definition.
        types: the attribute definitions.
        table_key: the table's ``KeySchema``.
        seen: the names of earlier indexes; this one's is added.
        what: ``GSI`` or ``LSI``.
    """
    name = index["IndexName"]
    check_name("IndexName", name)
    if name in seen:
        raise invalid_parameter(f"Duplicate index name: {name}")
    seen.add(name)
    used = _check_key(index["KeySchema"], types)
    if what == "LSI":
        if len(table_key) < 2:
            raise invalid_parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
            )
        if index["KeySchema"][0]["AttributeName"] != table_key[0]["AttributeName"]:
            raise invalid_parameter(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
                f"{name}. index hash key: {index['KeySchema'][0]['AttributeName']}, "
                f"table hash key: {table_key[0]['AttributeName']}"
            )
    projection = index.get("Projection") or {}
    kind, extra = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise invalid_parameter("Unknown ProjectionType: null")
    if kind not in ("ALL", "KEYS_ONLY", "INCLUDE"):
        raise invalid_parameter(f"Unknown ProjectionType: {kind}")
    if kind == "INCLUDE" and not extra:
        raise invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and extra is not None:
        raise invalid_parameter(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    return used


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
