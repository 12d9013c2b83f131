"""The parameters from before expressions, and their rule against mixing with expressions.

Conditions (``Expected``, ``QueryFilter``, ``ScanFilter``) and updates (``AttributeUpdates``) are made into the same objects
that expressions are compiled to, so that nothing else needs to know where they came from.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.expressions.compiled import Compiler
from toctou.engine.expressions.placeholders import NO_NAMES
from toctou.engine.expressions.projections import CompiledProjection
from toctou.engine.service_error import validation

CONDITIONS = ("Expected", "QueryFilter", "ScanFilter")
PARAMETERS = (
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
)
_PARAMETERS = frozenset(PARAMETERS)
EXPRESSIONS = (
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "KeyConditionExpression",
)


def used(parameters: Mapping[str, Any]) -> list[str]:
    """The legacy parameters that a request has."""
    if _PARAMETERS.isdisjoint(parameters):
        return []
    return [name for name in PARAMETERS if parameters.get(name)]


def check_not_mixed(parameters: Mapping[str, Any]) -> list[str]:
    """Refuse a request that has legacy parameters beside expressions; the legacy parameters that it has."""
    if _PARAMETERS.isdisjoint(parameters):
        return []
    old = used(parameters)
    if not old:
        return old
    if new := [name for name in EXPRESSIONS if parameters.get(name) is not None]:
        raise validation(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(old)}}} Expression parameters: {{{', '.join(new)}}}"
        )
    if parameters.get("ConditionalOperator"):
        conditions = [parameters[name] for name in CONDITIONS if parameters.get(name)]
        if not conditions:
            raise validation("ConditionalOperator cannot be used without Filter or Expected")
        if len(conditions[0]) < 2:
            raise validation("ConditionalOperator can only be used when Filter or Expected has two or more elements")
    return old


def projection(attributes: Sequence[str]) -> CompiledProjection:
    """``AttributesToGet`` as a projection."""
    if len(set(attributes)) < len(attributes):
        raise validation("Cannot have two attributes with the same name")
    return CompiledProjection(Compiler("AttributesToGet", NO_NAMES), [(name,) for name in attributes])
