"""What the batch actions share: limits, the rule that a batch names each item once, and how one is divided into steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from toctou.engine.schema import Key
from toctou.engine.service_error import validation
from toctou.engine.tables import Table

T = TypeVar("T")

MAXIMUM_GETS = 100
MAXIMUM_WRITES = 25
MAXIMUM_RESPONSE = 16 * 1024 * 1024


def check_distinct(items: Iterable[tuple[Table, Key]]) -> None:
    """Refuse a batch that names an item twice."""
    names = [(table.schema.table, key) for table, key in items]
    if len(set(names)) < len(names):
        raise validation("Provided list of item keys contains duplicates")


def groups(elements: Sequence[T], most: int) -> list[Sequence[T]]:
    """The elements in order, in groups of about the same size."""
    count = min(most, len(elements))
    return [elements[len(elements) * at // count : len(elements) * (at + 1) // count] for at in range(count)]


def by_table(elements: Iterable[tuple[str, T]]) -> Mapping[str, list[T]]:
    """The elements of each table; those of one table stand together."""
    return {name: [one for _, one in own] for name, own in groupby(elements, itemgetter(0))}
