"""The interface of oracles, and how they call functions of the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from toctou.errors import ModelError, message_of
from toctou.history.finding import Finding, SerialOrder
from toctou.history.footprint import Attributes, Footprint, KeyRange, observing
from toctou.history.item import Change
from toctou.history.operation import Execution
from toctou.history.request import Request
from toctou.specification import StoredItems


class Ordered(IntEnum):
    """Operations whose order an oracle observes, regardless of their footprints."""

    NONE = 0
    WRITES = 1
    OPERATIONS = 2


@dataclass(frozen=True, slots=True)
class Observes:
    """What an oracle may observe besides what equivalent schedules have in common.

    They share the requests and their responses, the items at the start and at the end, which attributes each operation changed
    and how (of an increment: by how much, and not from which number), and which request had answered before which other one
    began; what is declared here makes operations dependent as well.

    Attributes:
        changed: attributes of an item just before a change of it; may hold ``ALL`` and ``EXISTENCE``.
        others: tables, each with the attributes of any of its items that are read at a change of any item.
        order: the operations whose order is observed.
    """

    changed: Attributes = frozenset()
    others: tuple[tuple[str, Attributes], ...] = ()
    order: Ordered = Ordered.NONE

    def __or__(self, other: Observes) -> Observes:
        return Observes(self.changed | other.changed, self.others + other.others, max(self.order, other.order))

    def extended(self, footprint: Footprint, changes: Collection[Change]) -> Footprint:
        """The footprint of an operation that made these changes, with what the oracle observes at it."""
        if not changes or not (self.changed or self.others):
            return footprint
        # An item that is created has no attributes before.
        before = [change.item for change in changes if change.before is not None] if self.changed else []
        ranges = tuple(KeyRange(table, attributes=attributes) for table, attributes in self.others)
        return observing(footprint, before, self.changed, ranges)


class Oracle(ABC):
    """Judges executions by one property."""

    name: str
    """The property's name, such as ``ownership``."""

    observes: Observes = Observes(order=Ordered.OPERATIONS)
    """By default everything: each order of all operations is run then, which costs time, and is never wrong."""

    prefix_closed: bool = False
    """Whether a violation while some requests have not answered stays one whatever they do."""

    asks_model: bool = True
    """Whether it calls functions of the model that may treat names differently."""

    judges_changes: bool = True
    """Whether it may object to what is stored, or to who stored it, and not only to answers."""

    varying: Collection[str] = ()
    """What it has left out so far because it varies by itself, as texts."""

    @abstractmethod
    def judge(self, execution: Execution) -> Iterable[Finding]:
        """Every violation of the property in an execution that ran to its end.

        Raises:
            ModelError: a function of the model failed.
        """

    def judge_unfinished(self, execution: Execution, pending: Collection[int]) -> Iterable[Finding]:  # noqa: ARG002
        """Violations in an execution in which some requests have not answered, whatever these will do."""
        return self.judge(execution) if self.prefix_closed else ()

    def judges(self, request: Request, change: Change, changed: Attributes) -> Attributes:  # noqa: ARG002
        """Of the attributes that a change by this request has changed, those that it may object to, whatever the outcome."""
        return changed if self.judges_changes else frozenset()

    def rule(self, execution: Execution) -> Callable[[StoredItems], Any] | None:  # noqa: ARG002
        """The function of the model that it asks about stored items, which shows what it judges; ``None`` if it asks none."""
        return None

    def remarks(self, execution: Execution) -> Iterable[str]:  # noqa: ARG002
        """What a reader of the verdict should know, as sentences; asked for after an execution in which nothing was found."""
        return ()

    def closest(self, execution: Execution) -> SerialOrder | None:  # noqa: ARG002
        """The serial order that comes closest to the execution; ``None`` from an oracle that compares with none."""
        return None


def ask(role: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the model, in a role such as ``the invariant 'stock'``.

    Raises:
        ModelError: the function raised, which is the model's fault and no finding.
    """
    try:
        return function(*arguments)
    except Exception as error:
        given = ", ".join(map(repr, arguments))
        raise ModelError(
            f"{role} raised {type(error).__name__}: {message_of(error)}",
            expected=f"a result for {given}",
            cause="it does not handle items that lack an attribute, or an empty table",
            remedy="make it return a result for every state that the handlers can store",
        ) from error
