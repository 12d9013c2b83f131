"""What has been explored of one scenario, and what is left, in the order in which one process would go through it.

A scenario begins as one portion (a random strategy's as one for each block of schedules).  Whoever explores a portion
returns its tally and what is left of it, which takes its place:

    [ portion 0 ]  →  [ tally, portion 1, portion 2 ]  →  [ tally, portion 1, tally ]  →  [ tally ]

Portions that stand next to each other are disjoint, and together they are what was left, so the sum of the tallies is
the tally of one process, whoever explored them and however often they were cut.  A portion's number is used up by the first
answer that it gets: what was explored twice, because a worker was given up too early, is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from checker.exploration.portion import Advance, Portion
from checker.exploration.tally import Tally
from checker.verdict import StopReason

_WHERE_ONE_PROCESS_ENDS = frozenset(StopReason) - {StopReason.MAX_SECONDS, StopReason.INTERRUPTED}
"""Reasons that lie in the scenario, so that one process would not have gone on; time and people stop at any moment."""


@dataclass(slots=True)
class _Open:
    """A portion that has yet to be explored.

    Attributes:
        share: an estimate of how much of the scenario it is, 0 to 1.
    """

    number: int
    portion: Portion
    share: float


class Partition:
    """A scenario's tallies and open portions."""

    def __init__(self, beginning: Sequence[Portion]) -> None:
        self._beginning = tuple(beginning)
        self._numbers = 0
        self._entries: list[Tally | _Open] = [*self._opened(beginning, 1.0)]

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not any(isinstance(entry, _Open) for entry in self._entries)

    @property
    def begun(self) -> bool:
        """Whether anything is known."""
        return any(isinstance(entry, Tally) for entry in self._entries)

    @property
    def schedules(self) -> int:
        """Executions that ran to their end so far."""
        return sum(entry.schedules for entry in self._entries if isinstance(entry, Tally))

    @property
    def explored(self) -> float:
        """An estimate of how much of the scenario is done, 0 to 1."""
        return 1.0 - sum(entry.share for entry in self._entries if isinstance(entry, _Open))

    def open(self) -> Iterator[int]:
        """Numbers of the portions that are left, in order."""
        return (entry.number for entry in self._entries if isinstance(entry, _Open))

    def portion(self, number: int) -> Portion | None:
        """The open portion of that number; ``None`` if it has been dealt with."""
        at = self._find(number)
        if at is None:
            return None
        found = self._entries[at]
        return found.portion if isinstance(found, _Open) else None

    def advance(self, number: int, advance: Advance) -> list[int]:
        """Take in what became of a portion; returns the numbers of the portions that take its place."""
        at = self._find(number)
        if at is None:
            return []
        if advance.again is not None:
            how = advance.again
            again = [
                replace(
                    one,
                    symmetry=how.symmetry,
                    own_numbers=how.own_numbers,
                    strategy=how.strategy,
                    twins=how.twins,
                )
                for one in self._beginning
            ]
            self._entries = [*self._opened(again, 1.0)]
            return list(self.open())
        found = self._entries[at]
        assert isinstance(found, _Open)  # noqa: S101 - it was looked for among these
        rest = self._opened(advance.rest, found.share * (1.0 - advance.explored))
        following = [] if advance.tally.stop_reason in _WHERE_ONE_PROCESS_ENDS else [*rest, *self._entries[at + 1 :]]
        self._entries = _joined([*self._entries[:at], advance.tally, *following])
        return [one.number for one in rest]

    def stop(self, reason: StopReason, detail: str, nothing: Tally) -> None:
        """Give up what is left; what is known stays, whatever its place.

        Args:
            reason: why.
            detail: the same for a person.
            nothing: an empty tally, in case nothing is known.
        """
        if not self.complete:
            nothing.exhausted = True
            known = [nothing, *(entry for entry in self._entries if isinstance(entry, Tally))]
            self._entries = _joined(known)
            self.tally().stop(reason, detail)

    def tally(self) -> Tally:
        """The sum of what is known; only if nothing is left."""
        (entry,) = self._entries
        assert isinstance(entry, Tally)  # noqa: S101 - a portion is left, and no conclusion may be drawn
        return entry

    def _find(self, number: int) -> int | None:
        return next(
            (at for at, entry in enumerate(self._entries) if isinstance(entry, _Open) and entry.number == number), None
        )

    def _opened(self, portions: Sequence[Portion], share: float) -> list[_Open]:
        first = self._numbers
        self._numbers += len(portions)
        return [_Open(first + at, portion, share / len(portions)) for at, portion in enumerate(portions)]


def _joined(entries: Sequence[Tally | _Open]) -> list[Tally | _Open]:
    """The entries, tallies that stand next to each other added up."""
    joined: list[Tally | _Open] = []
    for entry in entries:
        last = joined[-1] if joined else None
        if isinstance(entry, Tally) and isinstance(last, Tally):
            last.add(entry)
        else:
            joined.append(entry)
    return joined
