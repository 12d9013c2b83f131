"""What all compiled expressions have in common: what they need, what they touch, and what is wrong with them.

An expression is compiled once for its text and its names; values are handed in at each use.  Faults that depend on values
are found by ``checks``, in the order in which the service reports them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from toctou.engine.expressions.placeholders import Names, Resolver, Steps, Values, undefined_value
from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import Path
from toctou.engine.service_error import ServiceError
from toctou.engine.values import Item, Value

Getter = Callable[[Mapping[str, Value], Values], Value | None]
"""Finds an operand's value, given the item and the request's values; ``None`` if the item lacks it."""

Check = Callable[[Values], None]

CACHE_SIZE = 2048


class Compiled:
    """An expression, ready for use.

    Attributes:
        kind: the parameter it came from, such as ``ConditionExpression``.
        used_names: the ``#names`` in it.
        used_values: the ``:values`` in it.
        reads: the top-level attributes whose values it reads.
        opened: the top-level attributes that it looks or writes inside of.
        checks: what is wrong with it, if anything, is found by these alone once it was used with values of the same names.
    """

    __slots__ = ("_fault", "_required", "checks", "kind", "opened", "reads", "used_names", "used_values")

    def __init__(self, compiler: Compiler) -> None:
        resolver = compiler.resolver
        self.kind = resolver.kind
        self.used_names = frozenset(resolver.used_names)
        self.used_values = frozenset(compiler.used_values)
        self.reads = frozenset(compiler.reads)
        self.opened = tuple(compiler.opened)
        self._required = tuple(resolver.required)
        self._fault = resolver.fault
        self.checks = tuple(compiler.checks)

    def check(self, values: Values) -> None:
        """Raise the ``ServiceError`` that the service would, if the expression cannot be used with these values."""
        for name in self._required:
            if name not in values:
                raise undefined_value(self.kind, name)
        if self._fault is not None:
            raise ServiceError(self._fault.code, self._fault.message)
        for check in self.checks:
            check(values)


class Compiler:
    """Collects what a compiled expression needs while its tree is walked in the order written."""

    __slots__ = ("_in_turn", "checks", "opened", "reads", "resolver", "used_values")

    def __init__(self, kind: str, names: Names, *, in_turn: bool = False) -> None:
        """``in_turn``: operands are checked as they are looked up, not after all placeholders were."""
        self._in_turn = in_turn
        self.resolver = Resolver(kind, names)
        self.reads: set[str] = set()
        self.opened: dict[str, None] = {}
        self.used_values: set[str] = set()
        self.checks: list[Check] = []

    @property
    def kind(self) -> str:
        """The parameter that the expression came from."""
        return self.resolver.kind

    def path(self, path: Path) -> Steps:
        """A path that is written to, or returned."""
        steps = self.resolver.path(path)
        if len(steps) > 1:
            self.opened[top_level(steps)] = None
        return steps

    def read_path(self, path: Path) -> Steps:
        """A path whose value is read."""
        steps = self.path(path)
        self.reads.add(top_level(steps))
        return steps

    def value(self, name: str) -> str:
        """A value's placeholder."""
        self.used_values.add(name)
        if not self._in_turn:
            return self.resolver.value(name)
        kind = self.kind

        def defined(values: Values) -> None:
            if name not in values:
                raise undefined_value(kind, name)

        self.checks.append(defined)
        return name

    def keep_fault(self, earlier: ServiceError | None) -> None:
        """Report a name that was looked up since ``earlier`` in turn with the checks of operands."""
        error = self.resolver.fault
        if error is not None and error is not earlier:
            self.resolver.fault = earlier
            self.fault(error.message.partition(": ")[2])

    def fault(self, detail: str) -> None:
        """A fault that does not depend on values, reported in turn with those that do."""
        error = invalid(self.kind, detail)

        def refuse(_: Values) -> NoReturn:
            raise ServiceError(error.code, error.message)

        self.checks.append(refuse)

    def operand_fault(self, function: str, kind: str) -> ServiceError:
        """The error for an operand of a type that an operator or function does not take."""
        detail = f"operator or function: {function}, operand type: {kind}"
        return invalid(self.kind, f"Incorrect operand type for operator or function; {detail}")

    def operand_count_fault(self, function: str, count: int) -> None:
        """Note that a function has the wrong number of operands."""
        detail = f"operator or function: {function}, number of operands: {count}"
        self.fault(f"Incorrect number of operands for operator or function; {detail}")


def top_level(steps: Steps) -> str:
    """The attribute of the item in which a path lies."""
    return str(steps[0])


def path_getter(steps: Steps) -> Getter:
    """How to find the value at a path."""
    name = top_level(steps)
    if len(steps) == 1:
        return lambda image, _: image.get(name)
    rest = steps[1:]
    return lambda image, _: descend(image.get(name), rest)


def value_getter(name: str) -> Getter:
    """How to find the value of a placeholder."""
    return lambda _, values: values[name]


def descend(value: Value | None, steps: Steps) -> Value | None:
    """The value at these steps below a value; ``None`` if it is not there."""
    for step in steps:
        if value is None:
            return None
        value = child(value, step)
    return value


def child(value: Value, step: str | int) -> Value | None:
    """The element of a map or list; ``None`` if it is not there, or ``value`` is neither."""
    if isinstance(step, str):
        members: dict[str, Value] = value.get("M", _NO_MEMBERS)
        return members.get(step)
    elements: list[Value] = value.get("L", _NO_ELEMENTS)
    return elements[step] if step < len(elements) else None


_NO_MEMBERS: Item = {}
_NO_ELEMENTS: list[Any] = []
