"""Which optional members a request has: none, each alone, each pair, all of them; and bodies that have exactly these.

A handler that stores what it is sent behaves differently for each set of members, and two requests with different members
interfere where two with the same ones do not.  Beyond :data:`MOST` sets, each member is still sent alone, and instead of each
pair there are a few sets in which any two members occur together, apart, and not at all: those of D. J. Kleitman and J. Spencer,
*Families of k-independent sets*, Discrete Mathematics 6 (1973).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations, count
from math import comb
from typing import Any

from toctou.openapi.values import objects, sample, valid, values

MOST = 40
"""Sets of members for one alternative of a body."""

_DEPTH = 3
Member = tuple[str, ...]
"""The path of a member in a body: ``("address", "city")``."""


def sets_of(members: Sequence[Any]) -> Iterator[frozenset[Any]]:
    """Sets of members, the most telling first: none, each alone, all, and pairs."""
    yield frozenset()
    yield from (frozenset([one]) for one in members[:MOST])
    yield frozenset(members)
    if not leaves_out_pairs(members):
        yield from map(frozenset, combinations(members, 2))
        return
    rows = next(rows for rows in count(3) if comb(rows, rows // 2 + 1) >= len(members))
    places = list(zip(members, combinations(range(rows), rows // 2 + 1), strict=False))
    yield from (frozenset(one for one, present in places if row in present) for row in range(rows))


def leaves_out_pairs(members: Sequence[Any]) -> bool:
    """Whether :func:`sets_of` has no set for each pair."""
    return comb(len(members), 2) + len(members) + 2 > MOST


class Bodies:
    """The bodies that one schema allows.

    Args:
        schema: self-contained.
        examples: of the document; the first one gives the values of its members.
        where: for messages.

    Attributes:
        alternatives: the optional members of each alternative of the schema that is an object; none for other bodies.
        in_example: the members that the first example has.
    """

    def __init__(self, schema: Mapping[str, Any], examples: Sequence[Any], where: str) -> None:
        self._schema = schema
        self._example = examples[0] if examples else None
        self._where = where
        self._objects = objects(schema)
        # By id; the schemas are stored too, so that no id is reused.
        self._values: dict[int, tuple[Any, Any]] = {}
        self._inner: dict[int, tuple[Any, Mapping[str, Any] | None]] = {}
        self.alternatives: list[list[Member]] = [list(self._optional(one, ())) for one in self._objects]
        self.in_example: frozenset[Member] = frozenset(_members_of(self._example, ()))

    def of(self, alternative: int, members: Collection[Member]) -> dict[str, Any]:
        """A body with the required members and these optional ones.

        Raises:
            DocumentError: no such body was found.
        """
        chosen = {path[: end + 1] for path in members for end in range(len(path))}  # with what they are in
        body = self._built(self._objects[alternative], (), chosen)
        if valid(self._schema, body):
            return body
        names = {path[0] for path in chosen}
        apart = {path[0] for members in self.alternatives for path in members} - names
        exactly = {"required": sorted(names), "properties": dict.fromkeys(apart, False)}
        found = values({"allOf": [self._schema, exactly], "$defs": self._defs, "type": "object"}, 1, self._where)[0]
        return dict(found)

    @property
    def _defs(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._schema.get("$defs", {})
        return found

    def _optional(self, schema: Mapping[str, Any], path: Member) -> Iterator[Member]:
        for name, one in schema.get("properties", {}).items():
            if one is False:
                continue
            if name not in schema.get("required", ()):
                yield (*path, name)
            inner = self._object(one) if len(path) + 1 < _DEPTH else None
            if inner is not None:
                yield from self._optional(inner, (*path, name))

    def _object(self, schema: Any) -> Mapping[str, Any] | None:
        """The object that a member is, if it has members of its own."""
        if id(schema) not in self._inner:
            found = objects({**schema, "$defs": self._defs}) if isinstance(schema, Mapping) else []
            self._inner[id(schema)] = schema, next((one for one in found if one.get("properties")), None)
        return self._inner[id(schema)][1]

    def _built(self, schema: Mapping[str, Any], path: Member, chosen: Collection[Member]) -> dict[str, Any]:
        declared = schema.get("properties", {})
        required = schema.get("required", ())
        body = {}
        for name in [*declared, *(one for one in required if one not in declared)]:
            at = (*path, name)
            if name in required or at in chosen:
                one = declared.get(name, schema.get("additionalProperties", True))
                inner = self._object(one) if len(at) < _DEPTH else None
                body[name] = self._built(inner, at, chosen) if inner is not None else self._value(one, at)
        return body

    def _value(self, schema: Any, path: Member) -> Any:
        example = self._example
        for name in path:
            example = example.get(name) if isinstance(example, Mapping) else None
        if example is not None:
            return example
        if not isinstance(schema, Mapping):
            return "0"
        if id(schema) not in self._values:
            where = f"{self._where}: {'.'.join(path)}"
            self._values[id(schema)] = schema, sample({**schema, "$defs": self._defs}, where)
        return self._values[id(schema)][1]


def _members_of(value: Any, path: Member) -> Iterator[Member]:
    for name, one in value.items() if isinstance(value, Mapping) else ():
        yield (*path, name)
        yield from _members_of(one, (*path, name))
