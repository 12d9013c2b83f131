"""What the files of a run's violations are called: stable, readable, and never the same for two of them.

``models/delete_item.py:ReadThenDelete`` becomes ``delete_item.ReadThenDelete-1``, ``…-2`` and so on.  Models that would
share a name, also where a file system ignores case, get their folders in front.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

MAX_LENGTH = 120


def report_names(models: Iterable[tuple[str, int]]) -> list[str]:
    """Names without suffix for all violations of a run; takes each model's name with how many violations it has."""
    listed = list(models)
    short = [_stem(model, folders=False) for model, _ in listed]
    shared = Counter(name.casefold() for name in short)
    taken: set[str] = set()
    names = []
    for (model, violations), name in zip(listed, short, strict=True):
        stem = _unique(name if shared[name.casefold()] == 1 else _stem(model, folders=True), taken)
        names += [f"{stem}-{number}" for number in range(1, violations + 1)]
    return names


def _stem(model: str, *, folders: bool) -> str:
    place, _, name = model.rpartition(":")
    path = PurePath(place.replace("\\", "/"))
    parts = (
        [part for part in path.with_suffix("").parts if part not in {"/", "..", "."}] if path.suffix == ".py" else []
    )
    dotted = parts or place.split(".")
    readable = ".".join([*(dotted if folders else dotted[-1:]), name])
    return re.sub(r"[^\w.-]+", "_", readable).strip(".")[-MAX_LENGTH:]


def _unique(stem: str, taken: set[str]) -> str:
    candidate, turn = stem, 1
    while candidate.casefold() in taken:
        turn += 1
        candidate = f"{stem}~{turn}"
    taken.add(candidate.casefold())
    return candidate
