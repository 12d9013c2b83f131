"""Decides into which steps a batch is divided: on DynamoDB each of its items is written, or read, by itself.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html says that of writes, and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html of reads: only transactions are atomic
as a whole.  So a batch of several items is several calls, one after the other in the order in which it names them.  The number
of schedules grows exponentially with the items that two batches share, so that of large ones a step has several items.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.actions import ACTIONS
from toctou.engine.engine import Engine
from toctou.engine.service_error import ServiceError

MOST_STEPS = 4
"""Of one batch: two requests that write the same four items give sixteen classes of schedules."""


class Division:
    """Divides batches, given the tables.

    Without tables, which it has at first, it leaves batches as they are.
    """

    def __init__(self) -> None:
        self._tables: Sequence[Mapping[str, Any]] = ()
        self._engine = Engine()

    def declare(self, tables: Sequence[Mapping[str, Any]]) -> None:
        """From now on these are the tables, as parameters of ``CreateTable`` that has succeeded elsewhere."""
        if tables is not self._tables:
            self._tables, self._engine = tables, Engine()
            for table in tables:
                self._engine.perform("CreateTable", table)

    def steps(self, action: str, parameters: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The parameters of each step of a call; its own, if it is one step.

        A batch that is refused takes no effect at all, so it is one step, too.
        """
        record = ACTIONS.get(action)
        if record is None or record.divided is None:
            return (parameters,)
        empty = self._engine.sequence
        try:
            self._engine.perform(action, parameters)
        except ServiceError:
            return (parameters,)
        finally:
            self._engine.restore(empty)
        return record.divided(parameters, MOST_STEPS)


def several(action: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a step has more than one item of a batch."""
    record = ACTIONS.get(action)
    return record is not None and record.divided is not None and len(record.divided(parameters, sys.maxsize)) > 1


def joined(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The result of a batch, from those of its steps."""
    first, *others = results
    for other in others:
        first = _sum(first, other)
    of_statements = isinstance(first.get("Responses"), list)  # which are answered, and charged, one by one
    if others and not of_statements and (capacity := first.get("ConsumedCapacity")):
        return {**first, "ConsumedCapacity": _by_table(capacity)}
    return first


def _by_table(capacity: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    for one in capacity:
        name = one["TableName"]
        tables[name] = _sum(tables[name], one) if name in tables else one
    return list(tables.values())


def _sum(first: Any, other: Any) -> Any:
    match first, other:
        case dict(), dict():
            both = {name: _sum(first[name], other[name]) for name in first if name in other}
            return {**first, **other, **both}
        case list(), list():
            return [*first, *other]
        case ((int() | float()), (int() | float())) if not isinstance(first, bool):
            return first + other
    return first
