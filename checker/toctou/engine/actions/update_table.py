"""UpdateTable: billing, protection, and global indexes, which are complete immediately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError, invalid_parameter, validation
from toctou.engine.table_descriptions import (
    WAS_ON_DEMAND,
    check_billing,
    check_index,
    check_index_billing,
    described,
    types_of,
)

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
_KINDS = ("Update", "Create", "Delete")

Description = dict[str, Any]


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    updates = parameters.get("GlobalSecondaryIndexUpdates") or []
    _check_request(parameters, updates)
    table = database.managed_table(parameters)
    description = dict(table.description)
    _change_billing(description, parameters)
    if updates:
        _update_indexes(description, parameters, updates)
    for index in description.get("GlobalSecondaryIndexes") or () if "BillingMode" in parameters else ():
        check_index_billing(description, index)
    changed = table.with_schema(Schema.of(description), description)
    database.commit_table(table.schema.table, changed)
    return {"TableDescription": described(changed)}


def _check_request(parameters: Mapping[str, Any], updates: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what is wrong whatever the table is."""
    if not any(parameters.get(name) is not None and parameters[name] != [] for name in _SETTINGS):
        raise validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
            "SSESpecification or ReplicaUpdates is required"
        )
    if parameters.get("BillingMode") == "PROVISIONED" and parameters.get("ProvisionedThroughput") is None:
        raise invalid_parameter("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    seen = set()
    for update in updates:
        if not any(update.get(kind) for kind in _KINDS):
            raise invalid_parameter(
                "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                "GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        name = _named(update)[1]["IndexName"]
        if name in seen:
            raise invalid_parameter(
                f"Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        seen.add(name)
    if sum(_named(update)[0] != "Update" for update in updates) > 1:
        raise ServiceError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )


def _named(update: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return next((kind, update[kind]) for kind in _KINDS if update.get(kind))


def _change_billing(description: Description, parameters: Mapping[str, Any]) -> None:
    old = description.get("ProvisionedThroughput")
    was_provisioned = description.get("BillingMode") != "PAY_PER_REQUEST"
    for name in _KEPT:
        if parameters.get(name) is not None:
            description[name] = parameters[name]
    if not was_provisioned:
        description[WAS_ON_DEMAND] = True
    if description.get("BillingMode") == "PAY_PER_REQUEST":
        if "ProvisionedThroughput" not in parameters:
            description.pop("ProvisionedThroughput", None)
            indexes = description.get("GlobalSecondaryIndexes")
            if was_provisioned and indexes:
                description["GlobalSecondaryIndexes"] = [
                    {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
                    for index in indexes
                ]
        check_billing(description)
    elif was_provisioned and parameters.get("ProvisionedThroughput") == old is not None:
        raise validation(
            "The provisioned throughput for the table will not change. The requested value equals the current value. "
            f"Current ReadCapacityUnits provisioned for the table: {old['ReadCapacityUnits']}. "
            f"Requested ReadCapacityUnits: {old['ReadCapacityUnits']}. "
            f"Current WriteCapacityUnits provisioned for the table: {old['WriteCapacityUnits']}. "
            f"Requested WriteCapacityUnits: {old['WriteCapacityUnits']}. "
            "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )


def _update_indexes(
    description: Description, parameters: Mapping[str, Any], updates: Sequence[Mapping[str, Any]]
) -> None:
    indexes = {one["IndexName"]: one for one in description.get("GlobalSecondaryIndexes") or ()}
    given = types_of(parameters.get("AttributeDefinitions") or ())
    types = {**types_of(description["AttributeDefinitions"]), **given}
    for update in updates:
        kind, definition = _named(update)
        name = definition["IndexName"]
        if kind == "Create":
            if name in indexes:
                raise invalid_parameter(f"Attempting to create an index which already exists: {name}")
            check_index(definition, given, set())
            check_index_billing(description, definition)
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


_REQUEST = """
UpdateTableInput: AttributeDefinitions=[AttributeDefinition] TableName!!=string>=1 BillingMode=string
  ProvisionedThroughput=ProvisionedThroughput GlobalSecondaryIndexUpdates=[GlobalSecondaryIndexUpdate]
  StreamSpecification=StreamSpecification SSESpecification=SSESpecification ReplicaUpdates=[ReplicationGroupUpdate]>=1
  TableClass=string DeletionProtectionEnabled=boolean MultiRegionConsistency=string
  GlobalTableWitnessUpdates=[GlobalTableWitnessGroupUpdate]>=1 OnDemandThroughput=OnDemandThroughput
  WarmThroughput=WarmThroughput GlobalTableSettingsReplicationMode=string
CreateGlobalSecondaryIndexAction: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
  ProvisionedThroughput=ProvisionedThroughput OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
CreateGlobalTableWitnessGroupMemberAction: RegionName!=string
CreateReplicationGroupMemberAction: RegionName!=string KMSMasterKeyId=string
  ProvisionedThroughputOverride=ProvisionedThroughputOverride OnDemandThroughputOverride=OnDemandThroughputOverride
  GlobalSecondaryIndexes=[ReplicaGlobalSecondaryIndex]>=1 TableClassOverride=string
DeleteGlobalSecondaryIndexAction: IndexName!=string>=3
DeleteGlobalTableWitnessGroupMemberAction: RegionName!=string
DeleteReplicationGroupMemberAction: RegionName!=string
GlobalSecondaryIndexUpdate: Update=UpdateGlobalSecondaryIndexAction Create=CreateGlobalSecondaryIndexAction
  Delete=DeleteGlobalSecondaryIndexAction
GlobalTableWitnessGroupUpdate: Create=CreateGlobalTableWitnessGroupMemberAction
  Delete=DeleteGlobalTableWitnessGroupMemberAction
OnDemandThroughputOverride: MaxReadRequestUnits=long
ProvisionedThroughputOverride: ReadCapacityUnits=long>=1
ReplicaGlobalSecondaryIndex: IndexName!=string>=3 ProvisionedThroughputOverride=ProvisionedThroughputOverride
  OnDemandThroughputOverride=OnDemandThroughputOverride
ReplicationGroupUpdate: Create=CreateReplicationGroupMemberAction Update=UpdateReplicationGroupMemberAction
  Delete=DeleteReplicationGroupMemberAction
UpdateGlobalSecondaryIndexAction: IndexName!=string>=3 ProvisionedThroughput=ProvisionedThroughput
  OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
UpdateReplicationGroupMemberAction: RegionName!=string KMSMasterKeyId=string
  ProvisionedThroughputOverride=ProvisionedThroughputOverride OnDemandThroughputOverride=OnDemandThroughputOverride
  GlobalSecondaryIndexes=[ReplicaGlobalSecondaryIndex]>=1 TableClassOverride=string
"""
_CONSTRAINTS = rules_of(
    "TableName ProvisionedThroughput BillingMode GlobalSecondaryIndexUpdates AttributeDefinitions",
    GlobalSecondaryIndexUpdates=Rule(
        each=Rule(
            members={
                "Update": Rule(members=rules_of("IndexName ProvisionedThroughput")),
                "Create": Rule(members=rules_of("Projection IndexName ProvisionedThroughput KeySchema")),
                "Delete": Rule(members=rules_of("IndexName")),
            }
        )
    ),
)

ACTION = Action("UpdateTable", Kind.MANAGES, _perform, _REQUEST, constraints=_CONSTRAINTS)
