"""Decides whether the user has started moto, or only we have."""

from __future__ import annotations

import sys
from typing import Any

_ours: list[bool] = []
"""For each moto that we have started and not ended: whether somebody else's was active before."""

_resets = 0
_used_at_import = False


def users_moto_is_active() -> bool:
    """Whether moto is active, and was before we have started ours."""
    if _ours:
        return _ours[0]
    models: Any = sys.modules.get("moto.core.models")  # which takes long to import, and is there if it is used
    return models is not None and bool(models.botocore_stubber.enabled)


def begins() -> None:
    """Ours is about to start."""
    global _resets  # noqa: PLW0603
    _ours.append(users_moto_is_active())
    _resets += 1


def ends() -> None:
    """One of ours has ended."""
    global _resets  # noqa: PLW0603
    _ours.pop()
    _resets += 1


def resets() -> int:
    """How often moto may have forgotten everything, as it does when the first one starts and the last one ends."""
    return _resets


def note_use_at_import() -> None:
    """Modules ask moto while they are imported: what it holds from now on they need."""
    global _used_at_import  # noqa: PLW0603
    _used_at_import = True


def used_at_import() -> bool:
    """Whether modules that were imported have something in moto."""
    return _used_at_import
