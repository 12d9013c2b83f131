"""What a Query or Scan returns of the items it found: ``Select``, projection and filter, checked together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toctou.engine import capacity, legacy
from toctou.engine.expressions.compiled import Compiled
from toctou.engine.expressions.conditions import CompiledCondition, compiled_condition
from toctou.engine.expressions.placeholders import Names, Values, check_all_used
from toctou.engine.expressions.projections import CompiledProjection, compiled_projection
from toctou.engine.legacy_conditions import legacy_condition
from toctou.engine.search import Page, Place, Source, page
from toctou.engine.service_error import invalid_parameter, validation
from toctou.engine.values import Value


class Selection:
    """The filter and projection of one request.

    Attributes:
        condition: the filter, if any.
        projection: the projection, if any.
        count_only: whether only the number of items is wanted.
    """

    __slots__ = ("condition", "count_only", "projection", "values")

    def __init__(self, parameters: Mapping[str, Any], names: Names, values: Values, *, legacy_filter: str) -> None:
        self.values = values
        self.condition: CompiledCondition | None = None
        self.projection: CompiledProjection | None = None
        text = parameters.get("FilterExpression")
        if text is not None:
            self.condition = compiled_condition("FilterExpression", text, names)
            self.condition.check(values)
        elif parameters.get(legacy_filter):
            self.condition = legacy_condition(parameters, legacy_filter)
        projected = parameters.get("ProjectionExpression")
        if projected is not None:
            self.projection = compiled_projection(projected, names)
        elif parameters.get("AttributesToGet"):
            self.projection = legacy.projection(parameters["AttributesToGet"])
        self.count_only = parameters.get("Select") == "COUNT"

    @property
    def compiled(self) -> list[Compiled]:
        """The filter and the projection, where there are any."""
        return [one for one in (self.condition, self.projection) if one is not None]

    def check_used(self, names: Names, *others: Compiled) -> None:
        """Refuse placeholders that neither these nor the request's other expressions use."""
        used_names: frozenset[str] = frozenset()
        used_values: frozenset[str] = frozenset()
        for compiled in (*others, *self.compiled):
            used_names |= compiled.used_names
            used_values |= compiled.used_values
        check_all_used(names, self.values, used_names, used_values)

    def passes(self) -> Callable[[Mapping[str, Value]], bool] | None:
        """The filter as a function of the item."""
        condition = self.condition
        if condition is None:
            return None
        holds, values = condition.holds, self.values
        return lambda image: holds(image, values)


def check_select(parameters: Mapping[str, Any]) -> None:
    """Refuse a ``Select`` that contradicts the other parameters."""
    select = parameters.get("Select")
    if select is None:
        return
    projected = next((name for name in ("AttributesToGet", "ProjectionExpression") if parameters.get(name)), None)
    if select == "SPECIFIC_ATTRIBUTES":
        if projected is None:
            raise validation(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
            )
    elif projected is not None:
        what = "only the Count" if select == "COUNT" else select
        raise validation(f"Cannot specify the {projected} when choosing to get {what}")
    if select == "ALL_PROJECTED_ATTRIBUTES" and parameters.get("IndexName") is None:
        raise validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")


def check_source(parameters: Mapping[str, Any], source: Source, selection: Selection) -> None:
    """Refuse what a global index cannot give: consistency, or attributes that it does not hold."""
    index = source.index
    if index is None or not index.schema.is_global:
        return
    if parameters.get("ConsistentRead"):
        raise validation("Consistent reads are not supported on global secondary indexes")
    held, projection = index.schema.projected, selection.projection
    if held is None:
        return
    if parameters.get("Select") == "ALL_ATTRIBUTES":
        raise invalid_parameter(
            f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.schema.name} "
            "because its projection type is not ALL"
        )
    if projection is not None and not projection.reads <= held:
        lacking = ", ".join(sorted(projection.reads - held))
        raise invalid_parameter(f"Global secondary index {index.schema.name} does not project [{lacking}]")


def check_query_filter(source: Source, selection: Selection) -> None:
    """Refuse a query's filter on attributes that the index does not hold; a scan finds them missing instead."""
    if source.index is None or selection.condition is None:
        return
    held, filtered = source.index.schema.projected, selection.condition.reads
    if held is not None and not filtered <= held:
        lacking = ", ".join(sorted(filtered - held))
        name = source.index.schema.name
        raise invalid_parameter(f"Secondary index {name} does not project one or more filter attributes: [{lacking}]")


def answer(
    parameters: Mapping[str, Any],
    source: Source,
    selection: Selection,
    places: Iterable[Place],
    *,
    whole: bool = False,
) -> dict[str, Any]:
    """The result of looking at these places; ``whole``: of items everything, for the caller to make its own projection."""
    level = capacity.level_of(parameters)
    if _leaves_index(parameters, source, selection):
        source.fetches = True
    found = page(source, places, parameters.get("Limit"), selection.passes(), measured=level is not None)
    result: dict[str, Any] = {"Count": len(found.images), "ScannedCount": found.scanned}
    if not selection.count_only:
        projection = None if whole else selection.projection
        result["Items"] = found.images if projection is None else [projection.part_of(image) for image in found.images]
    if found.last is not None:
        result["LastEvaluatedKey"] = source.last_evaluated(found.last)
    if level is not None:
        result["ConsumedCapacity"] = _consumed(level, parameters, source, found)
    return result


def _leaves_index(parameters: Mapping[str, Any], source: Source, selection: Selection) -> bool:
    """Whether a local index does not hold what is wanted, so that whole items are fetched from the table."""
    index = source.index
    if index is None or index.schema.is_global or index.schema.projected is None:
        return False
    held = index.schema.projected
    if parameters.get("Select") == "ALL_ATTRIBUTES":
        return True
    return selection.projection is not None and not selection.projection.reads <= held


def _consumed(level: str, parameters: Mapping[str, Any], source: Source, found: Page) -> dict[str, Any]:
    units = capacity.read_units(found.size, consistent=bool(parameters.get("ConsistentRead")))
    if source.index is None:
        return capacity.report(level, source.table, units)
    return capacity.report(level, source.table, 0.0, {source.index.schema.name: units})
