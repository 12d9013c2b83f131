"""What a PartiQL statement says, with its paths and values as placeholders of the API's expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TypedValue = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """A condition.

    Attributes:
        text: as an expression of the API.
        compound: whether it must stand in parentheses within another one.
        conjuncts: the conditions that it joins by ``AND``; none if it is not such a one.
        attribute: for a comparison of one attribute with values: its name.
        operator: for such a comparison: as key conditions write it.
        operands: for such a comparison: the values.
        placeholders: for such a comparison: the values' placeholders.
    """

    text: str
    compound: bool = False
    conjuncts: tuple[Term, ...] = ()
    attribute: str | None = None
    operator: str = ""
    operands: tuple[TypedValue, ...] = ()
    placeholders: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Term, ...]:
        """The conditions that must all hold."""
        return self.conjuncts or (self,)


@dataclass(slots=True)
class Statement:
    """One statement.

    Attributes:
        kind: ``SELECT``, ``INSERT``, ``UPDATE``, ``DELETE`` or ``EXISTS``.
        index: the index that is selected from.
        where: the condition, if any.
        columns: what is selected: the name in the answer, and the path; none for everything.
        item: what is inserted.
        clauses: the update's actions by section.
        returning: what is returned, as ``ReturnValues`` writes it.
        order: what stands after ``ORDER BY``: attributes, and whether descending.
        names: the placeholders of names.
        values: the placeholders of values.
    """

    kind: str
    table: str
    index: str | None = None
    where: Term | None = None
    columns: list[tuple[str, str]] = field(default_factory=list)
    item: dict[str, TypedValue] = field(default_factory=dict)
    clauses: dict[str, list[str]] = field(default_factory=dict)
    returning: str | None = None
    order: list[tuple[str, bool]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, TypedValue] = field(default_factory=dict)
