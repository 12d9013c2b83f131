"""Describes why a request whose threads wait for each other will never answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from toctou.scheduling import blocking
from toctou.scheduling.origin import Site, described, is_of_the_handler
from toctou.scheduling.strand import Strand


@dataclass(frozen=True, slots=True)
class Blocked:
    """A strand that waits in vain.

    Attributes:
        path: of the strand.
        target: the function that it runs.
        waits_for: what the handler called, such as ``threading.Event.wait``, or the lock that it takes, and who holds that.
        called: where it is, innermost first.
    """

    path: tuple[int, ...]
    target: str
    waits_for: str
    called: tuple[Site, ...]

    @property
    def at(self) -> Site | None:
        """The handler's line."""
        return next(filter(is_of_the_handler, self.called), None)

    def __str__(self) -> str:
        return f"{_name(self.path)} ({self.target}) waits for {self.waits_for}\n{described(self.called)}"


@dataclass(frozen=True, slots=True)
class Deadlock:
    """All strands of a request that have not ended, none of which can go on."""

    blocked: tuple[Blocked, ...]

    @classmethod
    def of(cls, strands: Iterable[Strand]) -> Deadlock:
        """Look at what each of the strands does."""
        return cls(tuple(map(blocked, sorted(strands, key=lambda strand: strand.path))))

    def __str__(self) -> str:
        return "\n".join(map(str, self.blocked))


def blocked(strand: Strand) -> Blocked:
    """What a strand that does not run waits for, and where."""
    called = strand.stack()
    return Blocked(strand.path, strand.target, _waits_for(strand, called), tuple(called))


def _waits_for(strand: Strand, called: Sequence[Site]) -> str:
    beneath = list(takewhile(lambda site: not is_of_the_handler(site), called))
    if beneath:
        return f"{beneath[-1].module}.{beneath[-1].function}"
    if strand.sleeps:
        return "a moment"
    if (holder := blocking.holder(strand.wants)) is not None:
        return f"a lock that {_name(holder.path)} holds"
    return f"a {type(strand.wants).__name__}"


def _name(path: Sequence[int]) -> str:
    # Counted from 1, as in reports.
    return f"thread {'.'.join(str(number + 1) for number in path)}" if path else "the main thread"
