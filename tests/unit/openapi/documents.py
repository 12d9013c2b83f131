"""Small documents for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toctou.openapi.document import Document, opened


def written(folder: Path, files: dict[str, Any], **options: Any) -> Document:
    """Write files (data as JSON, texts as they are) and open the first one."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return opened(folder / next(iter(files)), **options)


def api(version: str, paths: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A document of a version."""
    name = "swagger" if version == "2.0" else "openapi"
    number = version if version == "2.0" else f"{version}.0"
    return {name: number, "info": {"title": "t", "version": "1"}, "paths": paths or {}, **members}


def with_schema(version: str, schema: Any, **components: Any) -> dict[str, Any]:
    """A document with one operation whose body has the schema."""
    operation = {
        "operationId": "put",
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {},
    }
    return api(version, {"/things": {"put": operation}}, components={"schemas": components})
