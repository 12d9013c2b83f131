"""Footprints: what one performed operation read and wrote.

They are taken from the request, its answer and the images of the items it changed, never from an engine, so that an
operation performed by another implementation of DynamoDB gets the same footprint.

The rule that everything here obeys: two operations whose order can matter share something that one of them writes.  These
cases need care.

* Whether an operation succeeds is part of its answer.  A conditional failure has read what its condition reads; an update
  that could not be applied has read everything it reads.  A request that is wrong whatever is stored has read nothing.
* Limits on sizes (an item of 400 KB, a page of 1 MB) make every attribute matter.  Items and values that could come near
  them count as read and written whole, and pages that small items alone could fill as read whole.  A large item that is written
  counts as come or gone, because it may push others off a page.
* Two increments commute only while neither can run out of digits, and only if the attribute was there before.
* Adding to a set, or within a map, leaves the same value in either order; which of two changed something may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.actions import ACTIONS
from toctou.engine.actions.action import Kind
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError
from toctou.engine.touched import LargeItems, Touched
from toctou.errors import InternalError, UnsupportedAction
from toctou.history.footprint import EMPTY, Footprint
from toctou.history.item import Change

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
    large: LargeItems | None = None,
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
        large: gives the items stored now that count more bytes than :data:`LARGE`; called only where that matters to a read;
            ``None`` where they are not known.

    Raises:
        UnsupportedAction: the action is not known here, or it changed tables while requests run.
    """
    if error_code in _NOT_APPLIED:
        return EMPTY
    record = ACTIONS.get(action)
    if record is None:
        raise UnsupportedAction(
            f"the handler called {action}, of which it is not known what it reads and writes",
            expected=f"one of {', '.join(sorted(ACTIONS))}",
            cause="the action is not built yet, or its name is misspelt",
            remedy="reach the same items by one of these actions",
        )
    rule = record.footprint
    if rule is None:
        if record.kind is Kind.MANAGES and error_code is None:
            raise UnsupportedAction(
                f"the handler called {action}, which changed tables while requests were running",
                expected="tables that stay as they are during a check",
                cause="requests that manage tables while others run are outside of what is checked",
                remedy="create tables in the model's `tables`, not in its handlers",
            )
        return EMPTY
    capacity = parameters.get("ReturnConsumedCapacity", "NONE") != "NONE"
    touched = Touched(schemas, changes, capacity=capacity, largest=largest, large=large, single=record.one_item)
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
