"""What is left out of comparisons with serial runs: attributes of stored items and keys of bodies, as a model says.

Also left out is what a function reports of a batch as failed: it is said to the source of the event, which delivers that again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from toctou.history.footprint import Attributes
from toctou.history.operation import StoredImages
from toctou.history.request import Response

BODY = "body"
"""Names the responses' bodies, where others name tables."""

Ignore = Mapping[str, Sequence[str]]
"""Names of attributes by table, and of keys by :data:`BODY`; ``meta.updated_at`` leads into a map."""


class Ignored:
    """Leaves out of responses and stored items what a model ignores."""

    def __init__(self, ignore: Ignore, reported: Callable[[Response], Response] | None = None) -> None:
        self._reported = reported
        self._paths = {part: [name.split(".") for name in names] for part, names in ignore.items()}
        self._in_body = self._paths.get(BODY, [])

    def response(self, response: Response) -> Response:
        """The response without what is ignored in its body."""
        response = response if self._reported is None else self._reported(response)
        if not self._in_body:
            return response
        return replace(response, body=_without(response.body, self._in_body))

    def compared(self, table: str, attributes: Attributes) -> Attributes:
        """Of the attributes of a table's items, those that are not ignored as a whole."""
        return attributes - {path[0] for path in self._paths.get(table, ()) if len(path) == 1}

    def stored(self, stored: StoredImages) -> StoredImages:
        """The stored items without what is ignored in them."""
        if not self._paths.keys() & stored.keys():
            return stored
        return {
            table: [_without_attributes(one, self._paths[table]) for one in images] if table in self._paths else images
            for table, images in stored.items()
        }


def _without(body: Any, paths: Sequence[Sequence[str]]) -> Any:
    if isinstance(body, list | tuple):
        return [_without(one, paths) for one in body]
    if not isinstance(body, Mapping):
        return body
    here = {path[0] for path in paths if len(path) == 1}
    return {
        name: _without(value, _below(paths, name)) if _below(paths, name) else value
        for name, value in body.items()
        if name not in here
    }


def _without_attributes(image: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> Any:
    here = {path[0] for path in paths if len(path) == 1}
    kept = {name: value for name, value in image.items() if name not in here}
    for name, value in kept.items():
        below = _below(paths, name)
        if below and "M" in value:
            kept[name] = {"M": _without_attributes(value["M"], below)}
    return kept


def _below(paths: Sequence[Sequence[str]], name: str) -> list[Sequence[str]]:
    return [path[1:] for path in paths if len(path) > 1 and path[0] == name]
