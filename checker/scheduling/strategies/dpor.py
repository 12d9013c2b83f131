"""Every class of equivalent schedules exactly once: optimal dynamic partial-order reduction.

Abdulla, Aronis, Jonsson, Sagonas, *Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction*, JACM 64(4), 2017
(first at POPL 2014), algorithm 2: after each execution, every race (two neighbouring dependent steps of different requests) is
looked at, and unless the reversed order is covered already, the steps that lead to it are put into the wakeup tree of the
state before the race.  Where the dependence of steps does not change with the state, no execution is begun in vain.

Departures from the text:

- No step ever blocks and all requests are there from the start, so every race can be reversed.
- Whether two steps depend on each other must not change with the state (the text's properties of a happens-before assignment;
  a conditional write that fails only reads, which breaks them).  So a step counts with all that it could do in any state
  (:attr:`Step.possible`).  The classes are then as fine as that: one execution each, none begun in vain, but where conditions
  fail more executions than :mod:`exhaustive`, which goes by what steps did and explores more states, would complete.
- The tree of executions is not stored: a node is kept for each step of the current one, and the prefix is performed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from checker.errors import InternalError, OutsideControl
from checker.history.footprint import EMPTY, Footprint, dependent
from checker.history.request import label
from checker.scheduling.dependence import Dependent, Twins
from checker.scheduling.strategies.exhaustive import diverged_choice, diverged_step
from checker.scheduling.strategies.strategy import Step

Sequel = list[tuple[int, Footprint]]
"""Steps that lead from a state to the reversal of a race: request and footprint of each."""


@dataclass(slots=True)
class _Branch:
    """A node of a wakeup tree: a step that has to be explored, and what has to follow it.

    Attributes:
        request: who takes the step.
        footprint: what the step could do; ``None`` until it is performed, if it was chosen freely.
        children: in the order in which they will be explored; empty for a leaf, after which any order will do.
    """

    request: int
    footprint: Footprint | None
    children: list[_Branch] = field(default_factory=list)


@dataclass(slots=True)
class _Node:
    """A state on the current path, and the step taken from it.

    Attributes:
        enabled: requests that can step here; equal every time the node is reached.
        sleep: requests whose step from here leads into classes that were explored from an earlier branch.
        tree: the branches still to be explored; the first is the current one.
        step: what the current step did; ``None`` until it was performed.
        footprint: what it could have done in any state.
        before: bit *i* is set if the step at depth *i* happens before this one.
        races: depths of the steps that this one races with.
    """

    enabled: tuple[int, ...]
    sleep: dict[int, Footprint]
    tree: list[_Branch]
    step: Step | None = None
    footprint: Footprint = EMPTY
    before: int = 0
    races: list[int] = field(default_factory=list)

    @property
    def chosen(self) -> int:
        return self.tree[0].request


class Dpor:
    """Depth-first search over all classes of schedules, each once."""

    name: ClassVar[str] = "dpor"
    complete: ClassVar[bool] = True
    static: ClassVar[bool] = True
    symmetric: ClassVar[bool] = False

    def __init__(
        self,
        seed: int = 0,  # noqa: ARG002 - every strategy takes one
        depends: Dependent = dependent,
        twins: Twins = (),  # noqa: ARG002 - wakeup trees make no provision for them
    ) -> None:
        self._path: list[_Node] = []
        self._depth = 0
        self._begun = False
        self._depends = depends

    def begin(self) -> bool:
        """Reverse the races of the last execution, and move to the next branch."""
        self._depth = 0
        if not self._begun:
            self._begun = True
            return True
        for depth, node in enumerate(self._path):
            for earlier in node.races:
                self._reverse(earlier, depth)
        while self._path:
            node = self._path[-1]
            if node.step is not None:
                node.sleep[node.chosen] = node.footprint
            node.step = None
            node.tree.pop(0)
            if node.tree:
                return True
            self._path.pop()
        return False

    def choose(self, enabled: Sequence[int]) -> int | None:
        """Repeat the current path; below its end, follow the wakeup tree, then the request that took the last step."""
        now = tuple(enabled)
        if self._depth < len(self._path):
            node = self._path[self._depth]
            if node.enabled != now:
                raise diverged_choice(self._depth, node.enabled, now)
            return node.chosen
        sleep: dict[int, Footprint] = {}
        tree: list[_Branch] = []
        preferred = None
        if self._path:
            parent = self._path[-1]
            sleep, tree, preferred = self._inherited(parent), parent.tree[0].children, parent.chosen
        if not tree:
            awake = [request for request in now if request not in sleep]
            if not awake:
                raise InternalError("every request that could go on is asleep, which optimal reduction rules out")
            tree.append(_Branch(preferred if preferred in awake else awake[0], None))
        self._path.append(_Node(now, sleep, tree))
        return tree[0].request

    def choose_age(self, count: int) -> int:
        """Refuse: a weak read branches without a race, for which the text makes no provision."""
        raise InternalError(f"a weak read with {count} answers was met by the strategy dpor, which takes none")

    def choose_call(self, count: int) -> int:
        """Refuse, for the same reason."""
        raise OutsideControl(
            f"request {label(self._path[self._depth].chosen)} made {count} calls at once",
            expected="one call at a time under the strategy dpor",
            cause="the handler waits for several calls together; which goes first branches without a race",
            remedy="choose --strategy exhaustive, or a random one",
        )

    def performed(self, request: int, step: Step) -> None:
        """Keep the step and find its races, or compare it with what it was before."""
        node = self._path[self._depth]
        if node.step is None:
            node.step = step
            node.footprint = node.tree[0].footprint = step.anything_it_could_do()
            self._find_races(node, self._depth)
        elif node.step.observed != step.observed:
            raise diverged_step(self._depth, request, node.step, step)
        self._depth += 1

    def _inherited(self, node: _Node) -> dict[int, Footprint]:
        """The requests that sleep after the node's step: those it is independent of."""
        return {
            request: footprint
            for request, footprint in node.sleep.items()
            if request != node.chosen and not self._depends(footprint, node.footprint)
        }

    def _find_races(self, node: _Node, depth: int) -> None:
        """Nearest dependent steps first, so that whatever happens before one of them is not a race of its own."""
        node.before, node.races = 0, []
        for at in range(depth - 1, -1, -1):
            if node.before >> at & 1:
                continue
            earlier = self._path[at]
            same = earlier.chosen == node.chosen
            if same or self._depends(earlier.footprint, node.footprint):
                node.before |= earlier.before | 1 << at
                if not same:
                    node.races.append(at)

    def _reverse(self, first: int, second: int) -> None:
        """Make sure that the steps at two depths will also be performed in the other order."""
        origin = self._path[first]
        sequel: Sequel = [
            (node.chosen, node.footprint)
            for depth, node in enumerate(self._path[first + 1 :], first + 1)
            if not node.before >> first & 1
        ]
        racing = self._path[second]
        sequel.append((racing.chosen, racing.footprint))
        for asleep, footprint in origin.sleep.items():
            if self._follow(asleep, footprint, sequel) is not None:
                return  # an execution that begins with the sleeping step has covered it
        self._insert(origin.tree, sequel)

    def _insert(self, branches: list[_Branch], sequel: Sequel) -> None:
        while sequel:
            for branch in branches:
                assert branch.footprint is not None  # noqa: S101 - the current branch has been performed
                rest = self._follow(branch.request, branch.footprint, sequel)
                if rest is not None:
                    if not branch.children:
                        return  # after a leaf every order will be explored
                    branches, sequel = branch.children, rest
                    break
            else:
                for request, footprint in sequel:
                    branches.append(_Branch(request, footprint))
                    branches = branches[-1].children
                return

    def _follow(self, request: int, footprint: Footprint, sequel: Sequel) -> Sequel | None:
        """What is left of the sequel after the request's step was taken first; ``None`` if that is another class."""
        for at, (other, other_footprint) in enumerate(sequel):
            if other == request:
                if any(self._depends(earlier, other_footprint) for _, earlier in sequel[:at]):
                    return None
                return sequel[:at] + sequel[at + 1 :]
        if any(self._depends(footprint, other_footprint) for _, other_footprint in sequel):
            return None
        return sequel
