"""Decides which call of a source file a report means, however the lines around it have moved.

A report names a file, a line, a function and the text of the line or of all lines of the call.  The text decides: it must
still be there.  Among several calls of the same text the named function comes first, then the nearest line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider

from toctou.remediation.remedy_data import Call, NotPossible, Place

Function = cst.FunctionDef
Block = cst.BaseSuite | cst.Module


class Parsed:
    """A source file as a tree that keeps its formatting."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        try:
            wrapper = MetadataWrapper(cst.parse_module(text))
        except cst.ParserSyntaxError as error:
            raise NotPossible(f"{file} cannot be parsed: {error.message}") from error
        self.module = wrapper.module
        self._ranges: Mapping[cst.CSTNode, CodeRange] = wrapper.resolve(PositionProvider)
        self._parents: Mapping[cst.CSTNode, cst.CSTNode] = wrapper.resolve(ParentNodeProvider)

    @cached_property
    def lines(self) -> Sequence[str]:
        """The lines of the file."""
        return self.text.splitlines()

    @cached_property
    def width(self) -> int:
        """How long a line of this file may be: as its own lines are, within what is usual."""
        return min(max([88, *map(len, self.lines)]), 120)

    def code(self, node: cst.CSTNode) -> str:
        """The text of a node."""
        return self.module.code_for_node(node).strip()

    def at(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node begins: line and column."""
        start = self._ranges[node].start
        return start.line, start.column

    def ends(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node ends: line and column."""
        end = self._ranges[node].end
        return end.line, end.column

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Parents of a node, from the inside outwards."""
        while (parent := self._parents.get(node)) is not None:
            yield parent
            node = parent

    def with_call(self, old: cst.Call, new: cst.Call) -> str:
        """The text of the file with another call in the place of one."""
        changed: Any = self.module.deep_replace(old, new)
        return str(changed.code)

    def function(self, node: cst.CSTNode) -> Function:
        """The function that a node is in."""
        found = next((one for one in self.ancestors(node) if isinstance(one, cst.FunctionDef)), None)
        if found is None:
            raise NotPossible(f"line {self.at(node)[0]} of {self.file} is not in a function")
        return found

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine:
        """The simple statement that a node is in."""
        for one in self.ancestors(node):
            if isinstance(one, cst.SimpleStatementLine):
                return one
            if isinstance(one, cst.BaseCompoundStatement | cst.Lambda | cst.CompFor):
                break
        raise NotPossible(f"the call in line {self.at(node)[0]} of {self.file} is no statement of its own")

    def block(self, statement: cst.CSTNode) -> cst.CSTNode:
        """What a statement is directly in."""
        return self._parents[statement]

    def qualified_name(self, function: Function) -> str:
        """``Class.method`` of a function, as a traceback has it."""
        names = [function.name.value]
        for one in self.ancestors(function):
            if isinstance(one, cst.FunctionDef):
                names += ["<locals>", one.name.value]
            elif isinstance(one, cst.ClassDef):
                names.append(one.name.value)
        return ".".join(reversed(names))

    def functions(self) -> list[Function]:
        """Every function of the file."""
        return list(every(self.module, cst.FunctionDef))

    def call(self, wanted: Call) -> cst.Call:
        """The call that a report means.

        Raises:
            NotPossible: its text is not there any more, or makes no call of this name.
        """
        place = wanted.place
        if place is None:
            raise NotPossible(f"the report does not say where the {wanted.action} is made")
        calls = [
            one
            for one in every(self.module, cst.Call)
            if isinstance(one.func, cst.Attribute) and one.func.attr.value == wanted.method
        ]
        found = [one for one in calls if self._has_text(one, place)]
        if not found:
            if any(_squeezed(place.text.removesuffix("…")) in _squeezed(line) for line in self.lines) and calls:
                raise NotPossible(
                    f"{place} makes the {wanted.action}, but not by a call of {wanted.method} in that line"
                )
            if not calls:
                raise NotPossible(
                    f"{self.file} has no call of {wanted.method}: the {wanted.action} is made by a library"
                )
            raise NotPossible(f"{self.file} has changed since the report: {place.text!r} is not there any more")

        def distance(one: cst.Call) -> tuple[bool, int]:
            inside = [self.qualified_name(each) for each in self.ancestors(one) if isinstance(each, cst.FunctionDef)]
            return place.function not in inside, abs(self.at(one)[0] - place.line)

        nearest: cst.Call = min(found, key=distance)
        return nearest

    def line(self, place: Place) -> cst.SimpleStatementLine:
        """The statement that a report means.

        Raises:
            NotPossible: its text is not there any more.
        """
        wanted = _squeezed(place.text.removesuffix("…"))
        found = [one for one in every(self.module, cst.SimpleStatementLine) if wanted in _squeezed(self.code(one))]
        if not wanted or not found:
            raise NotPossible(f"{self.file} has changed since the report: {place.text!r} is not there any more")
        nearest: cst.SimpleStatementLine = min(found, key=lambda one: abs(self.at(one)[0] - place.line))
        return nearest

    def _has_text(self, call: cst.Call, place: Place) -> bool:
        (first, _), (last, _) = self.at(call), self.ends(call)
        wanted = _squeezed(place.text.removesuffix("…"))
        whole = _squeezed("\n".join(self.lines[first - 1 : last]))
        # Before Python 3.11 knew the places of expressions, and where it does not, a report has a line only.
        lines = (_squeezed(line) for line in self.lines[first - 1 : last])
        return whole.startswith(wanted) if place.text.endswith("…") else wanted == whole or wanted in lines


def _squeezed(text: str) -> str:
    """A text without what a formatter decides."""
    return re.sub(r",(?=[)\]}])", "", re.sub(r"\s+", "", text))


def every(node: cst.CSTNode, kind: Any) -> Iterator[Any]:
    """Every node of a kind, in the order of the text."""
    if isinstance(node, kind):
        yield node
    for child in node.children:
        yield from every(child, kind)


def within(function: Function, kind: Any) -> Iterator[Any]:
    """Every node of a kind in a function's own body: not in functions, classes and lambdas within it."""

    def walk(node: cst.CSTNode) -> Iterator[Any]:
        if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            return
        if isinstance(node, kind):
            yield node
        for child in node.children:
            yield from walk(child)

    yield from walk(function.body)


def keyword(call: cst.Call, name: str) -> cst.Arg | None:
    """A keyword argument of a call."""
    return next((one for one in call.args if one.keyword is not None and one.keyword.value == name), None)


def literal(node: cst.CSTNode | None) -> str | None:
    """The text that a string literal stands for; ``None`` for anything else."""
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def comes_before(parsed: Parsed, nodes: Iterator[cst.CSTNode], until: cst.CSTNode) -> list[Any]:
    """Those that begin before a node, in the order of the text."""
    return list(takewhile(lambda one: parsed.at(one) < parsed.at(until), nodes))
