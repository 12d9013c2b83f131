"""CreateTable: a table, active immediately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.service_error import ServiceError
from toctou.engine.table_descriptions import checked_schema, described
from toctou.engine.tables import Table


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    schema = checked_schema(parameters)
    if schema.table in database.tables:
        raise ServiceError("ResourceInUseException", f"Table already exists: {schema.table}")
    table = Table(schema, parameters)
    database.commit_table(schema.table, table)
    return {"TableDescription": described(table)}


_REQUEST = """
CreateTableInput: AttributeDefinitions=[AttributeDefinition] TableName!!=string>=1 KeySchema=[KeySchemaElement]>=1
  LocalSecondaryIndexes=[LocalSecondaryIndex] GlobalSecondaryIndexes=[GlobalSecondaryIndex] BillingMode=string
  ProvisionedThroughput=ProvisionedThroughput StreamSpecification=StreamSpecification
  SSESpecification=SSESpecification Tags=[Tag] TableClass=string DeletionProtectionEnabled=boolean
  WarmThroughput=WarmThroughput ResourcePolicy=string OnDemandThroughput=OnDemandThroughput
  GlobalTableSourceArn=string>=1 GlobalTableSettingsReplicationMode=string
GlobalSecondaryIndex: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
  ProvisionedThroughput=ProvisionedThroughput OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
LocalSecondaryIndex: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
"""
_CONSTRAINTS = rules_of(
    "AttributeDefinitions TableName BillingMode ProvisionedThroughput KeySchema "
    "GlobalSecondaryIndexes LocalSecondaryIndexes",
    TableName=Rule(is_name=True, arn=True, shortest=3, longest=255),
    GlobalSecondaryIndexes=Rule(each=Rule(members=rules_of("IndexName KeySchema Projection ProvisionedThroughput"))),
    LocalSecondaryIndexes=Rule(each=Rule(members=rules_of("IndexName KeySchema Projection"))),
)

ACTION = Action("CreateTable", Kind.MANAGES, _perform, _REQUEST, constraints=_CONSTRAINTS)
