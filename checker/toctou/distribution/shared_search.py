"""One search, explored by several processes as if by one.

One process explores what is next; others explore known branches ahead of their turn
(:class:`~toctou.scheduling.strategies.strategy.Shareable`).  When a branch's turn comes, its tally is merged, and so are its
races that ask for schedules elsewhere, which may make more branches known.  So the executions, their order, and all counts
are those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from toctou.scheduling.strategies.strategy import Noted, Place, Shareable
from toctou.search.tally import WHERE_ONE_PROCESS_ENDS, Tally
from toctou.search.work_item import Advance, Open, WorkItem


@dataclass(slots=True)
class _Part:
    """A part of the search.

    Attributes:
        number: of its work item.
        work_item: where its search continues.
        tally: what was found and is not merged yet; ``None`` for nothing.
        noted: races with steps of other parts that are not merged yet.
        ended: whether nothing is left of it.
        search: where its search stands, to be merged; ``None`` before its first outcome, or after a fault.
    """

    number: int
    work_item: WorkItem
    tally: Tally | None = None
    noted: Noted = field(default_factory=dict)
    ended: bool = False
    search: Shareable | None = None

    def receive(self, advance: Advance, number: int) -> None:
        """Merge an outcome of the work item; what is left of it has another number."""
        self.number = number
        if self.tally is None:
            self.tally = advance.tally
        else:
            self.tally.add(advance.tally)
        self.search = advance.last
        self.ended = not advance.rest
        for work_item in advance.rest:
            assert isinstance(work_item.strategy, Shareable)  # noqa: S101 - a part begins as one
            self.work_item, self.search = work_item, work_item.strategy
            self.ended = not self.search.begin()
        if self.search is not None:
            self.noted |= self.search.noted()


class SharedSearch:
    """A search in several parts: the current one, and those ahead of their turn."""

    def __init__(self, work_item: WorkItem, search: Shareable, tally: Tally, number: Callable[[], int]) -> None:
        self._work_item = work_item
        self._search = search
        self._tally = tally
        self._number = number
        self._now: _Part | None = None
        self._ahead: dict[Place, _Part] = {}
        self._complete = False

    @classmethod
    def of(cls, entries: Sequence[Tally | Open], number: Callable[[], int]) -> SharedSearch | None:
        """Share what is left of a scenario; ``None`` if that cannot be done.

        Raises:
            Restart: see :meth:`Strategy.begin`.
        """
        if len(entries) != 2:
            return None
        tally, left = entries
        if not (isinstance(tally, Tally) and isinstance(left, Open)):
            return None
        search = left.work_item.strategy
        if not (isinstance(search, Shareable) and search.begin()):
            return None
        return cls(left.work_item, search, tally, number)

    def entries(self) -> list[Tally | Open]:
        """Tallies and what is left, in order."""
        entries: list[Tally | Open] = [self._tally]
        for part in (self._now, *self._ahead.values()):
            if part is not None:
                entries += [part.tally] if part.tally is not None else []
                entries += [] if part.ended else [Open(part.number, part.work_item)]
        return entries

    def advance(self, number: int, advance: Advance) -> None:
        """Merge the outcome of a work item.

        Raises:
            Restart: the parts have learned different footprints of a step.
        """
        part = next(one for one in (self._now, *self._ahead.values()) if one is not None and one.number == number)
        part.receive(advance, self._number())
        if part.search is not None:
            self._search.learn(part.search)
        if part is self._now:
            self._proceed(part)
        self.share_out(advance.pieces)

    def _proceed(self, part: _Part) -> None:
        """Merge a part whose turn it is, and those that follow it as far as they are known."""
        while True:
            if part.tally is not None:
                self._tally.add(part.tally)
                part.tally = None
            if self._tally.stop_reason in WHERE_ONE_PROCESS_ENDS:
                break
            if part.search is not None:
                self._search.push(part.search)
                self._search.reverse(part.noted)
                part.noted = {}
            if part is not self._now and not part.ended:
                self._now = part  # a process may be exploring it; it is merged after its next outcome
                return
            if not (self._search.pop() if part.search is None else self._search.merge(part.search)):
                break
            self._now = None
            following = self._ahead.pop(self._search.current(), None)
            if following is None:
                return
            part = following
        self._now, self._ahead = None, {}
        self._complete = True

    def share_out(self, pieces: int) -> None:
        """Have so many parts under way."""
        if self._complete:
            return
        pending = {place: depth for depth, place in self._search.pending()}
        parts = {place: self._ahead[place] for place in pending if place in self._ahead}
        wanted = pieces - 1 - sum(not part.ended for part in parts.values())
        # Parts that begin after the fewest steps come first, because they are likely to be the largest.
        for place in sorted(pending, key=pending.__getitem__):
            if wanted > 0 and place not in parts and (search := self._search.part(place)) is not None:
                parts[place] = self._part(search)
                wanted -= 1
        self._ahead = {place: parts[place] for place in pending if place in parts}
        if self._now is None:
            self._now = self._part(self._search.rest(max((pending[place] + 1 for place in parts), default=0)))

    def _part(self, search: Shareable) -> _Part:
        work_item = replace(self._work_item, strategy=search, before=self._tally.schedules, known=self._tally.best())
        return _Part(self._number(), work_item)
