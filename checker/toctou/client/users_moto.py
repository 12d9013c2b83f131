"""Decides whether the user has started moto, or only we have."""

from __future__ import annotations

import sys
from typing import Any

_ours: list[bool] = []
"""For each moto that we have started and not ended: whether somebody else's was active before."""


def users_moto_is_active() -> bool:
    """Whether moto is active, and was before we have started ours."""
    if _ours:
        return _ours[0]
    models: Any = sys.modules.get("moto.core.models")  # which takes long to import, and is there if it is used
    return models is not None and bool(models.botocore_stubber.enabled)


def begins() -> None:
    """Ours is about to start."""
    _ours.append(users_moto_is_active())


def ends() -> None:
    """One of ours has ended."""
    _ours.pop()
