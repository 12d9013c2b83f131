"""UpdateTable: billing, protection, and global indexes, which are complete at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.engine.database import Database
from checker.engine.schema import Schema
from checker.engine.service_error import ServiceError, invalid_parameter, validation
from checker.engine.table_descriptions import check_billing, check_index, described

_SETTINGS = (
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexUpdates",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
)
_KEPT = ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled", "StreamSpecification", "TableClass")


def perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one ``UpdateTable``."""
    table = database.managed_table(parameters)
    if not any(parameters.get(name) is not None and parameters[name] != [] for name in _SETTINGS):
        raise validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
            "SSESpecification or ReplicaUpdates is required"
        )
    description = dict(table.description)
    for name in _KEPT:
        if parameters.get(name) is not None:
            description[name] = parameters[name]
    if description.get("BillingMode") == "PAY_PER_REQUEST":
        if "ProvisionedThroughput" not in parameters:
            description.pop("ProvisionedThroughput", None)
        check_billing(description)
    elif "BillingMode" in parameters or "ProvisionedThroughput" in parameters:
        check_billing(description)
    updates = parameters.get("GlobalSecondaryIndexUpdates") or []
    if updates:
        _update_indexes(description, parameters, updates)
    changed = table.with_schema(Schema.of(description), description)
    database.commit_table(table.schema.table, changed)
    return {"TableDescription": described(changed)}


def _update_indexes(
    description: dict[str, Any], parameters: Mapping[str, Any], updates: list[Mapping[str, Any]]
) -> None:
    if sum("Create" in one or "Delete" in one for one in updates) > 1:
        raise ServiceError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )
    indexes = {one["IndexName"]: one for one in description.get("GlobalSecondaryIndexes") or ()}
    types = {one["AttributeName"]: one["AttributeType"] for one in description["AttributeDefinitions"]}
    types.update({one["AttributeName"]: one["AttributeType"] for one in parameters.get("AttributeDefinitions") or ()})
    for update in updates:
        ((kind, definition),) = update.items()
        name = definition["IndexName"]
        if kind == "Create":
            if name in indexes:
                raise invalid_parameter(f"Attempting to create an index which already exists: {name}")
            check_index(definition, types, description["KeySchema"], set(), "GSI")
            indexes[name] = definition
        elif name not in indexes:
            raise ServiceError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
        elif kind == "Delete":
            del indexes[name]
        else:
            indexes[name] = {**indexes[name], **definition}
    description["GlobalSecondaryIndexes"] = list(indexes.values())
    used = {
        one["AttributeName"]
        for keyed in (description, *indexes.values(), *(description.get("LocalSecondaryIndexes") or ()))
        for one in keyed["KeySchema"]
    }
    description["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": types[name]} for name in sorted(used)
    ]
