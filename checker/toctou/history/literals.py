"""How a value is written for people: as Python writes it, but for what says more about Python than about the value.

A set is ``{'green', 'red'}``, whichever of Python's types holds it, in one order; a page of HTML that a handler answers is what
it is called, because its markup says nothing about a race.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST_BODY = 400
"""Characters of a body that are shown where it is only mentioned; documents hold all of it."""

_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|div|p|h1|table|form)\b", re.IGNORECASE)
_CALLED = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)


def literal(value: Any) -> str:
    """The value's text, on one line."""
    match value:
        case set() | frozenset():
            return "{" + ", ".join(sorted(map(literal, value))) + "}" if value else "{}"
        case Mapping():
            return "{" + ", ".join(f"{literal(name)}: {literal(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case tuple() if type(value) is tuple:
            return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
        case _:
            return repr(value)


def body_text(body: Any) -> str:
    """What a request answered, short enough to be mentioned."""
    if isinstance(body, str) and _PAGE.match(body):
        called = _CALLED.search(body)
        name = f" {' '.join(called[2].split())!r}" if called else ""
        return f"page{name} of {len(body):,} characters"
    text = literal(body)
    return text if len(text) <= LONGEST_BODY else f"{text[: LONGEST_BODY - 1]}…"
