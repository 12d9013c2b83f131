"""Decides what was meant by a value that was given to a declaration by a name that is neither an argument nor an option.

What a declaration does not know by name it takes for the values of an argument, so that a misspelt option would be one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from toctou.errors import nearest

_OTHER_NAMES: Mapping[str, str] = {"json": "body", "data": "body", "func": "function", "fn": "function"}
"""What options are called in other libraries."""


def meant_instead(declare: Callable[..., Any], name: str) -> str:
    """The remedy for a name that was nearly an option of a declaration; empty if it was not."""
    options = [one.name for one in inspect.signature(declare).parameters.values() if one.kind is one.KEYWORD_ONLY]
    other = _OTHER_NAMES.get(name, "")
    meant = other if other in options else nearest(name, options)
    return f"did you mean the option {meant}=…?" if meant else ""
