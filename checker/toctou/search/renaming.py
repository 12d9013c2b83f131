"""Renamings of principals and items: what they do to data, and those that keep a model the same.

A renaming exchanges words (runs of letters, digits and underscores) wherever they occur in a principal, an argument, a stored
string or a response, so that ``USER#alice`` becomes ``USER#bob`` if ``alice`` becomes ``bob``.  A permutation of words keeps
different strings different.  Names of attributes and tables, expressions, numbers and binaries stay as they are.

A renaming *of a model* maps its principals, those of each handler, the values of each argument and the items of each table
to themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.history.item import Change, Image, ItemId, image
from toctou.history.request import Request, Response

MOST = 120
"""Renamings of one model that are used; five interchangeable items have as many."""

_STEPS = 20_000
"""Pairs of values that are compared at most in the search for renamings."""

_WORD = re.compile(r"\w+")
Words = Mapping[str, str]


@dataclass(frozen=True)
class Renaming:
    """An exchange of words; ``words`` holds those that change, each with the one that it becomes."""

    words: tuple[tuple[str, str], ...]

    @cached_property
    def _becomes(self) -> Words:
        return dict(self.words)

    def text(self, text: str) -> str:
        """A string."""
        return _WORD.sub(lambda word: self._becomes.get(word[0], word[0]), text)

    def plain(self, value: Any) -> Any:
        """A value in Python's own types, the keys of mappings included; what is of no such type stays as it is."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.plain(name): self.plain(one) for name, one in value.items()}
            case list() | tuple() | set() | frozenset() if type(value) in (list, tuple, set, frozenset):
                return type(value)(map(self.plain, value))
            case _:
                return value

    def typed(self, value: Any) -> Any:
        """Typed attribute values, and whatever contains them, such as an item or the parameters of an operation."""
        match value:
            case {"S": str(text)} if len(value) == 1:
                return {"S": self.text(text)}
            case {"SS": [*texts]} if len(value) == 1 and all(isinstance(one, str) for one in texts):
                return {"SS": sorted(map(self.text, texts))}
            case Mapping():
                return {name: self.typed(one) for name, one in value.items()}
            case list() | tuple():
                return [*map(self.typed, value)]
            case _:
                return value

    def item(self, item: ItemId) -> ItemId:
        """The name of an item."""
        return ItemId(item.table, tuple((kind, self.text(one) if kind == "S" else one) for kind, one in item.key))

    def image(self, image: Image | None) -> Image | None:
        """An item, or none."""
        renamed: Image | None = self.typed(image)
        return renamed

    def change(self, change: Change) -> Change:
        """A change of an item."""
        return Change(self.item(change.item), self.image(change.before), self.image(change.after))

    def request(self, request: Request) -> Request:
        """A request."""
        arguments = tuple((name, self.plain(value)) for name, value in request.arguments)
        return Request(self.text(request.principal), request.handler, arguments)

    def scenario(self, scenario: Scenario) -> Scenario:
        """A scenario."""
        return Scenario(tuple(map(self.request, scenario.requests)))

    def response(self, response: Response) -> Response:
        """A response."""
        raised = response.exception and replace(response.exception, message=self.text(response.exception.message))
        headers = [(name, self.text(value)) for name, value in response.headers]
        return replace(response, body=self.plain(response.body), exception=raised, headers=headers)


def renamings(model: type[Model]) -> list[Renaming]:
    """The renamings of a model that change something, at most :data:`MOST`."""
    handlers = model.handlers().values()
    values: list[Sequence[Any]] = [model.principals]
    values += [one.principals for one in handlers if one.principals is not None]
    values += [pool for handler in handlers for pool in handler.pools.values()]
    try:
        items = [[*map(image, items)] for items in model.items.values()]
    except (TypeError, AttributeError):
        return []  # storing them will report it
    # Only a permutation of words keeps different names different.
    found = (
        Renaming(tuple(sorted((word, other) for word, other in words.items() if word != other)))
        for words in _permutations([*items, *map(list, values)], {}, [_STEPS])
        if words.keys() == set(words.values())
    )
    return [
        one
        for one in islice(dict.fromkeys(found), MOST)
        if one.words
        if all(_same([*map(one.plain, kept)], kept) for kept in values)
        if all(_same([*map(one.typed, kept)], kept) for kept in items)
    ]


def alike(scenarios: Sequence[Scenario], renamed_by: Sequence[Renaming]) -> dict[int, dict[int, Renaming]]:
    """Which scenarios result from renaming an earlier one: its place, and by place of the later one the renaming."""
    places: dict[tuple[str, ...], int] = {}
    for at, scenario in enumerate(scenarios):
        places.setdefault(_described(scenario), at)
    found: dict[int, dict[int, Renaming]] = {}
    taken: set[int] = set()
    for at, scenario in enumerate(scenarios):
        if at in taken:
            continue
        for renaming in renamed_by:
            other = renaming.scenario(scenario)
            place = places.get(_described(other), at)
            if place > at and place not in taken and _same(scenarios[place].requests, other.requests):
                taken.add(place)
                found.setdefault(at, {})[place] = renaming
    return found


def _described(scenario: Scenario) -> tuple[str, ...]:
    return tuple(sorted(map(repr, scenario.requests)))


def _same(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether these are the same values in some order."""
    ordered, other_ordered = sorted(values, key=repr), sorted(others, key=repr)
    # Values of equal text may differ, and equal values, such as 1 and True, may differ in their text.
    return ordered == other_ordered and [*map(repr, ordered)] == [*map(repr, other_ordered)]


def _permutations(kept: Sequence[list[Any]], words: Words, steps: list[int]) -> Iterator[Words]:
    """Every exchange of words that maps each of these collections to itself."""
    if not kept:
        yield words
        return
    for extended in _onto(kept[0], kept[0], words, steps):
        yield from _permutations(kept[1:], extended, steps)


def _onto(values: Sequence[Any], left: Sequence[Any], words: Words, steps: list[int]) -> Iterator[Words]:
    if not values:
        yield words
        return
    for at, other in enumerate(left):
        # One counter for the whole search, so a list of one number that all levels share.
        steps[0] -= 1
        if steps[0] < 0:
            return
        extended = _matched(values[0], other, words)
        if extended is not None:
            yield from _onto(values[1:], [*left[:at], *left[at + 1 :]], extended, steps)


def _matched(value: Any, other: Any, words: Words) -> Words | None:
    """The exchange extended so that it maps ``value`` to ``other``; ``None`` if that is impossible."""
    match value, other:
        case str(), str():
            return _matched_words(value, other, words)
        case Mapping(), Mapping() if value.keys() == other.keys():
            return _matched_all([(value[name], other[name]) for name in value], words)
        case (list(), list()) | (tuple(), tuple()) if len(value) == len(other):
            return _matched_all(list(zip(value, other, strict=True)), words)
        case (set() | frozenset(), set() | frozenset()) if len(value) == len(other):
            return words  # their order says nothing; `renamings` compares them in the end
        case _:
            return words if type(value) is type(other) and value == other else None


def _matched_all(pairs: Sequence[tuple[Any, Any]], words: Words) -> Words | None:
    for value, other in pairs:
        extended = _matched(value, other, words)
        if extended is None:
            return None
        words = extended
    return words


def _matched_words(value: str, other: str, words: Words) -> Words | None:
    if _WORD.split(value) != _WORD.split(other):
        return None
    extended = dict(words)
    for word, becomes in zip(_WORD.findall(value), _WORD.findall(other), strict=True):
        if extended.setdefault(word, becomes) != becomes:
            return None
    return extended if len(set(extended.values())) == len(extended) else None
