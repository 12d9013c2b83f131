"""Decides where the code of a function is that the CDK, or ``aws cloudformation package``, has packed.

The CDK copies it to a folder beside the template, which is named by the function's metadata or by the manifest of assets.  A
model had better import the team's own files, so the folder of the project that holds the same handler is looked for first.

Source: https://docs.aws.amazon.com/cdk/v2/guide/assets.html.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toctou.drafting.resources import mapping

_PATH, _PROPERTY = "aws:asset:path", "aws:asset:property"
_SKIPPED = frozenset({"node_modules", "site-packages", "venv", ".venv", "__pycache__", ".git", "cdk.out", ".aws-sam"})
_MOST = 20_000
"""Files that are looked at."""


def folder_of_code(resource: Mapping[str, Any], properties: Mapping[str, Any], handler: str, file: Path) -> Path | None:
    """The folder that a function's module is imported from; ``None`` where it cannot be found.

    Args:
        resource, properties: of the template.
        handler: of the function.
        file: the template.
    """
    code, metadata = properties.get("Code"), mapping(resource.get("Metadata"))
    if isinstance(code, str):  # a folder that `aws cloudformation package` will pack
        return file.parent / code
    packed = metadata.get(_PATH) if metadata.get(_PROPERTY) == "Code" else _listed(file, mapping(code).get("S3Key"))
    if not isinstance(packed, str) or not handler.rpartition(".")[0].strip("./"):
        return None
    folder = file.parent / packed
    module = Path(*handler.rpartition(".")[0].strip("./").replace("/", ".").split(".")).with_suffix(".py")
    if not (folder / module).is_file():
        return None
    return _same(folder, module, file.resolve().parent.parent) or folder


def _listed(template: Path, key: Any) -> Any:
    """Where an object of the bucket of assets comes from: https://docs.aws.amazon.com/cdk/api/v2/docs/cloud-assembly-schema."""
    manifest = template.with_name(template.name.removesuffix(".template.json") + ".assets.json")
    try:
        files = mapping(mapping(json.loads(manifest.read_bytes())).get("files")).values()
    except (OSError, ValueError):
        return None
    return next((mapping(one["source"]).get("path") for one in map(mapping, files) if _is_sent_to(one, key)), None)


def _is_sent_to(asset: Mapping[str, Any], key: Any) -> bool:
    destinations = mapping(asset.get("destinations")).values()
    return "source" in asset and any(mapping(one).get("objectKey") == key for one in destinations)


def _same(folder: Path, module: Path, project: Path) -> Path | None:
    """The folder of the project that holds the same module."""
    content = (folder / module).read_bytes()
    for one in _files(project, [_MOST]):
        if one.parts[-len(module.parts) :] == module.parts and one.read_bytes() == content:
            return one.parents[len(module.parts) - 1]
    return None


def _files(folder: Path, left: list[int]) -> Iterator[Path]:
    for one in sorted(folder.iterdir()):
        left[0] -= 1
        if left[0] < 0:
            return
        if one.is_dir() and not one.is_symlink() and one.name not in _SKIPPED:
            yield from _files(one, left)
        elif one.suffix == ".py" and one.is_file():
            yield one
