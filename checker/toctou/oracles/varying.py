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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from typing import Any, NamedTuple

from toctou.history.normal_form import same_body
from toctou.history.operation import StoredImages
from toctou.history.request import Response

MOST_MATCHES = 100_000
"""Choices of one value for another that are tried at most to find out which stand for each other."""


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

    A named one stands for another one everywhere.  One that is ``shared`` is, elsewhere, a value that does not vary.
    """

    value: object
    timed: bool
    named: bool
    shared: bool
    before: str
    after: str

    def like(self, other: _Varying) -> bool:
        """Whether the other one varies in the same way."""
        # A time after a pause of random length varies with both, and is a time all the same.
        alike = self.named == other.named or (self.timed and other.timed)
        return alike and self._as(other.value) and (self.before, self.after) == (other.before, other.after)

    def may_be(self, value: object) -> bool:
        """Whether a value may vary in the same way."""
        return self._as(value) and (
            not isinstance(value, str) or (value.startswith(self.before) and value.endswith(self.after))
        )

    def _as(self, value: object) -> bool:
        return type(value) is type(self.value) and _divisions(value) == _divisions(self.value)


def _divisions(value: object) -> list[str]:
    """What divides a text into entries: a log that has lost one has fewer."""
    return re.findall(r"[;|,#\n]", value) if isinstance(value, str) else []


class _Bag(list[Any]):
    """Values in no particular order."""


class Comparable:
    """An outcome in which varying values are told from others; without variants, anything may vary."""

    def __init__(self, outcome: Outcome, variants: Variants | None = None) -> None:
        self.outcome = outcome
        self._known = variants is not None
        self._varying = _found(outcome, variants or Variants())
        self.responses = [_replaced(_of_response(one), self._varying) for one in outcome.responses]
        self.stored = _replaced(_of_stored(outcome.stored), self._varying)

    def response_equals(self, other: Comparable, at: int) -> bool:
        """Whether the last response here is the one at this place there."""
        return _equal(self.responses[-1], other.responses[at], loosely=not (self._known and other._known))

    def equals(self, other: Comparable, order: Sequence[int]) -> bool:
        """Whether all is the same, with the other one's responses in this order."""
        responses = [other.responses[at] for at in order]
        left, right = [self.responses, self.stored], [responses, other.stored]
        return _equal(left, right, loosely=not (self._known and other._known))

    def stores_the_same(self, other: Comparable) -> bool:
        """Whether the stored items are the same."""
        return _equal(self.stored, other.stored, loosely=not (self._known and other._known))

    def places(self) -> list[str]:
        """Where varying values are: ``Counters.written``, ``body.request_id``."""
        places = [
            f"{table}.{name}" for table, images in self.stored.items() for one in images for name in _varying_names(one)
        ]
        for response in self.responses:
            for part, content in zip(("body", "headers"), response[1:], strict=True):
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
    base = _whole(outcome)
    values = {_key(one): one for one in _values(base)}
    shared = set(values)
    for kind, found in zip(variants, of_kind, strict=True):
        for other in kind:
            there = _whole(other)
            present, beside = Counter(map(_key, _values(there))), dict(_pairs(base, there))
            shared &= present.keys()
            # Another value may be the same by chance, so it counts how often there is one.
            for key in Counter(map(_key, _values(base))) - present:
                instead.setdefault(key, []).append(beside.get(key))
                found.add(key)
    timed, named = of_kind
    return {
        key: _varying(values[key], others, timed=key in timed, named=key in named, shared=key in shared)
        for key, others in instead.items()
    }


def _whole(outcome: Outcome) -> list[Any]:
    return [[_of_response(one) for one in outcome.responses], _of_stored(outcome.stored)]


def _varying(value: object, others: Sequence[object], *, timed: bool, named: bool, shared: bool) -> _Varying:
    if not isinstance(value, str):
        return _Varying(value, timed, named, shared, "", "")
    texts = [one if isinstance(one, str) else "" for one in others]
    # Cut back to where a word ends, since letters and digits may be equal by chance.
    before = re.sub(r"\w+$", "", reduce(_common, texts, value))
    rest = [one[len(before) :][::-1] for one in texts]
    after = re.sub(r"^\w+", "", reduce(_common, rest, value[len(before) :][::-1])[::-1])
    return _Varying(value, timed, named, shared, before, after)


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


