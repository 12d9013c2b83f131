"""What each action takes: the members of its request, their types, and which of them must be there.

A table of our own, because botocore's description is at home in ``client/`` and costs most of a second to load; a test
holds one to the other.  Source: the service's description of itself (``service-2.json``, version 2012-08-10).

Notation: ``string``, ``integer``, ``long``, ``boolean``, ``blob`` or a structure's name; ``[…]`` a list, ``{…}`` a map from
strings; ``!`` must be there; ``>=1`` the smallest value or length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from toctou.wire.shapes import AttributeValue, Binary, ListOf, MapOf, Shape, Structure, Text, Truth, Whole

_TABLE = """
AttributeDefinition: AttributeName!=string>=1 AttributeType!=string
AttributeValue: S=string N=string B=blob SS=[string] NS=[string] BS=[blob] M={AttributeValue} L=[AttributeValue]
  NULL=boolean BOOL=boolean
AttributeValueUpdate: Value=AttributeValue Action=string
BatchExecuteStatementInput: Statements!=[BatchStatementRequest]>=1 ReturnConsumedCapacity=string
BatchGetItemInput: RequestItems!={KeysAndAttributes}>=1 ReturnConsumedCapacity=string
BatchStatementRequest: Statement!=string>=1 Parameters=[AttributeValue]>=1 ConsistentRead=boolean
  ReturnValuesOnConditionCheckFailure=string
BatchWriteItemInput: RequestItems!={[WriteRequest]>=1}>=1 ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string
Condition: AttributeValueList=[AttributeValue] ComparisonOperator!=string
ConditionCheck: Key!={AttributeValue} TableName!=string>=1 ConditionExpression!=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
CreateGlobalSecondaryIndexAction: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
  ProvisionedThroughput=ProvisionedThroughput OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
CreateGlobalTableWitnessGroupMemberAction: RegionName!=string
CreateReplicationGroupMemberAction: RegionName!=string KMSMasterKeyId=string
  ProvisionedThroughputOverride=ProvisionedThroughputOverride OnDemandThroughputOverride=OnDemandThroughputOverride
  GlobalSecondaryIndexes=[ReplicaGlobalSecondaryIndex]>=1 TableClassOverride=string
CreateTableInput: AttributeDefinitions=[AttributeDefinition] TableName!=string>=1 KeySchema=[KeySchemaElement]>=1
  LocalSecondaryIndexes=[LocalSecondaryIndex] GlobalSecondaryIndexes=[GlobalSecondaryIndex] BillingMode=string
  ProvisionedThroughput=ProvisionedThroughput StreamSpecification=StreamSpecification
  SSESpecification=SSESpecification Tags=[Tag] TableClass=string DeletionProtectionEnabled=boolean
  WarmThroughput=WarmThroughput ResourcePolicy=string OnDemandThroughput=OnDemandThroughput
  GlobalTableSourceArn=string>=1 GlobalTableSettingsReplicationMode=string
Delete: Key!={AttributeValue} TableName!=string>=1 ConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue} ReturnValuesOnConditionCheckFailure=string
DeleteGlobalSecondaryIndexAction: IndexName!=string>=3
DeleteGlobalTableWitnessGroupMemberAction: RegionName!=string
DeleteItemInput: TableName!=string>=1 Key!={AttributeValue} Expected={ExpectedAttributeValue}
  ConditionalOperator=string ReturnValues=string ReturnConsumedCapacity=string ReturnItemCollectionMetrics=string
  ConditionExpression=string ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
DeleteReplicationGroupMemberAction: RegionName!=string
DeleteRequest: Key!={AttributeValue}
DeleteTableInput: TableName!=string>=1
DescribeEndpointsRequest:
DescribeLimitsInput:
DescribeTableInput: TableName!=string>=1
DescribeTimeToLiveInput: TableName!=string>=1
ExecuteStatementInput: Statement!=string>=1 Parameters=[AttributeValue]>=1 ConsistentRead=boolean NextToken=string>=1
  ReturnConsumedCapacity=string Limit=integer>=1 ReturnValuesOnConditionCheckFailure=string
ExecuteTransactionInput: TransactStatements!=[ParameterizedStatement]>=1 ClientRequestToken=string>=1
  ReturnConsumedCapacity=string
ExpectedAttributeValue: Value=AttributeValue Exists=boolean ComparisonOperator=string
  AttributeValueList=[AttributeValue]
