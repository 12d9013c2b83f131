"""Decides whether two outcomes are the same but for what varies by itself: times, random numbers, identifiers.

What varies is found out instead of asked for: each outcome is known as it was, and as it was once more with another clock, and
with other random numbers.  A value that one of these does not have is a *varying* one.

- A value that varies with the clock equals any other that does, since a request that tries again reads a later time.
- One that varies with the random numbers equals another one if they stand for each other everywhere: of two requests that each
  store one identifier in two items, either may win, but not each one in one item.
- A varying value never equals one that does not vary: an item that kept its first time has lost an update.
- Of a text, the parts before and after what varies have to be equal (``3|2026-01-01T…``), and it has as many entries.  A text
  that is JSON is taken apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from typing import Any, NamedTuple

from toctou.history.operation import StoredImages
from toctou.history.request import Response

MOST_MATCHES = 100_000
"""Values that are compared at most to find out which stand for each other."""


class Outcome(NamedTuple):
    """Responses of requests, in some order, and the items stored in the end."""

    responses: Sequence[Response]
    stored: StoredImages


class Variants(NamedTuple):
    """The same, with other clocks, and with other random numbers; empty where nothing was read of either."""

    clock: Sequence[Outcome] = ()
    numbers: Sequence[Outcome] = ()


@dataclass(frozen=True, slots=True)
class _Varying:
    """A value that varies, with the clock (``timed``), with the random numbers (``named``), or with both.

    A named one stands for another one everywhere.
    """

    value: object
    timed: bool
    named: bool
    before: str
    after: str

    def like(self, other: object) -> bool:
        """Whether the other one varies in the same way; a plain value counts as one that may vary."""
        plain = other.value if isinstance(other, _Varying) else other
        if type(plain) is not type(self.value) or _divisions(plain) != _divisions(self.value):
            return False
        if isinstance(other, _Varying):
            # A time after a pause of random length varies with both, and is a time all the same.
            alike = self.named == other.named or (self.timed and other.timed)
            return alike and (self.before, self.after) == (other.before, other.after)
        return not isinstance(plain, str) or (plain.startswith(self.before) and plain.endswith(self.after))


def _divisions(value: object) -> list[str]:
    """What divides a text into entries: a log that has lost one has fewer."""
    return re.findall(r"[;|,#\n]", value) if isinstance(value, str) else []


class _Bag(list[Any]):
    """Values in no particular order."""


class Comparable:
    """An outcome in which varying values are told from others."""

    def __init__(self, outcome: Outcome, variants: Variants = Variants()) -> None:  # noqa: B008 - it is a constant
        self.outcome = outcome
        self._varying = _found(outcome, variants)
        self.responses = [_replaced(_of_response(one), self._varying) for one in outcome.responses]
        self.stored = _replaced(_of_stored(outcome.stored), self._varying)

    def response_equals(self, other: Comparable, at: int) -> bool:
        """Whether the last response here is the one at this place there."""
        return _equal(self.responses[-1], other.responses[at])

    def equals(self, other: Comparable, order: Sequence[int]) -> bool:
        """Whether all is the same, with the other one's responses in this order."""
        responses = [other.responses[at] for at in order]
        return _equal([self.responses, self.stored], [responses, other.stored])

    def places(self) -> list[str]:
        """Where varying values are: ``Counters.written``, ``body.request_id``."""
        places = [
            f"{table}.{name}" for table, images in self.stored.items() for one in images for name in _varying_names(one)
        ]
        for response in self.responses:
            for part, content in zip(("body", "headers"), response[1:], strict=False):
                places += [f"{part}.{name}" if name else part for name in _varying_names(content)]
        return list(dict.fromkeys(places))

    def without(self, stored: StoredImages) -> dict[str, list[Mapping[str, Any]]]:
        """Stored items without the attributes in which values vary here."""
        varying: dict[str, set[str]] = {}
        for table, images in self.stored.items():
            varying[table] = {name for one in images for name in _varying_names(one)}
        return {
            table: [
                {name: value for name, value in one.items() if name not in varying.get(table, ())} for one in images
            ]
            for table, images in stored.items()
        }


