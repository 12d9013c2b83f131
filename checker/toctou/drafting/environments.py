"""Decides which environment variables a draft knows; one whose value is made when it is deployed is told as unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toctou.drafting.material import Material

_OF_THE_RUNTIME = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
"""What the checker sets itself."""


def add_environment(found: Material, variables: Mapping[str, Any], text: Callable[[Any], str | None]) -> None:
    """Add the variables of a function, the values of which ``text`` makes."""
    for name, value in variables.items():
        if name in _OF_THE_RUNTIME or not isinstance(name, str):
            continue
        known = text(value)
        if known is None:
            found.unknown.setdefault(name, str(value))
        elif found.environment.setdefault(name, known) != known:
            found.notes.append(f"{name} is {known!r} for another function; requests share one environment here.")
