"""Decides which expression of a function holds a value that a condition needs, and whether a ``{"S": …}`` belongs around it.

The best source is the code's own check.  In ``if item["owner"] != principal``, ``principal`` is what the owner has to equal,
because the code says so.  A value that was read is taken from the variable that holds the item; if the code changes it there
before it writes, from a copy that is made before that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import libcst as cst

from toctou.remediation.remedy_data import Call as Named
from toctou.remediation.remedy_data import Document, Edit, NotPossible, Term, place_of, step_named, type_read
from toctou.remediation.source_edits.meanings import (
    TYPES,
    Meanings,
    arguments_of,
    assignments,
    function_called,
    is_plain,
    part_of,
)
from toctou.remediation.source_edits.parsed import Function, Parsed, comes_before, every, within
from toctou.remediation.source_edits.refusals import leaves_by_raising

_CHANGING = frozenset({"update", "pop", "setdefault", "popitem", "clear"})


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a condition as Python text.

    Attributes:
        copied: a line that has to come before ``ahead_of``, because the value is changed there; ``""`` if none has.
        check: the branch that refuses if the comparison fails, where the code has one.
    """

    text: str
    copied: str = ""
    ahead_of: cst.CSTNode | None = None
    check: cst.If | None = None


class Values:
    """The values for the conditions of one call."""

    def __init__(self, document: Document, parsed: Parsed, edit: Edit, call: cst.Call) -> None:
        self._document = document
        self._parsed = parsed
        self._edit = edit
        self._call = call
        self._function = parsed.function(call)
        self._plain = is_plain(parsed, call)

    def of(self, term: Term) -> Value:
        """The value that a term's attribute has to equal.

        Raises:
            NotPossible: no expression there holds it.
        """
        if term.value == "caller":
            return self._caller(term)
        found = self._read(term) or self._compared(term, self._reads(term))
        if found is not None:
            return found
        where = self._function.name.value
        raise NotPossible(
            f"{where} holds the {term.attribute} that {term.read or 'the request'} read in no variable that can be seen"
        )

    def _reads(self, term: Term) -> list[cst.Call]:
        step = step_named(self._document, term.read) or self._last_read()
        place = None if step is None else place_of(self._document, step["name"])
        if step is None or place is None:
            return []
        try:
            return [self._parsed.call(Named(step["name"], step["action"], "", place))]
        except NotPossible:  # it is made in another file
            return []

    def _last_read(self) -> Document | None:
        """The read that the request made before the call."""
        letter = self._edit.call.step.partition(".")[0]
        own = [one for one in self._document["steps"] if one["request"] == letter and not one["changes"]]
        return own[0] if own else None

    def _caller(self, term: Term) -> Value:
        found = self._compared(term, self._reads(term))
        if found is not None:
            return found
        principal = self._first_parameter()
        if principal is not None:
            return Value(self._put(principal, plain=True))
        raise NotPossible(
            f"{self._function.name.value} does not compare {term.attribute} with the caller, "
            "so it cannot be seen which variable holds the caller"
        )

    def _first_parameter(self) -> str | None:
        """What a handler of a model takes before the arguments of its requests, which is the principal."""
        names = [one.name.value for one in self._function.params.params]
        names = names[1:] if names[:1] == ["self"] else names
        given = {
            name
            for one in self._document["requests"]
            if one["handler"] == self._edit.handler
            for name in one["arguments"]
        }
        is_handler = self._function.name.value == self._edit.handler and given <= set(names[1:])
        return names[0] if is_handler and names else None

    # -- what the code compares ------------------------------------------------------------------------------------

    def _compared(self, term: Term, reads: list[cst.Call]) -> Value | None:
        """The other side of the nearest comparison with the attribute before the call."""
        meanings = Meanings(self._parsed, self._function, reads, self._call)
        for one in reversed(comes_before(self._parsed, within(self._function, cst.Comparison), self._call)):
            found = self._other_side(one, term.attribute, meanings)
            if found is not None:
                return Value(self._put(self._short(found[0]), found[1]), check=self._branch(one))
        for one in reversed(comes_before(self._parsed, within(self._function, cst.Call), self._call)):
            inside = self._within_helper(one, term.attribute)
            if inside is not None:
                text, plain, check = inside
                return Value(self._put(self._short(text), plain), check=check or self._branch(one))
        return None

    def _short(self, text: str) -> str:
        """The variable that holds an expression already, or the expression."""
        before = comes_before(self._parsed, within(self._function, cst.CSTNode), self._call)
        given = {name: self._parsed.code(value) for name, value in assignments(iter(before))}
        return next((name for name, value in given.items() if value == text), text)

    def _within_helper(self, call: cst.Call, attribute: str) -> tuple[str, bool, cst.If | None] | None:
        helper = function_called(self._parsed, call)
        if helper is None or helper is self._function:
            return None
        given = arguments_of(helper, call)
        nothing = Meanings(self._parsed, helper, [], None)
        for one in within(helper, cst.Comparison):
            found = self._other_side(one, attribute, nothing)
            if found is not None and (text := self._from_outside(helper, found[0], given)) is not None:
                check = self._branch(one)
                return text, found[1], check if check is not None and leaves_by_raising(check) else None
        return None

    def _from_outside(self, helper: Function, text: str, given: Mapping[str, cst.BaseExpression]) -> str | None:
        """An expression of a helper function in terms of what it is called with; ``None`` if it uses variables of its own."""
        inside: Any = cst.parse_expression(text)
        own = {one.name.value for one in every(helper.params, cst.Param)} - given.keys()
        own |= {name for name, _ in assignments(within(helper, cst.CSTNode))}
        names = [one for one in every(inside, cst.Name) if not _is_member(inside, one)]
        if any(one.value in own for one in names):
            return None
        for one in (one for one in names if one.value in given):
            inside = given[one.value] if inside is one else inside.deep_replace(one, given[one.value])
        return self._parsed.code(inside)

    def _other_side(self, comparison: cst.Comparison, attribute: str, meanings: Meanings) -> tuple[str, bool] | None:
        """What is compared with an attribute, and whether it is a plain value."""
        if len(comparison.comparisons) != 1:
            return None
        (only,) = comparison.comparisons
        if not isinstance(only.operator, cst.Equal | cst.NotEqual):
            return None
        sides = [comparison.left, only.comparator]
        seen = [_attribute(one, attribute, meanings) for one in sides]
        if seen[0] is not None and seen[1] is not None:  # item["owner"] != event["owner"]: the one that was read
            known = [meanings.of(one) is not None for one in sides]
            if known[0] == known[1]:  # item["owner"] != g.owner: items are dictionaries
                known = [part_of(one) is not None for one in sides]
            if known[0] == known[1]:
                return None
            seen = [one if is_known else None for one, is_known in zip(seen, known, strict=True)]
        for mine, other in ((0, 1), (1, 0)):
            plain = seen[mine]
            if plain is not None and not any(isinstance(one, cst.Await | cst.NamedExpr) for one in _all(sides[other])):
                return self._parsed.code(sides[other]), plain
        return None

    def _branch(self, node: cst.CSTNode) -> cst.If | None:
        return next((one for one in self._parsed.ancestors(node) if isinstance(one, cst.If)), None)

    # -- what was read -----------------------------------------------------------------------------------------------

    def _read(self, term: Term) -> Value | None:
        """The attribute in the variable that holds the item."""
        meanings = Meanings(self._parsed, self._function, self._reads(term), self._call)
        kind = type_read(self._document, term.read, term.attribute)
        for name, meaning in meanings.names.items():
            if meaning.what == "item":
                text = self._as_the_code_reads(name, term.attribute)
                if re.fullmatch(r".*\.get\([^,]+,.*\)", text, re.DOTALL):
                    raise NotPossible(
                        f"{text} allows for an item without {term.attribute}, which needs another condition"
                    )
                put = self._put(text, meaning.plain, kind)
                changed = self._first_change(name, term.attribute)
                if changed is None:
                    return Value(put)
                copy = f"{_identifier(term.attribute)}_read"
                return Value(self._put(copy, meaning.plain, kind), f"{copy} = {text}", changed)
        for name, meaning in meanings.names.items():
            if (meaning.what, meaning.attribute) == ("attribute", term.attribute):
                return Value(self._put(name, meaning.plain, kind))
        return None

    def _as_the_code_reads(self, name: str, attribute: str) -> str:
        """``item["version"]``, or ``item.get("version")`` if the function reads it so."""
        for one in (*within(self._function, cst.Call), *within(self._function, cst.Subscript)):
            part = part_of(one)
            if part is not None and part[1] == attribute and self._parsed.code(part[0]) == name:
                return self._parsed.code(one)
        return f'{name}["{attribute}"]'

    def _first_change(self, name: str, attribute: str) -> cst.CSTNode | None:
        """The first statement that changes an attribute of the item in a variable before the call, in the block of the call."""
        changes = [
            one
            for one in comes_before(self._parsed, within(self._function, cst.CSTNode), self._call)
            if self._changes(one, name, attribute)
        ]
        around = [self._call, *self._parsed.ancestors(self._call)]
        for change in changes[:1]:
            inner: cst.CSTNode = change
            for one in self._parsed.ancestors(change):
                if any(one is other for other in around) and isinstance(one, cst.IndentedBlock):
                    return inner
                inner = one
        return None

    def _changes(self, node: cst.CSTNode, name: str, attribute: str) -> bool:
        targets: list[cst.BaseExpression] = []
        if isinstance(node, cst.Assign):
            targets = [one.target for one in node.targets]
        elif isinstance(node, cst.AugAssign | cst.Del):
            targets = [node.target]
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _CHANGING:
            return self._parsed.code(node.func.value) == name
        for target in targets:
            part = part_of(target)
            if part is not None and self._parsed.code(part[0]) == name and part[1] == attribute:
                return True
        return False

    # -- as the call takes it ----------------------------------------------------------------------------------------

    def _put(self, text: str, plain: bool, kind: str = "S") -> str:  # noqa: FBT001
        """A value as the call takes it."""
        if plain == self._plain:
            return text
        if plain and kind in {"S", "BOOL", "B"}:
            return f'{{"{kind}": {text}}}'
        if plain and kind == "N":
            return f'{{"N": str({text})}}'
        if not plain and kind in {"S", "BOOL"}:
            return f'{text}["{kind}"]'
        raise NotPossible(f"{text} would have to be converted, because one call uses a client and the other a resource")


def _attribute(node: cst.BaseExpression, attribute: str, meanings: Meanings) -> bool | None:
    """Whether an expression is this attribute of an item, and then whether it is a plain value; ``None`` if it is not."""
    known = meanings.of(node)
    if known is not None:
        return known.plain if (known.what, known.attribute) == ("attribute", attribute) else None
    if isinstance(node, cst.Attribute):  # item.owner
        return True if node.attr.value == attribute else None
    part = part_of(node)
    if part is None:
        return None
    base, key = part
    if key == attribute:
        return True
    inner = part_of(base) if key in TYPES else None
    return True if inner is not None and inner[1] == attribute else None


def _all(node: cst.CSTNode) -> list[cst.CSTNode]:
    return [node, *(one for child in node.children for one in _all(child))]


def _is_member(whole: cst.CSTNode, name: cst.Name) -> bool:
    """Whether a name is what follows a dot, or names an argument."""
    return any(one.attr is name for one in every(whole, cst.Attribute)) or any(
        one.keyword is name for one in every(whole, cst.Arg)
    )


def _identifier(attribute: str) -> str:
    name = "".join(one if one.isalnum() else "_" for one in attribute)
    return name if name.isidentifier() else f"value_{name}"
