"""Opens an OpenAPI document: its version, and where its references may lead."""

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
        version: ``2.0``, ``3.0``, ``3.1`` or ``3.2``.
        name: for messages.
    """

    root: Place
    version: str
    name: str
    library: Library

    def references(self) -> Iterator[tuple[Place, Place]]:
        """Every reference with its target, transitively; raises ``DocumentError`` for a broken one."""
        return all_references(self.root)


def opened(
    source: str | Path, *, root_folder: Path | None = None, allow_remote: bool = False, limits: Limits | None = None
) -> Document:
    """Open the document at a path, or at a URL if remote ones are allowed.

    Args:
        source: a file, or an ``http(s)`` URL.
        root_folder: the folder that references may lead to; ``None`` for the document's own.

    Raises:
        DocumentError: it cannot be read, or is not an OpenAPI document of a known version.
    """
    if str(source).startswith(("http://", "https://")):
        library = Library(root_folder or Path.cwd(), allow_remote=allow_remote, limits=limits)
        return _document(root(library, str(source)), str(source), library)
    path = Path(source).absolute()
    library = Library(root_folder or path.parent, allow_remote=allow_remote, limits=limits)
    return _document(root(library, path.as_uri()), path.name, library)


def taken(data: Mapping[str, Any], name: str, *, limits: Limits | None = None) -> Document:
    """The document that an application has generated of itself; its references may lead only into itself."""
    library = Library(Path.cwd(), limits=limits)
    uri = "urn:toctou:application"
    # Frameworks hand out string enums and parts that share objects; the round trip leaves plain JSON.
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
            cause="another kind of file, or one part of a document that is split into files",
            remedy="name the file that contains `paths`",
        )
    return Document(place, found[1], name, library)
