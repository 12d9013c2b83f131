"""Copies of parameters and results, so that a handler and a history never share what one of them may change."""

from __future__ import annotations

from typing import Any

_IMMUTABLE = frozenset({str, bytes, bool, int, float, type(None)})


def copied(value: Any) -> Any:
    """A copy of dictionaries and lists at any depth; everything inside them is shared, because it is immutable."""
    kind = type(value)
    if kind is dict:
        copy = {}
        for name, element in value.items():  # as a comprehension it would be a call of its own
            copy[name] = element if type(element) in _IMMUTABLE else copied(element)
        return copy
    if kind is list or kind is tuple:
        return [element if type(element) in _IMMUTABLE else copied(element) for element in value]
    if kind is bytearray:
        return bytes(value)
    return value
