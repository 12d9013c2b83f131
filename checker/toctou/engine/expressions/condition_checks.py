"""What is wrong with the operands of a condition: how many, of which type, and whether they differ."""

from __future__ import annotations

from toctou.engine.expressions.compiled import Compiler
from toctou.engine.expressions.placeholders import Values, shown
from toctou.engine.expressions.tokens import invalid
from toctou.engine.expressions.tree import Call, Comparison, Operand, Path, Placeholder
from toctou.engine.values import ORDERED, TYPE_NAMES, ordered_pair, type_of

OPERANDS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_MAXIMUM_OPTIONS = 100
_SIZED = frozenset({"S", "B", "SS", "NS", "BS", "L", "M"})
_PREFIXED = frozenset({"S", "B"})


def check_call(compiler: Compiler, node: Call) -> None:
    """Add the checks of one function."""
    function, operands = node.function, node.operands
    if len(operands) != OPERANDS[function]:
        compiler.operand_count_fault(function, len(operands))
        return
    first = operands[0]
    if function in ("attribute_exists", "attribute_not_exists"):
        if not isinstance(first, Path):
            compiler.fault(f"Operator or function requires a document path; operator or function: {function}")
    elif function == "size":
        _check_types(compiler, function, operands, _SIZED)
    elif function == "attribute_type":
        _check_type_name(compiler, operands[1])
    else:
        if function == "begins_with":
            _check_types(compiler, function, operands, _PREFIXED)
        check_distinct(compiler, function, operands)


def check_comparison(compiler: Compiler, node: Comparison) -> None:
    """Add the checks of one comparison."""
    if node.operator == "IN" and len(node.operands) - 1 > _MAXIMUM_OPTIONS:
        count = len(node.operands) - 1
        compiler.fault(f"The IN operator is provided with too many operands; number of operands: {count}")
    if node.operator not in ("=", "<>", "IN"):
        _check_types(compiler, node.operator, node.operands, ORDERED)
    check_distinct(compiler, node.operator, node.operands)
    if node.operator == "BETWEEN":
        _check_bounds(compiler, node.operands[1], node.operands[2])


def _check_types(compiler: Compiler, function: str, operands: tuple[Operand, ...], allowed: frozenset[str]) -> None:
    for operand in operands:
        if isinstance(operand, Call) and "N" not in allowed:  # the only nested function gives a number
            error = compiler.operand_fault(function, "N")
            compiler.fault(error.message.partition(": ")[2])
        elif isinstance(operand, Placeholder):
            _check_type(compiler, function, operand.name, allowed)


def _check_type(compiler: Compiler, function: str, name: str, allowed: frozenset[str]) -> None:
    def check(values: Values) -> None:
        if (kind := type_of(values[name])) not in allowed:
            raise compiler.operand_fault(function, kind)

    compiler.checks.append(check)


def _check_type_name(compiler: Compiler, operand: Operand) -> None:
    if not isinstance(operand, Placeholder):
        every = "SS,BOOL,INT,FS,DOUBLESET,DECIMALSET,B,N,NS,NULL,S,HDS,INTSET,HD,M,DICT,BS,DOUBLE,FLOAT,L,DECIMAL"
        error = compiler.operand_fault("attribute_type", f"{{{every}}}")
        compiler.fault(error.message.partition(": ")[2])
        return
    name = operand.name

    def check(values: Values) -> None:
        kind = type_of(values[name])
        if kind != "S":
            raise compiler.operand_fault("attribute_type", kind)
        wanted = values[name]["S"]
        if wanted not in TYPE_NAMES:
            detail = f"type: {wanted}, valid types: {{N,BS,L,B,NULL,M,S,SS,NS,BOOL}}"
            raise invalid(compiler.kind, f"Invalid attribute type name found; {detail}")

    compiler.checks.append(check)


def check_distinct(compiler: Compiler, function: str, operands: tuple[Operand, ...]) -> None:
    """Refuse a first operand that is one of the others too."""
    first = operands[0]
    if not isinstance(first, Path):
        return
    steps = compiler.resolver.path(first)
    if any(isinstance(other, Path) and compiler.resolver.path(other) == steps for other in operands[1:]):
        detail = f"operator: {function}, first operand: {shown(steps)}"
        compiler.fault(
            "The first operand must be distinct from the remaining operands for this operator or function; " + detail
        )


def _check_bounds(compiler: Compiler, low: Operand, high: Operand) -> None:
    if not isinstance(low, Placeholder) or not isinstance(high, Placeholder):
        return
    lower, upper = low.name, high.name

    def check(values: Values) -> None:
        pair = ordered_pair(values[lower], values[upper])
        if pair is None:
            rule = "same data type for lower and upper bounds"
        elif pair[0] > pair[1]:
            rule = "upper bound to be greater than or equal to lower bound"
        else:
            return
        detail = f"lower bound operand: {_bound(values, lower)}, upper bound operand: {_bound(values, upper)}"
        raise invalid(compiler.kind, f"The BETWEEN operator requires {rule}; {detail}")

    compiler.checks.append(check)


def _bound(values: Values, name: str) -> str:
    ((kind, content),) = values[name].items()
    return f"AttributeValue: {{{kind}:{content}}}"
