"""Decides what Hypothesis draws for a step, and what it means in the state that the machine is in.

Hypothesis shrinks by leaving steps out and by making choices smaller, one at a time, and it finds new examples by
putting parts of old ones together.  For both, a choice must keep its meaning when steps before it change.  So:

- every choice is possible in every state, and one that means nothing there does nothing;
- requests are called by numbers that are drawn, not by the order in which they started;
- the smaller choices give a number, and mean that one alone.  The many larger ones take what is there, so that few
  steps are wasted while examples are being made; shrinking turns them into numbers;
- the smallest choice for a request begins another execution with it, so that nothing that was done before it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

from toctou.history.request import Request

Number = int
"""What a request is called in the steps of an example; reports call it by its letter."""

Drawn = TypeVar("Drawn")
Meaning = TypeVar("Meaning")

_WHATEVER = 3
"""How many times as many choices take what is there as give a number."""


class MachineState(Protocol):
    """What choices are understood by: the state of the machine."""

    @property
    def pending(self) -> Sequence[Number]:
        """The requests that have not answered."""

    @property
    def free(self) -> Sequence[Number]:
        """The numbers that one more request may have; none if there is no room for one."""


class Shown:
    """A request, shown in the steps of an example as in a report."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __repr__(self) -> str:
        return str(self.request)


class Named:
    """What a request is to be called.

    Attributes:
        number: its number; ``None`` if it is not to be started.
        afresh: it begins another execution.
    """

    def __init__(self, number: Number | None, *, afresh: bool = False) -> None:
        self.number = number
        self.afresh = afresh

    def __repr__(self) -> str:
        return f"{self.number} afresh" if self.afresh else str(self.number)


class _Whatever:
    """Takes what is there, by its place among it, counted round."""

    def __init__(self, place: int) -> None:
        self.place = place

    def of(self, numbers: Sequence[Number]) -> Number | None:
        return numbers[self.place % len(numbers)] if numbers else None


def pending_numbers(limit: int) -> SearchStrategy[Number | None]:
    """The number of a request that has not answered; ``None`` where the choice means nothing."""
    choices: list[Number | _Whatever] = [*range(limit), *map(_Whatever, range(_WHATEVER * limit))]
    return _understood(strategies.sampled_from(choices), _pending)


def names(limit: int) -> SearchStrategy[Named]:
    """What the next request is to be called."""
    given = [Named(0, afresh=True), *(Named(number) for number in (*range(1, limit), 0))]
    choices: list[Named | _Whatever] = [*given, *map(_Whatever, range(_WHATEVER * limit))]
    return _understood(strategies.sampled_from(choices), _named)


@strategies.composite
def _understood(
    draw: strategies.DrawFn, choices: SearchStrategy[Drawn], meaning: Callable[[MachineState, Drawn], Meaning]
) -> Meaning:
    return meaning(draw(strategies.runner()), draw(choices))


def _pending(state: MachineState, choice: Number | _Whatever) -> Number | None:
    if isinstance(choice, _Whatever):
        return choice.of(state.pending)
    return choice if choice in state.pending else None


def _named(state: MachineState, choice: Named | _Whatever) -> Named:
    if isinstance(choice, _Whatever):
        if not state.free and not state.pending:
            return Named(0, afresh=True)
        return Named(choice.of(state.free))
    return choice if choice.afresh or choice.number in state.free else Named(None)