Get: Key!={AttributeValue} TableName!=string>=1 ProjectionExpression=string ExpressionAttributeNames={string}
GetItemInput: TableName!=string>=1 Key!={AttributeValue} AttributesToGet=[string]>=1 ConsistentRead=boolean
  ReturnConsumedCapacity=string ProjectionExpression=string ExpressionAttributeNames={string}
GlobalSecondaryIndex: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
  ProvisionedThroughput=ProvisionedThroughput OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
GlobalSecondaryIndexUpdate: Update=UpdateGlobalSecondaryIndexAction Create=CreateGlobalSecondaryIndexAction
  Delete=DeleteGlobalSecondaryIndexAction
GlobalTableWitnessGroupUpdate: Create=CreateGlobalTableWitnessGroupMemberAction
  Delete=DeleteGlobalTableWitnessGroupMemberAction
KeySchemaElement: AttributeName!=string>=1 KeyType!=string
KeysAndAttributes: Keys!=[{AttributeValue}]>=1 AttributesToGet=[string]>=1 ConsistentRead=boolean
  ProjectionExpression=string ExpressionAttributeNames={string}
ListTablesInput: ExclusiveStartTableName=string>=3 Limit=integer>=1
ListTagsOfResourceInput: ResourceArn!=string>=1 NextToken=string
LocalSecondaryIndex: IndexName!=string>=3 KeySchema!=[KeySchemaElement]>=1 Projection!=Projection
OnDemandThroughput: MaxReadRequestUnits=long MaxWriteRequestUnits=long
OnDemandThroughputOverride: MaxReadRequestUnits=long
ParameterizedStatement: Statement!=string>=1 Parameters=[AttributeValue]>=1 ReturnValuesOnConditionCheckFailure=string
Projection: ProjectionType=string NonKeyAttributes=[string>=1]>=1
ProvisionedThroughput: ReadCapacityUnits!=long>=1 WriteCapacityUnits!=long>=1
ProvisionedThroughputOverride: ReadCapacityUnits=long>=1
Put: Item!={AttributeValue} TableName!=string>=1 ConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue} ReturnValuesOnConditionCheckFailure=string
PutItemInput: TableName!=string>=1 Item!={AttributeValue} Expected={ExpectedAttributeValue} ReturnValues=string
  ReturnConsumedCapacity=string ReturnItemCollectionMetrics=string ConditionalOperator=string
  ConditionExpression=string ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
PutRequest: Item!={AttributeValue}
QueryInput: TableName!=string>=1 IndexName=string>=3 Select=string AttributesToGet=[string]>=1 Limit=integer>=1
  ConsistentRead=boolean KeyConditions={Condition} QueryFilter={Condition} ConditionalOperator=string
  ScanIndexForward=boolean ExclusiveStartKey={AttributeValue} ReturnConsumedCapacity=string
  ProjectionExpression=string FilterExpression=string KeyConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue}
ReplicaGlobalSecondaryIndex: IndexName!=string>=3 ProvisionedThroughputOverride=ProvisionedThroughputOverride
  OnDemandThroughputOverride=OnDemandThroughputOverride
ReplicationGroupUpdate: Create=CreateReplicationGroupMemberAction Update=UpdateReplicationGroupMemberAction
  Delete=DeleteReplicationGroupMemberAction
SSESpecification: Enabled=boolean SSEType=string KMSMasterKeyId=string
ScanInput: TableName!=string>=1 IndexName=string>=3 AttributesToGet=[string]>=1 Limit=integer>=1 Select=string
  ScanFilter={Condition} ConditionalOperator=string ExclusiveStartKey={AttributeValue} ReturnConsumedCapacity=string
  TotalSegments=integer>=1 Segment=integer>=0 ProjectionExpression=string FilterExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue} ConsistentRead=boolean
StreamSpecification: StreamEnabled!=boolean StreamViewType=string
Tag: Key!=string>=1 Value!=string>=0
TagResourceInput: ResourceArn!=string>=1 Tags!=[Tag]
TimeToLiveSpecification: Enabled!=boolean AttributeName!=string>=1
TransactGetItem: Get!=Get
TransactGetItemsInput: TransactItems!=[TransactGetItem]>=1 ReturnConsumedCapacity=string
TransactWriteItem: ConditionCheck=ConditionCheck Put=Put Delete=Delete Update=Update
TransactWriteItemsInput: TransactItems!=[TransactWriteItem]>=1 ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string ClientRequestToken=string>=1
UntagResourceInput: ResourceArn!=string>=1 TagKeys!=[string>=1]
Update: Key!={AttributeValue} UpdateExpression!=string TableName!=string>=1 ConditionExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
UpdateGlobalSecondaryIndexAction: IndexName!=string>=3 ProvisionedThroughput=ProvisionedThroughput
  OnDemandThroughput=OnDemandThroughput WarmThroughput=WarmThroughput
