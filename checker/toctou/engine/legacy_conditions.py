"""``Expected``, ``QueryFilter``, ``ScanFilter`` and ``KeyConditions``: comparisons of single attributes.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from toctou.engine.expressions.compiled import Compiler
from toctou.engine.expressions.conditions import CompiledCondition, Test, begins_with, contains
from toctou.engine.expressions.key_conditions import KeyPart
from toctou.engine.expressions.placeholders import NO_NAMES, Values
from toctou.engine.service_error import invalid_parameter, validation
from toctou.engine.values import ORDERED, TYPE_NAMES, Value, normal_value, ordered_pair, type_of

_Compare = Callable[[Value, list[Value]], bool]

_ALL = frozenset(TYPE_NAMES)
_OPERANDS: Mapping[str, tuple[int, int, frozenset[str]]] = {
    "EQ": (1, 1, _ALL),
    "NE": (1, 1, _ALL),
    "LT": (1, 1, ORDERED),
    "LE": (1, 1, ORDERED),
    "GT": (1, 1, ORDERED),
    "GE": (1, 1, ORDERED),
    "BETWEEN": (2, 2, ORDERED),
    "IN": (1, 100, ORDERED),
    "BEGINS_WITH": (1, 1, frozenset({"S", "B"})),
    "CONTAINS": (1, 1, ORDERED | {"BOOL", "NULL"}),
    "NOT_CONTAINS": (1, 1, ORDERED | {"BOOL", "NULL"}),
    "NULL": (0, 0, _ALL),
    "NOT_NULL": (0, 0, _ALL),
}
"""By comparison: the fewest and most operands, and their types."""


def _ordering(compare: Callable[[Any, Any], bool]) -> _Compare:
    def test(value: Value, operands: list[Value]) -> bool:
        pair = ordered_pair(value, operands[0])
        return pair is not None and compare(*pair)

    return test


def _between(value: Value, operands: list[Value]) -> bool:
    low, high = ordered_pair(operands[0], value), ordered_pair(value, operands[1])
    return low is not None and high is not None and low[0] <= low[1] and high[0] <= high[1]


_COMPARISONS: Mapping[str, _Compare] = {
    "EQ": lambda value, operands: value == operands[0],
    "NE": lambda value, operands: value != operands[0],
    "LT": _ordering(operator.lt),
    "LE": _ordering(operator.le),
    "GT": _ordering(operator.gt),
    "GE": _ordering(operator.ge),
    "BETWEEN": _between,
    "IN": lambda value, operands: value in operands,
    "BEGINS_WITH": lambda value, operands: begins_with(value, operands[0]),
    "CONTAINS": lambda value, operands: contains(value, operands[0]),
    "NOT_CONTAINS": lambda value, operands: not contains(value, operands[0]),
    "NOT_NULL": lambda _, __: True,
    "NULL": lambda _, __: False,
}
_TRUE_OF_MISSING = frozenset({"NE", "NULL"})


def legacy_condition(parameters: Mapping[str, Any], parameter: str) -> CompiledCondition | None:
    """One of the conditional parameters, compiled; ``None`` if the request does not have it.

    Raises:
        ServiceError: it contradicts itself.
    """
    conditions: Mapping[str, Mapping[str, Any]] | None = parameters.get(parameter)
    if not conditions:
        return None
    joined = parameters.get("ConditionalOperator", "AND")
    tests = [_test(name, *_operands(name, condition)) for name, condition in conditions.items()]
    compiler = Compiler(parameter, NO_NAMES)
    compiler.reads |= conditions.keys()
    decide = all if joined == "AND" else any

    def holds(image: Mapping[str, Value], values: Values) -> bool:
        return decide(test(image, values) for test in tests)

    return CompiledCondition(compiler, holds)


def _test(name: str, comparison: str, operands: list[Value]) -> Test:
    compare, of_missing = _COMPARISONS[comparison], comparison in _TRUE_OF_MISSING

    def test(image: Mapping[str, Value], _: Values) -> bool:
        value = image.get(name)
        return of_missing if value is None else compare(value, operands)

    return test


def _operands(name: str, condition: Mapping[str, Any]) -> tuple[str, list[Value]]:
    comparison, listed = condition.get("ComparisonOperator"), condition.get("AttributeValueList")
    value, exists = condition.get("Value"), condition.get("Exists")
    if fault := _contradiction(comparison, listed, value, exists):
        raise invalid_parameter(f"{fault} for Attribute: {name}")
    if comparison is None:
        return ("NULL", []) if exists is False else ("EQ", [normal_value(value or {})])
    if listed is None and value is None and _OPERANDS[comparison][0]:
        raise invalid_parameter(
            f"Value or AttributeValueList must be used with ComparisonOperator: {comparison} for Attribute: {name}"
        )
    given = listed if listed is not None else [] if value is None else [value]
    return comparison, _checked(comparison, [normal_value(one) for one in given])


def _contradiction(
    comparison: str | None,
    listed: list[Any] | None,
    value: Mapping[str, Any] | None,
    exists: bool | None,  # noqa: FBT001  the API's own three states
) -> str | None:
    if value is not None and listed is not None:
        return "Value and AttributeValueList cannot be used together"
    if comparison is not None:
        return None if exists is None else "Exists and ComparisonOperator cannot be used together"
    if listed is not None:
        return "AttributeValueList can only be used with a ComparisonOperator"
    if exists is False:
        return None if value is None else "Value cannot be used when Exists is false"
    if value is None:
        return f"Value must be provided when Exists is {'null' if exists is None else 'true'}"
    return None


def _checked(comparison: str, operands: list[Value]) -> list[Value]:
    fewest, most, kinds = _OPERANDS[comparison]
    if not fewest <= len(operands) <= most:
        raise invalid_parameter(f"Invalid number of argument(s) for the {comparison} ComparisonOperator")
    for operand in operands:
        kind = type_of(operand)
        if kind not in kinds:
            raise invalid_parameter(f"ComparisonOperator {comparison} is not valid for {kind} AttributeValue type")
    if len({type_of(operand) for operand in operands}) > 1:
        raise invalid_parameter("AttributeValues inside AttributeValueList must be of same type")
    if comparison == "BETWEEN":
        pair = ordered_pair(*operands)
        if pair is not None and pair[0] > pair[1]:
            raise validation(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
            )
    return operands


_KEY_OPERATORS = {
    "EQ": "=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}


def legacy_key_parts(conditions: Mapping[str, Mapping[str, Any]]) -> list[KeyPart]:
    """``KeyConditions`` as what must hold of each key attribute; raises ``ServiceError`` if it is no key condition."""
    if len(conditions) > 2:
        raise validation("Conditions can be of length 1 or 2 only")
    return [_key_part(name, condition) for name, condition in conditions.items()]


def _key_part(name: str, condition: Mapping[str, Any]) -> KeyPart:
    comparison = condition["ComparisonOperator"]
    operands = _checked(comparison, [normal_value(one) for one in condition.get("AttributeValueList") or ()])
    if comparison not in _KEY_OPERATORS:
        raise validation("Attempted conditional constraint is not an indexable operation")
    return KeyPart(name, _KEY_OPERATORS[comparison], tuple(operands))
