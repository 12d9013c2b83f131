"""How a line of code is named in a document: the same on every machine."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

from toctou.history.request import SourceLine

Document = dict[str, Any]

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed packages."""


def source_document(source: SourceLine | None) -> Document | None:
    """A line of code; its file is named so that it reads the same on every machine."""
    if source is None:
        return None
    return {
        "file": portable_file(source.file),
        "line": source.line,
        "function": source.function,
        "text": source.text.strip(),
    }


def portable_file(file: str) -> str:
    """A file's name, from the working directory or from the folder of installed packages."""
    if not os.path.isabs(file):
        return PurePath(file).as_posix()
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    parts = path.parts
    packages = [at for at, part in enumerate(parts) if part in INSTALLED]
    return "/".join(parts[packages[-1] + 1 :] if packages else ("…", *parts[-2:]))


def own_line(site: Document) -> Document:
    """The line of the function that decides, which leads to a call; that of the call where nothing else is known."""
    return dict(site.get("at") or next(iter(site.get("stack") or ()), None) or site["source"])
