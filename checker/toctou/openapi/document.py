"""Opens an OpenAPI document: which version it is, and where its references may lead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toctou.errors import DocumentError
from toctou.openapi.library import Library
from toctou.openapi.reading import Limits
from toctou.openapi.references import Place, all_references, root

_VERSIONS = re.compile(r"(2\.0|3\.[0-2])(\.\d+)?(-.*)?")


@dataclass(frozen=True, slots=True)
class Document:
    """An open document.

    Attributes:
        root: its root.
        version: ``2.0``, ``3.0``, ``3.1`` or ``3.2``.
        name: as it is shown to people.
        library: what it and its references were read from.
    """

    root: Place
    version: str
    name: str
    library: Library

    def references(self) -> Iterator[tuple[Place, Place]]:
        """Every reference of the document and of what it refers to; raises ``DocumentError`` at a broken one."""
        return all_references(self.root)


def opened(
    source: str | Path, *, root_folder: Path | None = None, allow_remote: bool = False, limits: Limits | None = None
) -> Document:
    """Open the document at a path, or at an address if remote ones are allowed.

    Args:
        source: a file, or an ``http(s)`` address.
        root_folder: the folder that references may lead to; ``None`` for the document's own.
        allow_remote: see :class:`Library`.
        limits: see :class:`Limits`.

    Raises:
        DocumentError: it cannot be read, or is no OpenAPI document of a known version.
    """
    if str(source).startswith(("http://", "https://")):
        library = Library(root_folder or Path.cwd(), allow_remote=allow_remote, limits=limits)
        return _document(root(library, str(source)), str(source), library)
    path = Path(source).absolute()
    library = Library(root_folder or path.parent, allow_remote=allow_remote, limits=limits)
    return _document(root(library, path.as_uri()), path.name, library)


def taken(data: Mapping[str, Any], name: str, *, limits: Limits | None = None) -> Document:
    """The document that an application made of itself; its references lead nowhere but into itself."""
    library = Library(Path.cwd(), limits=limits)
    uri = "urn:toctou:application"
    library.put(uri, json.loads(json.dumps(data)))
    return _document(root(library, uri), name, library)


def _document(place: Place, name: str, library: Library) -> Document:
    value = place.value
    written = str(value.get("openapi", value.get("swagger", ""))) if isinstance(value, dict) else ""
    found = _VERSIONS.fullmatch(written)
    if found is None:
        raise DocumentError(
            f"{name} says openapi: {written!r}" if written else f"{name} is not an OpenAPI document",
            expected="an object with swagger: '2.0', or openapi: 3.0, 3.1 or 3.2",
            cause="another kind of file, or a part of a document that is spread over files",
            remedy="name the file that holds `paths`",
        )
    return Document(place, found[1], name, library)
