"""What an oracle found wrong in one execution, before anything explains it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SerialOrder:
    """The serial order that comes closest to explaining an execution, and where it fails.

    Attributes:
        requests: the requests in that order, by index; refused ones that were excluded are left out.
        explained: how many of them, from the front, answered as they would have in that order.
        contradiction: one sentence: the first response or stored item that the order cannot explain; ``""`` if it explains
            all of them, so that something else than the outcome is wrong.
        answer: the status that the first request that does not fit would have answered; ``None`` if all of them fit.
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
        statement: one sentence, naming principals and items, of what is wrong.
        requests: the requests it is about, by index.
        operations: positions (in the execution) of the operations that are wrong; empty if only the outcome is.
        attributes: the attributes that the property looks at, where it is known to be only these.
        closest: the serial order that comes closest; ``None`` until somebody has looked for it.
    """

    oracle: str
    statement: str
    requests: tuple[int, ...]
    operations: tuple[int, ...] = ()
    attributes: tuple[str, ...] = ()
    closest: SerialOrder | None = None
