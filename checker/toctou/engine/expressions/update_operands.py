"""The values that an update stores: operands of ``SET``, and what ``ADD`` and ``DELETE`` make of an attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from toctou.engine.expressions.compiled import Compiler, descend, path_getter, top_level
from toctou.engine.expressions.condition_checks import check_distinct
from toctou.engine.expressions.placeholders import Steps, Values
from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import Arithmetic, Call, Operand, Path, Placeholder, SetValue
from toctou.engine.number import added, decimal, subtracted
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import SETS, TYPE_NAMES, Value, type_of

Image = Mapping[str, Value]
SetOperand = Callable[[Image, Values], Value]

_SET_FUNCTION_OPERANDS = 2


def _missing() -> ServiceError:
    return validation("The provided expression refers to an attribute that does not exist in the item")


def _wrong_type() -> ServiceError:
    return validation("An operand in the update expression has an incorrect data type")


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
    left, right = set_operand(compiler, node.left), set_operand(compiler, node.right)
    for side in (node.left, node.right):
        _check_operand(compiler, side, node.operator, "N")
    combine = added if node.operator == "+" else subtracted

    def operand(image: Image, values: Values) -> Value:
        first, second = left(image, values), right(image, values)
        if "N" not in first or "N" not in second:
            raise _wrong_type()
        return {"N": combine(first["N"], second["N"])}

    return operand


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
    for side in node.operands:
        _check_operand(compiler, side, node.function, "L")
    front, back = operands

    def operand(image: Image, values: Values) -> Value:
        first, second = front(image, values), back(image, values)
        if "L" not in first or "L" not in second:
            raise _wrong_type()
        return {"L": [*first["L"], *second["L"]]}

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


def check_added(compiler: Compiler, name: str) -> None:
    """``ADD`` takes a number or a set."""
    _check_section(compiler, name, "ADD", SETS | {"N"})


def check_deleted(compiler: Compiler, name: str) -> None:
    """``DELETE`` takes a set."""
    _check_section(compiler, name, "DELETE", SETS)


def _check_section(compiler: Compiler, name: str, section: str, allowed: frozenset[str]) -> None:
    def check(values: Values) -> None:
        kind = type_of(values[name])
        if kind not in allowed:
            detail = f"operator: {section}, operand type: {TYPE_NAMES[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND"
            raise invalid(compiler.kind, f"Incorrect operand type for operator or function; {detail}")

    compiler.checks.append(check)


class AddedTo:
    """What ``ADD`` stores: the sum, the union, or the operand itself where nothing is there."""

    __slots__ = ("_below", "_name", "_top")

    def __init__(self, steps: Steps, name: str) -> None:
        self._top = top_level(steps)
        self._below = steps[1:]
        self._name = name

    def __call__(self, image: Image, values: Values) -> Value:
        """The value to store."""
        operand = values[self._name]
        old = descend(image.get(self._top), self._below)
        if old is None:
            return operand
        kind = type_of(operand)
        if kind not in old:
            raise _wrong_type()
        if kind == "N":
            return {"N": added(old["N"], operand["N"])}
        return set_of(kind, {*old[kind], *operand[kind]})


class DeletedFrom:
    """What ``DELETE`` stores: the difference, or nothing where the set is used up."""

    __slots__ = ("_below", "_name", "_top")

    def __init__(self, steps: Steps, name: str) -> None:
        self._top = top_level(steps)
        self._below = steps[1:]
        self._name = name

    def __call__(self, image: Image, values: Values) -> Value | None:
        """The value to store; ``None`` to remove what is there."""
        operand = values[self._name]
        old = descend(image.get(self._top), self._below)
        if old is None:
            return None
        kind = type_of(operand)
        if kind not in old:
            raise _wrong_type()
        rest = set(old[kind]).difference(operand[kind])
        return set_of(kind, rest) if rest else None


def set_of(kind: str, members: set[str] | set[bytes]) -> Value:
    """The set with these members, in normal form."""
    return {kind: sorted(members, key=decimal if kind == "NS" else None)}
