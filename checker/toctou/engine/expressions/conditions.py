"""Conditions and filters: compiled to closures over an item and the request's values.

A missing operand makes every comparison false but ``<>``; values of different types are never equal and never ordered.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from toctou.engine.expressions.compiled import CACHE_SIZE, Compiled, Compiler, Getter, path_getter, value_getter
from toctou.engine.expressions.condition_checks import check_call, check_comparison
from toctou.engine.expressions.meaning import check_condition
from toctou.engine.expressions.parser import parse_condition
from toctou.engine.expressions.placeholders import Names, Values
from toctou.engine.expressions.tree import Call, Comparison, Condition, Junction, Negation, Operand, Path, Placeholder
from toctou.engine.values import Value, ordered_pair, type_of

Test = Callable[[Mapping[str, Value], Values], bool]

_Ordering = Callable[[Any, Any], bool]
_ORDERINGS: dict[str, _Ordering] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class CompiledCondition(Compiled):
    """A condition; ``holds(image, values)`` says whether an item (empty if missing) meets it."""

    __slots__ = ("holds",)

    def __init__(self, compiler: Compiler, holds: Test) -> None:
        super().__init__(compiler)
        self.holds = holds


def compiled_condition(kind: str, text: str, names: Names) -> CompiledCondition:
    """A condition for its text and names, from the cache where possible.

    Raises:
        ServiceError: for what is wrong whatever the placeholders represent.
    """
    return _compile(kind, text, tuple(names.items()))


@lru_cache(maxsize=CACHE_SIZE)
def _compile(kind: str, text: str, names: tuple[tuple[str, str], ...]) -> CompiledCondition:
    tree = parse_condition(kind, text)
    check_condition(kind, tree)
    compiler = Compiler(kind, dict(names))
    return CompiledCondition(compiler, _test(compiler, tree))


def _test(compiler: Compiler, node: Condition) -> Test:
    match node:
        case Junction("AND", terms):
            return _all([_test(compiler, term) for term in terms])
        case Junction(_, terms):
            return _any([_test(compiler, term) for term in terms])
        case Negation(term):
            inner = _test(compiler, term)
            return lambda image, values: not inner(image, values)
        case Comparison():
            return _comparison(compiler, node)
        case Call():
            return _predicate(compiler, node)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda image, values: first(image, values) and second(image, values)
    return lambda image, values: all(test(image, values) for test in tests)


def _any(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda image, values: first(image, values) or second(image, values)
    return lambda image, values: any(test(image, values) for test in tests)


def _getter(compiler: Compiler, node: Operand) -> Getter:
    match node:
        case Path():
            return path_getter(compiler.read_path(node))
        case Placeholder(name):
            return value_getter(compiler.value(name))
        case Call():
            getters = [_getter(compiler, operand) for operand in node.operands]
            check_call(compiler, node)
            return _size(getters[0])


def _comparison(compiler: Compiler, node: Comparison) -> Test:
    getters = [_getter(compiler, operand) for operand in node.operands]
    check_comparison(compiler, node)
    if node.operator == "IN":
        return _in(getters)
    if node.operator == "BETWEEN":
        return _between(*getters)
    left, right = getters
    match node.operator, node.operands:
        # By far the most frequent conditions: an attribute against a value.
        case "=", (Path((name,)), Placeholder(value)) if isinstance(name, str):
            attribute = compiler.resolver.names.get(name, name)
            return lambda image, values: image.get(attribute) == values[value]
        case "=", _:
            return lambda image, values: (found := left(image, values)) is not None and found == right(image, values)
        case "<>", _:
            return lambda image, values: _differ(left(image, values), right(image, values))
    return _ordered(_ORDERINGS[node.operator], left, right)


def _differ(left: Value | None, right: Value | None) -> bool:
    return left is None or right is None or left != right


def _ordered(ordering: _Ordering, left: Getter, right: Getter) -> Test:
    def test(image: Mapping[str, Value], values: Values) -> bool:
        first, second = left(image, values), right(image, values)
        if first is None or second is None:
            return False
        pair = ordered_pair(first, second)
        return pair is not None and ordering(*pair)

    return test


def _between(operand: Getter, low: Getter, high: Getter) -> Test:
    above, below = _ordered(operator.ge, operand, low), _ordered(operator.le, operand, high)
    return lambda image, values: above(image, values) and below(image, values)


def _in(getters: list[Getter]) -> Test:
    wanted, *options = getters

    def test(image: Mapping[str, Value], values: Values) -> bool:
        found = wanted(image, values)
        return found is not None and any(found == option(image, values) for option in options)

    return test


def _predicate(compiler: Compiler, node: Call) -> Test:
    getters = [_getter(compiler, operand) for operand in node.operands]
    check_call(compiler, node)
    first, last = getters[0], getters[-1]
    match node.function:
        case "attribute_exists":
            return lambda image, values: first(image, values) is not None
        case "attribute_not_exists":
            return lambda image, values: first(image, values) is None
        case "attribute_type":
            return lambda image, values: (
                (found := first(image, values)) is not None and _text(last(image, values)) == type_of(found)
            )
        case "begins_with":
            return lambda image, values: begins_with(first(image, values), last(image, values))
    return lambda image, values: contains(first(image, values), last(image, values))


def _text(value: Value | None) -> str | None:
    return None if value is None else value.get("S")


def begins_with(value: Value | None, prefix: Value | None) -> bool:
    """Whether a string or binary starts with another of its type."""
    if value is None or prefix is None:
        return False
    kind = type_of(value)
    return kind in ("S", "B") and kind in prefix and value[kind].startswith(prefix[kind])


_MEMBER_TYPES = {"SS": "S", "NS": "N", "BS": "B"}


def contains(value: Value | None, element: Value | None) -> bool:
    """Whether a string or binary holds another one, or a set or list an element."""
    if value is None or element is None:
        return False
    kind = type_of(value)
    if kind == "L":
        return element in value[kind]
    wanted = _MEMBER_TYPES.get(kind, kind)
    return wanted in ("S", "N", "B") and kind != "N" and wanted in element and element[wanted] in value[kind]


def _size(getter: Getter) -> Getter:
    def size(image: Mapping[str, Value], values: Values) -> Value | None:
        value = getter(image, values)
        if value is None or (kind := type_of(value)) in ("N", "BOOL", "NULL"):
            return None
        content = value[kind]
        # Strings count in the units of UTF-16, as in DynamoDB Local (and dynalite): the length of a string, says the guide.
        return {"N": str(len(content.encode("utf-16-le")) // 2 if kind == "S" else len(content))}

    return size
