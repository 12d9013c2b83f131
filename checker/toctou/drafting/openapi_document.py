"""Decides what an OpenAPI document says for a draft: its operations.  It knows nothing of what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toctou.drafting.material import Material
from toctou.openapi.document import opened
from toctou.openapi.operations import Operation, operations


def is_document(data: Mapping[str, Any]) -> bool:
    """Whether a document is one of OpenAPI."""
    return "openapi" in data or "swagger" in data


def read(data: Mapping[str, Any], file: Path) -> Material:
    """Its operations; one for which no request can be made is noted.

    Raises:
        DocumentError: it cannot be read.
    """
    information = data.get("info")
    found = Material(
        title=str(information.get("title", "")) if isinstance(information, Mapping) else "", origins=[file]
    )
    for one in operations(opened(file)):
        if isinstance(one, Operation):
            found.operations.append(one)
        else:
            found.notes.append(f"Not drafted: {one.name}: {one.reason}.")
    return found
