"""``AttributeUpdates``: what to put, add or delete, attribute by attribute.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.AttributeUpdates.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.expressions.compiled import Compiler
from toctou.engine.expressions.placeholders import NO_NAMES, Values
from toctou.engine.expressions.update_operands import set_of
from toctou.engine.expressions.updates import CompiledUpdate, NewValue, UpdateAction
from toctou.engine.number import added
from toctou.engine.service_error import ServiceError, invalid_parameter, validation
from toctou.engine.values import SETS, TYPE_NAMES, Value, normal_value, type_of


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
        return _combined(name, value, _difference, of_missing=None)
    if kind not in SETS | {"N", "L"}:
        raise invalid_parameter(f"ADD action is not supported for the type {TYPE_NAMES[kind]}")
    return _combined(name, value, _sum, of_missing=value)


def _combined(name: str, operand: Value, combine: Any, *, of_missing: Value | None) -> NewValue:
    kind = type_of(operand)

    def new_value(image: Mapping[str, Value], _: Values) -> Value | None:
        old = image.get(name)
        if old is None:
            return of_missing
        if kind not in old:
            raise _mismatch()
        combined: Value | None = combine(kind, old[kind], operand[kind])
        return combined

    return new_value


def _mismatch() -> ServiceError:
    return validation("Type mismatch for attribute to update")


def _difference(kind: str, old: list[Any], removed: list[Any]) -> Value | None:
    rest = set(old).difference(removed)
    return set_of(kind, rest) if rest else None


def _sum(kind: str, old: Any, more: Any) -> Value:
    if kind == "N":
        return {"N": added(old, more)}
    return {"L": [*old, *more]} if kind == "L" else set_of(kind, {*old, *more})
