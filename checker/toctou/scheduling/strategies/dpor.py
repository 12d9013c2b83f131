"""Every class of equivalent schedules exactly once: optimal dynamic partial-order reduction.

Abdulla, Aronis, Jonsson, Sagonas, *Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction*, JACM 64(4), 2017
(first at POPL 2014), algorithm 2: after each execution, every race (two neighbouring dependent steps of different requests) is
examined, and unless the reversed order is covered already, the steps that lead to it are put into the wakeup tree of the
state before the race.  No execution is redundant.

Departures from the text:

- No step ever blocks and all requests are there from the start, so every race can be reversed.  Where a request is held back
  because it polls (:mod:`toctou.scheduling.polling`), sleep sets take over.
- The text's dependence must not change with the state, but a conditional write that fails only reads.  So a request's step of
  some number counts with all that steps of that number touched in any execution so far, and once one touches more, the search
  begins again.  At the end nothing is left to learn: what a step does is decided by what it reads, so in a schedule not run, the
  first step that touches more would read, in its place in an equivalent one that was run, the same.  Where conditions fail,
  the classes are finer than those of :mod:`exhaustive`, which goes by what steps did and begins redundant executions.
- An eventually consistent read has several outcomes, each of which makes a step of its own.  They conflict without being a
  race, so all are explored from the state in which the read is reached without instructions.  Instructions name the outcome,
  because what follows may depend on it; steps that commute with a read not reached yet are followed once per outcome.
- What one of several interchangeable requests has explored from a state, the others skip if they are in the same local state
  there (:mod:`toctou.scheduling.symmetry`).  The races of the skipped executions are reversed all the same, because they may
  lead to an earlier state where the local states still differed.  Some mirror images are run nevertheless.
- A node is kept for each step of the current execution only, and the prefix is performed anew.

Parts: what is explored after a leaf of a wakeup tree depends on the rest of the search only through the steps that sleep there,
which are fixed once the leaf exists: branches are added behind those that exist, and nothing is added to a leaf.  So a leaf can
be explored ahead of its turn, as a search of its own.  Such a part does not reverse races with steps before the leaf but notes
them for the whole search (:mod:`toctou.distribution.shared_search`), so that all parts together run what one search would have
run, in the same order.  Only the first leaf of a branch is taken: the others need to know the enabled requests of inner nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import ClassVar, NamedTuple

from toctou.errors import NondeterministicHandler
from toctou.history.footprint import EMPTY, Footprint, contains, union
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label
from toctou.scheduling.restart import Reason, Restart
from toctou.scheduling.strategies.exhaustive import Exhaustive
from toctou.scheduling.strategies.strategy import (
    Noted,
    Place,
    Shareable,
    Step,
    diverged_choice,
    diverged_step,
    nondeterministic,
)
from toctou.scheduling.symmetry import Taken, alike
from toctou.verdict import Coverage


class _Event(NamedTuple):
    """A step as instructions name it, or as it was explored."""

    request: int
    footprint: Footprint  # what it counts as touching
    outcomes: int = 1  # more than 1 only for an eventually consistent read
    which: frozenset[int] = frozenset({0})  # the outcomes meant

    @property
    def complete(self) -> bool:
        """Whether it is meant with all outcomes; so it is if their number in the state where it will be taken is not known."""
        return len(self.which) == self.outcomes

    @property
    def named(self) -> tuple[int, frozenset[int] | None]:
        return self.request, None if self.complete else self.which

    def among(self, other: _Event) -> bool:
        """Whether the outcomes meant are among those of the same step as it was explored."""
        return other.complete or (not self.complete and self.which <= other.which)

    def each(self) -> list[_Event]:
        """The step with each of its outcomes."""
        return [self._replace(which=frozenset({outcome})) for outcome in range(self.outcomes)]


Sequel = tuple[_Event, ...]
"""Steps that lead from a state to the reversal of a race; only the last may be meant with all its outcomes."""


@dataclass(slots=True)
class _Branch:
    """A node of a wakeup tree: a step that has to be explored, and what has to follow it."""

    event: _Event  # its footprint is `EMPTY` until it is performed, if it was chosen freely
    children: list[_Branch] = field(default_factory=list)  # in order; a leaf may be followed by any order

    def copy(self) -> _Branch:
        return _Branch(self.event, [child.copy() for child in self.children])

    def first(self) -> Iterator[_Branch]:
        """The path to the first leaf, from this node."""
        yield self
        if self.children:
            yield from self.children[0].first()


@dataclass(slots=True)
class _Node:
    """A state on the current path, and the step taken from it."""

    enabled: tuple[int, ...]  # equal every time the node is reached
    sleep: dict[int, _Event]  # steps that lead into classes which were explored from an earlier branch, by request
    tree: list[_Branch]  # still to be explored; the first is the current one
    mirrors: dict[int, list[int]]  # for each request, the interchangeable ones that are in the same local state here
    inherited: frozenset[int] = frozenset()  # whose steps slept with all outcomes when the node was reached
    step: Step | None = None  # what the current step did; `None` until it was performed
    outcome: int = 0  # which outcome the current step returns, of how many
    outcomes: int = 1
    sizes: list[int] = field(default_factory=list)  # executions of each branch explored from here
    size: int = 0  # executions of the current branch so far

    @property
    def chosen(self) -> int:
        return self.tree[0].event.request

    @property
    def footprint(self) -> Footprint:
        return self.tree[0].event.footprint

    def done(self) -> None:
        """Put the step of the current branch, which has been explored, to sleep, and its mirror images."""
        explored = self.tree.pop(0).event
        self.step, self.outcome, self.outcomes = None, 0, 1
        self.sizes, self.size = [*self.sizes, self.size], 0
        if explored.request in self.sleep:
            explored = explored._replace(which=explored.which | self.sleep[explored.request].which)
        for request in (explored.request, *self.mirrors.get(explored.request, ())):
            self.sleep[request] = explored._replace(request=request)
        self.tree[:] = [branch for branch in self.tree if not self._sleeps(branch.event)]

    def alone(self) -> _Node:
        return replace(self, sleep=dict(self.sleep), tree=[branch.copy() for branch in self.tree[:1]])

    def before(self, at: int) -> _Node | None:
        """A copy as it will be at the turn of a branch's first leaf; ``None`` if the branch will sleep as a mirror image."""
        then, branch = replace(self, sleep=dict(self.sleep), tree=list(self.tree)), self.tree[at]
        while then.tree and then.tree[0] is not branch:
            then.done()
        way: list[_Branch] = []
        for step in reversed([*branch.first()]):
            way = [_Branch(step.event, way)]
        return replace(then, tree=way) if then.tree else None

    def become(self, part: _Node) -> None:
        """Replace the current branch by what is left of it in a part of the search."""
        later = self.tree[1:]
        self.sleep, self.step, self.outcome, self.outcomes = dict(part.sleep), part.step, part.outcome, part.outcomes
        self.sizes, self.size = max(self.sizes, part.sizes, key=len), part.size
        self.tree[:] = [*part.tree, *(branch for branch in later if not self._sleeps(branch.event))]

    def _sleeps(self, event: _Event) -> bool:
        return event.request in self.sleep and event.among(self.sleep[event.request])

    def covered(self) -> Iterator[_Event]:
        """Steps that need not be taken from here: sleeping ones, and the mirror images of the current one."""
        yield from self.sleep.values()
        for request in self.mirrors.get(self.chosen, ()):
            for branch in self.tree:
                if branch.event.request == self.chosen:
                    yield branch.event._replace(request=request)


