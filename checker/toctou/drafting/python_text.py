"""Decides how values are laid out as Python source: as ``ruff format`` does it, so that a draft needs no formatting.

What fits on a line stays there.  Otherwise the arguments of a call go to a line of their own, or to one each; the elements of a
list, a tuple or a dictionary always to one each.  Source: https://docs.astral.sh/ruff/formatter/black/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from toctou.drafting.sketch import Code

WIDTH = 100
_STEP = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A call, with its arguments by position and by name."""

    function: str
    arguments: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


def assignment(name: str, value: Any, indent: int = 0) -> str:
    """``name = value``, on as many lines as that takes."""
    return " " * indent + f"{name} = " + laid_out(value, indent, len(name) + 3)


def laid_out(value: Any, indent: int, before: int = 0, after: int = 0) -> str:
    """The source of a value that begins after some columns of a line with this indentation, and ends before some."""
    flat = source(value)
    if indent + before + len(flat) + after <= WIDTH and "\n" not in flat:
        return flat
    opening, parts, closing, is_call = _parts(value)
    if not parts:
        return flat
    inner = indent + _STEP
    one_line = ", ".join(prefix + source(part) for prefix, part in parts)
    if is_call and inner + len(one_line) <= WIDTH:
        lines = [one_line]
    else:
        lines = [f"{prefix}{laid_out(part, inner, len(prefix), 1)}," for prefix, part in parts]
    body = "".join(f"\n{' ' * inner}{line}" for line in lines)
    return f"{opening}{body}\n{' ' * indent}{closing}"


def source(value: Any) -> str:
    """The source of a value on one line."""
    opening, parts, closing, _ = _parts(value)
    if not opening:
        return _scalar(value)
    inside = ", ".join(prefix + source(part) for prefix, part in parts)
    return f"{opening}{inside}{',' if opening == '(' and len(parts) == 1 else ''}{closing}"


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str, bool]:
    """Brackets, what is between them, each with what stands before it, and whether this is a call."""
    match value:
        case Decimal():
            return "Decimal(", [("", str(value))], ")", True
        case Call():
            named = [(f"{name}=", one) for name, one in value.named.items()]
            return f"{value.function}(", [*(("", one) for one in value.arguments), *named], ")", True
        case Mapping():
            return "{", [(f"{source(name)}: ", one) for name, one in value.items()], "}", False
        case list():
            return "[", [("", one) for one in value], "]", False
        case tuple():
            return "(", [("", one) for one in value], ")", False
        case set() | frozenset() if value:
            return "{", [("", one) for one in sorted(value, key=repr)], "}", False
    return "", [], "", False


def _scalar(value: Any) -> str:
    if isinstance(value, Code):
        return str(value)
    if not isinstance(value, str | bytes):
        return repr(value)
    written = repr(value)
    text = value if isinstance(value, str) else value.decode("latin-1")
    prefix, quoted = ("b", written[1:]) if isinstance(value, bytes) else ("", written)
    if quoted[0] == '"' or text.count('"') > text.count("'"):  # double quotes would have to be escaped more often
        return written
    return prefix + '"' + quoted[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def every(value: Any) -> Iterator[Any]:
    """The values at any depth, so that it can be asked which types a source has to import."""
    yield value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple | set) else ()
    for one in inside:
        yield from every(one)
