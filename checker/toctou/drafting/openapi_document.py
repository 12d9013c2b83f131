"""Decides what an OpenAPI document says for a draft: its operations, and what things have that it describes.

It knows nothing of tables; but what is stored in ``Orders`` is likely to be like its schema ``Order``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from toctou.drafting.material import Material
from toctou.errors import DocumentError
from toctou.openapi.document import opened
from toctou.openapi.members import Bodies
from toctou.openapi.operations import Operation, operations
from toctou.openapi.references import Place
from toctou.openapi.schemas import self_contained
from toctou.openapi.values import objects

_TELLING = frozenset({"enum", "const", "format", "pattern", "example", "examples", "default", "$ref"})
"""Keywords by which a text is not just any."""


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
    document = opened(file)
    components = document.root if document.version == "2.0" else document.root.get("components")
    schemas = (
        components.get("definitions" if document.version == "2.0" else "schemas") if components is not None else None
    )
    found.schemas = dict(schemas.members()) if schemas is not None else {}
    for one in operations(document):
        if isinstance(one, Operation):
            found.operations.append(one)
        else:
            found.notes.append(f"Not drafted: {one.name}: {one.reason}.")
    return found


def attributes(schema: Place) -> dict[str, Any]:
    """The members of what a schema describes, with values; ``None`` where any text would do."""
    try:
        whole = self_contained(schema)
        bodies = Bodies(whole, (), schema.where)
        if not bodies.alternatives:
            return {}
        values = bodies.of(0, [one for one in bodies.alternatives[0] if len(one) == 1])
    except DocumentError:  # a person will have to say what is stored
        return {}
    declared = {name: one for alternative in objects(whole) for name, one in alternative.get("properties", {}).items()}
    return {name: _stored(value, declared.get(name, {})) for name, value in values.items()}


def _stored(value: Any, schema: Any) -> Any:
    """A value as DynamoDB stores it."""
    if isinstance(value, str) and isinstance(schema, Mapping) and not _TELLING & schema.keys():
        return None
    return json.loads(json.dumps(value), parse_float=Decimal)
