"""Constraints on single members of a request: ranges, lengths, enumerations, names.

The service checks them before it reads what a request asks for, and tells all faults in one message, members in a fixed order.
Which members there must be, and their types, are for the client or the wire to check.

Sources: the service's description of itself (``service-2.json``) for the constraints; for order and wording its answers as
recorded by the authors of dynalite (https://github.com/architect/dynalite, ``validations/``) and of a conformance suite
(https://github.com/nubo-db/dynamodb-conformance, ``tests/tier3``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from toctou.engine.service_error import validation

_PATTERN = "[a-zA-Z0-9_.-]+"
_NAME = re.compile(_PATTERN)
_MOST_FAULTS = 10
_ARN = "arn:"


class Rule(NamedTuple):
    """What a member must be, where it is there.

    Attributes:
        one_of: the values it may have; none for any.
        at_least: the smallest number.
        at_most: the largest number.
        shortest: the smallest length.
        longest: the largest length.
        is_name: whether it must be the name of a table or index; where ``arn`` an ARN will do too.
        arn: see ``is_name``.
        members: the rules of a structure's members, in the order in which they are checked.
        each: the rule of the elements of a list, or of the values of a map.
    """

    one_of: tuple[str, ...] = ()
    at_least: int | None = None
    at_most: int | None = None
    shortest: int | None = None
    longest: int | None = None
    is_name: bool = False
    arn: bool = False
    members: Mapping[str, Rule] = MappingProxyType({})
    each: Rule | None = None


def _list(element: Rule, shortest: int | None = None, longest: int | None = None) -> Rule:
    return Rule(each=element, shortest=shortest, longest=longest)


def _structure(**members: Rule) -> Rule:
    return Rule(members=members)


_CAPACITY = Rule(("INDEXES", "TOTAL", "NONE"))
_METRICS = Rule(("SIZE", "NONE"))
_TABLE = Rule(is_name=True, arn=True, shortest=1, longest=255)
_INDEX = Rule(is_name=True, shortest=3, longest=255)
_RETURNED = Rule(("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"))
_ON_FAILURE = Rule(("ALL_OLD", "NONE"))
_JOINED = Rule(("OR", "AND"))
_SELECT = Rule(("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"))
_POSITIVE = Rule(at_least=1)
_COMPARED = _structure(
    ComparisonOperator=Rule(
        (
            "IN",
            "NULL",
            "BETWEEN",
            "LT",
            "NOT_CONTAINS",
            "EQ",
            "GT",
            "NOT_NULL",
            "NE",
            "LE",
            "BEGINS_WITH",
            "GE",
            "CONTAINS",
        )
    )
)
_CONDITIONS = Rule(each=_COMPARED)
_THROUGHPUT = _structure(WriteCapacityUnits=_POSITIVE, ReadCapacityUnits=_POSITIVE)
_BILLING = Rule(("PROVISIONED", "PAY_PER_REQUEST"))
_DEFINITIONS = _list(_structure(AttributeType=Rule(("B", "N", "S"))))
_KEY = _list(_structure(KeyType=Rule(("HASH", "RANGE"))), 1, 2)
_PROJECTION = _structure(ProjectionType=Rule(("ALL", "INCLUDE", "KEYS_ONLY")), NonKeyAttributes=Rule(shortest=1))
_LOCAL_INDEX = _structure(IndexName=_INDEX, KeySchema=_KEY, Projection=_PROJECTION)
_GLOBAL_INDEX = _structure(IndexName=_INDEX, KeySchema=_KEY, Projection=_PROJECTION, ProvisionedThroughput=_THROUGHPUT)
_PARTS = _structure(
    ConditionCheck=_structure(ReturnValuesOnConditionCheckFailure=_ON_FAILURE),
    Put=_structure(ReturnValuesOnConditionCheckFailure=_ON_FAILURE),
    Delete=_structure(ReturnValuesOnConditionCheckFailure=_ON_FAILURE),
    Update=_structure(ReturnValuesOnConditionCheckFailure=_ON_FAILURE),
)

RULES: Mapping[str, Mapping[str, Rule]] = {
    "BatchExecuteStatement": {"Statements": Rule(shortest=1, longest=25), "ReturnConsumedCapacity": _CAPACITY},
    "BatchGetItem": {"ReturnConsumedCapacity": _CAPACITY},
    "BatchWriteItem": {"ReturnConsumedCapacity": _CAPACITY, "ReturnItemCollectionMetrics": _METRICS},
    "CreateTable": {
        "AttributeDefinitions": _DEFINITIONS,
        "TableName": Rule(is_name=True, arn=True, shortest=3, longest=255),
        "BillingMode": _BILLING,
        "ProvisionedThroughput": _THROUGHPUT,
        "KeySchema": _KEY,
        "GlobalSecondaryIndexes": _list(_GLOBAL_INDEX),
        "LocalSecondaryIndexes": _list(_LOCAL_INDEX),
    },
    "DeleteItem": {
        "ReturnConsumedCapacity": _CAPACITY,
        "TableName": _TABLE,
        "ReturnValues": _RETURNED,
        "ReturnItemCollectionMetrics": _METRICS,
        "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
        "ConditionalOperator": _JOINED,
        "Expected": _CONDITIONS,
    },
    "ExecuteStatement": {
        "ReturnConsumedCapacity": _CAPACITY,
        "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
        "Limit": _POSITIVE,
    },
    "ExecuteTransaction": {
        "ClientRequestToken": Rule(longest=36),
        "TransactStatements": Rule(shortest=1, longest=100),
        "ReturnConsumedCapacity": _CAPACITY,
    },
    "GetItem": {"ReturnConsumedCapacity": _CAPACITY, "TableName": _TABLE},
    "ListTables": {"ExclusiveStartTableName": _INDEX, "Limit": Rule(at_least=1, at_most=100)},
    "PutItem": {
        "ReturnConsumedCapacity": _CAPACITY,
        "TableName": _TABLE,
        "ConditionalOperator": _JOINED,
        "Expected": _CONDITIONS,
        "ReturnValues": _RETURNED,
        "ReturnItemCollectionMetrics": _METRICS,
        "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
    },
    "Query": {
        "Select": _SELECT,
        "IndexName": _INDEX,
        "ReturnConsumedCapacity": _CAPACITY,
        "QueryFilter": _CONDITIONS,
        "TableName": _TABLE,
        "ConditionalOperator": _JOINED,
        "Limit": _POSITIVE,
        "KeyConditions": _CONDITIONS,
    },
    "Scan": {
        "Select": _SELECT,
        "IndexName": _INDEX,
        "TotalSegments": Rule(at_least=1, at_most=1_000_000),
        "ReturnConsumedCapacity": _CAPACITY,
        "TableName": _TABLE,
        "ConditionalOperator": _JOINED,
        "ScanFilter": _CONDITIONS,
        "Segment": Rule(at_least=0, at_most=999_999),
        "Limit": _POSITIVE,
    },
    "TransactGetItems": {"TransactItems": Rule(shortest=1, longest=100), "ReturnConsumedCapacity": _CAPACITY},
    "TransactWriteItems": {
        "ClientRequestToken": Rule(longest=36),
        "ReturnConsumedCapacity": _CAPACITY,
        "ReturnItemCollectionMetrics": _METRICS,
        "TransactItems": _list(_PARTS, 1, 100),
    },
    "UpdateItem": {
        "ReturnConsumedCapacity": _CAPACITY,
        "TableName": _TABLE,
        "ReturnItemCollectionMetrics": _METRICS,
        "ReturnValues": _RETURNED,
        "ReturnValuesOnConditionCheckFailure": _ON_FAILURE,
        "ConditionalOperator": _JOINED,
        "Expected": _CONDITIONS,
        "AttributeUpdates": Rule(each=_structure(Action=Rule(("ADD", "DELETE", "PUT")))),
    },
    "UpdateTable": {
        "TableName": _TABLE,
        "ProvisionedThroughput": _THROUGHPUT,
        "BillingMode": _BILLING,
        "GlobalSecondaryIndexUpdates": _list(
            _structure(
                Update=_structure(IndexName=_INDEX, ProvisionedThroughput=_THROUGHPUT),
                Create=_structure(
                    Projection=_PROJECTION, IndexName=_INDEX, ProvisionedThroughput=_THROUGHPUT, KeySchema=_KEY
                ),
                Delete=_structure(IndexName=_INDEX),
            )
        ),
        "AttributeDefinitions": _DEFINITIONS,
    },
}

CONSTRAINED: Mapping[str, frozenset[str]] = {
    # The name of a table that is there is valid, so it alone is no reason to look at a request.
    action: frozenset(rules) - ({"TableName"} if action != "CreateTable" else frozenset())
    for action, rules in RULES.items()
}
"""The members of each action that make a request worth looking at."""


def check_constraints(action: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a request with members outside their constraints; raises ``ServiceError`` that tells of all of them."""
    faults: list[str] = []
    for name, rule in RULES[action].items():
        if parameters.get(name) is not None:
            faults += _faults(rule, parameters[name], name[:1].lower() + name[1:])
    _refuse(faults)


