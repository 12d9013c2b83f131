"""What a backend offers, whatever stores the items.

A backend performs operations atomically, one at a time, reports what each changed and touched, and goes back to the initial
items quickly.  Footprints are computed in one place (:func:`toctou.engine.footprint`) for all backends, so that an
execution means the same on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from toctou.history.footprint import Footprint
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import ErrorResponse
from toctou.scheduling.choices import Choices

CreateTable = Mapping[str, Any]
"""Parameters of DynamoDB's ``CreateTable``."""


UNASKED = Choices()
"""For operations outside of any schedule, which ask nobody."""


class Performed(NamedTuple):
    """What became of one operation; exactly one of ``result`` and ``error`` is set.

    ``missed`` is as in :class:`toctou.history.operation.Operation`.
    """

    result: Mapping[str, Any] | None
    error: ErrorResponse | None
    footprint: Footprint
    changes: tuple[Change, ...]
    missed: Mapping[ItemId, int] | None = None


class Backend(Protocol):
    """Stores items and performs operations on them."""

    name: str
    """As on the command line."""

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """Create the tables, store the items, and remember this state as the initial one.

        Raises:
            ModelError: the backend refuses a table or an item.
        """

    def restore(self) -> None:
        """Back to the initial items."""

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """Perform one operation; ``choices`` says how, where it can come out in several ways.

        Raises:
            UnsupportedAction: the backend does not know the action.
        """

    def stored(self) -> dict[str, list[Image]]:
        """Every stored item, by table, ordered by key."""

    def close(self) -> None:
        """Give back what the backend holds (servers are left running, tables of ours are removed)."""
