"""Runs again, with other clocks and other random numbers, what an oracle is about to reject.

Compared are only runs that take the same steps: a handler that decides by the time may do something else altogether a month
later, and then what differs does not vary by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice

from toctou.declaration.scenario import Scenario
from toctou.errors import ToctouError
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history.operation import Execution, Operation
from toctou.history.request import Response
from toctou.oracles.varying import Outcome, Variants
from toctou.scheduling.control import Readings
from toctou.scheduling.restart import Restart

CLOCKS = (
    Readings(epoch=3_554_745.678, apart=1.37, pace=0.001_7),  # 41 days and some: every part of a date differs
    Readings(epoch=11_257.913, apart=1.37, pace=0.001_3),
    Readings(epoch=67.419, apart=1.21, pace=0.001_3),
    Readings(epoch=2.347, apart=1.07, pace=0.001_1),
)
"""Other clocks, from the one that differs most; a lease that expires between them leaves the later ones."""

NUMBERS = tuple(Readings(seed=seed) for seed in (11, 23, 47, 59, 71, 83, 97, 113))
"""Other random numbers; so many because one of few, such as of a die, may be the same by chance."""

ENOUGH = 2
"""Variants of each kind, if nothing differs in them; and variants with other clocks, in which every part of a date differs."""

Steps = Sequence[tuple[int, str, str]]
"""Requests and their actions, with the code of an error, and then the statuses: whether two runs took the same steps."""


class Variations:
    """Runs of one scenario.

    Args:
        laboratory: opened.
        scenario: whose requests.
        displaced: called before a run, if the laboratory is occupied.
    """

    def __init__(
        self, laboratory: Laboratory, scenario: Scenario, displaced: Callable[[], None] = lambda: None
    ) -> None:
        self._laboratory = laboratory
        self._scenario = scenario
        self._displaced = displaced

    def order(self, order: tuple[int, ...], script: tuple[int, ...] = ()) -> Variants:
        """See :class:`toctou.oracles.serial_runs.Vary`."""

        def run() -> tuple[Outcome, Steps]:
            while True:
                try:
                    responses, stored, _ = self._laboratory.serial_run(self._scenario, order, script)
                except Restart:
                    continue
                return Outcome(responses, stored), _steps(self._laboratory.performed(), responses)

        return self._variants(run)

    def execution(self, execution: Execution) -> Variants:
        """See :class:`toctou.oracles.serial_runs.Vary`."""

        def run() -> tuple[Outcome, Steps]:
            again = replayed(self._laboratory, Scenario.of(execution), execution.schedule)
            return Outcome(again.responses, again.final), _steps(again.operations, again.responses)

        return self._variants(run)

    def _variants(self, run: Callable[[], tuple[Outcome, Steps]]) -> Variants:
        self._displaced()
        laboratory = self._laboratory
        before = laboratory.take_clock_reads()
        base = self._run(run, None)
        reads = laboratory.take_clock_reads()
        if base is None or not (reads or laboratory.asks_services):
            laboratory.note_clock_reads(read=before)
            return Variants()
        clock = list(islice(self._same(run, base, CLOCKS), ENOUGH)) if reads else []
        others = self._same(run, base, NUMBERS)
        numbers = list(islice(others, ENOUGH))
        if any(one != base[0] for one in numbers):
            numbers += others
        return Variants(clock, numbers)

    def _same(
        self, run: Callable[[], tuple[Outcome, Steps]], base: tuple[Outcome, Steps], readings: Sequence[Readings]
    ) -> Iterator[Outcome]:
        """What runs that take the same steps come to."""
        for one in readings:
            found = self._run(run, one)
            if found is not None and found[1] == base[1]:
                yield found[0]

    def _run(self, run: Callable[[], tuple[Outcome, Steps]], readings: Readings | None) -> tuple[Outcome, Steps] | None:
        try:
            with nullcontext() if readings is None else self._laboratory.reading(readings):
                return run()
        except ToctouError:  # it did something else, so it is no variant
            return None


def _steps(operations: Sequence[Operation], responses: Sequence[Response]) -> Steps:
    made = [(one.request, one.action, one.error.code if one.error else "") for one in operations]
    return [*made, *((-1, str(one.status), one.exception.type if one.exception else "") for one in responses)]
