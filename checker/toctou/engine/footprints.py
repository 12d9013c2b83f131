"""Footprints: what one performed operation read and wrote.

They are taken from the request, its answer and the images of the items it changed, never from an engine, so that an
operation performed by another implementation of DynamoDB gets the same footprint.

The rule that everything here obeys: two operations whose order can matter share something that one of them writes.  Three
cases need care.

* Whether an operation succeeds is part of its answer.  A conditional failure has read what its condition looks at; an update
  that could not be applied has read everything it looks at.  A request that is wrong whatever is stored has read nothing.
* Limits on sizes (an item of 400 KB, a page of 1 MB) make every attribute matter.  Items and values that could come near
  them count as read and written whole, and pages of many items as read whole.
* Two increments commute only while neither can run out of digits, and only if the attribute was there before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.item_footprints import (
    EXISTS,
    Rule,
    delete_rule,
    get_rule,
    put_rule,
    transact_get_rule,
    transact_write_rule,
    update_rule,
)
from toctou.engine.partiql.requests import PASSED_ON, statement_in
from toctou.engine.partiql.statements import Statement
from toctou.engine.partiql.transaction import transaction_call
from toctou.engine.partiql.translation import single_read, translated
from toctou.engine.range_footprints import MANY, accessed, found_items, query_range
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError
from toctou.engine.touched import Touched
from toctou.errors import InternalError, UnsupportedAction
from toctou.history.footprint import ALL, EMPTY, Footprint, KeyRange
from toctou.history.item import Change

_OF_ONE_ITEM = frozenset({"DeleteItem", "PutItem", "UpdateItem"})
_NOT_APPLIED = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
    }
)


def footprint(
    action: str,
    parameters: Mapping[str, Any],
    schemas: Mapping[str, Schema],
    *,
    result: Mapping[str, Any] | None,
    error_code: str | None,
    changes: Sequence[Change],
    largest: int | None = None,
) -> Footprint:
    """What one operation read and wrote.

    Args:
        action: the API's name for it.
        parameters: as handed to the client.
        schemas: the schemas of all tables, by name.
        result: what was answered; ``None`` for an error.
        error_code: the error's name, if an error was answered.
        changes: the items it changed, each before and after.
        largest: no item before or after counts more bytes than this; ``None`` where that is not known.

    Raises:
        UnsupportedAction: the action is not known here, or it changed tables while requests run.
    """
    if error_code in _NOT_APPLIED:
        return EMPTY
    rule = _RULES.get(action)
    if rule is None:
        raise UnsupportedAction(
            f"the handler called {action}, of which it is not known what it reads and writes",
            expected=f"one of {', '.join(sorted(_RULES))}",
            cause="the action is not built yet, or its name is misspelt",
            remedy="reach the same items by one of these actions",
        )
    capacity = parameters.get("ReturnConsumedCapacity", "NONE") != "NONE"
    touched = Touched(schemas, changes, capacity=capacity, largest=largest, single=action in _OF_ONE_ITEM)
    try:
        rule(touched, parameters, result, error_code)
    except (ServiceError, KeyError) as fault:
        if error_code in (None, "ConditionalCheckFailedException"):
            raise InternalError(
                f"no footprint of {action} {dict(parameters)!r}, which was performed: {fault!r}"
            ) from fault
        # The request is wrong whatever is stored: no such table, no valid key, no valid expression.
        return EMPTY
    return touched.footprint()


def _query(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    if error is None and result is not None:
        schema = touched.schemas[parameters["TableName"]]
        _note_range(touched, schema, query_range(schema, parameters, result), result)


def _note_range(touched: Touched, schema: Schema, looked: KeyRange, result: Mapping[str, Any]) -> None:
    touched.ranges.append(looked)
    for item, attributes in found_items(schema, looked.attributes, result.get("Items") or ()).items():
        touched.reads(item, attributes)


def _scan(touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None) -> None:
    if error is None and result is not None:
        schema = touched.schemas[parameters["TableName"]]
        looked = KeyRange(schema.table, None, None, accessed(schema, parameters, result))
        _note_range(touched, schema, looked, result)


def _batch_get(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    if error is not None or result is None:
        return
    for name, request in parameters["RequestItems"].items():
        left = (result.get("UnprocessedKeys") or {}).get(name, {}).get("Keys", ())
        for key in request["Keys"]:
            if key not in left:
                get_rule(touched, {**request, "TableName": name, "Key": key}, None, None)


def _batch_write(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    if error is not None or result is None:
        return
    for name, requests in parameters["RequestItems"].items():
        left = (result.get("UnprocessedItems") or {}).get(name, ())
        for request in requests:
            if request in left:
                continue
            if "PutRequest" in request:
                put_rule(touched, {"TableName": name, "Item": request["PutRequest"]["Item"]}, None, None)
            else:
                delete_rule(touched, {"TableName": name, "Key": request["DeleteRequest"]["Key"]}, None, None)


def _execute(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    _statement(touched, statement_in(parameters), parameters, result, error)


def _statement(
    touched: Touched,
    statement: Statement,
    request: Mapping[str, Any],
    result: Mapping[str, Any] | None,
    error: str | None,
) -> None:
    action, parameters = translated(statement, touched.schemas)
    for name in PASSED_ON:
        if name in request:
            parameters[name] = request[name]
    if statement.kind == "SELECT":
        # How many items were looked at is not told.
        _RULES[action](touched, parameters, None if result is None else {"ScannedCount": MANY}, error)
        return
    outcome = "ConditionalCheckFailedException" if error == "DuplicateItemException" else error
    _RULES[action](touched, parameters, None, outcome)
    if statement.kind in ("UPDATE", "DELETE"):
        # Their conditions say something of a missing item.
        touched.reads(touched.schemas[statement.table].item_id(parameters["Key"]), EXISTS)


def _execute_batch(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    if error is not None or result is None:
        return
    for request, response in zip(parameters["Statements"], result["Responses"], strict=True):
        failed = response.get("Error")
        try:
            statement = statement_in(request)
            if statement.kind == "SELECT":
                read = single_read(statement, touched.schemas, "BatchExecuteStatement")
                get_rule(touched, read, None, None if failed is None else "Error")
            else:
                outcome = None if failed is None else _BATCH_ERRORS.get(failed["Code"], failed["Code"])
                _statement(touched, statement, request, None, outcome)
        except (ServiceError, KeyError):
            if failed is None:
                raise


_BATCH_ERRORS = {
    "ConditionalCheckFailed": "ConditionalCheckFailedException",
    "DuplicateItem": "DuplicateItemException",
    "ValidationError": "ValidationException",
}


def _execute_transaction(
    touched: Touched, parameters: Mapping[str, Any], result: Mapping[str, Any] | None, error: str | None
) -> None:
    statements = [statement_in(request) for request in parameters["TransactStatements"]]
    action, translated_parameters = transaction_call(parameters, statements, touched.schemas)
    _RULES[action](touched, translated_parameters, result, error)


def _describe_table(touched: Touched, parameters: Mapping[str, Any], _: object, error: str | None) -> None:
    if error is None:
        # Its size and number of items are told.
        touched.ranges.append(KeyRange(parameters["TableName"], None, None, frozenset({ALL})))


def _nothing(_: Touched, __: Mapping[str, Any], ___: object, ____: str | None) -> None:
    """Tables and their settings do not change while requests run; see below."""


def _manages(action: str) -> Rule:
    def rule(_: Touched, __: Mapping[str, Any], ___: object, error: str | None) -> None:
        if error is None:
            raise UnsupportedAction(
                f"the handler called {action}, which changed tables while requests were running",
                expected="tables that stay as they are during a check",
                cause="requests that manage tables while others run are outside of what is checked",
                remedy="create tables in the model's `tables`, not in its handlers",
            )

    return rule


_MANAGING = ("CreateTable", "DeleteTable", "UpdateTable", "UpdateTimeToLive", "TagResource", "UntagResource")
_UNCHANGING = ("DescribeEndpoints", "DescribeLimits", "DescribeTimeToLive", "ListTables", "ListTagsOfResource")

_RULES: Mapping[str, Rule] = {
    **{action: _manages(action) for action in _MANAGING},
    **dict.fromkeys(_UNCHANGING, _nothing),
    "BatchExecuteStatement": _execute_batch,
    "BatchGetItem": _batch_get,
    "BatchWriteItem": _batch_write,
    "DeleteItem": delete_rule,
    "DescribeTable": _describe_table,
    "ExecuteStatement": _execute,
    "ExecuteTransaction": _execute_transaction,
    "GetItem": get_rule,
    "PutItem": put_rule,
    "Query": _query,
    "Scan": _scan,
    "TransactGetItems": transact_get_rule,
    "TransactWriteItems": transact_write_rule,
    "UpdateItem": update_rule,
}
