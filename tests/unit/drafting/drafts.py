"""A folder with files, and the sketch that is drafted from some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toctou.drafting.composing import sketch_of
from toctou.drafting.sketch import Declared, Sketch
from toctou.drafting.sources import material_of


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def drafted(folder: Path, files: Mapping[str, str], targets: Sequence[str] = (".",), **options: Any) -> Sketch:
    """What is drafted from these targets, for a model file in that folder."""
    written(folder, files)
    return sketch_of(material_of([folder / one for one in targets]), folder / "toctou_model.py", **options)


def handlers(sketch: Sketch) -> dict[str, Declared]:
    """The handlers by name."""
    return {one.name: one for one in sketch.handlers}
