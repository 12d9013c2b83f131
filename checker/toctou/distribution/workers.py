"""Distributes the work items of a work queue over the workers of a ``concurrent.futures`` executor.

Each task explores a few work items of one model for about a second, in a child process of the thread that runs it.  The work
items of a lost task are submitted again one by one; a scenario that loses one :data:`ATTEMPTS` times is INCONCLUSIVE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

from toctou.declaration.loading import LoadedModel
from toctou.distribution.assignment import Assignment, Source
from toctou.distribution.child import in_child, packed, unpacked
from toctou.distribution.work_queue import Key, WorkQueue
from toctou.errors import BadInput, InternalError, ToctouError
from toctou.scheduling.strategies import selected
from toctou.search.bench import unconfirmed
from toctou.search.budget import Meter
from toctou.search.options import Options
from toctou.search.result import ScenarioResult
from toctou.search.work_item import Advance, given_up
from toctou.verdict import StopReason

SECONDS = 1.0
"""How long a task lasts: long compared with its overhead, short compared with what a lost task may cost."""

FIRST_SECONDS = 0.2
"""The same while workers are idle, so that there is soon a branch to share."""

WORK_ITEMS = 50
"""Work items per task, at most."""

ATTEMPTS = 3
"""How often a work item is submitted."""


class Distributed:
    """Explores in the processes of ``workers``; see :class:`toctou.checking.check.Exploring`."""

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor = executor
        self._workers = workers
        self._sources: dict[str, Source] = {}
        self._under_way: dict[Future[bytes], tuple[Key, ...]] = {}
        self._lost: Counter[Key] = Counter()

    def explore(self, work_queue: WorkQueue, options: Options, meter: Meter) -> Generator[None]:
        """Explore the work queue; yields whenever an outcome may have been recorded.

        Raises:
            BadInput: a model or an option that cannot be used.
        """
        if options.backend.startswith("endpoint="):
            raise BadInput(
                f"several jobs on the backend {options.backend}",
                expected="one job",
                cause="all of them would use the same tables",
                remedy="leave out --jobs and --dask",
            )
        try:
            while self._submit_all(work_queue, options, meter):
                done, _ = wait(self._under_way, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    self._receive(work_queue, future)
                yield
        finally:
            for future in self._under_way:
                future.cancel()
            self._under_way.clear()

    def finish(
        self, models: Sequence[tuple[LoadedModel, tuple[ScenarioResult, ...]]], options: Options
    ) -> Iterator[tuple[ScenarioResult, ...]]:
        """Replay what was found on a second backend."""
        asked = [
            self._submit("confirm", loaded, results, options) if any(one.violations for one in results) else None
            for loaded, results in models
        ]
        for (loaded, results), future in zip(models, asked, strict=True):
            yield results if future is None else self._confirmed(loaded, results, options, future)

    def _confirmed(
        self, loaded: LoadedModel, results: tuple[ScenarioResult, ...], options: Options, future: Future[bytes]
    ) -> tuple[ScenarioResult, ...]:
        lost = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                future = self._submit("confirm", loaded, results, options)
            try:
                return tuple(unpacked(future.result()))
            except InternalError as fault:
                return unconfirmed(results, options, "it could not be asked", [str(fault)])
            except ToctouError:
                raise
            except Exception as fault:
                lost = str(fault)
        return unconfirmed(
            results, options, f"the process that asked it was lost {ATTEMPTS} times; the last time: {lost}"
        )

    def _submit_all(self, work_queue: WorkQueue, options: Options, meter: Meter) -> bool:
        """Keep each worker busy, with a task in reserve; returns whether anything is under way."""
        while len(self._under_way) < 2 * self._workers and (loaded := work_queue.next_model()) is not None:
            short = len(work_queue) < self._workers
            most = max(1, min(WORK_ITEMS, len(work_queue) // (2 * self._workers)))
            # A work item that was lost runs alone, so that others do not count as lost with it.
            keys = work_queue.take(1 if work_queue.next_key() in self._lost else most)
            if meter.spent(0) is StopReason.MAX_SECONDS:
                for key in keys:
                    work_queue.record(key, given_up(loaded.model, StopReason.MAX_SECONDS, ""))
                continue
            work_items = [(key, work_item) for key in keys if (work_item := work_queue.work_item(key)) is not None]
            divisible = selected(options.strategy).kind.ends and options.budget.max_schedules is None
            assignment = Assignment(
                options=options,
                work_items=tuple(work_items),
                seconds=FIRST_SECONDS if short else SECONDS,
                seconds_used=meter.seconds,
                pieces=2 * self._workers if short and divisible else 1,
            )
            self._under_way[self._submit("explore", loaded, assignment)] = tuple(keys)
        return bool(self._under_way)

    def _receive(self, work_queue: WorkQueue, future: Future[bytes]) -> None:
        keys = self._under_way.pop(future)
        model = work_queue.slots[keys[0].slot].loaded.model
        explored: Sequence[tuple[Key, Advance]] = ()
        try:
            explored = unpacked(future.result())
        except InternalError as fault:
            explored = [(key, given_up(model, StopReason.INTERNAL_ERROR, str(fault))) for key in keys]
        except ToctouError:
            raise
        except Exception as fault:
            self._lost.update(keys)
            detail = f"the process that explored it was lost {ATTEMPTS} times; the last time: {fault}"
            lost = [key for key in keys if self._lost[key] >= ATTEMPTS]
            explored = [(key, given_up(model, StopReason.WORKER_LOST, detail)) for key in lost]
        for key, advance in explored:
            work_queue.record(key, advance)
        recorded = {key for key, _ in explored}
        work_queue.put_back([key for key in keys if key not in recorded])

    def _submit(self, method: str, loaded: LoadedModel, *arguments: Any) -> Future[bytes]:
        if loaded.name not in self._sources:
            self._sources[loaded.name] = Source.of(loaded)
        return self._executor.submit(in_child, packed(method, self._sources[loaded.name], *arguments))
