"""Every class of equivalent schedules, depth first, with sleep sets.

Two schedules are equivalent if one becomes the other by swapping neighbouring steps whose footprints are independent.
The search runs one complete execution per class (Godefroid, *Partial-Order Methods for the Verification of Concurrent
Systems*, LNCS 1032, 1996, chapter 5).  Sleep sets alone do not avoid beginning some executions that turn out redundant;
those are given up as soon as only sleeping requests are left, and counted apart.

Departures from the text: a step's footprint is known only after it has been performed, so a request falls asleep with the
footprint that its step had from the same state; an independent step taken meanwhile cannot have changed it.

Where one of two interchangeable requests sleeps, the other does if it is in the same situation
(:mod:`toctou.scheduling.symmetry`).

The tree is not stored: a node is kept for each step of the current execution, and the prefix is performed anew.  Doing so
also shows whether the handlers are deterministic, at the price of one comparison per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from toctou.errors import NondeterministicHandler
from toctou.history.footprint import EMPTY, Footprint, dependent, union
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label
from toctou.scheduling.dependence import Dependent, Interchangeable
from toctou.scheduling.strategies.strategy import Step, Strategy
from toctou.scheduling.symmetry import alike
from toctou.verdict import Coverage


@dataclass(slots=True)
class _Node:
    """A state on the current path.

    Attributes:
        enabled: requests that can step here; equal every time the node is reached.
        sleep: requests whose step from here leads into classes that were explored from an earlier sibling.
        chosen: the request whose branch is being explored.
        step: what its step did; ``None`` until it was performed.
        alternatives: what the step was asked to choose in the branch that is being explored, in the order of asking: which
            was taken, and of how many.
        asked: how many of these questions the current execution has asked.
        footprint: what the step did in the branches explored so far, with whatever alternatives.
        branches: requests that were awake when the node was reached.
    """

    enabled: tuple[int, ...]
    sleep: dict[int, Footprint]
    chosen: int
    step: Step | None = None
    alternatives: list[tuple[int, int]] = field(default_factory=list)
    asked: int = 0
    footprint: Footprint = EMPTY
    branches: int = 1

    def alternative(self, count: int) -> int:
        """The answer to the step's next question; raises ``ValueError`` if the same question had another count before."""
        if self.asked == len(self.alternatives):
            self.alternatives.append((0, count))
        taken, known = self.alternatives[self.asked]
        self.asked += 1
        if known != count:
            raise ValueError(known)
        return taken

    def advance(self) -> bool:
        """Go on to the step's next combination of alternatives; ``False`` if there is none."""
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

    def __init__(
        self,
        seed: int = 0,
        depends: Dependent = dependent,
        interchangeable: Interchangeable = (),
        bound: int | None = None,
    ) -> None:
        super().__init__(seed, depends, interchangeable, bound)
        self._path: list[_Node] = []
        self._floor = 0
        self._depth = 0
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
            self._put_interchangeable_to_sleep(node.enabled, node.sleep, len(self._path) - 1)
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
        self._put_interchangeable_to_sleep(now, sleep, len(self._path))
        chosen = _first_awake(now, sleep, previous.chosen if previous else None)
        if chosen is None:
            return None
        self._path.append(_Node(now, sleep, chosen, branches=len(now) - len(sleep)))
        return chosen

    def pick(self, kind: PickKind, count: int) -> int:
        """Each answer in turn, from 0."""
        node = self._path[self._depth]
        try:
            return node.alternative(count)
        except ValueError as before:
            raise diverged(
                self._depth,
                f"request {label(node.chosen)} had {before} {kind.alternatives}",
                f"it has {count}",
            ) from None

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
        """Give away all but the current branch of the first node that has others, and everything above it.

        What sleeps in the given part is the same, because the sleeping steps have been performed: that a branch has been
        explored is all that a node takes from it.
        """
        for depth in range(self._floor, len(self._path) - 1):
            node = self._path[depth]
            if any(taken + 1 < count for taken, count in node.alternatives) or self._awake_besides(node):
                given = Exhaustive(depends=self._depends, interchangeable=self._interchangeable)
                given._begun = True
                given._path = [
                    replace(one, sleep=dict(one.sleep), alternatives=list(one.alternatives))
                    for one in self._path[: depth + 1]
                ]
                given._floor, self._floor = self._floor, depth + 1
                return given
        return None

    def left(self) -> float:
        """See :class:`~toctou.scheduling.strategies.strategy.Strategy`: it takes the branches of a node for equally large.

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

    def _put_interchangeable_to_sleep(self, enabled: Sequence[int], sleep: dict[int, Footprint], depth: int) -> None:
        """Let those sleep that are in the same situation, after so many steps of the path, as one that sleeps."""
        if not self._interchangeable:
            return
        for request in enabled:
            if request not in sleep:
                for asleep in enabled:
                    if asleep in sleep and self._alike(request, asleep, depth):
                        sleep[request] = sleep[asleep]
                        break

    def _alike(self, one: int, other: int, depth: int) -> bool:
        taken = [(node.chosen, node.step.footprint, node.step.seen) for node in self._path[:depth] if node.step]
        return alike(self._interchangeable, self._depends, taken, one, other)

    def _inherited(self, node: _Node) -> dict[int, Footprint]:
        """The requests that sleep after the node's step: those it is independent of."""
        step = node.step
        if step is None:
            return {}
        return {
            request: footprint
            for request, footprint in node.sleep.items()
            if request != node.chosen and not self._depends(footprint, step.footprint)
        }


def _first_awake(enabled: Sequence[int], sleep: dict[int, Footprint], preferred: int | None) -> int | None:
    if preferred is not None and preferred in enabled and preferred not in sleep:
        return preferred
    return next((request for request in enabled if request not in sleep), None)


def _labels(requests: Sequence[int]) -> str:
    return ", ".join(map(label, requests)) or "none"


def diverged_choice(depth: int, before: Sequence[int], now: Sequence[int]) -> NondeterministicHandler:
    """The error for other requests being able to go on than the last time."""
    return diverged(depth, f"requests {_labels(before)} could go on", f"{_labels(now)} can")


def diverged_step(depth: int, request: int, before: Step, now: Step) -> NondeterministicHandler:
    """The error for a step that did something else than the last time."""
    return diverged(depth, f"request {label(request)} did\n{before.observed}", f"it does\n{now.observed}")


def diverged(depth: int, before: str, now: str) -> NondeterministicHandler:
    """The error for a schedule that gave two histories, which differ after so many steps."""
    return NondeterministicHandler(
        f"the same schedule gave two histories: after {depth} steps, the first time {before};\nthe second time {now}",
        expected="handlers that do the same whenever they are answered the same",
        cause="state kept between requests (a global, a cache), or an unordered set that decides",
        remedy="keep the state in DynamoDB, or reset it in the model's `setup`",
    )
