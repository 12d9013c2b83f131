"""What is wrong with an expression before any placeholder is looked up.

The service reports, in the order written: functions that do not exist or stand where they may not, reserved words, and
list indices out of range.  Only then does it check placeholders (see ``placeholders``), and after that at operands.
"""

from __future__ import annotations

from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import (
    Arithmetic,
    Call,
    Comparison,
    Condition,
    Junction,
    Negation,
    Operand,
    Path,
    Placeholder,
    SetValue,
    Update,
)
from toctou.history.reserved_words import RESERVED_WORDS

PREDICATES = frozenset({"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"})
CONDITION_FUNCTIONS = PREDICATES | {"size"}
UPDATE_FUNCTIONS = frozenset({"if_not_exists", "list_append"})

_MAXIMUM_INDEX = 2**31 - 1
_MAXIMUM_NESTING = 32


def check_path(kind: str, path: Path) -> None:
    """Refuse reserved words, indices that no list has, and paths that are too deep."""
    for part in path.parts:
        if isinstance(part, int):
            if part > _MAXIMUM_INDEX:
                raise invalid(kind, f"List index is not within the allowable range; index: [{part}]")
        elif part.upper() in RESERVED_WORDS:
            raise invalid(kind, f"Attribute name is a reserved keyword; reserved keyword: {part}")
    if len(path.parts) > _MAXIMUM_NESTING:
        detail = f"The document path has too many nesting levels; nesting levels: {len(path.parts)}"
        raise invalid(kind, detail)


def check_condition(kind: str, node: Condition | Operand, *, wanted: str = "condition") -> None:
    """Check a condition or one of its operands; ``wanted`` is what its place calls for: a condition or a value."""
    match node:
        case Path():
            check_path(kind, node)
        case Call(function, operands):
            _check_condition_function(kind, function, wanted)
            for operand in operands:
                check_condition(kind, operand, wanted="value")
        case Comparison(_, operands):
            for operand in operands:
                check_condition(kind, operand, wanted="value")
        case Junction(_, terms):
            for term in terms:
                check_condition(kind, term)
        case Negation(term):
            check_condition(kind, term)
        case Placeholder():
            pass


def _check_condition_function(kind: str, function: str, wanted: str) -> None:
    if function in UPDATE_FUNCTIONS:
        raise invalid(kind, f"The function is not allowed in a condition expression; function: {function}")
    _check_known(kind, function)
    if (function == "size") != (wanted == "value"):
        raise _misplaced(kind, function)


def _check_known(kind: str, function: str) -> None:
    if function not in CONDITION_FUNCTIONS and function not in UPDATE_FUNCTIONS:
        raise invalid(kind, f"Invalid function name; function: {function}")


def _misplaced(kind: str, function: str) -> Exception:
    return invalid(kind, f"The function is not allowed to be used this way in an expression; function: {function}")


def check_update(kind: str, update: Update) -> None:
    """Check every action of an update expression."""
    for _, path, value in update.actions:
        check_path(kind, path)
        if value is not None:
            _check_set_value(kind, value, nested=False)


def _check_set_value(kind: str, value: SetValue, *, nested: bool) -> None:
    match value:
        case Path():
            check_path(kind, value)
        case Arithmetic(_, left, right):
            _check_set_value(kind, left, nested=True)
            _check_set_value(kind, right, nested=True)
        case Call(function, operands):
            if function in CONDITION_FUNCTIONS:
                raise invalid(kind, f"The function is not allowed in an update expression; function: {function}")
            _check_known(kind, function)
            if nested and function == "list_append":
                raise _misplaced(kind, function)
            for operand in operands:
                _check_set_value(kind, operand, nested=True)
        case Placeholder():
            pass
