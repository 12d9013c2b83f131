"""The values that an update stores: operands of ``SET``, and what ``ADD`` and ``DELETE`` make of an attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toctou.engine.expressions.compiled import Compiler, Getter, descend, path_getter, top_level
from toctou.engine.expressions.condition_checks import check_distinct
from toctou.engine.expressions.placeholders import Steps, Values
from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import Arithmetic, Call, Operand, Path, Placeholder, SetValue
from toctou.engine.number import added, decimal, subtracted
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import SETS, TYPE_NAMES, Value, type_of

Image = Mapping[str, Value]
SetOperand = Callable[[Image, Values], Value]
Combine = Callable[[str, Any, Any], Value | None]
"""Makes a new value of a type, of what is stored and the operand; ``None`` to remove what is there."""

WRONG_TYPE = "An operand in the update expression has an incorrect data type"

_SET_FUNCTION_OPERANDS = 2


def _missing() -> ServiceError:
    return validation("The provided expression refers to an attribute that does not exist in the item")


def set_operand(compiler: Compiler, value: SetValue) -> SetOperand:
    """How to compute what ``SET`` stores."""
    match value:
        case Path():
            return _existing(compiler, value)
        case Placeholder(name):
            compiler.value(name)
            return lambda _, values: values[name]
        case Arithmetic():
            return _arithmetic(compiler, value)
        case Call("if_not_exists", _):
            return _if_not_exists(compiler, value)
        case Call():
            return _list_append(compiler, value)


def _existing(compiler: Compiler, path: Path) -> SetOperand:
    getter = path_getter(compiler.read_path(path))

    def operand(image: Image, values: Values) -> Value:
        found = getter(image, values)
        if found is None:
            raise _missing()
        return found

    return operand


def _arithmetic(compiler: Compiler, node: Arithmetic) -> SetOperand:
    sides = (node.left, node.right)
    operands = [set_operand(compiler, one) for one in sides]
    combine = added if node.operator == "+" else subtracted
    return _of_two(compiler, node.operator, sides, operands, kind="N", combine=combine)


def _if_not_exists(compiler: Compiler, node: Call) -> SetOperand:
    operands = [set_operand(compiler, one) for one in node.operands]
    if len(operands) != _SET_FUNCTION_OPERANDS:
        compiler.operand_count_fault(node.function, len(operands))
    elif not isinstance(node.operands[0], Path):
        compiler.fault(f"Operator or function requires a document path; operator or function: {node.function}")
    else:
        check_distinct(compiler, node.function, node.operands)
        getter = path_getter(compiler.resolver.path(node.operands[0]))
        fallback = operands[1]
        return lambda image, values: found if (found := getter(image, values)) else fallback(image, values)
    return operands[0]


def _list_append(compiler: Compiler, node: Call) -> SetOperand:
    operands = [set_operand(compiler, one) for one in node.operands]
    if len(operands) != _SET_FUNCTION_OPERANDS:
        compiler.operand_count_fault(node.function, len(operands))
        return operands[0]
    return _of_two(
        compiler, node.function, node.operands, operands, kind="L", combine=lambda front, back: [*front, *back]
    )


def _of_two(
    compiler: Compiler,
    function: str,
    sides: Sequence[Operand],
    operands: Sequence[SetOperand],
    *,
    kind: str,
    combine: Callable[[Any, Any], Any],
) -> SetOperand:
    for side in sides:
        _check_operand(compiler, side, function, kind)
    left, right = operands

    def operand(image: Image, values: Values) -> Value:
        first, second = left(image, values), right(image, values)
        if kind not in first or kind not in second:
            raise validation(WRONG_TYPE)
        return {kind: combine(first[kind], second[kind])}

    return operand


def _check_operand(compiler: Compiler, operand: Operand, function: str, wanted: str) -> None:
    if not isinstance(operand, Placeholder):
        return
    name = operand.name

    def check(values: Values) -> None:
        if wanted not in values[name]:
            raise compiler.operand_fault(function, type_of(values[name]))

    compiler.checks.append(check)


def increment_of(compiler: Compiler, steps: Steps, value: SetValue) -> tuple[str | None, bool]:
    """For ``n + :x``, ``:x + n`` and ``n - :x`` at ``n`` itself: the placeholder; and whether ``n`` is guarded.

    A guard is ``if_not_exists(n, :start)`` in the place of ``n``.
    """
    if not isinstance(value, Arithmetic):
        return None, False
    pairs = [(value.left, value.right)] + ([(value.right, value.left)] if value.operator == "+" else [])
    for own, other in pairs:
        if not isinstance(other, Placeholder):
            continue
        if isinstance(own, Path) and compiler.resolver.path(own) == steps:
            return other.name, False
        match own:
            case Call("if_not_exists", (Path() as path, Placeholder())) if compiler.resolver.path(path) == steps:
                return other.name, True
    return None, False


def check_section(compiler: Compiler, name: str, section: str) -> None:
    """``ADD`` takes a number or a set, ``DELETE`` a set."""
    allowed = SETS | {"N"} if section == "ADD" else SETS

    def check(values: Values) -> None:
        kind = type_of(values[name])
        if kind not in allowed:
            detail = f"operator: {section}, operand type: {TYPE_NAMES[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND"
            raise invalid(compiler.kind, f"Incorrect operand type for operator or function; {detail}")

    compiler.checks.append(check)


def combined(steps: Steps, operand: Getter, combine: Combine, mismatch: str, *, starts: bool) -> Getter:
    """What ``ADD`` and ``DELETE`` store at a path; where nothing is there, the operand itself if ``starts``, else nothing."""
    top, below = top_level(steps), steps[1:]

    def new_value(image: Image, values: Values) -> Value | None:
        given = operand(image, values)
        old = descend(image.get(top), below)
        if old is None or given is None:
            return given if starts else None
        kind = type_of(given)
        if kind not in old:
            raise validation(mismatch)
        return combine(kind, old[kind], given[kind])

    return new_value


def sum_of(kind: str, old: Any, more: Any) -> Value:
    """The sum of numbers, the union of sets, or one list after the other."""
    if kind == "N":
        return {"N": added(old, more)}
    return {"L": [*old, *more]} if kind == "L" else set_of(kind, {*old, *more})


def difference_of(kind: str, old: list[Any], removed: list[Any]) -> Value | None:
    """The difference of two sets; ``None`` where it is empty."""
    rest = set(old).difference(removed)
    return set_of(kind, rest) if rest else None


def set_of(kind: str, members: set[str] | set[bytes]) -> Value:
    """The set with these members, in normal form."""
    return {kind: sorted(members, key=decimal if kind == "NS" else None)}
