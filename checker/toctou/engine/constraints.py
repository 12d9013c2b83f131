"""Constraints on single members of a request: ranges, lengths, enumerations, names.

The service checks them before anything else in a request, and reports all faults in one message, members in a fixed order.
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


Constraints = Mapping[str, Rule]
"""What the members of a request must be, where they are there: by name, in the order in which they are checked."""

TABLE = Rule(is_name=True, arn=True, shortest=1, longest=255)
_OPERATORS = "IN NULL BETWEEN LT NOT_CONTAINS EQ GT NOT_NULL NE LE BEGINS_WITH GE CONTAINS"
_COMPARED = Rule(each=Rule(members={"ComparisonOperator": Rule(tuple(_OPERATORS.split()))}))
_POSITIVE = Rule(at_least=1)
_PROJECTED = {"ProjectionType": Rule(("ALL", "INCLUDE", "KEYS_ONLY")), "NonKeyAttributes": Rule(shortest=1)}

_SAME_EVERYWHERE: Constraints = {
    "AttributeDefinitions": Rule(each=Rule(members={"AttributeType": Rule(("B", "N", "S"))})),
    "BillingMode": Rule(("PROVISIONED", "PAY_PER_REQUEST")),
    "ClientRequestToken": Rule(longest=36),
    "ConditionalOperator": Rule(("OR", "AND")),
    "Expected": _COMPARED,
    "IndexName": Rule(is_name=True, shortest=3, longest=255),
    "KeyConditions": _COMPARED,
    "KeySchema": Rule(each=Rule(members={"KeyType": Rule(("HASH", "RANGE"))}), shortest=1, longest=2),
    "Limit": _POSITIVE,
    "Projection": Rule(members=_PROJECTED),
    "ProvisionedThroughput": Rule(members={"WriteCapacityUnits": _POSITIVE, "ReadCapacityUnits": _POSITIVE}),
    "QueryFilter": _COMPARED,
    "ReturnConsumedCapacity": Rule(("INDEXES", "TOTAL", "NONE")),
    "ReturnItemCollectionMetrics": Rule(("SIZE", "NONE")),
    "ReturnValues": Rule(("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")),
    "ReturnValuesOnConditionCheckFailure": Rule(("ALL_OLD", "NONE")),
    "ScanFilter": _COMPARED,
    "Select": Rule(("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")),
    "TableName": TABLE,
}


def rules_of(names: str, **others: Rule) -> Constraints:
    """The rules of these members, in this order; ``others`` has those that are not the same wherever their name occurs."""
    return {name: others[name] if name in others else _SAME_EVERYWHERE[name] for name in names.split()}


def check_constraints(constraints: Constraints, parameters: Mapping[str, Any]) -> None:
    """Refuse a request with members outside their constraints; raises ``ServiceError`` that reports all of them."""
    faults: list[str] = []
    for name, rule in constraints.items():
        if parameters.get(name) is not None:
            faults += _faults(rule, parameters[name], name[:1].lower() + name[1:])
    _refuse(faults)


def check_table_name(name: str) -> None:
    """Refuse what cannot be the name, or ARN, of a table that is there."""
    _refuse(list(_faults(TABLE, name, "tableName")))


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        first = faults[:_MOST_FAULTS]
        raise validation(f"{len(first)} validation error{'s' if len(first) > 1 else ''} detected: {'; '.join(first)}")


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