def _equal(one: Any, other: Any, *, loosely: bool) -> bool:
    """Whether there is a way for values to stand for each other in which all is equal; depth first, without recursion."""
    left = MOST_MATCHES
    states: list[Iterator[_State]] = [iter([_State(((one, other), None), {})])]
    while states and left:
        state = next(states[-1], None)
        if state is None:
            states.pop()
            continue
        left -= 1
        following = _following(state, loosely=loosely)
        if following is None:
            return True
        states.append(following)
    return False


_Work = tuple[tuple[Any, Any], Any] | None
"""Pairs that have to be equal, as a linked list."""


class _State(NamedTuple):
    """What is left to be compared, and which values stand for each other so far."""

    work: _Work
    names: dict[object, object]


class _Rest(list[Any]):
    """Values in no particular order, one of which has to be chosen for each."""


def _following(state: _State, *, loosely: bool) -> Iterator[_State] | None:
    """The states after the next choice; ``None`` if all is equal without any."""
    work, names = state
    while work is not None:
        (one, other), work = work
        if isinstance(one, _Varying) or isinstance(other, _Varying):
            named = _named(one, other, names, loosely=loosely)
            if named is None:
                return iter(())
            names = named
        elif isinstance(one, _Rest):
            if len(one) != len(other):
                return iter(())
            if one:
                return _choices(one, other, work, names)
        elif isinstance(one, _Bag) and isinstance(other, _Bag):
            work = _cancelled(one, other), work
        elif isinstance(one, dict) and isinstance(other, dict):
            work = _before(_members(one, other), work)
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            work = _before(zip(one, other, strict=True), work)
        elif not same_body(one, other):
            return iter(())
    return None


def _choices(one: _Rest, other: _Rest, rest: _Work, names: dict[object, object]) -> Iterator[_State]:
    for at, candidate in enumerate(other):
        left = _Rest(other[:at] + other[at + 1 :])
        yield _State(((one[0], candidate), ((_Rest(one[1:]), left), rest)), names)


def _members(one: dict[Any, Any], other: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """What has to be equal in two mappings: values of the same keys, and other members in no particular order."""
    same = [key for key in one if not isinstance(key, _Varying) and key in other]
    yield from ((one[key], other[key]) for key in same)
    left, right = ([[key, value] for key, value in each.items() if key not in same] for each in (one, other))
    if left or right:
        yield _Bag(left), _Bag(right)


def _before(pairs: Iterable[tuple[Any, Any]], rest: _Work) -> _Work:
    for pair in pairs:
        rest = pair, rest
    return rest


def _cancelled(one: _Bag, other: _Bag) -> tuple[_Rest, _Rest]:
    """Both without what is the same in both, and does not vary."""
    right, left = _Rest(other), _Rest()
    for value in one:
        alike = () if _varies(value) else (at for at, beside in enumerate(right) if same_body(value, beside))
        at = next(iter(alike), None)
        if at is None:
            left.append(value)
        else:
            del right[at]
    return left, right


def _named(one: Any, other: Any, names: dict[object, object], *, loosely: bool) -> dict[object, object] | None:
    """The names with what these two values add; ``None`` if they cannot stand for each other."""
    if not (isinstance(one, _Varying) and isinstance(other, _Varying)):
        varying, plain = (one, other) if isinstance(one, _Varying) else (other, one)
        same = (loosely and varying.may_be(plain)) or (varying.shared and _key(plain) == _key(varying.value))
        return names if same else None
    if not one.like(other):
        return None
    if not (one.named and other.named) or one.shared or other.shared:
        return names
    pair = ("one", _key(one.value)), ("other", _key(other.value))
    if any(names.get(here, there) != there for here, there in (pair, pair[::-1])):
        return None
    return {**names, pair[0]: pair[1], pair[1]: pair[0]}
