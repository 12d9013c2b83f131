"""The interface of backends.

A backend performs operations atomically, one at a time, reports what each changed and touched, and restores the initial items
quickly.  :func:`toctou.engine.footprint` computes the footprints for all of them, so that an execution means the same on each.
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
"""For operations outside of any schedule, which have no alternatives."""


class Performed(NamedTuple):
    """The outcome of an operation, with exactly one of ``result`` and ``error``; ``missed`` is as in :class:`Operation`."""

    result: Mapping[str, Any] | None
    error: ErrorResponse | None
    footprint: Footprint
    changes: tuple[Change, ...]
    missed: Mapping[ItemId, int] | None = None


class Backend(Protocol):
    """Stores items and performs operations on them."""

    name: str
    """As on the command line."""

    repeatable: bool
    """Whether a call has the same outcome whenever the same was stored before, and nobody else stores anything."""

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """Create the tables, store the items, and remember this state as the initial one.

        Raises:
            ModelError: the backend rejects a table or an item.
        """

    def restore(self) -> None:
        """Restore the initial items."""

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """Perform one operation; ``choices`` picks the result, if there are several.

        Raises:
            UnsupportedAction: the backend does not know the action.
        """

    def stored(self) -> dict[str, list[Image]]:
        """Every stored item, by table, ordered by key."""

    def close(self) -> None:
        """Release what the backend holds; tables are removed, servers keep running."""