class Dpor(Shareable):
    """Depth-first search over all classes of schedules, each once."""

    name: ClassVar[str] = "dpor"
    ends: ClassVar[bool] = True
    covers: ClassVar[Coverage] = Coverage.EVERYTHING
    symmetric: ClassVar[bool] = True

    def _prepare(self) -> None:
        self._path: list[_Node] = []
        self._floor = 0
        self._noted: Noted = {}
        self._sizes: dict[int, list[int]] = {}
        self._ready = True
        self._learned: dict[tuple[int, int], Footprint] = {}
        self._instead: Dpor | Exhaustive | None = None

    def begin(self) -> bool:
        """Reverse the races of the last execution, and move to the next branch, unless nothing was chosen since."""
        if self._instead is not None:
            raise Restart(Reason.STEP_TOUCHES_MORE, self._instead)
        self._depth, self._asked = 0, -1
        if not self._ready and self._path[-1].tree:
            self._reverse_races()
            self._path[-1].size += 1
            self._path[-1].done()
            self._ready = self._go_up()
        return self._ready

    def _go_up(self) -> bool:
        while not self._path[-1].tree:
            if len(self._path) <= max(self._floor, 1):
                return False
            gone_through = self._path.pop()
            self._path[-1].size += sum(gone_through.sizes)
            known = self._sizes.get(len(self._path), [])
            pairs = zip_longest(known, gone_through.sizes, fillvalue=0)
            self._sizes[len(self._path)] = [max(1, one + other) for one, other in pairs]
            self._path[-1].done()
        return True

    def current(self) -> Place:
        """See :class:`Shareable`."""
        return self._place(len(self._path) - 1, 0) if self._path else ()

    def pending(self) -> Iterator[tuple[int, Place]]:
        """See :class:`Shareable`."""
        for depth in range(len(self._path) - 1, -1, -1):
            for at in range(1, len(self._path[depth].tree)):
                yield depth, self._place(depth, at)

    def _place(self, depth: int, at: int) -> Place:
        steps = [node.tree[0] for node in self._path[:depth]]
        steps += [*self._path[depth].tree[at].first()]
        return tuple(branch.event.named for branch in steps)

    def part(self, place: Place) -> Dpor | None:
        """See :class:`Shareable`."""
        for depth, node in enumerate(self._path):
            found = next((at for at in range(len(node.tree)) if at and self._place(depth, at) == place), None)
            if found is not None:
                then = node.before(found)
                above = [one.alone() for one in self._path[:depth]]
                return None if then is None else self._part([*above, then], len(place))
        return None

    def rest(self, depth: int) -> Dpor:
        """See :class:`Shareable`."""
        above, below = self._path[:depth], self._path[depth:]
        del self._path[depth:]
        return self._part([*(node.alone() for node in above), *below], depth)

    def _part(self, path: list[_Node], floor: int) -> Dpor:
        part = Dpor(depends=self._depends, interchangeable=self._interchangeable)
        part._path, part._floor, part._learned = path, floor, dict(self._learned)
        return part

    def noted(self) -> Noted:
        """See :class:`Shareable`."""
        taken, self._noted = self._noted, {}
        return taken

    def reverse(self, noted: Noted) -> None:
        """See :class:`Shareable`."""
        for depth, sequel in noted.values():
            self._reverse(depth, sequel)

    def learn(self, part: Dpor) -> None:
        """See :class:`Shareable`."""
        learned = dict(self._learned)
        for step, footprint in part._learned.items():
            learned[step] = union(learned[step], footprint) if step in learned else footprint
        if any(learned[step] != known for one in (self, part) for step, known in one._learned.items()):
            over = Dpor(depends=self._depends, interchangeable=self._interchangeable)
            over._learned = learned
            raise Restart(Reason.STEP_TOUCHES_MORE, over)
        self._learned = learned

    def push(self, part: Dpor) -> None:
        """See :class:`Shareable`."""
        for node in part._path[len(self._path) : part._floor]:
            self._path.append(replace(node, sleep=dict(node.sleep), tree=self._path[-1].tree[0].children))

    def merge(self, part: Dpor) -> bool:
        """See :class:`Shareable`."""
        depth = part._floor - 1
        if depth >= 0:
            self._path[depth].become(part._path[depth])
        self._path[depth + 1 :] = part._path[depth + 1 :]
        self._ready = self._go_up()
        return self._ready

    def pop(self) -> bool:
        """See :class:`Shareable`."""
        if not self._path:
            return False
        self._path[-1].done()
        self._ready = self._go_up()
        return self._ready

    def left(self) -> float:
        """See :class:`Strategy`."""
        # The relative sizes of a node's branches are expected to be those of earlier nodes at the same depth.  If there was none,
        # one branch is expected for each awake request, of decreasing size.
        if self._path and not self._path[-1].tree:
            return 0.0
        left, share = 0.0, 1.0
        for depth, node in enumerate(self._path):
            sizes = self._sizes.get(depth) or range(max(1, len(node.enabled) - len(node.inherited)), 0, -1)
            now = len(node.sizes)
            weights = [*sizes, *[max(1, sizes[-1])] * (now + len(node.tree) - len(sizes))]
            if depth >= self._floor:
                left += share * sum(weights[now + 1 :]) / sum(weights)
            share *= weights[now] / sum(weights)
        return left + share if self._ready else left

    def choose(self, enabled: Sequence[int]) -> int | None:
        """Repeat the current path; below its end, follow the wakeup tree, then the request that took the last step."""
        self._ready = False
        now = tuple(enabled)
        if self._depth < len(self._path):
            node = self._path[self._depth]
            if node.enabled != now:
                raise diverged_choice(self._depth, node.enabled, now)
            return self._instructed(node)
        node = _Node(now, {}, [], self._mirrors(now))
        preferred = None
        if self._path:
            parent = self._path[-1]
            node.sleep, node.tree, preferred = self._inherited(parent), parent.tree[0].children, parent.chosen
            node.inherited = frozenset(request for request, event in node.sleep.items() if event.complete)
        if not node.tree:
            # What slept before a leaf conflicts with a step on the way to it, or is one; only single outcomes sleep behind it.
            node.tree.append(_Branch(_Event(preferred if preferred in now else now[0], EMPTY)))
        self._path.append(node)
        return self._instructed(node)

    def _instructed(self, node: _Node) -> int:
        # A wakeup tree is made of steps that must be possible where they stand if requests meet in their footprints only.
        if node.chosen not in node.enabled:
            raise _misled(self._depth, f"a further step of request {label(node.chosen)}", "it has ended")
        return node.chosen

    def held_back(self) -> None:
        """Hand over: a race with a step that is held back cannot be reversed, and sleep sets need not reverse any."""
        raise Restart(
            Reason.STEP_TOUCHES_MORE, Exhaustive(depends=self._depends, interchangeable=self._interchangeable)
        )

    def pick(self, kind: PickKind, count: int) -> int:
        """The outcome that the branch names, or the first that does not sleep."""
        node = self._path[self._depth]
        if not kind.outcome or self._asked == self._depth:
            # Choosing among concurrent calls branches without a race, and a step has one set of outcomes here: sleep sets can
            # explore both.
            self._instead = Exhaustive(depends=self._depends, interchangeable=self._interchangeable)
            return 0
        self._asked = self._depth
        node.outcomes = count
        branch, meant = node.tree[0].event, frozenset(range(count))
        if not branch.complete:
            meant &= branch.which
        elif node.chosen in node.sleep:
            meant -= node.sleep[node.chosen].which
        if not meant:
            raise _misled(
                self._depth, f"a new one of the {kind.alternatives} of request {label(node.chosen)}", "there is none"
            )
        node.outcome = min(meant)
        return node.outcome

    def performed(self, request: int, step: Step) -> None:
        """Keep the step, or compare it with what it was before."""
        node = self._path[self._depth]
        if node.step is None:
            node.step = step
            self._keep(node, step)
        elif node.step.observed != step.observed:
            raise diverged_step(self._depth, request, node.step, step)
        self._depth += 1

    def _taken_for(self, request: int, footprint: Footprint) -> Footprint:
        number = sum(node.chosen == request for node in self._path[: self._depth])
        step = self._interchangeable[request] if self._interchangeable else request, number
        known = self._learned.get(step)
        if known is None:
            self._learned[step] = known = footprint
        elif known != footprint and not contains(known, footprint):
            self._learned[step] = known = union(known, footprint)
            self._instead = self._instead or Dpor(depends=self._depends, interchangeable=self._interchangeable)
            if isinstance(self._instead, Dpor):
                self._instead._learned = self._learned
        return known

    @property
    def taken_for(self) -> Sequence[Footprint]:
        """See :class:`Strategy`."""
        return [node.footprint for node in self._path]

    @property
    def mirrored(self) -> bool:
        """Whether the last execution took a step whose mirror image slept; it had to be run because of its races."""
        return any(not node.inherited.isdisjoint(node.mirrors.get(node.chosen, ())) for node in self._path)

    def _keep(self, node: _Node, step: Step) -> None:
        """Record what the current branch did; the other outcomes of a read become branches of their own."""
        branch = node.tree[0]
        event = _Event(node.chosen, self._taken_for(node.chosen, step.footprint), node.outcomes)
        each = event.each()
        if branch.event.complete:  # those that sleep are left out when the first is put to sleep
            node.tree[1:1] = [_Branch(other) for other in each if other != each[node.outcome]]
        branch.event = each[node.outcome]

    def _mirrors(self, enabled: Sequence[int]) -> dict[int, list[int]]:
        if not self._interchangeable:
            return {}
        taken: list[Taken] = [(node.chosen, node.footprint, node.step.seen) for node in self._path if node.step]
        return {
            one: [
                other
                for other in enabled
                if other != one and alike(self._interchangeable, self._depends, taken, one, other)
            ]
            for one in enabled
        }

    def _inherited(self, node: _Node) -> dict[int, _Event]:
        return {  # a step that is independent of the node's step still sleeps after it
            request: event
            for request, event in node.sleep.items()
            if request != node.chosen and not self._depends(event.footprint, node.footprint)
        }

    def _reverse_races(self) -> None:
        """Reverse the races of the last execution, and of its mirror images that were skipped."""
        executed = tuple(node.tree[0].event for node in self._path)
        self._reverse_races_before(len(executed), executed)
        if not self._interchangeable:
            return
        images: list[Sequel] = [()]
        for depth in reversed(range(1, len(executed))):
            images = [(executed[depth], *rest) for rest in images]
            mirrored = [
                tuple(_exchanged(event, executed[depth].request, other) for event in image)
                for image in images
                for other in self._path[depth].mirrors.get(executed[depth].request, ())
            ]
            for image in mirrored:
                self._reverse_races_before(depth, (*executed[:depth], *image))
            images += mirrored

    def _reverse_races_before(self, end: int, execution: Sequel) -> None:
        """Reverse each race of an execution whose first step is less deep than ``end``."""
        before: list[int] = []
        for depth, event in enumerate(execution):
            mask = 0
            races: list[int] = []
            for at in reversed(range(depth)):  # nearest first: a step that happens before a racing one does not race
                if mask >> at & 1:
                    continue
                same = execution[at].request == event.request
                if same or self._depends(execution[at].footprint, event.footprint):
                    mask |= before[at] | 1 << at
                    if not same and at < end:
                        races.append(at)
            before.append(mask)
            for first in races:
                between = [execution[at] for at in range(first + 1, depth) if not before[at] >> first & 1]
                self._reverse(first, (*between, _Event(event.request, event.footprint)))

    def _reverse(self, depth: int, sequel: Sequel) -> None:
        """Have the reversal of a race explored, or note it for the search that contains its first step."""
        if depth >= self._floor:
            self._cover(self._path[depth], sequel)
            return
        for asleep in self._path[depth].sleep.values():
            first = self._first(asleep, sequel)
            if first is not None and first[0].among(asleep):
                return
        self._noted.setdefault((depth, tuple(event.named for event in sequel)), (depth, sequel))

    def _cover(self, origin: _Node, sequel: Sequel) -> None:
        """Have the steps explored from a state, unless what has been explored from it covers them."""
        for explored in origin.covered():
            first = self._first(explored, sequel)
            if first is None:
                continue
            meant, rest = first
            if meant.among(explored):
                return
            if meant.complete:
                for one in explored.each():
                    self._cover(origin, (one, *rest))
                return
        self._insert(origin.tree, sequel)

    def _insert(self, branches: list[_Branch], sequel: Sequel) -> None:
        for branch in branches:
            first = self._first(branch.event, sequel)
            if first is None:
                continue
            meant, rest = first
            if meant.among(branch.event):
                if branch.children:  # after a leaf every order will be explored
                    self._insert(branch.children, rest)
                return
            if meant.complete:
                for one in branch.event.each():
                    self._insert(branches, (one, *rest))
                return
        for event in sequel:
            branches.append(_Branch(event))
            branches = branches[-1].children

    def _first(self, explored: _Event, sequel: Sequel) -> tuple[_Event, Sequel] | None:
        """An explored step as a sequel means it, and what is left after it; ``None`` if the sequel cannot begin with it."""
        for at, event in enumerate(sequel):
            if event.request == explored.request:
                return None if self._touched(event, sequel[:at]) else (event, sequel[:at] + sequel[at + 1 :])
        return None if self._touched(explored, sequel) else (_Event(explored.request, explored.footprint), sequel)

    def _touched(self, event: _Event, sequel: Sequel) -> bool:
        for other in sequel:  # noqa: SIM110 - the hottest function, and a loop takes half as long
            if self._depends(event.footprint, other.footprint):
                return True
        return False


def _misled(depth: int, expected: str, found: str) -> NondeterministicHandler:
    """The error where footprints do not decide what requests do; handlers that share memory are the reason that is known."""
    return nondeterministic(
        f"requests affect each other otherwise than by what their calls read and write: after {depth} steps of a schedule, "
        f"those run before lead to expect {expected}, but {found}"
    )


def _exchanged(event: _Event, one: int, other: int) -> _Event:
    if event.request == one:
        return event._replace(request=other)
    return event._replace(request=one) if event.request == other else event
