"""What models are called in reports: as the command line takes them, and wherever they are loaded from."""

from __future__ import annotations

import os
from pathlib import Path, PurePath


def portable_target(target: str) -> str:
    """A target as the command line takes it, its path relative to the working directory."""
    path, colon, name = target.rpartition(":")
    if not colon or not os.path.isabs(path):
        return target
    return f"{relative_path(Path(path))}:{name}"


def relative_path(path: Path) -> str:
    """The path from the working directory, with forward slashes; the bare name where there is none."""
    try:
        return PurePath(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        return path.name


def identity(model: str) -> str:
    """What a model is called wherever it is loaded from: ``orders_model:Orders``; ``""`` for what was recorded from a test."""
    place, _, name = model.partition("@")[0].rpartition(":")
    if " #" in name:
        return ""
    stem = PurePath(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return f"{stem}:{name}"
