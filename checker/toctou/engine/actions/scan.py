"""Scan: every item of a table or index, or of one segment of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine import legacy
from toctou.engine.actions.action import Action, Kind, named_table
from toctou.engine.constraints import Rule, rules_of
from toctou.engine.database import Database
from toctou.engine.expressions.placeholders import names_of, values_of
from toctou.engine.range_footprints import range_rule
from toctou.engine.search import Source, scan_places, segment_of
from toctou.engine.selection import Selection, answer, check_select, check_source


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    segment = segment_of(parameters)
    selection = scan_selection(parameters)
    table = database.table(parameters)
    source = Source(table, parameters.get("IndexName"))
    for compiled in selection.compiled:
        table.schema.check_scalars(compiled.opened)
    check_select(parameters)
    check_source(parameters, source, selection)
    given = parameters.get("ExclusiveStartKey")
    start = source.start(given) if given else None
    return answer(parameters, source, selection, scan_places(source, start, segment))


def scan_selection(parameters: Mapping[str, Any]) -> Selection:
    """The filter and projection of a scan, checked."""
    legacy.check_not_mixed(parameters)
    filtered = parameters.get("FilterExpression") is not None
    names = names_of(parameters, (filtered, parameters.get("ProjectionExpression") is not None))
    values = values_of(parameters, None if filtered else "FilterExpression")
    selection = Selection(parameters, names, values, legacy_filter="ScanFilter")
    selection.check_used(names)
    return selection


_REQUEST = """
ScanInput: TableName!=string>=1 IndexName=string>=3 AttributesToGet=[string]>=1 Limit=integer>=1 Select=string
  ScanFilter={Condition} ConditionalOperator=string ExclusiveStartKey={AttributeValue} ReturnConsumedCapacity=string
  TotalSegments=integer>=1 Segment=integer>=0 ProjectionExpression=string FilterExpression=string
  ExpressionAttributeNames={string} ExpressionAttributeValues={AttributeValue} ConsistentRead=boolean
"""
_CONSTRAINTS = rules_of(
    "Select IndexName TotalSegments ReturnConsumedCapacity TableName ConditionalOperator ScanFilter Segment Limit",
    TotalSegments=Rule(at_least=1, at_most=1_000_000),
    Segment=Rule(at_least=0, at_most=999_999),
)

ACTION = Action(
    "Scan", Kind.READS, _perform, _REQUEST, footprint=range_rule, constraints=_CONSTRAINTS, eventual=named_table
)
