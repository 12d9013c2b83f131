"""Eventually consistent reads: every result that DynamoDB may return within a window, as a choice.

A read without ``ConsistentRead``, and every read of a global secondary index, may miss writes that have completed
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html).  How stale it may be is not
documented; here it is a window of so many versions of what is read.  What was stored at the start has long since settled, so
no read misses that.  Two eventually consistent reads of one request may go back in time.

The items that one call reads may lie in different partitions, so each may be as stale as the window allows, independently of
the others.  A result is therefore found by hiding, for each item, none or some of its last changes.  Equal results are one
choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

from toctou.client.backend import UNASKED, CreateTable, Performed
from toctou.client.embedded import EmbeddedBackend
from toctou.engine import ACTIONS
from toctou.history.footprint import ALL, EXISTENCE, Footprint, observing, union
from toctou.history.item import Image, ItemId
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.choices import Choices

UNBOUNDED = 1_000
"""A window in which every result of a recorded schedule can be found again."""


_WHOLE = frozenset({ALL, EXISTENCE})


class StaleReads:
    """The embedded backend, with reads that return a chosen result within the window.

    Args:
        backend: performs the operations.
        window: how many versions an eventually consistent read may return of each item, the newest included; at least 1.
    """

    def __init__(self, backend: EmbeddedBackend, window: int) -> None:
        self.name = backend.name
        self._backend = backend
        self._window = window

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`."""
        self._backend.load(tables, items)

    def restore(self) -> None:
        """See :class:`Backend`."""
        self._backend.restore()

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """See :class:`Backend`; an eventually consistent read returns the result that is picked."""
        performed = self._backend.perform(action, parameters)
        performed = performed._replace(footprint=_of_versions(performed.footprint, action, parameters))
        if performed.error is not None or performed.changes:
            return performed
        answers, items = [performed], dict(self._backend.touched())
        for hidden in self._hideable(action, parameters, performed.footprint):
            older = self._backend.perform_without(hidden, action, parameters)
            if all(older.result != known.result for known in answers):
                answers.append(older._replace(missed=dict(Counter(items[number] for number in hidden))))
        if len(answers) == 1:
            return performed
        chosen = answers[choices.pick(STALENESS, len(answers))]
        # which answers there are depends on all that any of them has read
        footprint = union(*(answer.footprint for answer in answers))
        return chosen._replace(footprint=_of_versions(footprint, action, parameters))

    def _hideable(self, action: str, parameters: Mapping[str, Any], accessed: Footprint) -> Iterator[tuple[int, ...]]:
        """Numbers of changes that the read may miss together, the fewest first; nothing for a strongly consistent read."""
        eventual = ACTIONS[action].eventual(parameters)
        changes: dict[ItemId, list[int]] = {}
        for number, item in self._backend.touched():
            if item.table in eventual and (
                item in accessed.reads or any(looked.covers(item) for looked in accessed.ranges)
            ):
                changes.setdefault(item, []).append(number)
        suffixes = [
            [tuple(numbers[len(numbers) - age :]) for age in range(min(self._window, len(numbers) + 1))]
            for numbers in changes.values()
        ]
        combinations = sorted((tuple(sorted(chain(*parts))) for parts in product(*suffixes)), key=_fewest_first)
        yield from (hidden for hidden in combinations if hidden)

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`."""
        return self._backend.stored()

    def close(self) -> None:
        """See :class:`Backend`."""
        self._backend.close()


def _of_versions(footprint: Footprint, action: str, parameters: Mapping[str, Any]) -> Footprint:
    """The footprint, where every change of an item makes a version of the whole of it.

    Two writes that have no attribute in common commute for a read of the newest version, but in between they leave
    different ones.  And every write, whatever it touches, moves the window of an eventually consistent read.
    """
    eventual = ACTIONS[action].eventual(parameters)
    counted = {*footprint.writes, *footprint.increments, *(item for item in footprint.reads if item.table in eventual)}
    ranges = tuple(replace(one, attributes=_WHOLE) if one.table in eventual else one for one in footprint.ranges)
    return observing(footprint._replace(ranges=ranges), counted, _WHOLE)


def _fewest_first(hidden: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(hidden), tuple(-number for number in hidden)
