"""Projections: the part of an item that lies at a list of document paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from toctou.engine.expressions.compiled import CACHE_SIZE, Compiled, Compiler, top_level
from toctou.engine.expressions.meaning import check_path
from toctou.engine.expressions.overlaps import Overlaps
from toctou.engine.expressions.parser import parse_projection
from toctou.engine.expressions.placeholders import NO_VALUES, Names, Steps
from toctou.engine.values import Item, Value

Branches = dict[str | int, Any]
"""Steps, each with the ``Branches`` below it; no branches mean the whole value."""


class CompiledProjection(Compiled):
    """A projection; ``part_of(image)`` gives what it selects of an item."""

    __slots__ = ("_branches", "paths")

    def __init__(self, compiler: Compiler, paths: list[Steps]) -> None:
        compiler.reads |= {top_level(steps) for steps in paths}
        super().__init__(compiler)
        self.paths = tuple(paths)
        self._branches = branches_of(paths)

    def part_of(self, image: Mapping[str, Value]) -> Item:
        """What the projection selects of an item."""
        return part_of(image, self._branches)


def compiled_projection(text: str, names: Names) -> CompiledProjection:
    """A projection for its text and names, from the cache where possible; raises ``ServiceError`` if it is wrong."""
    projection = _compile(text, tuple(names.items()))
    projection.check(NO_VALUES)
    return projection


@lru_cache(maxsize=CACHE_SIZE)
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> CompiledProjection:
    kind = "ProjectionExpression"
    paths = parse_projection(kind, text)
    for path in paths:
        check_path(kind, path)
    compiler = Compiler(kind, dict(names))
    overlaps = Overlaps(compiler.resolver)
    found = []
    for path in paths:
        steps = compiler.path(path)
        overlaps.add(steps)
        found.append(steps)
    return CompiledProjection(compiler, found)


def branches_of(paths: Iterable[Steps]) -> Branches:
    """The paths as a tree."""
    root: Branches = {}
    for steps in paths:
        branches = root
        for step in steps:
            branches = branches.setdefault(step, {})
    return root


def part_of(image: Mapping[str, Value], branches: Branches) -> Item:
    """The part of an item at these paths."""
    found: Item = {}
    for step, below in branches.items():
        name = str(step)
        value = image.get(name)
        if value is not None and (part := _part_of_value(value, below)) is not None:
            found[name] = part
    return found


def _part_of_value(value: Value, branches: Branches) -> Value | None:
    if not branches:
        return value
    if "M" in value:
        members = part_of(value["M"], {step: below for step, below in branches.items() if isinstance(step, str)})
        return {"M": members} if members else None
    if "L" in value:
        elements: list[Value] = value["L"]
        chosen = sorted((step, below) for step, below in branches.items() if isinstance(step, int))
        parts = [_part_of_value(elements[step], below) for step, below in chosen if step < len(elements)]
        present = [part for part in parts if part is not None]
        return {"L": present} if present else None
    return None
