"""The syntax tree of expressions: what was written, before placeholders are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Path:
    """A document path as written: names, ``#placeholders`` and list indices."""

    parts: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that stands in ``ExpressionAttributeValues``, such as ``:caller``."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its operands."""

    function: str
    operands: tuple[Operand, ...]


Operand: TypeAlias = Path | Placeholder | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``, ``BETWEEN`` or ``IN``, with all operands in the order written."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """``AND`` or ``OR`` of two or more conditions."""

    operator: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """``NOT`` of a condition."""

    term: Condition


Condition: TypeAlias = Comparison | Junction | Negation | Call


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The sum or difference of two operands."""

    operator: str
    left: Operand
    right: Operand


SetValue: TypeAlias = Operand | Arithmetic


Clause: TypeAlias = tuple[Path, SetValue | None]
"""What one action of an update names: the path, and what it sets, adds or deletes there."""


@dataclass(frozen=True, slots=True)
class Update:
    """The actions of an update expression in the order written, each as ``(section, path, value)``."""

    actions: tuple[tuple[str, Path, SetValue | None], ...]
