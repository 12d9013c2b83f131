"""Decides what Hypothesis draws for a step, and what the draw means in the machine's current state.

Hypothesis shrinks by removing steps and by reducing choices, one at a time, and finds new examples by recombining old ones.
For both, a choice must keep its meaning when earlier steps change.  So:

- every choice is possible in every state; one without a meaning there does nothing;
- requests have drawn numbers, instead of numbers by their order;
- the smaller choices name a request by its number.  The many larger ones take one by its position among those available, so
  that few steps are wasted while generating; shrinking turns them into numbers;
- the smallest choice for a request starts a new execution with it, so that earlier steps do not matter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

from toctou.history.request import Request

Number = int
"""Names a request in the steps of an example; reports use its letter."""

Drawn = TypeVar("Drawn")
Meaning = TypeVar("Meaning")

_POSITIONS_PER_NUMBER = 3  # three of four draws do something, and every number can still be drawn


class MachineState(Protocol):
    """The part of the machine's state that choices depend on."""

    @property
    def pending(self) -> Sequence[Number]:
        """The requests that have not responded and can go on."""

    @property
    def free(self) -> Sequence[Number]:
        """Numbers available for one more request; empty if there is no room for one."""


class _Current(threading.local):
    state: MachineState


_current = _Current()


def interpret_in(state: MachineState) -> None:
    """From now on, what this thread draws has its meaning in this state; an example runs on one thread, from start to end."""
    _current.state = state


class Shown:
    """A request, shown in the steps of an example as in a report."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __repr__(self) -> str:
        return str(self.request)


class Named:
    """The name of the next request.

    Attributes:
        number: its number; ``None`` to start none.
        anew: whether it starts a new execution.
    """

    def __init__(self, number: Number | None, *, anew: bool = False) -> None:
        self.number = number
        self.anew = anew

    def __repr__(self) -> str:
        return f"{self.number} anew" if self.anew else str(self.number)


class _Position:
    """Takes one of the available numbers by its position, modulo their count."""

    def __init__(self, position: int) -> None:
        self.position = position

    def of(self, numbers: Sequence[Number]) -> Number | None:
        return numbers[self.position % len(numbers)] if numbers else None


def pending_numbers(limit: int) -> SearchStrategy[Number | None]:
    """The number of a request that has not responded; ``None`` if the choice has no meaning."""
    choices: list[Number | _Position] = [*range(limit), *map(_Position, range(_POSITIONS_PER_NUMBER * limit))]
    return _interpreted(choices, _pending)


def names(limit: int) -> SearchStrategy[Named]:
    """The name of the next request."""
    # The order matters: Hypothesis shrinks `sampled_from` towards its first element.
    numbered = [Named(0, anew=True), *(Named(number) for number in (*range(1, limit), 0))]
    choices: list[Named | _Position] = [*numbered, *map(_Position, range(_POSITIONS_PER_NUMBER * limit))]
    return _interpreted(choices, _named)


def _interpreted(
    choices: Sequence[Drawn], meaning: Callable[[MachineState, Drawn], Meaning]
) -> SearchStrategy[Meaning]:
    # Not a composite of this and `strategies.runner()`: that makes three draws of one, and draws are most of a machine's time.
    return strategies.sampled_from(choices).map(lambda drawn: meaning(_current.state, drawn))


def _pending(state: MachineState, choice: Number | _Position) -> Number | None:
    if isinstance(choice, _Position):
        return choice.of(state.pending)
    return choice if choice in state.pending else None


def _named(state: MachineState, choice: Named | _Position) -> Named:
    if isinstance(choice, _Position):
        if not state.free and not state.pending:
            return Named(0, anew=True)
        return Named(choice.of(state.free))
    return choice if choice.anew or choice.number in state.free else Named(None)
