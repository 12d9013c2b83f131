"""Strategies by the name they have on the command line; a new one is a file here and a line below."""

from __future__ import annotations

from dataclasses import dataclass

from toctou.errors import BadInput
from toctou.history.footprint import dependent
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies.delay_bounded import DelayBounded
from toctou.scheduling.strategies.dpor import Dpor
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.pct import Pct
from toctou.scheduling.strategies.pos import Pos
from toctou.scheduling.strategies.random_walk import RandomWalk
from toctou.scheduling.strategies.strategy import Strategy

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy for strategy in (Dpor, Exhaustive, DelayBounded, RandomWalk, Pct, Pos)
}


@dataclass(frozen=True, slots=True)
class Selected:
    """A strategy as selected on the command line.

    Attributes:
        kind: its class.
        bound: see :attr:`Strategy.default_bound`; ``None`` if it takes none.
    """

    kind: type[Strategy]
    bound: int | None

    def new(self, seed: int = 0, depends: Dependent = dependent, interchangeable: Interchangeable = ()) -> Strategy:
        """One that has run nothing yet; see :class:`Strategy`."""
        return self.kind(seed, depends, interchangeable, self.bound)

    @property
    def stated_bound(self) -> str:
        """The bound as text, such as ``at most 2 delays``; ``""`` without one."""
        return (
            "" if self.bound is None else f"at most {self.bound} {self.kind.bounded_by}{'' if self.bound == 1 else 's'}"
        )


def selected(text: str) -> Selected:
    """The strategy for ``NAME`` or, if it takes a bound, ``NAME:K``.

    Raises:
        BadInput: there is no such strategy, or the bound is not a whole number from 0, or the strategy takes none.
    """
    name, colon, given = text.partition(":")
    kind = STRATEGIES.get(name)
    if kind is None:
        raise BadInput(f"there is no strategy {text!r}", expected=", ".join(usages()), remedy="see --help")
    if not colon:
        return Selected(kind, kind.default_bound)
    if kind.default_bound is None:
        raise BadInput(f"the strategy {name} with {given!r}", expected=f"{name} alone", cause="it takes no bound")
    if not (given.isascii() and given.isdigit()):
        raise BadInput(
            f"the strategy {text!r}", expected=f"{name}:K with a whole number K of {kind.bounded_by}s, from 0"
        )
    return Selected(kind, int(given))


def usages() -> list[str]:
    """What can be given on the command line."""
    return [name if kind.default_bound is None else f"{name}[:K]" for name, kind in STRATEGIES.items()]
