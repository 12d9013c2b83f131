"""What an oracle is, what it declares, and how the functions that models hand to oracles are called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from toctou.errors import ModelError
from toctou.history.finding import Finding, SerialOrder
from toctou.history.footprint import Attributes, Footprint, KeyRange, observing
from toctou.history.item import Change
from toctou.history.operation import Execution


class Ordered(IntEnum):
    """Operations whose order an oracle observes, whatever they touch."""

    NONE = 0
    WRITES = 1
    OPERATIONS = 2


@dataclass(frozen=True, slots=True)
class Observes:
    """What an oracle may look at, besides what is the same in every schedule that is equivalent to the one that was run.

    That is: the requests and their responses, the items at the start and at the end, the changes that each request made, and
    which request had answered before which other one began.  Schedules are equivalent if they become each other by swapping
    operations that depend on each other neither by what they touch nor by what is declared here.

    Attributes:
        changed: attributes of an item, as they are just before somebody changes it; may hold ``ALL`` and ``EXISTENCE``.
        others: tables, each with the attributes of any of its items that are looked at when whatever item changes.
        order: whose order is looked at.
    """

    changed: Attributes = frozenset()
    others: tuple[tuple[str, Attributes], ...] = ()
    order: Ordered = Ordered.NONE

    def __or__(self, other: Observes) -> Observes:
        return Observes(self.changed | other.changed, self.others + other.others, max(self.order, other.order))

    def extended(self, footprint: Footprint, changes: Collection[Change]) -> Footprint:
        """The footprint of an operation that made these changes, with what is looked at then."""
        if not changes or not (self.changed or self.others):
            return footprint
        # An item that is created has nothing that could be looked at before.
        before = [change.item for change in changes if change.before is not None] if self.changed else []
        ranges = tuple(KeyRange(table, attributes=attributes) for table, attributes in self.others)
        return observing(footprint, before, self.changed, ranges)


class Oracle(ABC):
    """Judges executions by one property."""

    name: str
    """The property's name, such as ``ownership``."""

    observes: Observes = Observes(order=Ordered.OPERATIONS)
    """What it looks at.  An oracle that declares nothing may look at everything: each order of all operations is run then,
    which costs time, and is never wrong."""

    prefix_closed: bool = False
    """Whether what is wrong while some requests have not answered stays wrong whatever they do."""

    asks_model: bool = True
    """Whether it asks functions of the model that may treat names differently."""

    @abstractmethod
    def judge(self, execution: Execution) -> Iterable[Finding]:
        """Every violation of the property in an execution that ran to its end.

        Raises:
            ModelError: a function that the model handed to the oracle failed.
        """

    def judge_unfinished(self, execution: Execution, pending: Collection[int]) -> Iterable[Finding]:  # noqa: ARG002
        """Violations in an execution in which some requests have not answered, whatever these are going to do."""
        return self.judge(execution) if self.prefix_closed else ()

    def closest(self, execution: Execution) -> SerialOrder | None:  # noqa: ARG002
        """The serial order that comes closest to the execution; ``None`` from an oracle that compares with none."""
        return None


def ask(role: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the model; a failure in it is the model's fault, not a finding.

    Args:
        role: what the function is to the oracle, such as ``the invariant 'stock'``.
        function: the model's function.
        arguments: what it is called with.

    Raises:
        ModelError: the function raised.
    """
    try:
        return function(*arguments)
    except Exception as error:
        given = ", ".join(map(repr, arguments))
        raise ModelError(
            f"{role} raised {type(error).__name__}: {error}",
            expected=f"an answer for {given}",
            cause="it does not handle items that lack an attribute, or an empty table",
            remedy="make it return a result for every state that the handlers can store",
        ) from error
