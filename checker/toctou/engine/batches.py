"""What the batch actions share: limits, and the rule that a batch names each item once."""

from __future__ import annotations

from collections.abc import Iterable

from toctou.engine.schema import Key
from toctou.engine.service_error import validation
from toctou.engine.tables import Table

MAXIMUM_GETS = 100
MAXIMUM_WRITES = 25
MAXIMUM_RESPONSE = 16 * 1024 * 1024


def check_distinct(items: Iterable[tuple[Table, Key]]) -> None:
    """Refuse a batch that names an item twice."""
    names = [(table.schema.table, key) for table, key in items]
    if len(set(names)) < len(names):
        raise validation("Provided list of item keys contains duplicates")
