"""Explores in this process, one scenario after the other."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from checker.exploration.agenda import Agenda
from checker.exploration.bench import Bench
from checker.exploration.budget import Meter
from checker.exploration.confirmation import with_confirmations
from checker.exploration.explorer import pausing_at
from checker.exploration.loading import LoadedModel
from checker.exploration.options import Options
from checker.exploration.result import ScenarioResult
from checker.verdict import StopReason

SECONDS = 1.0
"""How long a scenario is explored before somebody may hear of it."""


class Here:
    """Explores by itself."""

    def explore(self, agenda: Agenda, options: Options, meter: Meter) -> Generator[None]:
        """Explore what is on the agenda, in order; yields whenever something was recorded.

        Raises:
            KeyboardInterrupt: what had been seen by then is recorded.
        """
        with closing(Bench(options)) as bench:
            while (loaded := agenda.next_model()) is not None:
                (key,) = agenda.take()
                portion = agenda.portion(key)
                assert portion is not None  # noqa: S101 - it has just been taken
                pause = pausing_at(time.perf_counter() + SECONDS)
                advance = bench.advance(loaded.model, meter, portion, pause, alone=True)
                agenda.record(key, advance)
                if advance.tally.stop_reason is StopReason.INTERRUPTED:
                    raise KeyboardInterrupt
                yield

    def finish(
        self, models: Sequence[tuple[LoadedModel, tuple[ScenarioResult, ...]]], options: Options
    ) -> Iterator[tuple[ScenarioResult, ...]]:
        """Replay what was found on a second backend."""
        for loaded, results in models:
            yield with_confirmations(loaded, results, options)
