"""Work for another process, and the state that such a process keeps between assignments: its bench and its models."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from toctou import real_time
from toctou.declaration.fingerprint import fingerprint
from toctou.declaration.loading import LoadedModel, load
from toctou.distribution.work_queue import Key
from toctou.errors import BadInput
from toctou.execution.kept_memory import may_separate, memory_kept
from toctou.search.bench import Bench, with_confirmations
from toctou.search.budget import Meter
from toctou.search.explorer import no_pause, pausing_at
from toctou.search.options import Options
from toctou.search.result import ScenarioResult
from toctou.search.work_item import Advance, WorkItem
from toctou.verdict import StopReason


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: its name on the command line, working directory, ``sys.path``, and fingerprint."""

    model: str
    directory: str
    path: tuple[str, ...]
    code: str

    @classmethod
    def of(cls, loaded: LoadedModel) -> Source:
        """Where a model that is already loaded comes from."""
        return cls(loaded.name, os.getcwd(), tuple(sys.path), fingerprint(loaded.model))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Work items of one model to explore.

    Attributes:
        seconds: when it ends; afterwards no new work item begins, and what is left of the current one is returned.
        seconds_used: of the run's time, before.
        pieces: into how many work items to cut what is left of one.
    """

    options: Options
    work_items: tuple[tuple[Key, WorkItem], ...]
    seconds: float
    seconds_used: float = 0.0
    pieces: int = 1


@dataclass(slots=True)
class Workplace:
    """The state of a process that explores for another one."""

    _loaded: dict[Source, LoadedModel] = field(default_factory=dict)
    _memories: ExitStack = field(default_factory=ExitStack)  # left when the process ends
    _bench: Bench | None = None
    _options: Options | None = None

    def enter(self, source: Source) -> None:
        """Look for files and modules where the process that began the run does.

        Raises:
            BadInput: there is no such folder here.
        """
        if source in self._loaded:
            return
        try:
            os.chdir(source.directory)
        except OSError as fault:
            raise BadInput(
                f"{source.directory}: {fault.strerror}",
                expected="the models under the same path wherever they are explored",
                cause="a worker on another machine that does not share the folder",
                remedy="make the folder available there under the same path",
            ) from None
        sys.path += [one for one in source.path if one not in sys.path]

    def explore(self, source: Source, assignment: Assignment) -> tuple[tuple[Key, Advance], ...]:
        """Explore as many of the work items as there is time for, at least one.

        Raises:
            BadInput: the model cannot be loaded here, or its code differs.
        """
        until = real_time.seconds() + assignment.seconds
        meter = Meter(assignment.options.schedule_budget, real_time.seconds() - assignment.seconds_used)
        loaded = self._load(source, assignment.options)
        bench = self._bench_for(assignment.options)
        explored: list[tuple[Key, Advance]] = []
        for key, work_item in assignment.work_items:
            if explored and real_time.seconds() >= until:
                break
            stays = loaded.model.service is not None  # the memory of a service cannot move to another process
            pause = no_pause if stays else pausing_at(until)
            explored.append((key, bench.advance(loaded.model, work_item, meter, pause, assignment.pieces)))
            if explored[-1][1].tally.stop_reason is StopReason.INTERRUPTED:
                raise KeyboardInterrupt
        return tuple(explored)

    def confirm(
        self, source: Source, results: Sequence[ScenarioResult], options: Options
    ) -> tuple[ScenarioResult, ...]:
        """See :func:`toctou.search.bench.with_confirmations`."""
        self.close()
        return with_confirmations(self._load(source, options).model, results, options)

    def close(self) -> None:
        """Close the laboratory that is open."""
        if self._bench is not None:
            self._bench.close()
        self._bench = self._options = None

    def _bench_for(self, options: Options) -> Bench:
        if self._bench is None or options != self._options:
            self.close()
            self._bench, self._options = Bench(options), options
        return self._bench

    def _load(self, source: Source, options: Options) -> LoadedModel:
        if source not in self._loaded:
            self.close()
            (loaded,) = load([source.model])
            if fingerprint(loaded.model) != source.code:
                raise BadInput(
                    f"the code of {source.model} is not the same in every process",
                    expected="the model, what it imports, and toctou, as they were when the run began",
                    cause="a file was edited meanwhile, or a worker on another machine has an older copy",
                    remedy="bring the copies up to date and run again",
                )
            if may_separate(loaded.model, options.isolation):
                self._memories.enter_context(memory_kept([loaded.model]))
            self._loaded[source] = loaded
        return self._loaded[source]