def check_table_name(name: str) -> None:
    """Refuse what cannot be the name, or ARN, of a table that is there."""
    _refuse(list(_faults(_TABLE, name, "tableName")))


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        told = faults[:_MOST_FAULTS]
        raise validation(f"{len(told)} validation error{'s' if len(told) > 1 else ''} detected: {'; '.join(told)}")


def _faults(rule: Rule, value: Any, path: str) -> Iterator[str]:
    for broken in _broken(rule, value):
        yield f"Value '{shown(value)}' at '{path}' failed to satisfy constraint: Member must {broken}"
    for name, inner in rule.members.items():
        if value.get(name) is not None:
            yield from _faults(inner, value[name], f"{path}.{name[:1].lower()}{name[1:]}")
    if rule.each is not None:
        elements = value.items() if isinstance(value, Mapping) else enumerate(value, start=1)
        for place, element in elements:
            yield from _faults(rule.each, element, f"{path}.{place}.member")


def _broken(rule: Rule, value: Any) -> Iterator[str]:
    if rule.one_of and value not in rule.one_of:
        yield f"satisfy enum value set: [{', '.join(rule.one_of)}]"
    if rule.arn and value.startswith(_ARN):
        return
    if rule.is_name and value and _NAME.fullmatch(value) is None:
        yield f"satisfy regular expression pattern: {_PATTERN}"
    if rule.shortest is not None and len(value) < rule.shortest:
        yield f"have length greater than or equal to {rule.shortest}"
    if rule.longest is not None and len(value) > rule.longest:
        yield f"have length less than or equal to {rule.longest}"
    if rule.at_least is not None and value < rule.at_least:
        yield f"have value greater than or equal to {rule.at_least}"
    if rule.at_most is not None and value > rule.at_most:
        yield f"have value less than or equal to {rule.at_most}"


def shown(value: Any) -> str:
    """A value of a request as the service shows it, in the way of Java."""
    if isinstance(value, Mapping):
        if value.keys() == {"AttributeName", "KeyType"}:
            return f"KeySchemaElement(attributeName={value['AttributeName']}, keyType={value['KeyType']})"
        return f"{{{', '.join(f'{name}={shown(inner)}' for name, inner in value.items())}}}"
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, list | tuple) else str(value)
