"""Decides in which SDK a remedy is written where the source cannot be changed, and who writes it.

Each SDK is a module here with ``render``, which gets calls that know no language (:mod:`.parts`); a further one is a module
and a line in :data:`SDKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toctou.remediation.remedy_data import Document, NotPossible, edits_of
from toctou.remediation.snippets import boto3_client, boto3_resource, go, java, javascript, rust
from toctou.remediation.snippets.parts import Sketch, sketches

SDKS: Mapping[str, Callable[[Sequence[Sketch]], str]] = {
    "boto3": boto3_client.render,
    "boto3-resource": boto3_resource.render,
    "rust": rust.render,
    "go": go.render,
    "java": java.render,
    "javascript": javascript.render,
}
"""What ``--sdk`` takes."""

_OF_SUFFIX = {
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".kt": "java",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "javascript",
}
_OF_BUILD = {
    "Cargo.toml": "rust",
    "go.mod": "go",
    "pom.xml": "java",
    "build.gradle": "java",
    "build.gradle.kts": "java",
    "package.json": "javascript",
}


def snippet(document: Document, sdk: str) -> str:
    """The remedy of a violation's document in an SDK's language.

    Raises:
        NotPossible: it is advice only.
    """
    edits = edits_of(document)
    if not edits:
        raise NotPossible("the remedy is advice, which has to be weighed")
    return SDKS[sdk](sketches(document, edits))


def sdk_of(document: Document, project: Path) -> str:
    """The SDK of the code of a violation: by the files of its calls, or of its service if these came over the wire."""
    places = [one["source"] for one in document["steps"] if one["source"]]
    for place in places:
        found = _OF_SUFFIX.get(Path(place["file"]).suffix)
        if found is not None:
            return found
    if places:
        return "boto3" if any("TableName" in one["text"] for one in places) else "boto3-resource"
    return _of_service(document["model"], project) or "boto3"


def _of_service(model: str, project: Path) -> str | None:
    """By what builds the service beside a model, or nearest above it in the project."""
    place = model.rpartition(":")[0] or model
    start = project / (place if place.endswith(".py") else place.replace(".", "/"))
    for folder in (start, *start.parents):
        if not folder.is_relative_to(project):
            break
        found = next((sdk for name, sdk in _OF_BUILD.items() if (folder / name).is_file()), None)
        if found is not None:
            return found
    return None
