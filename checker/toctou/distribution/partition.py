"""What has been explored of one scenario, and what is left, in the order of one process.

The tally of a work item and what is left of it replace the work item:

    [ work item 0 ]  →  [ tally, work item 1, work item 2 ]  →  [ tally, work item 1, tally ]  →  [ tally ]

Adjacent work items are disjoint, and together they are what was left, so the sum of the tallies is the tally of one process.
A number is used up by the first response that it gets: a work item that two workers explored is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from toctou.distribution.shared_search import SharedSearch
from toctou.scheduling.restart import Restart
from toctou.search.tally import WHERE_ONE_PROCESS_ENDS, Tally
from toctou.search.work_item import Advance, Open, WorkItem
from toctou.verdict import Coverage, StopReason


class Partition:
    """A scenario's tallies and open work items."""

    def __init__(self, beginning: Sequence[WorkItem]) -> None:
        self._beginning = tuple(beginning)
        self._numbers = 0
        self._entries: list[Tally | Open] = [*self._opened(beginning)]
        self._shared: SharedSearch | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not any(isinstance(entry, Open) for entry in self._entries)

    @property
    def begun(self) -> bool:
        """Whether there is a tally."""
        return any(isinstance(entry, Tally) for entry in self._entries)

    @property
    def schedules(self) -> int:
        """Executions that ran to their end so far."""
        return sum(entry.schedules for entry in self._entries if isinstance(entry, Tally))

    @property
    def seconds(self) -> float:
        """Time spent so far, added up over processes."""
        return sum(entry.seconds for entry in self._entries if isinstance(entry, Tally))

    @property
    def explored(self) -> float:
        """An estimate of how much of the scenario is done, 0 to 1."""
        entries = [entry for entry in self._entries if isinstance(entry, Open)]
        return max(0.0, 1.0 - sum(one.left for one in entries) / len(self._beginning)) if self.begun else 0.0

    def open(self) -> Iterator[int]:
        """Numbers of the work items that are left, in order."""
        return (entry.number for entry in self._entries if isinstance(entry, Open))

    def work_item(self, number: int) -> WorkItem | None:
        """The open work item of that number; ``None`` if it has been explored."""
        opened = (entry for entry in self._entries if isinstance(entry, Open) and entry.number == number)
        return next((entry.work_item for entry in opened), None)

    def advance(self, number: int, advance: Advance) -> list[int]:
        """Replace a work item by its outcome; returns the numbers of the new work items."""
        work_item = self.work_item(number)
        if work_item is None:
            return []
        others = set(self.open()) - {number}
        again = advance.again
        if again is None:
            try:
                self._entries = [*self._after(number, advance)]
            except Restart as restart:
                again = (*advance.rest, work_item)[0].restarted(restart)
        if again is not None:
            self._shared, others = None, set()
            self._beginning = tuple(replace(one, because=again.because) for one in self._beginning)
            self._entries = [*self._opened([one.again(again) for one in self._beginning])]
        return [one for one in self.open() if one not in others]

    def _after(self, number: int, advance: Advance) -> Sequence[Tally | Open]:
        if self._shared is not None:
            self._shared.advance(number, advance)
            return self._shared.entries()
        at = next(at for at, entry in enumerate(self._entries) if isinstance(entry, Open) and entry.number == number)
        rest = self._opened(advance.rest)
        following = [] if advance.tally.stop_reason in WHERE_ONE_PROCESS_ENDS else [*rest, *self._entries[at + 1 :]]
        entries = _joined([*self._entries[:at], advance.tally, *following])
        self._shared = SharedSearch.of(entries, self._number) if advance.pieces > 1 else None
        if self._shared is None:
            return entries
        self._shared.share_out(advance.pieces)
        return self._shared.entries()

    def separate(self, because: str) -> list[int]:
        """Begin again with requests in processes of their own; returns the numbers of the new work items."""
        self._shared = None
        self._beginning = tuple(replace(one, because=because) for one in self._beginning)
        self._entries = [*self._opened(self._beginning)]
        return list(self.open())

    def stop(self, reason: StopReason, detail: str, nothing: Tally) -> None:
        """Give up what is left, and add up the tallies, or else ``nothing``, an empty one."""
        if not self.complete:
            # Coverage adds up to the least; `stop` then withdraws it.
            nothing.coverage = Coverage.EVERYTHING
            known = [nothing, *(entry for entry in self._entries if isinstance(entry, Tally))]
            self._entries = _joined(known)
            self._shared = None
            self.tally().stop(reason, detail)

    def tally(self) -> Tally:
        """The sum of the tallies; only if nothing is left."""
        (entry,) = self._entries
        assert isinstance(entry, Tally)  # noqa: S101 - while work items are left, no conclusion may be drawn
        return entry

    def _opened(self, work_items: Sequence[WorkItem]) -> list[Open]:
        return [Open(self._number(), work_item) for work_item in work_items]

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers - 1


def _joined(entries: Sequence[Tally | Open]) -> list[Tally | Open]:
    """The entries, with adjacent tallies added up."""
    joined: list[Tally | Open] = []
    for entry in entries:
        last = joined[-1] if joined else None
        if isinstance(entry, Tally) and isinstance(last, Tally):
            last.add(entry)
        else:
            joined.append(entry)
    return joined