UpdateItemInput: TableName!=string>=1 Key!={AttributeValue} AttributeUpdates={AttributeValueUpdate}
  Expected={ExpectedAttributeValue} ConditionalOperator=string ReturnValues=string ReturnConsumedCapacity=string
  ReturnItemCollectionMetrics=string UpdateExpression=string ConditionExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue}
  ReturnValuesOnConditionCheckFailure=string
UpdateReplicationGroupMemberAction: RegionName!=string KMSMasterKeyId=string
  ProvisionedThroughputOverride=ProvisionedThroughputOverride OnDemandThroughputOverride=OnDemandThroughputOverride
  GlobalSecondaryIndexes=[ReplicaGlobalSecondaryIndex]>=1 TableClassOverride=string
UpdateTableInput: AttributeDefinitions=[AttributeDefinition] TableName!=string>=1 BillingMode=string
  ProvisionedThroughput=ProvisionedThroughput GlobalSecondaryIndexUpdates=[GlobalSecondaryIndexUpdate]
  StreamSpecification=StreamSpecification SSESpecification=SSESpecification ReplicaUpdates=[ReplicationGroupUpdate]>=1
  TableClass=string DeletionProtectionEnabled=boolean MultiRegionConsistency=string
  GlobalTableWitnessUpdates=[GlobalTableWitnessGroupUpdate]>=1 OnDemandThroughput=OnDemandThroughput
  WarmThroughput=WarmThroughput GlobalTableSettingsReplicationMode=string
UpdateTimeToLiveInput: TableName!=string>=1 TimeToLiveSpecification!=TimeToLiveSpecification
WarmThroughput: ReadUnitsPerSecond=long WriteUnitsPerSecond=long
WriteRequest: PutRequest=PutRequest DeleteRequest=DeleteRequest
"""

_TYPE = re.compile(r"(?:\[(?P<element>.*)\]|\{(?P<value>.*)\}|(?P<name>\w+))(?:>=(?P<minimum>\d+))?")
_NUMBERS = {"integer": "Integer", "long": "Long"}


def structures_of(table: str) -> dict[str, Structure]:
    """All structures of a table in the notation above; raises ``ValueError`` outside it."""
    rows: dict[str, list[str]] = {}
    for row in re.sub(r"\n  ", " ", table).strip().splitlines():
        name, _, members_text = row.partition(":")
        rows[name] = members_text.split()
    structures = {name: AttributeValue(name) if name == "AttributeValue" else Structure(name) for name in rows}
    for name, members in rows.items():
        for member in members:
            label, _, text = member.partition("=")
            structures[name].members[label.removesuffix("!")] = _shape(text, structures)
            if label.endswith("!"):
                structures[name].required.append(label.removesuffix("!"))
    return structures


def _shape(text: str, structures: Mapping[str, Structure]) -> Shape:
    found = _TYPE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not in the notation")
    minimum = None if found["minimum"] is None else int(found["minimum"])
    if found["element"] is not None:
        return ListOf(_shape(found["element"], structures), minimum)
    if found["value"] is not None:
        return MapOf(_shape(found["value"], structures), minimum)
    match found["name"]:
        case "string":
            return Text(minimum)
        case "boolean":
            return Truth(minimum)
        case "blob":
            return Binary(minimum)
        case "integer" | "long":
            return Whole(_NUMBERS[found["name"]], minimum)
        case name:
            return structures[name]


STRUCTURES: Mapping[str, Structure] = MappingProxyType(structures_of(_TABLE))
"""Every structure of the table by its name."""

INPUTS: Mapping[str, Structure] = MappingProxyType(
    {
        name.removesuffix("Input").removesuffix("Request"): structure
        for name, structure in STRUCTURES.items()
        if name.endswith("Input") or name == "DescribeEndpointsRequest"
    }
)
"""What each action takes, by the action's name."""
