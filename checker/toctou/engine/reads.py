"""What a read returns of an item: its projection, in expressions or legacy parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import legacy
from toctou.engine.database import Database
from toctou.engine.expressions.placeholders import NO_VALUES, check_all_used, names_of
from toctou.engine.expressions.projections import CompiledProjection, compiled_projection
from toctou.engine.schema import Key
from toctou.engine.service_error import ServiceError
from toctou.engine.tables import Table
from toctou.engine.values import Item
from toctou.engine.writes import check_values, key_in

_NOTHING: frozenset[str] = frozenset()


def projection_of(parameters: Mapping[str, Any]) -> CompiledProjection | None:
    """The projection of a read that has no other expressions, checked; ``None`` for whole items."""
    text = parameters.get("ProjectionExpression")
    legacy.check_not_mixed(parameters)
    if text is None:
        if parameters.get("AttributesToGet"):
            return legacy.projection(parameters["AttributesToGet"])
        names_of(parameters, ())
        return None
    names = names_of(parameters, (True,))
    projection = compiled_projection(text, names)
    check_all_used(names, NO_VALUES, projection.used_names, _NOTHING)
    return projection


class Get:
    """One prepared read of one item."""

    __slots__ = ("key", "projection", "table")

    def __init__(self, table: Table, key: Key, projection: CompiledProjection | None) -> None:
        self.table = table
        self.key = key
        self.projection = projection

    @property
    def stored(self) -> Item | None:
        """The item as it is stored."""
        return self.table.items.get(self.key)

    def result(self) -> dict[str, Any]:
        """``{"Item": …}``, or nothing if there is no item."""
        image = self.table.items.get(self.key)
        if image is None:
            return {}
        return {"Item": image if self.projection is None else self.projection.part_of(image)}


def get(database: Database, parameters: Mapping[str, Any]) -> Get:
    """Prepare a ``GetItem`` or the ``Get`` of a transaction."""
    key = key_in(parameters)
    try:
        projection = None if len(parameters) == 2 else projection_of(parameters)
        table = database.table(parameters)
    except ServiceError:
        check_values(key)
        raise
    found = table.schema.key_of(key)
    if projection is not None:
        table.schema.check_scalars(projection.opened)
    return Get(table, found, projection)
