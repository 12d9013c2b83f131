"""What statements read and write: the footprints of the calls that they represent."""

from __future__ import annotations

from collections.abc import Mapping

from toctou.engine.item_footprints import EXISTS, delete_rule, put_rule, update_rule
from toctou.engine.partiql.requests import PASSED_ON
from toctou.engine.partiql.statements import Statement
from toctou.engine.partiql.translation import translated
from toctou.engine.range_footprints import range_rule
from toctou.engine.touched import FootprintRule, Parameters, Result, Touched

_RULES: Mapping[str, FootprintRule] = {"INSERT": put_rule, "UPDATE": update_rule, "DELETE": delete_rule}


def statement_rule(
    touched: Touched, statement: Statement, request: Parameters, result: Result, error: str | None
) -> None:
    """A statement by itself, given the request that it is in, and its result or ``None``."""
    parameters = translated(statement, touched.schemas)
    for name in PASSED_ON:
        if name in request:
            parameters[name] = request[name]
    if statement.kind == "SELECT":
        # The answer to a statement does not say how many items were examined, and need not have their keys.
        range_rule(touched, parameters, None if result is None else {}, error)
        return
    outcome = "ConditionalCheckFailedException" if error == "DuplicateItemException" else error
    _RULES[statement.kind](touched, parameters, None, outcome)
    if statement.kind in ("UPDATE", "DELETE"):
        # Their conditions depend on whether the item exists.
        touched.reads(touched.schemas[statement.table].item_id(parameters["Key"]), EXISTS)
