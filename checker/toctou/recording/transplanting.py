"""Makes a recorded request that meets another one: the same, with its identifiers replaced by those of the other's test.

Which identifiers correspond follows from what both touched: where one item of each has the same table and keys that differ only
in a part that the request says itself, that part becomes the other's; and so with who owns it, versions and tokens that are
stored in both items.  Whether the result is accepted there is found by running it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toctou.history.item import Image, ItemId, plain
from toctou.recording.callers import Callers, by_item
from toctou.recording.leaves import Place, leaves, renamed
from toctou.recording.reconstruction import Reconstructed

_CORRESPONDS = re.compile(
    r"(.*_)?(id|ids|key|pk|sk|hash|token|version|etag|revision|rev|owner|user|email|name|status|tenant|account)|.*Id|.*Version",
    re.IGNORECASE,
)
_SHORTEST = 2
_MOST = 3

Mapped = Mapping[str, str]


def transplanted(request: Reconstructed, into: Reconstructed, callers: Callers) -> Iterator[dict[str, Any]]:
    """The arguments of a request for the state before another one, the most promising first; its own may be among them."""
    own = request.requested.arguments
    texts = _texts(own)
    candidates = [_corresponding(request, into, texts, callers, start) for start in range(_MOST)]
    made: list[dict[str, Any]] = []
    for mapped in (*candidates, {}):
        arguments = with_names(own, mapped)
        if arguments not in made:
            made.append(arguments)
            yield arguments


def mapping(request: Reconstructed, into: Reconstructed, callers: Callers) -> dict[str, str]:
    """What of a request has to be replaced by what, so that it meets another one in that one's state."""
    return _corresponding(request, into, _texts(request.requested.arguments), callers, 0)


def with_names(arguments: Mapping[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The arguments with each text, or part of one between separators, that is mapped replaced."""
    if not mapped:
        return dict(arguments)
    by_length = sorted(mapped, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(one)}(?![A-Za-z0-9])" for one in by_length))
    found: dict[str, Any] = renamed(arguments, lambda text: pattern.sub(lambda one: mapped[one[0]], text))
    return found


def as_caller(arguments: Mapping[str, Any], place: Place, caller: str) -> dict[str, Any]:
    """The arguments of a request that somebody else makes."""
    before = next((str(value) for one, value in leaves(arguments) if one == place), "")
    if not before:
        return dict(arguments)

    def walk(value: Any, rest: Place, at: Place) -> Any:
        if not rest or (isinstance(value, str) and at):
            return renamed(value, lambda text: caller if text == before else text, at)
        if isinstance(value, Mapping):
            return {
                name: walk(one, rest[1:], (*at, name)) if str(name) == rest[0] else one for name, one in value.items()
            }
        if isinstance(value, list):
            return [walk(one, rest[1:], (*at, str(i))) if str(i) == rest[0] else one for i, one in enumerate(value)]
        return value

    found: dict[str, Any] = walk(arguments, place, ())
    return found


def _texts(arguments: Mapping[str, Any]) -> set[str]:
    return {str(value) for _, value in leaves(arguments) if len(str(value)) >= _SHORTEST}


def _corresponding(
    request: Reconstructed, into: Reconstructed, texts: set[str], callers: Callers, start: int
) -> dict[str, str]:
    """What to replace by what, beginning with the item of the other request at this position."""
    mapped: dict[str, str] = {}
    own_items, other_items = _touched(request), _touched(into)
    own_images, other_images = _with_made(request), _with_made(into)
    others = list(other_items[start:]) + list(other_items[:start])
    caller = callers.of(request)
    for own in own_items:
        for other in others:
            found = _same_key(own, other, texts)
            if found is None or any(mapped.get(one, to) != to or to in texts for one, to in found.items()):
                continue  # the last: two things of one request must not become one
            if (
                found
                and own in own_images
                and other in other_images
                and not _alike(own_images[own], other_images[other])
            ):
                continue
            mapped.update(found)
            if own in own_images and other in other_images:
                _map_contents(own_images[own], other_images[other], texts, caller, mapped)
            break
    return {one: to for one, to in mapped.items() if one != to}


def _with_made(request: Reconstructed) -> dict[ItemId, Image]:
    """The items before a request, and those that it has made."""
    changes = [change for operation in request.operations for change in operation.changes]
    return {**{change.item: change.after for change in changes if change.after is not None}, **by_item(request)}


def _alike(own: Image, other: Image) -> bool:
    """Whether two items are of one kind: tables may hold several, which have other attributes."""
    both, either = own.keys() & other.keys(), own.keys() | other.keys()
    return len(both) * 2 >= len(either)


def _same_key(own: ItemId, other: ItemId, texts: set[str]) -> dict[str, str] | None:
    """What makes one key of the other; ``None`` if nothing does."""
    if own.table != other.table or len(own.key) != len(other.key):
        return None
    found: dict[str, str] = {}
    for (kind, value), (other_kind, other_value) in zip(own.key, other.key, strict=True):
        if kind != other_kind:
            return None
        if value == other_value:
            continue
        part = _part(str(value), str(other_value), texts)
        if part is None or found.get(part[0], part[1]) != part[1]:
            return None
        found[part[0]] = part[1]
    return found


def _part(own: str, other: str, texts: set[str]) -> tuple[str, str] | None:
    """The part of a text that a request says, and what stands in its place in another text."""
    for text in sorted((one for one in texts if one in own), key=len, reverse=True):
        before, _, after = own.partition(text)
        if len(other) > len(before) + len(after) and other.startswith(before) and other.endswith(after):
            return text, other[len(before) : len(other) - len(after)]
    return None


def _map_contents(own: Image, other: Image, texts: set[str], caller: str, mapped: dict[str, str]) -> None:
    ours, theirs = plain(own), plain(other)
    for name in ours.keys() & theirs.keys():
        one, to = ours[name], theirs[name]
        if isinstance(one, str | int) and isinstance(to, str | int) and one != to and not isinstance(one, bool):
            text = str(one)
            if text in texts and (text == caller or _CORRESPONDS.fullmatch(name)):
                mapped.setdefault(text, str(to))


def _touched(request: Reconstructed) -> list[ItemId]:
    """The items that a request touched, in order, those in its ranges included."""
    images = by_item(request)
    found: list[ItemId] = []
    for operation in request.operations:
        found += sorted(operation.footprint.items(), key=str)
        found += [item for item in images if any(one.covers(item) for one in operation.footprint.ranges)]
    return list(dict.fromkeys(found))
