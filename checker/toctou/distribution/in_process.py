"""Explores in this process, one scenario after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from toctou import real_time
from toctou.declaration.loading import LoadedModel
from toctou.distribution.work_queue import WorkQueue
from toctou.search.bench import Bench, with_confirmations
from toctou.search.budget import Meter
from toctou.search.explorer import pausing_at
from toctou.search.options import Options
from toctou.search.result import ScenarioResult
from toctou.verdict import StopReason

SECONDS = 1.0
"""How long a scenario is explored before its progress is reported."""


class InProcess:
    """Explores in this process; see :class:`toctou.checking.check.Exploring`."""

    def explore(self, work_queue: WorkQueue, options: Options, meter: Meter) -> Generator[None]:
        """Explore the work queue in order; after ``KeyboardInterrupt``, what was seen before it is recorded."""
        with closing(Bench(options)) as bench:
            while (loaded := work_queue.next_model()) is not None:
                (key,) = work_queue.take()
                work_item = work_queue.work_item(key)
                assert work_item is not None  # noqa: S101 - it has just been taken
                pause = pausing_at(real_time.seconds() + SECONDS)
                advance = bench.advance(loaded.model, work_item, meter, pause, alone=True)
                work_queue.record(key, advance)
                if advance.tally.stop_reason is StopReason.INTERRUPTED:
                    raise KeyboardInterrupt
                yield

    def finish(
        self, models: Sequence[tuple[LoadedModel, tuple[ScenarioResult, ...]]], options: Options
    ) -> Iterator[tuple[ScenarioResult, ...]]:
        """Replay what was found on a second backend."""
        for loaded, results in models:
            yield with_confirmations(loaded.model, results, options)
