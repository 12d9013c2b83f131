"""What is left to explore in a run, and which results are final.

Work items may be explored in any order; results become final in the order of the scenarios, as if one process had explored
them one after the other.  So what that process would have given up because of an earlier fault is given up here as well.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import check_model
from toctou.declaration.remote import missing_tool
from toctou.declaration.scenario import Scenario
from toctou.declaration.validation import scenarios_of
from toctou.distribution.journal import Journal
from toctou.distribution.partition import Partition
from toctou.distribution.progress import Status
from toctou.errors import ModelError, OutsideControl, contained
from toctou.search.bench import beginning
from toctou.search.budget import Meter, spent
from toctou.search.options import Options
from toctou.search.reachability import Reachability
from toctou.search.recovery import FAULTS, file_changed
from toctou.search.renaming import alike, renamings
from toctou.search.result import Stored
from toctou.search.tally import Tally
from toctou.search.work_item import Advance, WorkItem, given_up
from toctou.verdict import Coverage, StopReason

_SIGNIFICANT = 0.01
"""How much of a scenario has to be done before its total time is estimated from that."""


def _slots(loaded: LoadedModel, options: Options, first: int) -> list[Slot]:
    """The scenarios of a model, the first one at place ``first``; represented ones have nothing to explore."""
    check_model(loaded.model, by_itself=False)  # a model that makes its own requests may check nothing
    scenarios = scenarios_of(loaded.model, options.requests)
    if missing_tool(loaded.model) is not None:
        scenarios = scenarios[:1]  # enough to report it
    comparable = options.symmetric and loaded.model.service is None
    others = alike(scenarios, renamings(loaded.model)) if comparable else {}
    represented = {at for found in others.values() for at in found}
    return [
        Slot(
            loaded,
            scenario,
            Partition(() if at in represented else beginning(scenario, options, others.get(at, {}).values())),
            others=tuple(first + one for one in others.get(at, ())),
            represented=at in represented,
        )
        for at, scenario in enumerate(scenarios)
    ]


def _slots_or_fault(loaded: LoadedModel, options: Options, first: int) -> list[Slot]:
    """The scenarios of a model; a single one that says so, if a fault of ours keeps them from being made."""
    faults: list[str] = []
    slots = contained("the division into scenarios", lambda: _slots(loaded, options, first), None, faults)
    if slots is None:
        slots = [Slot(loaded, Scenario(()), Partition([WorkItem(Scenario(()))]))]
        slots[0].partition.stop(StopReason.INTERNAL_ERROR, faults[0], Tally(Reachability(loaded.model)))
    return slots


@dataclass(frozen=True, slots=True)
class Key:
    """Which work item of which scenario: the scenario's place on the work queue, and the work item's number in its partition."""

    slot: int
    number: int


@dataclass(slots=True)
class Slot:
    """A scenario on the work queue.

    Attributes:
        others: places on the work queue of the scenarios that it may represent, in the order of its work items' renamings.
        represented: an earlier scenario represents it, unless that turns out to be wrong.
        represents: how many scenarios it represents, itself included; known at its end.
    """

    loaded: LoadedModel
    scenario: Scenario
    partition: Partition
    others: tuple[int, ...] = ()
    represented: bool = False
    represents: int = 1


class WorkQueue:
    """The scenarios of some models, in order.

    Attributes:
        refusals: errors of models that turned out to be invalid while they were explored.
        stored: what came from the journal; ``None`` if nothing did.
    """

    def __init__(
        self, models: Sequence[LoadedModel], options: Options, meter: Meter, journal: Journal | None = None
    ) -> None:
        self.slots: list[Slot] = []
        for loaded in models:
            self.slots += _slots_or_fault(loaded, options, len(self.slots))
        self._totals = Counter(slot.loaded.name for slot in self.slots)
        self._options = options
        self._meter = meter
        self._journal: Journal | None = None
        self._files: dict[str, str] = {} if journal is None else dict(journal.files)
        self._queue = deque(Key(at, number) for at, slot in enumerate(self.slots) for number in slot.partition.open())
        self._final = 0
        self._faults: list[int] = []
        self._refused: set[int] = set()
        self._separated: dict[str, str] = {}  # models whose requests have processes of their own, and why
        self.refusals: list[ModelError] = []
        self._schedules = 0
        self._busy = 0.0
        self._seconds: dict[int, tuple[int, float]] = {}
        for scenario, work_item, advance in journal.explored if journal else ():
            self.record(Key(scenario, work_item), advance)
        # Rate and speed-up are those of this run, without the journal.
        self._before = self._schedules
        self.stored = self._stored(journal)
        self._busy = 0.0
        self._journal = journal  # set last, so that what comes from it is not written to it again

    def _stored(self, journal: Journal | None) -> Stored | None:
        if journal is None or not journal.explored:
            return None
        complete = sum(slot.partition.complete for slot in self.slots if not slot.represented)
        return Stored(journal.name, journal.written, len(journal.explored), complete, self._schedules)

    def __len__(self) -> int:
        return len(self._queue)

    def current(self) -> Slot | None:
        """The first scenario that is not final; ``None`` at the end."""
        return self.slots[self._final] if self._final < len(self.slots) else None

    def work_item(self, key: Key) -> WorkItem | None:
        """The work item of that key; ``None`` if it has been explored."""
        return self.slots[key.slot].partition.work_item(key.number)

    def take(self, most: int = 1) -> list[Key]:
        """The next work items, all of one model; the caller records them or puts them back."""
        taken: list[Key] = []
        of_model = self.next_model()
        while of_model is not None and self.next_model() is of_model and len(taken) < most:
            taken.append(self._queue.popleft())
        return taken

    def next_model(self) -> LoadedModel | None:
        """Whose work items are next; ``None`` if all are taken."""
        key = self.next_key()
        return None if key is None else self.slots[key.slot].loaded

    def next_key(self) -> Key | None:
        """The work item that is next; ``None`` if all are taken."""
        # A restart or a fault leaves keys of work items in the queue that need not be explored any more.
        while self._queue:
            key = self._queue[0]
            if self.work_item(key) is not None and self._doomed(key.slot, self._faults) is None:
                return key
            self._queue.popleft()
        return None

    def put_back(self, keys: Sequence[Key]) -> None:
        """Return work items that were not explored; they are next."""
        self._queue.extendleft(reversed(keys))

    def record(self, key: Key, advance: Advance) -> None:
        """Record the outcome of a work item; a second one is ignored."""
        slot = self.slots[key.slot]
        if self._journal is not None:
            self._journal.depend_on(advance.files)
        if slot.partition.work_item(key.number) is None:
            return
        if (fault := self._inconsistent(advance.files)) is not None:
            advance = given_up(slot.loaded.model, StopReason.OUTSIDE_CONTROL, str(fault))
        # An invalid model may have been fixed when the run is resumed.
        if self._journal is not None and advance.refusal is None:
            self._journal.write(key.slot, key.number, advance)
        # What was seen before a restart is forgotten.
        if advance.again is None:
            self._schedules += advance.tally.schedules
            self._busy += advance.tally.seconds
        keys = [Key(key.slot, number) for number in slot.partition.advance(key.number, advance)]
        if advance.again is not None and advance.again.because:
            keys += self._separate(key.slot, advance.again.because)
        self.put_back(sorted(keys, key=lambda one: one.slot))
        if advance.refusal is not None:
            self.refusals.append(advance.refusal)
        if slot.partition.complete:
            reason = slot.partition.tally().stop_reason
            if reason is StopReason.REFUSED:
                self._refused.add(key.slot)
            # What a model has not made, another request may make.
            if reason is StopReason.REFUSED or (reason in FAULTS.values() and reason is not StopReason.NOT_SET_UP):
                self._faults.append(key.slot)
            self._release(slot)

    def _separate(self, shown: int, because: str) -> list[Key]:
        """Give requests processes of their own in the other scenarios of a model too, once one scenario has shown the need.

        Returns their work items.  What they have shown in one process is forgotten.
        """
        loaded = self.slots[shown].loaded
        if loaded.name in self._separated:
            return []
        self._separated[loaded.name] = because
        of_model = [at for at, slot in enumerate(self.slots) if slot.loaded is loaded]
        self._faults = [at for at in self._faults if at not in of_model]
        self._final = min(self._final, of_model[0])
        others = [at for at in of_model if at != shown and not self.slots[at].represented]
        return [Key(at, number) for at in others for number in self.slots[at].partition.separate(because)]

    def _inconsistent(self, files: Mapping[str, str]) -> OutsideControl | None:
        """The fault, if a file holds something else than it did for earlier work items, here or in another process."""
        changed = [path for path, digest in files.items() if self._files.setdefault(path, digest) != digest]
        return file_changed(changed[0]) if changed else None

    def _release(self, slot: Slot) -> None:
        """The scenarios that this one turns out not to represent are next."""
        tally = slot.partition.tally()
        whole = tally.coverage is Coverage.EVERYTHING and tally.stop_reason is None
        apart = [at for place, at in enumerate(slot.others) if place in tally.apart or not whole]
        slot.represents = 1 + len(slot.others) - len(apart)
        for at in apart:
            other = self.slots[at]
            other.represented = False
            other.partition = Partition(beginning(other.scenario, self._options))
            if because := self._separated.get(other.loaded.name):
                other.partition.separate(because)
        self.put_back([Key(at, number) for at in apart for number in self.slots[at].partition.open()])

    def final(self) -> Iterator[tuple[Slot, Tally]]:
        """The scenarios that have become final since this was last asked, in order."""
        while self._final < len(self.slots):
            slot = self.slots[self._final]
            if slot.represented:
                self._final += 1
                continue
            contained = self._doomed(self._final, [one for one in self._faults if one < self._final])
            if contained is not None:
                where = self.slots[contained]
                ended = where.partition.tally()
                tally = Tally(Reachability(slot.loaded.model))
                why = f"comes after {where.scenario}" if contained in self._refused else f"contains {where.scenario}"
                tally.stop_reason, tally.detail = ended.stop_reason, f"{why}, where {ended.detail}"
            elif slot.partition.complete:
                tally = slot.partition.tally()
            else:
                return
            if tally.stop_reason in (StopReason.MAX_SECONDS, StopReason.MAX_SCHEDULES):
                tally.detail = spent(tally.stop_reason, tally.schedules)
            self._final += 1
            size = len(slot.scenario.requests)
            count, seconds = self._seconds.get(size, (0, 0.0))
            self._seconds[size] = count + 1, seconds + tally.seconds
            yield slot, tally

    def interrupt(self) -> None:
        """Give up what is left."""
        # The report must show that it is incomplete, so of each model that was begun one unexplored scenario stays.
        rest, self.slots = self.slots[self._final :], self.slots[: self._final]
        rest = [slot for slot in rest if not slot.represented]
        touched = {slot.loaded.name for slot in self.slots}
        touched |= {slot.loaded.name for slot in rest if slot.partition.begun}
        touched |= {slot.loaded.name for slot in [one for one in rest if not one.partition.complete][:1]}
        for slot in rest:
            incomplete = not slot.partition.complete
            if slot.partition.begun or slot.loaded.name in touched:
                if incomplete:
                    touched.discard(slot.loaded.name)
                slot.partition.stop(StopReason.INTERRUPTED, "interrupted", Tally(Reachability(slot.loaded.model)))
                self.slots.append(slot)

    def total(self, loaded: LoadedModel) -> int:
        """How many scenarios a model has."""
        return self._totals[loaded.name]

    def status(self) -> Status | None:
        """The state of the run; ``None`` at its end."""
        slot = self.current()
        if slot is None:
            return None
        return Status(
            scenarios=self._final,
            total=len(self.slots),
            schedules=self._schedules,
            rate=(self._schedules - self._before) / max(self._meter.seconds, 1e-9),
            model=slot.loaded.name,
            scenario=str(slot.scenario),
            begun=slot.partition.schedules,
            explored=slot.partition.explored,
            seconds_left=self._seconds_left(),
        )

    def _doomed(self, at: int, faults: Sequence[int]) -> int | None:
        """The first earlier scenario of the model that ends this one: a fault in a contained one, or an invalid model."""
        slot = self.slots[at]
        for one in sorted(faults):
            smaller = self.slots[one]
            # By their text, because arguments may be lists and mappings, which cannot be counted.
            contains = not Counter(map(repr, smaller.scenario.requests)) - Counter(map(repr, slot.scenario.requests))
            if one < at and smaller.loaded is slot.loaded and (contains or one in self._refused):
                return one
        return None

    def _seconds_left(self) -> float | None:
        # From the share of the current scenario that is done, the mean of each size, and the speed-up of the processes so far.
        known = {size: seconds / count for size, (count, seconds) in self._seconds.items()}
        later = Counter(len(slot.scenario.requests) for slot in self.slots[self._final + 1 :] if not slot.represented)
        now = self.slots[self._final]
        size, explored = len(now.scenario.requests), now.partition.explored
        if explored >= _SIGNIFICANT:
            whole = now.partition.seconds / explored
            known.setdefault(size, whole)
            rest = whole * (1.0 - explored)
        elif size in known:
            rest = known[size]
        else:
            return None
        if not later.keys() <= known.keys() or not self._busy:
            return None
        rest += sum(count * known[size] for size, count in later.items())
        return self._meter.seconds * rest / self._busy
