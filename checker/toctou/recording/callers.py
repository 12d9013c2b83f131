"""Decides for whom the recorded requests act, and which attribute of the items says whose they are.

Callers are looked for where requests say who makes them (claims, credentials, headers, arguments with such names), and are taken
for callers if their values turn up in the stored items.  An attribute counts as the owner's only if the tests bear it out: what
was changed belonged to its caller each time, and somebody else was refused.  Whoever knows better names both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.engine import Schema
from toctou.history.item import Image, ItemId, plain
from toctou.recording.leaves import Place, leaves
from toctou.recording.reconstruction import Reconstructed, keys_of

NOBODY = "caller"
"""Who a request acts for if nothing says so."""

_CALLER = re.compile(
    r"(x[-_])?((sub|subject|principal|principalid|caller|actor|requester|current_?user|owner)([-_]?(id|name))?"
    r"|(user|account|customer|member|tenant|client|identity|player|author|employee|auth)([-_]?(id|name|email|sub|key))?"
    r"|email|username|cognito:username|uid|upn|api[-_]?key)",
    re.IGNORECASE,
)
_STRONG = frozenset({"claims", "authorizer", "jwt", "identity", "authorization"})
_TARGETS = frozenset({"pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "path", "query"})
"""Where requests say what they are about, rather than who makes them."""

_OWNER = re.compile(
    r"(owner|created_?by|author|user|account|customer|tenant|member|holder|assignee|seller|creator)([-_]?(id|name|email|sub))?",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^[A-Za-z_]+[#:/|]")


@dataclass(frozen=True, slots=True)
class Callers:
    """Who calls.

    Attributes:
        places: where requests of each entry say who calls, by the entry's name.
        owner: the attribute that says whose an item is; ``None`` if none was found.
        evidence: how that is known, as text.
    """

    places: Mapping[str, Place]
    owner: str | None = None
    evidence: str = ""

    def of(self, request: Reconstructed) -> str:
        """Whom a request acts for."""
        place = self.places.get(request.requested.entry.name)
        return NOBODY if place is None else _at(request, place) or NOBODY


def callers(requests: Sequence[Reconstructed], principal: str = "", owner: str = "") -> Callers:
    """Who calls in these requests.

    Args:
        requests: of a session.
        principal: the place that says it, such as ``headers.x-user`` or ``sub``; empty to find it.
        owner: the attribute; empty to find it.
    """
    by_entry: dict[str, list[Reconstructed]] = {}
    for one in requests:
        by_entry.setdefault(one.requested.entry.name, []).append(one)
    stored = _values(requests)
    places = {}
    for name, those in by_entry.items():
        place = _named(those, principal) if principal else _found(those, stored)
        if place is not None:
            places[name] = place
    found = Callers(places)
    if owner:
        attribute = owner.partition(".")[0]
        images = [image for one in requests for those in one.items.values() for image in those]
        images += [change.after or {} for one in requests for call in one.operations for change in call.changes]
        if not any(attribute in image for image in images):
            return Callers(places, None, f"no stored item has the attribute {owner!r} that was named")
        return Callers(places, owner, "as the options say")
    return _with_owner(found, requests)


def _at(request: Reconstructed, place: Place) -> str:
    return next((str(value) for one, value in leaves(request.requested.arguments) if one == place), "")


def _named(requests: Sequence[Reconstructed], principal: str) -> Place | None:
    wanted = tuple(principal.split("."))
    for request in requests:
        for place, _ in leaves(request.requested.arguments):
            names = [".".join(one).casefold() for one in (place, place[:-1])]  # what is in a token need not be named
            if place[-len(wanted) :] == wanted or any(one.endswith(principal.casefold()) for one in names):
                return place
    return None


def _found(requests: Sequence[Reconstructed], stored: Counter[str]) -> Place | None:
    seen: dict[Place, Counter[str]] = {}
    for request in requests:
        for place, value in leaves(request.requested.arguments):
            if isinstance(value, str) and value and _CALLER.fullmatch(place[-1]) and _TARGETS.isdisjoint(place):
                seen.setdefault(place, Counter())[value] += 1
    scores = {
        place: (
            not _STRONG.isdisjoint(map(str.lower, place)),
            -("body" in place),
            matched / values.total(),
            len(values),
        )
        for place, values in seen.items()
        if (matched := sum(count for value, count in values.items() if stored[value])) * 2 >= values.total()
    }
    return max(scores, key=lambda place: scores[place], default=None)


def _values(requests: Sequence[Reconstructed]) -> Counter[str]:
    """The texts of stored items, with and without what stands before a separator (``USER#``)."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    for request in requests:
        images = [image for those in request.items.values() for image in those]
        images += [change.after for one in request.operations for change in one.changes if change.after is not None]
        for image in images:
            if id(image) not in seen:
                seen.add(id(image))
                for _, value in leaves(plain(image)):
                    if isinstance(value, str):
                        found[value] += 1
                        if (rest := _PREFIX.sub("", value)) != value:
                            found[rest] += 1
    return found


def _with_owner(known: Callers, requests: Sequence[Reconstructed]) -> Callers:
    kept: Counter[str] = Counter()
    broken: set[str] = set()
    refused: Counter[str] = Counter()
    for request in requests:
        caller = known.of(request)
        keys = frozenset().union(*keys_of(request.tables).values())
        if caller == NOBODY or request.doubt:
            continue
        if request.accepted:
            for name, owner in _owners(_changed(request), keys):
                if owner == caller:
                    kept[name] += 1
                else:
                    broken.add(name)
        elif _denied(request):
            for name in {name for name, owner in _owners(_read(request), keys) if owner != caller}:
                refused[name] += 1
    borne_out = [name for name in kept if name not in broken and refused[name]]
    called_owner = [name for name in borne_out if "owner" in name.lower()]
    best = next(iter(called_owner or borne_out), None)
    if best is None:
        return known
    if len(called_owner or borne_out) > 1:  # a rule that nobody made would be worse than none
        several = " and ".join(map(repr, called_owner or borne_out))
        return Callers(known.places, None, f"{several} both may say it")
    times = f"{kept[best]} change{'s' if kept[best] > 1 else ''} of their own items, {refused[best]} refusal"
    return Callers(known.places, best, f"{times}{'s' if refused[best] > 1 else ''} of others'")


def _denied(request: Reconstructed) -> bool:
    """Whether somebody was refused who asked for what is another one's."""
    refused = (400,) if request.requested.entry.kind == "function" else (401, 403, 404)
    return request.response is not None and request.response.status in refused and not request.writes


def _owners(images: Iterator[Image], keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """Attributes that may name an owner, and whom; a key does not change."""
    for image in images:
        for name, value in image.items():
            if "S" in value and _OWNER.fullmatch(name) and name not in keys:
                yield name, value["S"]


def _changed(request: Reconstructed) -> Iterator[Image]:
    for operation in request.operations:
        for change in operation.changes:
            if change.before is not None:
                yield change.before


def _read(request: Reconstructed) -> Iterator[Image]:
    """The items that a request has looked at, as they were before it."""
    images = by_item(request)
    for operation in request.operations:
        looked_at: Any = [*operation.footprint.reads]
        for item in images:
            if any(one.covers(item) for one in operation.footprint.ranges):
                looked_at.append(item)
        for item in dict.fromkeys(looked_at):
            if item in images:
                yield images[item]


def by_item(request: Reconstructed) -> dict[ItemId, Image]:
    """The items before a request by their names."""
    schemas = {str(one["TableName"]): Schema.of(one) for one in request.tables}
    return {schemas[table].item_id(one): one for table, those in request.items.items() for one in those}
