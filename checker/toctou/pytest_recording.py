"""``pytest --toctou``: records the requests of the tests, then says where they check and act apart, and interleaves them.

Nothing of the tests' own outcome changes: what is recorded is looked at after the last one.  Under pytest-xdist each worker
records its own tests, and the last one to end interleaves the requests of all; its results are shown by the controller.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from toctou.client.recorded_calls import calls_recorded
from toctou.errors import BadInput, ReportError, contained
from toctou.recording.entries import Entries
from toctou.recording.reconstruction import Reconstructed, calls_outside, reconstructed
from toctou.recording.recorder import Recorder
from toctou.recording.session import Session
from toctou.recording.test_clients import clients_recorded

_OUTPUT = "toctou_recorded"
_WIDTH = 100


class RecordingPlugin:
    """Records one session, from :meth:`begin` on.

    Args:
        config: pytest's.
        named: entries that are named, as :class:`~toctou.recording.entries.Entries` takes them.
        principal, owner: see :func:`toctou.recording.callers.callers`.
        seconds: how long requests are interleaved.
        options: of the command line, to be repeated by whoever runs the same again.
        fail_on: the lowest level of severity that fails the run; empty for none.
        baseline: the file of what is accepted; empty for the one that is found.
        directory: where reports are written.

    Attributes:
        concluded: what was concluded, once the session has ended; ``None`` where others conclude.
    """

    def __init__(
        self,
        config: pytest.Config,
        named: Sequence[str],
        *,
        principal: str = "",
        owner: str = "",
        seconds: float = 60.0,
        fail_on: str = "",
        baseline: str = "",
        options: Sequence[str] = (),
        directory: str = "reports/pytest",
    ) -> None:
        self._config = config
        self._principal, self._owner = principal, owner
        self._seconds, self._fail_on, self._directory, self._options = seconds, fail_on, directory, options
        self._baseline, self._unusable = baseline, False
        self._recorder = Recorder()
        self._entries = Entries(self._recorder, named)
        self._stack = ExitStack()
        self._recorded: dict[str, Any] | None = None
        self.concluded: Session | None = None

    def begin(self) -> None:
        """From now on calls and requests are recorded."""
        self._stack.enter_context(calls_recorded(self._recorder))
        self._stack.enter_context(self._recorder.surrounding.watched())
        self._stack.enter_context(self._entries.found())
        self._stack.enter_context(clients_recorded(self._recorder))

    def end(self) -> None:
        """Everything is as it was; also where a session ends before it has begun."""
        self._stack.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Know which test runs."""
        self._recorder.test = item.nodeid
        try:
            return (yield)
        finally:
            self._recorder.test = ""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Conclude from what was recorded, after everything else that ends with the session but the terminal's summary."""
        self.end()
        if not _distributes(self._config):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with suppress(KeyboardInterrupt):  # of the tests nothing is lost by that
                    self._conclude(interrupted=session.exitstatus == pytest.ExitCode.INTERRUPTED)
        if not hasattr(self._config, "workerinput"):
            self._fail(session)

    def _conclude(self, *, interrupted: bool) -> None:
        faults: list[str] = []
        none: list[Reconstructed] = []
        own = contained("what was recorded", partial(reconstructed, self._recorder), none, faults)
        workers = getattr(self._config, "workerinput", None)
        if workers is not None:
            from toctou.recording.exchange import Exchange  # noqa: PLC0415 - its locks are not there on every system

            exchange = Exchange(str(workers["testrunuid"]), int(workers["workercount"]))
            alone: list[Reconstructed] | None = own
            join = partial(exchange.join, own, self._entries.known)
            everything = contained("the exchange between workers", join, alone, faults)
            if everything is None:  # others go on, and will conclude
                return
            own = everything
        concluded = Session.of(own, principal=self._principal, owner=self._owner)
        concluded.faults += [*faults, *self._recorder.lost]
        concluded.outside, concluded.options = calls_outside(self._recorder), self._options
        if self._seconds > 0 and not interrupted and any(one.operations for one in own):
            with self._unheard(), self._shown() as show:
                concluded.interleave(self._seconds, show)
        self.concluded = concluded
        self._recorded = self._reported(concluded)
        if workers is not None:
            self._config.workeroutput[_OUTPUT] = json.dumps(self._recorded, default=str)  # type: ignore[attr-defined] # xdist's

    def _reported(self, concluded: Session) -> dict[str, Any]:
        """Write the reports, and return all of it as a document."""
        run: dict[str, Any] = {}
        directory = Path(self._directory)
        if concluded.interleaved is not None:
            from toctou.reporting.sessions import directory_of_session  # noqa: PLC0415 - most sessions do not need them
            from toctou.reporting.tested import policy  # noqa: PLC0415
            from toctou.reporting.write import Judge, write_run  # noqa: PLC0415

            name = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process {os.getpid()}"
            with contextlib.chdir(self._config.invocation_params.dir):  # which is where commands will be pasted
                judge: Judge | None = None
                try:
                    judge = policy(self._fail_on, self._baseline, Path()).judge
                except BadInput as unusable:
                    concluded.faults.append(str(unusable))
                    self._unusable = True
                try:
                    directory = directory_of_session(directory, name) / "recorded"
                    written = partial(write_run, concluded.result, directory, None, concluded.replay, judge)
                    nothing: list[dict[str, Any]] = [{}]
                    (run,) = contained("the reports", written, nothing, concluded.faults)
                except (OSError, ReportError) as unwritable:
                    concluded.faults.append(f"reports cannot be written to {directory}: {unwritable}")
        return concluded.document(list(self._entries.missing), run, directory.as_posix())

    @contextlib.contextmanager
    def _unheard(self) -> Generator[None]:
        """While inside, what the requests print and log goes where it goes during tests, and is dropped after."""
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        if capture is None or capture.is_capturing() is False:  # -s: whatever is printed is wanted
            yield
            return
        capture.resume_global_capture()
        try:
            yield
        finally:
            with suppress(AssertionError):  # it has ended meanwhile
                capture.suspend_global_capture(in_=True)
                capture.read_global_capture()

    def _shown(self) -> _Status:
        return _Status(self._config, self._seconds)

    def _fail(self, session: pytest.Session) -> None:
        if self._unusable and session.exitstatus in (0, pytest.ExitCode.OK):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if not self._fail_on or self._recorded is None or session.exitstatus not in (0, pytest.ExitCode.OK):
            return
        run = self._recorded["run"]
        if run.get("outcome", {}).get("failing", run.get("findings")):  # without a baseline that can be read, any
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended: what the last one has concluded is what is shown."""
        text = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if text:
            self._recorded = json.loads(text)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what was concluded."""
        if self._config.option.collectonly:
            return
        if self._recorded is None:
            terminalreporter.section("toctou")
            terminalreporter.write_line(
                "nothing was concluded: a worker, or the session, ended before the last test did"
            )
            return
        from toctou.reporting.recording_text import recording_lines  # noqa: PLC0415 - see above
        from toctou.reporting.wrapping import terminal_columns  # noqa: PLC0415

        terminalreporter.section("toctou")
        faults: list[str] = []
        none: list[tuple[str, bool]] = []
        lines = contained(
            "the text", partial(_texts, recording_lines(self._recorded, terminal_columns())), none, faults
        )
        for line, red in lines:
            terminalreporter.write_line(line, red=red)
        for fault in faults:
            terminalreporter.write_line(fault, red=True)


def _texts(lines: Iterable[Any]) -> list[tuple[str, bool]]:
    return [(line.plain, str(line.style) == "red") for line in lines]


def _distributes(config: pytest.Config) -> bool:
    """Whether this process only hands tests to workers."""
    return not hasattr(config, "workerinput") and bool(
        getattr(config.option, "tx", None) or getattr(config.option, "numprocesses", None)
    )


class _Status:
    """Shows how far interleaving is, on a terminal."""

    def __init__(self, config: pytest.Config, seconds: float) -> None:
        self._reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._seconds = seconds
        self._terminal = bool(getattr(self._reporter, "isatty", False))

    def __enter__(self) -> Callable[[str], None]:
        if self._terminal:
            self._write("\n")
        return self._show

    def _show(self, text: str) -> None:
        if self._terminal:
            shown = f"toctou: interleaving for up to {self._seconds:g} s (Ctrl-C ends it): {text}"
            self._write(f"\r{shown[:_WIDTH]:<{_WIDTH}}")

    def _write(self, text: str) -> None:
        heard = contextlib.nullcontext() if self._capture is None else self._capture.global_and_fixture_disabled()
        with suppress(Exception), heard:
            self._reporter.write(text, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._write(f"\r{'':<{_WIDTH}}\r")
