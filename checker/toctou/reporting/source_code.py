"""What a report has to know of Python source: the expression at a place, whatever its layout, and comments beside it.

Sources are read when a report is made, by their paths on this machine; what cannot be read or parsed is as good as not there.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from toctou.history.request import Extent, SourceLine

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_AROUND = ("{}", "{}\n pass", "if 0:\n pass\n{}\n pass", "try:\n pass\n{}\n pass", "{} 0")
"""What makes a statement of a single line of one, such as ``elif table.get_item():``."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment.

    Attributes:
        line: from 1.
        text: without the ``#``.
        alone: whether nothing else is on its line.
    """

    line: int
    text: str
    alone: bool


@dataclass(frozen=True)
class SourceCode:
    """A file of Python source."""

    text: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def comments(self) -> Mapping[int, Comment]:
        """Comments by line."""
        found = {}
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                alone = not token.line[: token.start[1]].strip()
                found[token.start[0]] = Comment(token.start[0], token.string.lstrip("#").strip(), alone)
        return found

    @cached_property
    def _calls(self) -> Mapping[tuple[int, int], ast.expr]:
        # By their ends: of a chain of methods over several lines, Python gives the line of the last name as the first.
        return {
            (node.end_lineno or 0, node.end_col_offset or 0): node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call)
        }

    def expression(self, extent: Extent) -> str:
        """The call that ends where the extent does, as Python writes it; ``""`` if there is none."""
        node = self._calls.get((extent.last_line, extent.last_column))
        return "" if node is None else ast.unparse(node)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, _FUNCTIONS))

    def beside_statement(self, line: int) -> Iterator[Comment]:
        """Comments within the statement on this line (its head, if it has a body), and on lines of their own above it."""
        around = [one for one in ast.walk(self.tree) if isinstance(one, ast.stmt) and _first(one) <= line <= _last(one)]
        if around:
            innermost = max(around, key=lambda one: (_first(one), -_last(one)))
            yield from self._beside(*_head(innermost))

    def beside_function(self, line: int) -> Iterator[Comment]:
        """The same for the head of the innermost function with this line."""
        around = [one for one in self.functions() if _first(one) <= line <= _last(one)]
        if around:
            yield from self._beside(*_head(max(around, key=_first)))

    def _beside(self, first: int, last: int) -> Iterator[Comment]:
        above = first - 1
        while (comment := self.comments.get(above)) is not None and comment.alone:
            yield comment
            above -= 1
        for line in range(first, last + 1):
            if line in self.comments:
                yield self.comments[line]


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _last(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _head(node: ast.stmt) -> tuple[int, int]:
    """The first and the last line of a statement without its body."""
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body:
        return _first(node), _last(node)
    return _first(node), max(node.lineno, _first(body[0]) - 1)


def source_code(path: str | Path) -> SourceCode | None:
    """The source in that file; ``None`` if it is not Python that can be read."""
    try:
        return _parsed(str(path), Path(path).stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _parsed(path: str, _changed: int) -> SourceCode | None:
    try:
        with tokenize.open(path) as file:
            text = file.read()
        return SourceCode(text, ast.parse(text))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def normal_text(source: SourceLine) -> str:
    """The call at a place, the same however it is laid out."""
    if source.extent is not None:
        code = source_code(source.extent.path)
        if code is not None and (found := code.expression(source.extent)):
            return found
    return _normal_line(source.text)


def _normal_line(text: str) -> str:
    """A line as Python writes it, if it can be parsed by itself."""
    stripped = text.strip()
    for around in _AROUND:
        try:
            return ast.unparse(ast.parse(around.format(stripped)))
        except (SyntaxError, ValueError, RecursionError):
            continue
    return " ".join(stripped.split())
