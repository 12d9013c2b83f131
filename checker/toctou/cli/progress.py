"""The progress of a run: a line for each scenario that is not verified, as it ends, and the state of the run.

On a terminal the latter is a bar below the lines, elsewhere a line every ten seconds.  What is left is an estimate, and is
called one: of a scenario from where its search stands, of the run from how long scenarios of the same size have taken.

What a request does by itself (it fails, or leaves the checker's control) shows in every scenario that contains it.  It gets a
line once, and the scenarios in which nothing else has shown are counted.
"""

from __future__ import annotations

from collections.abc import Hashable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toctou import real_time
from toctou.distribution.progress import Status
from toctou.reporting.coverage import coverage_document, coverage_lines
from toctou.reporting.run_document import scenario_document
from toctou.reporting.run_text import scenario_line
from toctou.reporting.summary import visible
from toctou.search.result import ModelResult, ScenarioResult
from toctou.verdict import StopReason, Verdict

REPORT_SECONDS = 10.0
"""How often a run that is not shown on a terminal reports its state."""

_OF_REQUESTS = (StopReason.OUTSIDE_CONTROL, StopReason.REFUSED, StopReason.NOT_SET_UP)
_SPENT = (StopReason.MAX_SCHEDULES, StopReason.MAX_SECONDS, StopReason.INTERRUPTED)


class ConsoleProgress:
    """Prints scenarios as they end; on a terminal the bar stays below the lines.

    Args:
        verbose: print verified scenarios too.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._reported = real_time.seconds()
        self._model = ""
        self._told: set[Hashable] = set()
        self._more = self._not_begun = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[where]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # Handlers find the same streams whether or not there is a bar; what they print is captured.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", where="")

    def __enter__(self) -> ConsoleProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell_more()
        self._bar.stop()

    def begin_model(self, model: str, total: int) -> None:
        """See :class:`toctou.distribution.progress.Progress`."""
        self._tell_more()
        self._model, self._told = model, set()
        self._bar.reset(self._task, total=total, description=model, where="")

    def status(self, status: Status) -> None:
        """See :class:`toctou.distribution.progress.Progress`."""
        self._bar.update(self._task, where=_pace(status))
        now = real_time.seconds()
        if not self._console.is_terminal and now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._console.print(status_line(status), soft_wrap=True, highlight=False)

    def end_scenario(self, model: str, result: ScenarioResult) -> None:
        """See :class:`toctou.distribution.progress.Progress`."""
        self._bar.advance(self._task)
        if not self._verbose:
            reasons = _by_themselves(result)
            if not result.schedules and result.stop_reason in _SPENT:
                self._not_begun += 1
                return
            if result.verdict is Verdict.VERIFIED or (reasons is not None and reasons <= self._told):
                self._more += result.verdict is not Verdict.VERIFIED
                return
            self._told |= reasons or set()
        self._console.print(scenario_line(model, scenario_document(result)), soft_wrap=True, highlight=False)

    def fixing(self, at: int, total: int) -> None:
        """See :class:`toctou.distribution.progress.Progress`."""
        self._bar.update(self._task, where=f"trying fixes: {at} of {total}")

    def end_model(self, result: ModelResult) -> None:
        """See :class:`toctou.distribution.progress.Progress`."""
        if self._verbose and (coverage := coverage_document(result.coverage)) is not None:
            self._console.print(result.model, soft_wrap=True, highlight=False, markup=False, style="bold")
            for head, text in coverage_lines(coverage):
                line = f"  {head:<11} {visible(text)}"
                self._console.print(line, soft_wrap=True, highlight=False, markup=False, style="dim")

    def _tell_more(self) -> None:
        for count, what in (
            (self._more, "in which one of these requests does the same"),
            (self._not_begun, "that were not begun"),
        ):
            if count:
                scenarios = f"and {count:,} more scenario{'' if count == 1 else 's'}"
                line = f"{'':12}  {self._model.rpartition(':')[2]}  {scenarios} {what}"
                self._console.print(line, soft_wrap=True, highlight=False, style="dim")
        self._more = self._not_begun = 0


def _by_themselves(result: ScenarioResult) -> set[Hashable] | None:
    """Why a scenario is not verified, if that is only what its requests do by themselves; else ``None``."""
    if not result.violations:
        what = result.detail.partition("\n")[0].rpartition(", where ")[2]  # after the request that is contained
        return {what} if result.stop_reason in _OF_REQUESTS else None
    found: set[Hashable] = set()
    for one in result.violations:
        if one.explanation.anomaly != "fails_alone":
            return None
        for request in one.finding.requests:
            raised = one.execution.responses[request].exception
            found.add((one.finding.oracle, one.execution.requests[request].handler, raised and raised.type))
    return found


def status_line(status: Status) -> str:
    """The state of a run in one line."""
    scenario = f"{status.begun:,} schedules of {status.scenario}"
    if status.begun and 0 < status.explored < 1:
        scenario += f", about {status.explored:.0%} of them (estimate)"
    return f"…  {status.scenarios:,} of {status.total:,} scenarios, {_pace(status)}; {scenario}"


def _pace(status: Status) -> str:
    left = "" if status.seconds_left is None else f", about {_duration(status.seconds_left)} left (estimate)"
    return f"{status.schedules:,} schedules, {status.rate:,.0f}/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
