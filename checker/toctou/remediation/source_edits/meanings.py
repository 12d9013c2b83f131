"""Decides what the expressions of a function stand for: the result of a read, an item, one of its attributes.

Only what a reader would see at once is followed: assignments, ``["Item"]`` and ``.get("Item")``, the first of ``["Items"]``,
a helper function of the same file that makes the read.  Anything else means nothing here, and no value is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

from toctou.remediation.source_edits.parsed import Function, Parsed, every, keyword, literal, within

TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""DynamoDB's names of types, which a boto3 client has around every value."""

_COPIES = frozenset({"dict", "copy", "deepcopy"})
_ITEM = {"Item": "item", "Items": "items", "Attributes": "item"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an expression stands for.

    Attributes:
        what: a ``response``, ``items``, an ``item`` or an ``attribute``.
        attribute: its name.
        plain: whether it is a Python value; else it is as a boto3 client has it, ``{"S": "alice"}``.
    """

    what: str
    attribute: str = ""
    plain: bool = True


def is_plain(parsed: Parsed, call: cst.Call) -> bool:
    """Whether a call takes and returns Python values, as those of a boto3 resource do."""
    if keyword(call, "TableName") is None and keyword(call, "TransactItems") is None:
        return True
    for name in ("Key", "Item"):
        argument = keyword(call, name)
        if argument is not None and isinstance(argument.value, cst.Dict):
            shapes = [_is_typed(one.value) for one in argument.value.elements if isinstance(one, cst.DictElement)]
            if any(shapes):
                return False
    assert isinstance(call.func, cst.Attribute)  # noqa: S101 - that is how it was found
    receiver = parsed.code(call.func.value)
    return receiver.endswith(".meta.client") or any(
        parsed.code(value).endswith(".meta.client")
        for name, value in assignments(every(parsed.module, cst.CSTNode))
        if name == receiver
    )


def _is_typed(value: cst.BaseExpression) -> bool:
    if not isinstance(value, cst.Dict) or len(value.elements) != 1:
        return False
    (only,) = value.elements
    return isinstance(only, cst.DictElement) and literal(only.key) in TYPES


def assignments(nodes: Iterator[cst.CSTNode]) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The names that are given a value, each with it, in the order of the text."""
    for node in nodes:
        if isinstance(node, cst.Assign):
            for target in node.targets:
                if isinstance(target.target, cst.Name):
                    yield target.target.value, node.value
        elif isinstance(node, cst.AnnAssign | cst.NamedExpr) and isinstance(node.target, cst.Name) and node.value:
            yield node.target.value, node.value


class Meanings:
    """What the names of one function stand for, at one place in it.

    Args:
        reads: the calls that matter, such as that of the step ``A.1``; what other calls return means nothing.
        until: the node at which it is asked.
    """

    def __init__(self, parsed: Parsed, function: Function, reads: list[cst.Call], until: cst.CSTNode | None) -> None:
        self._parsed = parsed
        self._reads = reads
        self.names: dict[str, Meaning] = {}
        nodes = within(function, cst.CSTNode)
        before = (one for one in nodes if until is None or parsed.at(one) < parsed.at(until))
        for name, value in assignments(before):
            found = self.of(value)
            if found is not None:
                self.names[name] = found
            elif not _is_empty(value):  # `item = None` in another branch does not make it less of an item
                self.names.pop(name, None)

    def of(self, node: cst.BaseExpression) -> Meaning | None:
        """What an expression stands for; ``None`` if that is not seen."""
        match node:
            case cst.Name():
                return self.names.get(node.value)
            case cst.Await():
                return self.of(node.expression)
            case cst.NamedExpr():
                return self.of(node.value)
            case cst.BooleanOperation(operator=cst.Or()):
                return self.of(node.left)
            case cst.IfExp():
                return self.of(node.body) or self.of(node.orelse)
            case cst.Subscript() | cst.Call() if (part := part_of(node)) is not None:
                return self._part(*part)
            case cst.Call():
                return self._called(node)
        return None

    def _part(self, base: cst.BaseExpression, key: str | int) -> Meaning | None:
        whole = self.of(base)
        if whole is None:
            return None
        match whole.what, key:
            case "response", str() if key in _ITEM:
                return Meaning(_ITEM[key], plain=whole.plain)
            case "items", int():
                return Meaning("item", plain=whole.plain)
            case "item", str():
                return Meaning("attribute", key, whole.plain)
            case "attribute", str() if key in TYPES and not whole.plain:
                return Meaning("attribute", whole.attribute, plain=True)
        return None

    def _called(self, call: cst.Call) -> Meaning | None:
        if any(call is one for one in self._reads):
            return Meaning("response", plain=is_plain(self._parsed, call))
        name = name_called(call)
        if name in _COPIES and call.args:
            return self.of(call.args[0].value)
        if isinstance(call.func, cst.Attribute) and name in _COPIES:
            return self.of(call.func.value)
        helper = function_called(self._parsed, call)
        if helper is None or not any(read is one for read in self._reads for one in within(helper, cst.Call)):
            return None
        inside = Meanings(self._parsed, helper, self._reads, None)
        results = (inside.of(one.value) for one in within(helper, cst.Return) if one.value is not None)
        return next((one for one in results if one is not None), None)


def _is_empty(value: cst.BaseExpression) -> bool:
    return (isinstance(value, cst.Name) and value.value == "None") or (
        isinstance(value, cst.Dict) and not value.elements
    )


def part_of(node: cst.BaseExpression) -> tuple[cst.BaseExpression, str | int] | None:
    """What ``base["name"]``, ``base.get("name")`` or ``base[0]`` is a part of, and which."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        key = node.slice[0].slice.value
        if isinstance(key, cst.Integer):
            return node.value, int(key.value, 0)
        name = literal(key)
        return None if name is None else (node.value, name)
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "get"
        and node.args
    ):
        name = literal(node.args[0].value)
        return None if name is None else (node.func.value, name)
    return None


def name_called(call: cst.Call) -> str:
    """The last name of what is called."""
    function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    return function.value if isinstance(function, cst.Name) else ""


def function_called(parsed: Parsed, call: cst.Call) -> Function | None:
    """The function of the same file that a call by its bare name, or of ``self``, means."""
    own = isinstance(call.func, cst.Name) or (
        isinstance(call.func, cst.Attribute) and parsed.code(call.func.value) in {"self", "cls"}
    )
    name = name_called(call)
    found = [one for one in parsed.functions() if one.name.value == name]
    return found[0] if own and len(found) == 1 else None


def arguments_of(function: Function, call: cst.Call) -> Mapping[str, cst.BaseExpression]:
    """The arguments of a call, by the names of the function's parameters."""
    names = [one.name.value for one in (*function.params.posonly_params, *function.params.params)]
    if isinstance(call.func, cst.Attribute) and names[:1] in (["self"], ["cls"]):
        del names[0]
    positional = [one.value for one in call.args if one.keyword is None and not one.star]
    given = dict(zip(names, positional, strict=False))
    return given | {one.keyword.value: one.value for one in call.args if one.keyword is not None}
