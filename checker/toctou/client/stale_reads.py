"""Eventually consistent reads: every result that DynamoDB may return within a window, as a choice.

A read without ``ConsistentRead``, and every read of a global secondary index, may miss writes that have completed
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html).  How stale it may be is not
documented; here it is a window of versions of each item.  The initial items have settled, so no read misses them.  Successive
eventually consistent reads of one request may go back in time.

The items of one call may be in different partitions, so each is as stale as the window allows, independently of the others: a
result is found by hiding, for each item, none or some of its last changes.  Equal results are one choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, product
from typing import Any

from toctou.client.backend import UNASKED, Performed
from toctou.client.embedded import EmbeddedBackend
from toctou.engine import ACTIONS
from toctou.history.footprint import ALL, EXISTENCE, Footprint, KeyRange, observing, union
from toctou.history.item import ItemId
from toctou.history.picks.staleness import STALENESS
from toctou.scheduling.choices import Choices

UNBOUNDED = 1_000
"""A window that contains every result of a recorded schedule."""

_WHOLE = frozenset({ALL, EXISTENCE})


class StaleReads(EmbeddedBackend):
    """The embedded backend, with reads that return a chosen result within the window.

    Args:
        window: how many versions of each item an eventually consistent read may return, the newest included; at least 1.
    """

    repeatable = False  # an outcome depends on versions too

    def __init__(self, window: int) -> None:
        super().__init__()
        self._window = window

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """See :class:`Backend`; an eventually consistent read returns the result that is picked."""
        performed = super().perform(action, parameters)
        performed = performed._replace(footprint=_of_versions(performed.footprint, action, parameters))
        if performed.error is not None or performed.changes:
            return performed
        results, items = [performed], dict(self.touched())
        for hidden in self._hideable(action, parameters, performed.footprint):
            older = self.perform_without(hidden, action, parameters)
            if all(older.result != known.result for known in results):
                results.append(older._replace(missed=dict(Counter(items[number] for number in hidden))))
        if len(results) == 1:
            return performed
        chosen = results[choices.pick(STALENESS, len(results))]
        # Which results exist depends on all that any of them has read.
        footprint = union(*(result.footprint for result in results))
        return chosen._replace(footprint=_of_versions(footprint, action, parameters))

    def _hideable(self, action: str, parameters: Mapping[str, Any], accessed: Footprint) -> Iterator[tuple[int, ...]]:
        """Numbers of changes that the read may miss together, the fewest first; nothing for a strongly consistent read."""
        eventual = ACTIONS[action].eventual(parameters)
        changes: dict[ItemId, list[int]] = {}
        for number, item in self.touched():
            read = item in accessed.reads or any(one.covers(item) for one in accessed.ranges)
            if item.table in eventual and read:
                changes.setdefault(item, []).append(number)
        suffixes = [
            [tuple(numbers[len(numbers) - age :]) for age in range(min(self._window, len(numbers) + 1))]
            for numbers in changes.values()
        ]
        combinations = sorted((tuple(sorted(chain(*parts))) for parts in product(*suffixes)), key=_fewest_first)
        yield from (hidden for hidden in combinations if hidden)


def _of_versions(footprint: Footprint, action: str, parameters: Mapping[str, Any]) -> Footprint:
    # A version is one of the whole item: two writes without a common attribute leave different versions in between, and every
    # write moves the window of an eventually consistent read.
    eventual = ACTIONS[action].eventual(parameters)
    counted = {*footprint.writes, *footprint.increments, *(item for item in footprint.reads if item.table in eventual)}
    ranges = tuple(replace(one, attributes=_WHOLE) if one.table in eventual else one for one in footprint.ranges)
    # An item that has left a range of an index may still be found there, until another change moves the window on.
    anywhere = tuple(KeyRange(one.table, attributes=_WHOLE) for one in ranges if one.index and one.table in eventual)
    return observing(footprint._replace(ranges=ranges), counted, _WHOLE, anywhere)


def _fewest_first(hidden: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(hidden), tuple(-number for number in hidden)
