"""Which recorded requests are alike: requests of one handler that made the same calls at the same lines, with the same status.

A handler is named by its method and path, with ``{id}`` for each segment that is part of a key that the request touched; without
a path, by its function.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any
from urllib.parse import unquote

from toctou.recording.reconstruction import Reconstructed

_SHORTEST = 1
_GENERIC = frozenset({"handler", "lambda_handler", "main", "handle", "run"})


def handler_name(request: Reconstructed) -> str:
    """What a person would call the handler of a request."""
    entry = request.requested.entry
    template = entry.template(request.requested.arguments) or ""
    if template:
        return template
    route = entry.route(request.requested.arguments)
    function = _function(entry.name)
    if not route:
        return function
    method, _, path = route.partition(" ")
    if not path:
        return f"{method} {function}"
    keys = _key_texts(request)
    named, count = [], 0
    for segment in path.partition("?")[0].split("/"):
        text = unquote(segment)
        if len(text) >= _SHORTEST and (text.isdigit() or any(_is_part(text, key) for key in keys)):
            count += 1
            named.append("{id}" if count == 1 else f"{{id{count}}}")
        else:
            named.append(segment)
    return f"{method} {'/'.join(named)}"


def _function(entry: str) -> str:
    module, _, function = entry.rpartition(":")
    return f"{module.rpartition('.')[2]}.{function}" if function in _GENERIC else function


def _is_part(text: str, key: str) -> bool:
    return key == text or any(key.endswith(f"{by}{text}") or f"{by}{text}{by}" in key for by in "#:/|_")


def _key_texts(request: Reconstructed) -> set[str]:
    found: set[str] = set()
    for operation in request.operations:
        for item in operation.footprint.items():
            found.update(str(value) for _, value in item.key)
        for one in operation.footprint.ranges:
            if one.partition is not None:
                found.add(str(one.partition[1]))
    return found


def names_of(requests: Sequence[Reconstructed]) -> list[str]:
    """The handlers' names; one whose request touched nothing has the name of the only other one that fits."""
    names = [handler_name(one) for one in requests]
    entries: dict[str, set[str]] = {}
    for one, name in zip(requests, names, strict=True):
        entries.setdefault(name, set()).add(one.requested.entry.name)
    # Events of tests often have one and the same path, or none.
    names = [
        name
        if len(entries[name]) == 1 or one.requested.entry.kind == "http"
        else f"{name} {_function(one.requested.entry.name)}"
        for one, name in zip(requests, names, strict=True)
    ]
    templates = [one for one in dict.fromkeys(names) if "{" in one]
    found = []
    for name in names:
        fitting = [one for one in templates if "{" not in name and _fits(name, one)]
        found.append(fitting[0] if len(fitting) == 1 else name)
    return found


def _fits(name: str, template: str) -> bool:
    own, other = name.split("/"), template.split("/")
    return len(own) == len(other) and all(
        one == another or another.startswith("{") for one, another in zip(own, other, strict=True)
    )


def kind(request: Reconstructed, name: str) -> Hashable:
    """The same for requests that are alike."""
    calls: list[Any] = [
        (
            one.action,
            None if one.source is None else (one.source.file, one.source.line),
            one.error and one.error.code,
            bool(one.changes),
        )
        for one in request.operations
    ]
    status = None if request.response is None else request.response.status
    return name, status, tuple(dict.fromkeys(calls))