def _of_response(response: Response) -> list[Any]:
    return [response.status, *(_taken_apart(getattr(response, part, None)) for part in ("body", "headers"))]


def _of_stored(stored: StoredImages) -> dict[str, _Bag]:
    return {table: _Bag(_taken_apart(one) for one in images) for table, images in stored.items() if images}


def _taken_apart(value: Any) -> Any:
    """Dictionaries, lists, bags and single values; texts that are JSON as what they say."""
    if isinstance(value, Mapping):
        if len(value) == 1 and (kind := next(iter(value))) in {"SS", "NS", "BS"} and isinstance(value[kind], list):
            return {kind: _Bag(value[kind])}
        return {key: _taken_apart(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_taken_apart(one) for one in value]
    if isinstance(value, set | frozenset):
        return _Bag(_taken_apart(one) for one in value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return {"JSON": _taken_apart(json.loads(value))}
        except ValueError:
            return value
    return value


def _found(outcome: Outcome, variants: Variants) -> dict[object, _Varying]:
    """The values of an outcome that vary."""
    instead: dict[object, list[object]] = {}
    of_kind: tuple[set[object], set[object]] = set(), set()
    values: dict[object, object] = {}
    base = _whole(outcome)
    for kind, found in zip(variants, of_kind, strict=True):
        for other in kind:
            there = _whole(other)
            present, beside = set(map(_key, _values(there))), dict(_pairs(base, there))
            for value in _values(base):
                if (key := _key(value)) not in present:
                    values[key] = value
                    instead.setdefault(key, []).append(beside.get(key))
                    found.add(key)
    timed, named = of_kind
    return {
        key: _varying(values[key], others, timed=key in timed, named=key in named) for key, others in instead.items()
    }


def _whole(outcome: Outcome) -> list[Any]:
    return [[_of_response(one) for one in outcome.responses], _of_stored(outcome.stored)]


def _varying(value: object, others: Sequence[object], *, timed: bool, named: bool) -> _Varying:
    if not isinstance(value, str):
        return _Varying(value, timed, named, "", "")
    texts = [one if isinstance(one, str) else "" for one in others]
    # Cut back to where a word ends, since letters and digits may be equal by chance.
    before = re.sub(r"\w+$", "", reduce(_common, texts, value))
    rest = [one[len(before) :][::-1] for one in texts]
    after = re.sub(r"^\w+", "", reduce(_common, rest, value[len(before) :][::-1])[::-1])
    return _Varying(value, timed, named, before, after)


def _common(one: str, other: str) -> str:
    """How both begin."""
    return "".join(letter for letter, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _key(value: object) -> object:
    try:
        hash(value)
    except TypeError:
        return type(value), repr(value)
    return type(value), value


def _values(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield from tree
        for one in tree.values():
            yield from _values(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from _values(one)
    else:
        yield tree


def _pairs(one: Any, other: Any) -> Iterator[tuple[object, Any]]:
    """Values at the same place, the first one as a key."""
    if isinstance(one, dict) and isinstance(other, dict):
        for (key, value), (place, beside) in zip(one.items(), other.items(), strict=False):
            yield _key(key), place
            yield from _pairs(value, other.get(key, beside))
    elif isinstance(one, list) and isinstance(other, list):
        for value, beside in zip(one, other, strict=False):
            yield from _pairs(value, beside)
    else:
        yield _key(one), other


def _replaced(tree: Any, varying: Mapping[object, _Varying]) -> Any:
    if isinstance(tree, dict):
        return {varying.get(_key(key), key): _replaced(one, varying) for key, one in tree.items()}
    if isinstance(tree, list):
        return type(tree)(_replaced(one, varying) for one in tree)
    return varying.get(_key(tree), tree)


def _varies(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(map(_varies, tree)) or any(map(_varies, tree.values()))
    return any(map(_varies, tree)) if isinstance(tree, list) else isinstance(tree, _Varying)


def _varying_names(tree: Any) -> list[str]:
    """The parts of a mapping that hold something that varies; an empty name for anything else that does."""
    if not isinstance(tree, dict):
        return [""] if _varies(tree) else []
    return [str(name) for name, value in tree.items() if not isinstance(name, _Varying) and _varies(value)] + (
        ["(names)"] if any(isinstance(name, _Varying) for name in tree) else []
    )


def _equal(one: Any, other: Any) -> bool:
    return next(_Matching().ways(((one, other), None), {}), None) is not None


_Work = tuple[tuple[Any, Any], Any] | None
"""Pairs that have to be equal, as a linked list."""


class _Matching:
    """Searches which values stand for each other."""

    def __init__(self) -> None:
        self._left = MOST_MATCHES

    def ways(self, work: _Work, names: dict[object, object]) -> Iterator[dict[object, object]]:
        """Every way to make the pairs equal."""
        if work is None:
            yield names
            return
        self._left -= 1
        if self._left < 0:
            return
        (one, other), rest = work
        if isinstance(one, _Varying) or isinstance(other, _Varying):
            if (named := _named(one, other, names)) is not None:
                yield from self.ways(rest, named)
        elif isinstance(one, dict) and isinstance(other, dict):
            yield from self._mappings(one, other, rest, names)
        elif isinstance(one, _Bag) and isinstance(other, _Bag):
            yield from self._bags(*_cancelled(one, other), rest, names)
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) == len(other):
                yield from self.ways(_before(zip(one, other, strict=True), rest), names)
        elif one == other:
            yield from self.ways(rest, names)

    def _mappings(
        self, one: dict[Any, Any], other: dict[Any, Any], rest: _Work, names: dict[object, object]
    ) -> Iterator[dict[object, object]]:
        same = [key for key in one if not isinstance(key, _Varying) and key in other]
        left = _Bag([key, value] for key, value in one.items() if key not in same)
        right = _Bag([key, value] for key, value in other.items() if key not in same)
        yield from self._bags(left, right, _before(((one[key], other[key]) for key in same), rest), names)

    def _bags(self, one: _Bag, other: _Bag, rest: _Work, names: dict[object, object]) -> Iterator[dict[object, object]]:
        if len(one) != len(other):
            return
        if not one:
            yield from self.ways(rest, names)
            return
        for at, candidate in enumerate(other):
            left = _Bag(other[:at] + other[at + 1 :])
            yield from self.ways(((one[0], candidate), ((_Bag(one[1:]), left), rest)), names)


def _before(pairs: Iterable[tuple[Any, Any]], rest: _Work) -> _Work:
    for pair in pairs:
        rest = pair, rest
    return rest


def _cancelled(one: _Bag, other: _Bag) -> tuple[_Bag, _Bag]:
    """Both without what is the same in both, and does not vary."""
    right, left = _Bag(other), _Bag()
    for value in one:
        if value in right and not _varies(value):
            right.remove(value)
        else:
            left.append(value)
    return left, right


def _named(one: Any, other: Any, names: dict[object, object]) -> dict[object, object] | None:
    """The names with what these two values add; ``None`` if they cannot stand for each other."""
    varying, beside = (one, other) if isinstance(one, _Varying) else (other, one)
    if isinstance(beside, dict | list) or not varying.like(beside):
        return None
    if not (varying.named and isinstance(beside, _Varying) and beside.named):
        return names
    pair = [("one", _key(_value(one))), ("other", _key(_value(other)))]
    if any(names.get(here, there) != there for here, there in (pair, pair[::-1])):
        return None
    return {**names, pair[0]: pair[1], pair[1]: pair[0]}


def _value(one: Any) -> object:
    return one.value if isinstance(one, _Varying) else one
