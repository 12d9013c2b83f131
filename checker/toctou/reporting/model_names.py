"""What models are called in reports: as the command line takes them, and wherever they are loaded from."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

from toctou.reporting.source_document import INSTALLED, portable_file


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


def file_from(model: str, file: str) -> str:
    """A file's name as it is wherever a run of the model is started: from the model's folder, or within installed packages.

    Args:
        file: absolute, or from the working directory; as it is if it is not there, since a service has names of its own.
    """
    place = model.partition("@")[0].rpartition(":")[0]
    declared = place if place.endswith(".py") else getattr(sys.modules.get(place), "__file__", None)
    known = not INSTALLED.intersection(Path(file).parts) and Path(file).exists()
    if not known or declared is None or not identity(model):
        return portable_file(os.path.abspath(file) if known else file)
    try:
        return PurePath(os.path.relpath(file, Path(declared).resolve().parent)).as_posix()
    except ValueError:  # on another drive
        return portable_file(file)
