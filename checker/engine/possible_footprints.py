"""What an operation could read and write in any state, as against what it did.

A footprint is exact: a conditional write whose condition failed has only read.  Taken away from the state that it was performed
in, the same call may succeed, create its item, or return more.  Whoever reasons about an operation in another state than the
one it was performed in needs this upper bound; it is the union of what :func:`footprint` says of every outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from checker.engine.footprints import footprint
from checker.engine.schema import Schema
from checker.errors import InternalError
from checker.history.footprint import Footprint, union
from checker.history.item import Change, Image

_FAILURES = ("ConditionalCheckFailedException", "ValidationException", "TransactionCanceledException")
_NOTHING_FOUND: Mapping[str, Any] = {"Items": []}


def possible_footprint(action: str, parameters: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Footprint:
    """Everything that the call could read or write, whatever is stored when it is made.

    Args:
        action: the API's name for it.
        parameters: as handed to the client.
        schemas: the schemas of all tables, by name.

    Raises:
        UnsupportedAction: the action is not known here.
    """
    created = tuple(_changes(parameters, schemas, before=None, after={}))
    removed = tuple(_changes(parameters, schemas, before={}, after=None))
    outcomes: list[Footprint] = []
    for error_code, changes in (*((code, ()) for code in _FAILURES), (None, created), (None, removed)):
        result = _NOTHING_FOUND if error_code is None else None
        # a call that is wrong whatever is stored has no such outcome
        with suppress(InternalError):
            outcomes.append(
                footprint(action, parameters, schemas, result=result, error_code=error_code, changes=changes)
            )
    return union(*outcomes)


def _changes(
    parameters: Mapping[str, Any], schemas: Mapping[str, Schema], *, before: Image | None, after: Image | None
) -> Iterator[Change]:
    parts = [inner for part in parameters.get("TransactItems") or () for inner in part.values()]
    for part in (parameters, *parts):
        schema = schemas.get(part.get("TableName", ""))
        key = part.get("Key") or part.get("Item")
        if schema is None or key is None:
            continue
        try:
            yield Change(schema.item_id(key), before, after)
        except KeyError:  # no valid key: the call is refused whatever is stored
            continue
