"""``AttributeUpdates``: what to put, add or delete, attribute by attribute.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.AttributeUpdates.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.expressions.compiled import Compiler
from toctou.engine.expressions.placeholders import NO_NAMES
from toctou.engine.expressions.update_operands import combined, difference_of, sum_of
from toctou.engine.expressions.updates import CompiledUpdate, NewValue, UpdateAction
from toctou.engine.service_error import invalid_parameter
from toctou.engine.values import SETS, TYPE_NAMES, normal_value, type_of

_MISMATCH = "Type mismatch for attribute to update"


def legacy_update(parameters: Mapping[str, Any]) -> CompiledUpdate | None:
    """``AttributeUpdates``, compiled; ``None`` if the request does not have them.

    Raises:
        ServiceError: an action lacks its value, or does not take a value of that type.
    """
    updates: Mapping[str, Mapping[str, Any]] | None = parameters.get("AttributeUpdates")
    if not updates:
        return None
    compiler = Compiler("AttributeUpdates", NO_NAMES)
    compiler.reads |= updates.keys()
    actions = [
        UpdateAction("SET", (name,), _new_value(name, update), frozenset({name})) for name, update in updates.items()
    ]
    return CompiledUpdate(compiler, actions)


def _new_value(name: str, update: Mapping[str, Any]) -> NewValue:
    action = update.get("Action", "PUT")
    given = update.get("Value")
    if given is None:
        if action != "DELETE":
            raise invalid_parameter("Only DELETE action is allowed when no attribute value is specified")
        return lambda _, __: None
    value = normal_value(given)
    kind = type_of(value)
    if action == "PUT":
        return lambda _, __: value
    if action == "DELETE":
        if kind not in SETS:
            raise invalid_parameter(f"DELETE action with value is not supported for the type {TYPE_NAMES[kind]}")
        return combined((name,), lambda _, __: value, difference_of, _MISMATCH, starts=False)
    if kind not in SETS | {"N", "L"}:
        raise invalid_parameter(f"ADD action is not supported for the type {TYPE_NAMES[kind]}")
    return combined((name,), lambda _, __: value, sum_of, _MISMATCH, starts=True)
