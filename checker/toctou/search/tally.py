"""What exploring a part of a scenario has shown, and how the parts are combined.

Tallies that are added up in the order in which one process would have run the work items make the tally of that process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from toctou.counterexample.violation import Clarity, Violation, clarity
from toctou.declaration.scenario import Scenario
from toctou.execution.judging import Sighting
from toctou.search.accesses import Accesses
from toctou.search.reachability import Reachability
from toctou.search.result import ScenarioResult
from toctou.verdict import Coverage, Evidence, StopReason, certify

_Shown = TypeVar("_Shown", Sighting, Violation)

WHERE_ONE_PROCESS_ENDS = frozenset(StopReason) - {StopReason.MAX_SECONDS, StopReason.INTERRUPTED}
"""Reasons that lie in the scenario, so that one process would have ended there too; the others are accidents of timing."""


@dataclass(slots=True)
class Tally:
    """What has been seen of a scenario so far.

    Attributes:
        sighted: by signature, anomaly and cause, the clearest counterexample so far that has yet to be run again and explained;
            empty when the work item has ended.
        kept: likewise, those that have been.
        known: likewise, how clear the counterexamples of earlier work items are; only clearer ones are kept here.
        decided: which of ``kept`` replace those of earlier work items without another comparison.
        repeated: likewise, how often a violation was seen whose counterexample was not kept here.
        stop_reason, detail: why it ended early, and the text for the user; ``None`` and ``""`` if nothing ended it.
        coverage: what was executed of the work item, except for what was returned.
        replayed: executions that were run a second time and gave the same history.
        seconds: time spent, added up over processes.
        longest: steps of the longest execution.
        sharing: what requests share besides DynamoDB, as text for the user; ``""`` if nothing has shown.
        undone: what requests have left to do that no schedule has, as text for the user; ``""`` for nothing.
        isolated: whether each request had a process of its own.
        remarks: what a reader of the verdict should know, as sentences.
        accesses: what handlers were seen to read and write, and who judged that.
        apart: places among the work item's renamings of those whose scenario differs by more than names.
    """

    reached: Reachability
    schedules: int = 0
    redundant: int = 0
    interleavings: int = 0
    sighted: dict[object, Sighting] = field(default_factory=dict)
    kept: dict[object, Violation] = field(default_factory=dict)
    known: Mapping[object, Clarity] = field(default_factory=dict)
    decided: frozenset[object] = frozenset()
    repeated: Counter[object] = field(default_factory=Counter)
    stop_reason: StopReason | None = None
    detail: str = ""
    coverage: Coverage = Coverage.NOTHING
    replayed: int = 0
    seconds: float = 0.0
    longest: int = 0
    sharing: str = ""
    undone: str = ""
    isolated: bool = False
    remarks: dict[str, None] = field(default_factory=dict)
    accesses: Accesses = field(default_factory=Accesses)
    apart: frozenset[int] = frozenset()

    def see(self, key: object, sighting: Sighting) -> None:
        """Count a violation, and keep its counterexample if it is the clearest so far."""
        self._keep(self.sighted, key, sighting)

    def _keep(self, kept: dict[object, _Shown], key: object, shown: _Shown) -> None:
        known = kept.get(key)
        if known is not None:
            clearest = known if clarity(shown.execution) >= clarity(known.execution) else shown
            kept[key] = replace(clearest, occurrences=known.occurrences + shown.occurrences)
        elif key in self.known and clarity(shown.execution) >= self.known[key]:
            self.repeated[key] += shown.occurrences
        else:
            kept[key] = replace(shown, occurrences=shown.occurrences + self.repeated.pop(key, 0))

    def best(self) -> dict[object, Clarity]:
        """How clear the counterexamples are that were kept so far."""
        return {**self.known, **{key: clarity(one.execution) for key, one in self.kept.items()}}

    def add(self, later: Tally) -> None:
        """Append the tally of the work item that follows."""
        self.reached.add(later.reached)
        self.schedules += later.schedules
        self.redundant += later.redundant
        self.interleavings += later.interleavings
        for key, violation in later.kept.items():
            # The later work item has compared it with the earlier counterexample, and has added the counts up.
            if key in later.decided:
                self.kept[key] = violation
            else:
                self._keep(self.kept, key, violation)
        for key, count in later.repeated.items():
            known = self.kept.get(key)
            if known is None:
                self.repeated[key] += count
            else:
                self.kept[key] = replace(known, occurrences=known.occurrences + count)
        if self.stop_reason is None:
            self.stop_reason, self.detail = later.stop_reason, later.detail
        self.coverage = min(self.coverage, later.coverage)
        self.replayed += later.replayed
        self.seconds += later.seconds
        self.longest = max(self.longest, later.longest)
        self.sharing = self.sharing or later.sharing
        self.undone = self.undone or later.undone
        self.isolated = self.isolated or later.isolated
        self.remarks.update(later.remarks)
        self.accesses.add(later.accesses)
        self.apart |= later.apart

    def stop(self, reason: StopReason, detail: str) -> None:
        """End it for this reason, with nothing covered."""
        self.stop_reason, self.detail, self.coverage = reason, detail, Coverage.NOTHING

    def result(self, scenario: Scenario) -> ScenarioResult:
        """The scenario's result, if nothing is left to explore."""
        verdict, reason = certify(
            Evidence(
                schedules=self.schedules,
                coverage=self.coverage,
                replayed=self.replayed,
                violations=len(self.kept),
                stop_reason=self.stop_reason,
                leaves_undone=bool(self.undone),
                shares_memory=bool(self.sharing) and len(scenario.requests) > 1,
            )
        )
        doubts = {StopReason.SHARED_MEMORY: self.sharing, StopReason.OUTSIDE_CONTROL: self.undone}
        return ScenarioResult(
            requests=scenario.requests,
            verdict=verdict,
            stop_reason=reason,
            detail=self.detail or (doubts.get(reason, "") if reason else ""),
            schedules=self.schedules,
            redundant=self.redundant,
            interleavings=self.interleavings,
            seconds=self.seconds,
            longest=self.longest,
            violations=tuple(self.kept.values()),
            sharing=self.sharing,
            isolated=self.isolated,
            remarks=tuple(self.remarks),
            # Each work item has run its first execution again, and how many there are depends on how many processes explore.
            replayed=min(self.replayed, 1 + len(self.kept)),
        )
