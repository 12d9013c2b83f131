"""Every class of equivalent schedules, depth first, with sleep sets.

The search runs one complete execution per class (Godefroid, *Partial-Order Methods for the Verification of Concurrent
Systems*, LNCS 1032, 1996, chapter 5).  Sleep sets alone do not avoid beginning redundant executions; those are given up as
soon as only sleeping requests are left, and counted apart.

Departures from the text: a step's footprint is known only after it has been performed, so a request falls asleep with the
footprint that its step had from the same state; an independent step taken meanwhile cannot have changed it.  Where one of
two interchangeable requests sleeps, the other does if it is in the same local state (:mod:`toctou.scheduling.symmetry`).

A node is kept for each step of the current execution only, and the prefix is performed anew, which also shows whether the
handlers are deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from toctou.history.footprint import EMPTY, Footprint, union
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label
from toctou.scheduling.strategies.strategy import Step, Strategy, diverged, diverged_choice, diverged_step
from toctou.scheduling.symmetry import alike
from toctou.verdict import Coverage


@dataclass(slots=True)
class _Node:
    """A state on the current path."""

    enabled: tuple[int, ...]  # equal every time the node is reached
    sleep: dict[int, Footprint]  # requests whose step leads into classes that were explored from an earlier sibling
    chosen: int
    branches: int  # requests that were awake when the node was reached
    step: Step | None = None  # `None` until it was performed
    alternatives: list[tuple[int, int]] = field(default_factory=list)  # each pick of the step: which, and of how many
    asked: int = 0  # how many of these picks the current execution has reached
    footprint: Footprint = EMPTY  # what the step did in the branches explored so far, with any alternatives

    def alternative(self, count: int) -> int:
        """The step's next pick; raises ``ValueError`` if the same pick had another count before."""
        if self.asked == len(self.alternatives):
            self.alternatives.append((0, count))
        taken, known = self.alternatives[self.asked]
        self.asked += 1
        if known != count:
            raise ValueError(known)
        return taken

    def advance(self) -> bool:
        """Advance to the step's next combination of alternatives; ``False`` if there is none."""
        while self.alternatives:
            taken, count = self.alternatives.pop()
            if taken + 1 < count:
                self.alternatives.append((taken + 1, count))
                return True
        return False


class Exhaustive(Strategy):
    """Depth-first search over all classes of schedules."""

    name: ClassVar[str] = "exhaustive"
    ends: ClassVar[bool] = True
    covers: ClassVar[Coverage] = Coverage.EVERYTHING
    symmetric: ClassVar[bool] = True

    def _prepare(self) -> None:
        self._path: list[_Node] = []
        self._floor = 0
        self._begun = False

    def begin(self) -> bool:
        """Move to the next branch in depth-first order."""
        self._depth = 0
        if not self._begun:
            self._begun = True
            return True
        while len(self._path) > self._floor:
            node = self._path[-1]
            node.step = None
            if node.advance():
                return True
            node.sleep[node.chosen] = node.footprint
            self._put_interchangeable_to_sleep(node.enabled, node.sleep)
            following = _first_awake(node.enabled, node.sleep, None)
            if following is not None:
                node.chosen, node.footprint = following, EMPTY
                return True
            self._path.pop()
        return False

    def choose(self, enabled: Sequence[int]) -> int | None:
        """Repeat the current path; below its end, prefer the request that took the last step."""
        now = tuple(enabled)
        if self._depth < len(self._path):
            node = self._path[self._depth]
            if node.enabled != now:
                raise diverged_choice(self._depth, node.enabled, now)
            node.asked = 0
            return node.chosen
        previous = self._path[-1] if self._path else None
        sleep = {} if previous is None else self._inherited(previous)
        self._put_interchangeable_to_sleep(now, sleep)
        chosen = _first_awake(now, sleep, previous.chosen if previous else None)
        if chosen is None:
            return None
        self._path.append(_Node(now, sleep, chosen, len(now) - len(sleep)))
        return chosen

    def pick(self, kind: PickKind, count: int) -> int:
        """Each alternative in turn, from 0."""
        node = self._path[self._depth]
        try:
            return node.alternative(count)
        except ValueError as known:
            before = f"request {label(node.chosen)} had {known} {kind.alternatives}"
            raise diverged(self._depth, before, f"it has {count}") from None

    def performed(self, request: int, step: Step) -> None:
        """Keep the step, or compare it with what it was before."""
        node = self._path[self._depth]
        if node.step is None:
            node.step = step
            node.footprint = union(node.footprint, step.footprint) if node.footprint is not EMPTY else step.footprint
        elif node.step.observed != step.observed:
            raise diverged_step(self._depth, request, node.step, step)
        self._depth += 1

    def divide(self) -> Exhaustive | None:
        """Split off all but the current branch of the first node that has others, and everything above it.

        The sleep sets of the part that is split off stay valid, because the sleeping steps have been performed.
        """
        for depth in range(self._floor, len(self._path) - 1):
            node = self._path[depth]
            if any(taken + 1 < count for taken, count in node.alternatives) or self._awake_besides(node):
                part = Exhaustive(depends=self._depends, interchangeable=self._interchangeable)
                part._begun = True
                part._path = [
                    replace(one, sleep=dict(one.sleep), alternatives=list(one.alternatives))
                    for one in self._path[: depth + 1]
                ]
                part._floor, self._floor = self._floor, depth + 1
                return part
        return None

    def left(self) -> float:
        """See :class:`Strategy`; assumes that the branches of a node are equally large.

        Knuth, *Estimating the efficiency of backtrack programs*, Mathematics of Computation 29, 1975.
        """
        left, share = 0.0, 1.0
        for depth, node in enumerate(self._path):
            share /= node.branches
            own = depth >= self._floor
            left += share * len(self._awake_besides(node)) if own else 0.0
            for taken, count in node.alternatives:
                share /= count
                left += share * (count - 1 - taken) if own else 0.0
        return left if self._begun else 1.0

    def _awake_besides(self, node: _Node) -> list[int]:
        return [request for request in node.enabled if request != node.chosen and request not in node.sleep]

    def _put_interchangeable_to_sleep(self, enabled: Sequence[int], sleep: dict[int, Footprint]) -> None:
        if not self._interchangeable:
            return
        for request in enabled:
            if request not in sleep:
                for asleep in enabled:
                    if asleep in sleep and self._alike(request, asleep):
                        sleep[request] = sleep[asleep]
                        break

    def _alike(self, one: int, other: int) -> bool:
        # the last node has no step while its next branch is chosen, so these are the steps that lead to it
        taken = [(node.chosen, node.step.footprint, node.step.seen) for node in self._path if node.step]
        return alike(self._interchangeable, self._depends, taken, one, other)

    def _inherited(self, node: _Node) -> dict[int, Footprint]:
        # A step that is independent of the node's step leads to the same class after it, so it stays asleep.
        step = node.step
        if step is None:
            return {}
        return {
            request: footprint
            for request, footprint in node.sleep.items()
            if not self._depends(footprint, step.footprint)
        }


def _first_awake(enabled: Sequence[int], sleep: dict[int, Footprint], preferred: int | None) -> int | None:
    if preferred in enabled and preferred not in sleep:
        return preferred
    return next((request for request in enabled if request not in sleep), None)
