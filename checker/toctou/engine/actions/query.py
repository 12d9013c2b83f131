"""Query: the items of one partition of a table or index, in order of the sort key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import legacy
from toctou.engine.actions.action import Action, Kind, named_table
from toctou.engine.constraints import rules_of
from toctou.engine.database import Database
from toctou.engine.expressions.compiled import Compiled
from toctou.engine.expressions.key_conditions import CompiledKeyCondition, KeyPart, compiled_key_condition
from toctou.engine.expressions.placeholders import names_of, values_of
from toctou.engine.legacy_conditions import legacy_key_parts
from toctou.engine.range_footprints import range_rule
from toctou.engine.search import Source, matched_keys, query_places
from toctou.engine.selection import Selection, answer, check_query_filter, check_select, check_source
from toctou.engine.service_error import ServiceError, validation


class QueryExpressions:
    """The key condition, filter and projection of one query, checked.

    Attributes:
        selection: the filter and projection.
        filtered_by: the parameter that the filter came from.
    """

    __slots__ = ("_key_condition", "filtered_by", "selection")

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        old = legacy.check_not_mixed(parameters)
        self.filtered_by = "QueryFilter" if old else "Filter Expression"
        text = parameters.get("KeyConditionExpression")
        conditions = parameters.get("KeyConditions")
        if text is None:
            if conditions is None:
                raise validation(
                    "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
                )
            if not conditions:
                raise validation("Conditions must be at least length 1")
        names = names_of(parameters, (text is not None,))
        values = values_of(parameters, None if text is not None else "KeyConditionExpression")
        self.selection = Selection(parameters, names, values, legacy_filter="QueryFilter")
        self._key_condition: CompiledKeyCondition | list[KeyPart]
        if text is None:
            self._key_condition = legacy_key_parts(conditions or {})
        else:
            compiled = compiled_key_condition(text, names)
            compiled.check(values)
            self.selection.check_used(names, compiled)
            self._key_condition = compiled

    @property
    def compiled(self) -> list[Compiled]:
        """All that was compiled."""
        return [*self.selection.compiled, *([] if isinstance(self._key_condition, list) else [self._key_condition])]

    def parts(self) -> list[KeyPart]:
        """What must hold of each key attribute; raises ``ServiceError`` if it is no key condition."""
        if isinstance(self._key_condition, list):
            return self._key_condition
        return self._key_condition.parts(self.selection.values)


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    expressions = QueryExpressions(parameters)
    selection = expressions.selection
    try:
        table = database.table(parameters)
    except ServiceError:
        expressions.parts()  # what is wrong in them is reported first
        raise
    source = Source(table, parameters.get("IndexName"))
    for compiled in expressions.compiled:
        table.schema.check_scalars(compiled.opened)
    partition, sort = matched_keys(source, expressions.parts())
    check_select(parameters)
    check_source(parameters, source, selection)
    check_query_filter(source, selection)
    given = parameters.get("ExclusiveStartKey")
    start = source.start(given) if given else None
    if selection.condition is not None:
        for name in sorted(source.key_names & selection.condition.reads):
            raise validation(
                f"{expressions.filtered_by} can only contain non-primary key attributes: Primary key attribute: {name}"
            )
    forward = parameters.get("ScanIndexForward", True)
    return answer(parameters, source, selection, query_places(source, partition, sort, start, forward=forward))


_REQUEST = """
QueryInput: TableName!=string>=1 IndexName=string>=3 Select=string AttributesToGet=[string]>=1 Limit=integer>=1
  ConsistentRead=boolean KeyConditions={Condition} QueryFilter={Condition} ConditionalOperator=string
  ScanIndexForward=boolean ExclusiveStartKey={AttributeValue} ReturnConsumedCapacity=string
  ProjectionExpression=string FilterExpression=string KeyConditionExpression=string ExpressionAttributeNames={string}
  ExpressionAttributeValues={AttributeValue}
"""
_CONSTRAINTS = rules_of(
    "Select IndexName ReturnConsumedCapacity QueryFilter TableName ConditionalOperator Limit KeyConditions"
)

ACTION = Action(
    "Query", Kind.READS, _perform, _REQUEST, footprint=range_rule, constraints=_CONSTRAINTS, eventual=named_table
)
