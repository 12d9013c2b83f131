"""A violation that an oracle found in one execution, before it is explained."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SerialOrder:
    """The serial order that comes closest to explaining an execution, and where it fails.

    Attributes:
        requests: the requests in that order, by index, without the rejected ones that count as not having happened.
        explained: how many of them, from the front, responded as they would have in that order.
        contradiction: one sentence: the first response or stored item that the order cannot explain; ``""`` if it explains
            all of them, so that the outcome is correct and something else is wrong.
        answer: the status that the first contradicting request would have returned; ``None`` if there is none.
    """

    requests: tuple[int, ...]
    explained: int
    contradiction: str
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of one property in one execution.

    Attributes:
        oracle: the property's name, such as ``ownership``.
        statement: one sentence about what is wrong, naming principals and items.
        requests: the requests involved, by index.
        operations: positions (in the execution) of the wrong operations; empty if only the outcome is wrong.
        attributes: the attributes that the property depends on, if known; empty for all.
        closest: the closest serial order; ``None`` until it has been searched for.
        own: whether the property is a rule of the model's own.
        alone: whether a request is known to do the same with no other one, although it has met what another one did.
    """

    oracle: str
    statement: str
    requests: tuple[int, ...]
    operations: tuple[int, ...] = ()
    attributes: tuple[str, ...] = ()
    closest: SerialOrder | None = None
    own: bool = False
    alone: bool = field(default=False, compare=False)
