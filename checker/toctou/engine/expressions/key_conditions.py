"""Key conditions: which partition is queried, and which range of its sort key.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from toctou.engine.expressions.compiled import CACHE_SIZE, Compiled, Compiler
from toctou.engine.expressions.condition_checks import check_call, check_comparison
from toctou.engine.expressions.meaning import check_condition
from toctou.engine.expressions.parser import parse_condition
from toctou.engine.expressions.placeholders import Names, Values
from toctou.engine.expressions.tree import Call, Comparison, Condition, Junction, Negation, Operand, Path, Placeholder
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import Value

KIND = "KeyConditionExpression"

_MOST_PARTS = 2
_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class KeyPart(NamedTuple):
    """What must hold of one key attribute: an operator and its typed operands."""

    name: str
    operator: str
    operands: tuple[Value, ...]


class CompiledKeyCondition(Compiled):
    """A key condition; ``parts(values)`` gives what must hold of each key attribute, in the order written."""

    __slots__ = ("_error", "_parts")

    def __init__(
        self, compiler: Compiler, parts: list[tuple[str, str, tuple[str, ...]]], error: ServiceError | None
    ) -> None:
        super().__init__(compiler)
        self._parts = parts
        self._error = error

    def parts(self, values: Values) -> list[KeyPart]:
        """The conditions on single attributes; raises ``ServiceError`` if it is no key condition at all."""
        if self._error is not None:
            raise ServiceError(self._error.code, self._error.message)
        return [
            KeyPart(name, operator, tuple(values[operand] for operand in operands))
            for name, operator, operands in self._parts
        ]


def compiled_key_condition(text: str, names: Names) -> CompiledKeyCondition:
    """A key condition for its text and names, from the cache where possible; raises ``ServiceError`` if it is wrong."""
    return _compile(text, tuple(names.items()))


@lru_cache(maxsize=CACHE_SIZE)
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> CompiledKeyCondition:
    tree = parse_condition(KIND, text)
    check_condition(KIND, tree)
    compiler = Compiler(KIND, dict(names))
    _look_up(compiler, tree)
    parts: list[tuple[str, str, tuple[str, ...]]] = []
    error = None
    try:
        for term in tree.terms if isinstance(tree, Junction) and tree.operator == "AND" else (tree,):
            parts.extend(_parts(compiler, term))
        if len({name for name, _, _ in parts}) < len(parts):
            raise validation("KeyConditionExpressions must only contain one condition per key")
        if len(parts) > _MOST_PARTS:
            raise validation("Conditions can be of length 1 or 2 only")
    except ServiceError as fault:
        error = fault
    return CompiledKeyCondition(compiler, parts, error)


def _look_up(compiler: Compiler, node: Condition | Operand) -> None:
    """Look up every placeholder in the order written, and add the checks of operands."""
    match node:
        case Path():
            compiler.read_path(node)
        case Placeholder(name):
            compiler.value(name)
        case Junction(_, children) | Comparison(_, children) | Call(_, children):
            for child in children:
                _look_up(compiler, child)
        case Negation(term):
            _look_up(compiler, term)
    if isinstance(node, Call):
        check_call(compiler, node)
    elif isinstance(node, Comparison):
        check_comparison(compiler, node)


def _parts(compiler: Compiler, node: Condition) -> list[tuple[str, str, tuple[str, ...]]]:
    match node:
        case Junction("AND", terms):
            return [part for term in terms for part in _parts(compiler, term)]
        case Junction(operator, _):
            raise _invalid_operator(operator)
        case Negation():
            raise _invalid_operator("NOT")
        case Call("begins_with", operands):
            return [_part(compiler, "begins_with", operands)]
        case Call(function, _):
            raise _invalid_operator(function)
        case Comparison(operator, operands):
            if operator in ("<>", "IN"):
                raise _invalid_operator(operator)
            return [_part(compiler, operator, operands)]


def _invalid_operator(operator: str) -> ServiceError:
    return validation(f"Invalid operator used in KeyConditionExpression: {operator}")


def _part(compiler: Compiler, operator: str, operands: tuple[Operand, ...]) -> tuple[str, str, tuple[str, ...]]:
    if any(isinstance(operand, Call) for operand in operands):
        raise validation("KeyConditionExpressions cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, Path)]
    values = tuple(operand.name for operand in operands if isinstance(operand, Placeholder))
    if len(paths) > 1:
        if operator == "BETWEEN" and not isinstance(operands[0], Path):
            raise _not_first(operator)
        raise validation("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
    if not paths:
        raise validation("Invalid condition in KeyConditionExpression: No key attribute specified")
    steps = compiler.resolver.path(paths[0])
    if len(steps) > 1:
        raise validation("KeyConditionExpressions cannot have conditions on nested attributes")
    if not isinstance(operands[0], Path):
        if operator not in _FLIPPED:
            raise _not_first(operator)
        operator = _FLIPPED[operator]
    return str(steps[0]), operator, values


def _not_first(operator: str) -> ServiceError:
    detail = f"{operator} operator must have the key attribute as its first operand"
    return validation(f"Invalid condition in KeyConditionExpression: {detail}")
