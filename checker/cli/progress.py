"""How a run comes along: a bar on a terminal, one plain line per scenario everywhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from checker.exploration.progress import Status
from checker.exploration.result import ModelResult, ScenarioResult
from checker.reporting.run_document import scenario_document
from checker.reporting.text import scenario_line


class ConsoleProgress:
    """Prints each scenario as it ends; on a terminal the bar stays below the lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("")

    def __enter__(self) -> ConsoleProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin_model(self, model: str, total: int) -> None:
        """See :class:`checker.exploration.progress.Progress`."""
        self._bar.reset(self._task, total=total, description=model)

    def status(self, status: Status) -> None:
        """See :class:`checker.exploration.progress.Progress`."""

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """See :class:`checker.exploration.progress.Progress`."""
        self._console.print(scenario_line(model, scenario_document(result)), soft_wrap=True, highlight=False)
        self._bar.advance(self._task)

    def end_model(self, result: ModelResult) -> None:
        """See :class:`checker.exploration.progress.Progress`."""
