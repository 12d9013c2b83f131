"""Fills the ``{name}`` placeholders of what routes and events declare with the arguments of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"\{(\w+)\}")


def filled(part: Any, values: Mapping[str, Any]) -> Any:
    """A part with values for its placeholders; a text that is exactly one placeholder becomes the value as it is."""
    if isinstance(part, str):
        whole = NAME.fullmatch(part)
        if whole:
            return values[whole[1]]
        return NAME.sub(lambda found: str(values[found[1]]), part)
    if isinstance(part, Mapping):
        return {name: filled(value, values) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [filled(value, values) for value in part]
    return part


def names(part: Any) -> list[str]:
    """The placeholders of a part, at any depth."""
    if isinstance(part, str):
        return NAME.findall(part)
    if isinstance(part, Mapping):
        return [name for value in part.values() for name in names(value)]
    return [name for value in part for name in names(value)] if isinstance(part, list | tuple) else []
