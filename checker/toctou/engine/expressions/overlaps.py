"""Paths that may not stand together: one that lies within another, and two that call one thing both map and list."""

from __future__ import annotations

from toctou.engine.expressions.placeholders import Resolver, Steps, shown

_RULE = "must remove or rewrite one of these paths;"


class Overlaps:
    """The paths of one expression so far; the first pair that cannot stand together is kept as the resolver's fault."""

    __slots__ = ("_paths", "_resolver")

    def __init__(self, resolver: Resolver) -> None:
        self._paths: list[Steps] = []
        self._resolver = resolver

    def add(self, steps: Steps) -> None:
        """Add a path, noting a fault if it cannot stand beside an earlier one."""
        for other in self._paths:
            self._compare(other, steps)
        self._paths.append(steps)

    def _compare(self, one: Steps, two: Steps) -> None:
        detail = f"{_RULE} path one: {shown(one)}, path two: {shown(two)}"
        for left, right in zip(one, two, strict=False):
            if left != right:
                if type(left) is not type(right):
                    self._resolver.refuse(f"Two document paths conflict with each other; {detail}")
                return
        self._resolver.refuse(f"Two document paths overlap with each other; {detail}")
