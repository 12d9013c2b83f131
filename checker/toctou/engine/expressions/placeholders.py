"""Placeholders: ``#name`` and ``:value``, what they represent, and what is wrong with them.

``ExpressionAttributeNames`` and ``ExpressionAttributeValues`` belong to the request, not to one expression: each
placeholder must be used by at least one expression of the request, and by none that does not define it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import Path
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import Value, in_context, normal_value

Names = Mapping[str, str]
Values = Mapping[str, Value]

_NAME = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")
_MAXIMUM_PLACEHOLDER = 255
_MAXIMUM_NAME = 65535

NO_NAMES: Names = {}
NO_VALUES: Values = {}

Steps = tuple[str | int, ...]
"""A document path with its names looked up: strings are keys of maps, integers are indices of lists."""


class Resolver:
    """Looks up the placeholders of one expression in the order written.

    Names are known when an expression is compiled, values only when it is used.  So an undefined name is kept as
    ``fault``, and the values that the service would have looked up before it as ``required``.
    """

    __slots__ = ("fault", "kind", "names", "required", "used_names")

    def __init__(self, kind: str, names: Names) -> None:
        self.kind = kind
        self.names = names
        self.used_names: set[str] = set()
        self.required: list[str] = []
        self.fault: ServiceError | None = None

    def path(self, path: Path) -> Steps:
        """The path with its names looked up."""
        return tuple(self._part(part) for part in path.parts)

    def _part(self, part: str | int) -> str | int:
        if isinstance(part, int) or part[0] != "#":
            return part
        self.used_names.add(part)
        name = self.names.get(part)
        if name is None:
            self.refuse(
                f"An expression attribute name used in the document path is not defined; attribute name: {part}"
            )
            return part
        return name

    def value(self, name: str) -> str:
        """Note that a value is needed."""
        if self.fault is None and name not in self.required:
            self.required.append(name)
        return name

    def refuse(self, detail: str) -> None:
        """Keep a fault, unless an earlier one was found."""
        if self.fault is None:
            self.fault = invalid(self.kind, detail)


def undefined_value(kind: str, name: str) -> ServiceError:
    """The error for a ``:value`` that the request does not define."""
    detail = f"An expression attribute value used in expression is not defined; attribute value: {name}"
    return invalid(kind, detail)


def shown(steps: Steps) -> str:
    """A document path as the texts of errors show it: ``[m, a, [0]]``."""
    return f"[{', '.join(step if isinstance(step, str) else f'[{step}]' for step in steps)}]"


def names_of(parameters: Mapping[str, Any], expressions: Iterable[bool]) -> Names:
    """The request's ``ExpressionAttributeNames``, checked; ``expressions`` says of each that it may have
    whether it has it.
    """
    names: Names | None = parameters.get("ExpressionAttributeNames")
    if not names:
        if names is not None and any(expressions):
            raise validation("ExpressionAttributeNames must not be empty")
        return NO_NAMES
    if not any(expressions):
        raise validation("ExpressionAttributeNames can only be specified when using expressions")
    for key, name in names.items():
        _check_key("ExpressionAttributeNames", _NAME, key)
        if not name:
            raise validation(f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {key}")
        if len(name) > _MAXIMUM_NAME // 4 and len(name.encode()) > _MAXIMUM_NAME:
            raise validation(
                "ExpressionAttributeNames contains invalid value: "
                f"Attribute name is too large, must be less than {_MAXIMUM_NAME + 1} bytes for key {key}"
            )
    return names


def values_of(parameters: Mapping[str, Any], missing: str | None) -> Values:
    """The request's ``ExpressionAttributeValues``, checked and in normal form.

    Args:
        missing: ``None`` if the request has an expression that may use values; else the names of those it lacks.
    """
    given: Mapping[str, Mapping[str, Any]] | None = parameters.get("ExpressionAttributeValues")
    if not given:
        if given is not None and missing is None:
            raise validation("ExpressionAttributeValues must not be empty")
        return NO_VALUES
    if missing is not None:
        detail = f": {missing} is null" if missing else ""
        raise validation(f"ExpressionAttributeValues can only be specified when using expressions{detail}")
    values: dict[str, Value] = {}
    for key, value in given.items():
        _check_key("ExpressionAttributeValues", _VALUE, key)
        values.update(normal_values({key: value}))
    return values


def normal_values(given: Mapping[str, Mapping[str, Any]]) -> Values:
    """Values of well-formed placeholders in normal form."""
    values: dict[str, Value] = {}
    key = ""
    try:
        for key, value in given.items():
            values[key] = normal_value(value)
    except ServiceError as error:
        raise in_context(error, "ExpressionAttributeValues contains invalid value: ", f" for key {key}") from None
    return values


def _check_key(parameter: str, syntax: re.Pattern[str], key: str) -> None:
    if len(key) > _MAXIMUM_PLACEHOLDER:
        detail = f"The expression attribute map contains a key that is too long; size of key: {len(key)}"
        raise validation(f"{parameter} contains invalid key: {detail}")
    if syntax.fullmatch(key) is None:
        raise validation(f'{parameter} contains invalid key: Syntax error; key: "{key}"')


def check_all_used(names: Names, values: Values, used_names: frozenset[str], used_values: frozenset[str]) -> None:
    """Refuse placeholders that no expression of the request uses."""
    for parameter, given, used in (
        ("ExpressionAttributeNames", names, used_names),
        ("ExpressionAttributeValues", values, used_values),
    ):
        if len(given) > len(used) or not given.keys() <= used:
            unused = ", ".join(key for key in given if key not in used)
            if unused:
                raise validation(f"Value provided in {parameter} unused in expressions: keys: {{{unused}}}")
