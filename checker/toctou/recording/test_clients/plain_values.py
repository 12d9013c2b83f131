"""Writes down as plain data what a test gives an application beside a request, such as who is signed in, and makes it again."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

NONE: Any = object()
"""There is no plain data that says enough of a value to change it."""

_SCALARS = (str, int, float, bool, type(None))
_DEPTH = 4


def data_of(value: Any, depth: int = _DEPTH) -> Any:
    """A scalar as it is, and the members of a mapping, a dataclass or a pydantic model that are data; else :data:`NONE`."""
    if isinstance(value, _SCALARS):
        return value
    if depth == 0 or isinstance(value, type):
        return NONE
    if isinstance(value, Mapping):
        members: Mapping[Any, Any] = value
    elif dataclasses.is_dataclass(value):
        members = {one.name: getattr(value, one.name, None) for one in dataclasses.fields(value)}
    elif hasattr(type(value), "model_fields"):
        members = vars(value)
    else:
        return NONE
    found = {str(name): data_of(one, depth - 1) for name, one in members.items()}
    return {name: one for name, one in found.items() if one is not NONE}


def with_data(value: Any, data: Any) -> Any:
    """The value with this data instead of its own; itself if they are the same."""
    own = data_of(value)
    if data == own:
        return value
    if not isinstance(own, dict) or not isinstance(data, Mapping):
        return data
    changed = {name: one for name, one in data.items() if name not in own or own[name] != one}
    if isinstance(value, Mapping):
        return {**value, **{name: with_data(value.get(name), one) for name, one in changed.items()}}
    another = copy.copy(value)
    for name, one in changed.items():
        object.__setattr__(another, name, with_data(getattr(value, name, None), one))  # it may be frozen
    return another
