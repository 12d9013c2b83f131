"""Finds the routes of an application, so that a request for a path that it does not have can be told from one for a missing item.

Applications are recognised by what they have, never by an import: Flask's ``url_map``, the ``routes`` of Starlette, FastAPI and
Chalice, and Django's resolver, of which there is one in a process.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple

_PARAMETER = re.compile(r"<[^>]*>|\{[^}]*\}")
_REST_OF_PATH = re.compile(r"<path:|:path\}")
_NEAR = 0.6
_DEEPEST = 5


class Declared(NamedTuple):
    """A route: its methods, none of them for any, and its path with parameters as ``<name>`` or ``{name}``."""

    methods: frozenset[str]
    path: str

    def __str__(self) -> str:
        return " ".join([*sorted(self.methods - {"HEAD", "OPTIONS"})[:1], self.path])


def declared_routes(application: Any) -> list[Declared]:
    """The routes of an application; none if they cannot be told."""
    try:
        return list(dict.fromkeys(_routes(application)))
    except Exception:  # an application's own attributes, which only happen to have these names
        return []


def matches(route: Declared, path: str) -> bool:
    """Whether a path without its query is one of the route's."""
    pattern = "".join(
        re.escape(text) if not _PARAMETER.fullmatch(text) else ".+" if _REST_OF_PATH.search(text) else "[^/]+"
        for text in re.split(f"({_PARAMETER.pattern})", route.path)
    )
    return re.fullmatch(pattern, path) is not None


def nearest(routes: Iterable[Declared], method: str, path: str) -> Declared | None:
    """The route whose path is most like this one; of equally alike ones, one with the method."""
    found = max(routes, key=lambda one: (_likeness(one, path), method in one.methods), default=None)
    return found if found is not None and _likeness(found, path) >= _NEAR else None


def _likeness(route: Declared, path: str) -> float:
    # A parameter is like whatever stands in its place.
    given = path.split("/")
    parts = [
        given[at] if at < len(given) and _PARAMETER.search(part) else part
        for at, part in enumerate(route.path.split("/"))
    ]
    return SequenceMatcher(None, "/".join(parts), path).ratio()


def _routes(application: Any) -> Iterator[Declared]:
    if (rules := getattr(application, "url_map", None)) is not None:
        for rule in rules.iter_rules():
            yield Declared(frozenset(rule.methods or ()), rule.rule)
    elif isinstance(routes := getattr(application, "routes", None), Mapping):
        for path, by_method in routes.items():
            yield Declared(frozenset(by_method), path)
    elif routes is not None:
        yield from _of_starlette(routes, "", _DEEPEST)
    elif type(application).__module__.startswith("django."):
        yield from _of_django(sys.modules["django.urls"].get_resolver().url_patterns, "/", _DEEPEST)


def _of_starlette(routes: Iterable[Any], before: str, deeper: int) -> Iterator[Declared]:
    for one in routes:
        included = getattr(
            one, "effective_candidates", None
        )  # of a router that FastAPI has included, with the whole paths
        below = getattr(one, "routes", None)
        if included is not None and deeper:
            yield from _of_starlette(included(), before, deeper - 1)
        elif below and deeper:
            yield from _of_starlette(below, before + one.path, deeper - 1)
        elif hasattr(one, "path"):
            yield Declared(frozenset(getattr(one, "methods", None) or ()), before + one.path)


def _of_django(patterns: Iterable[Any], before: str, deeper: int) -> Iterator[Declared]:
    for one in patterns:
        text = before + str(one.pattern)
        if hasattr(one, "url_patterns") and deeper:
            yield from _of_django(one.url_patterns, text, deeper - 1)
        elif not set("^$\\(") & set(text):  # a regular expression says too little of its paths
            yield Declared(frozenset(), text)
