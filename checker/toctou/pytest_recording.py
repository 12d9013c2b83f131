"""``pytest --toctou``: records the requests of the tests, then says where they check and act apart, and interleaves them.

Nothing of the tests' own outcome changes: what is recorded is looked at after the last one.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest

from toctou.recording.callers import Callers, callers
from toctou.recording.calls import calls_recorded
from toctou.recording.entries import Entries
from toctou.recording.kinds import names_of
from toctou.recording.reconstruction import Reconstructed, raises_of, reconstructed
from toctou.recording.interleaving import Interleaving
from toctou.recording.recorder import Recorder
from toctou.recording.table_of_windows import WindowRow, windows_of


class RecordingPlugin:
    """Records one session, from :meth:`begin` on."""

    def __init__(self, config: pytest.Config, named: list[str], principal: str, owner: str) -> None:
        self._config = config
        self._principal, self._owner = principal, owner
        self._recorder = Recorder()
        self._entries = Entries(self._recorder, named)
        self._stack = ExitStack()
        self.requests: list[Reconstructed] = []
        self.names: list[str] = []
        self.callers = Callers({})
        self.windows: list[WindowRow] = []

    def begin(self) -> None:
        """From now on calls and requests are recorded."""
        self._stack.enter_context(calls_recorded(self._recorder))
        self._stack.enter_context(self._recorder.surrounding.watched())
        self._stack.enter_context(self._entries.found())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Know which test runs."""
        self._recorder.test = item.nodeid
        try:
            return (yield)
        finally:
            self._recorder.test = ""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Conclude from what was recorded."""
        self._stack.close()
        self.requests = reconstructed(self._recorder)
        self.names = names_of(self.requests)
        self.callers = callers(self.requests, self._principal, self._owner)
        self.windows = windows_of(self.requests, self.names, self.callers)
        self.found = Interleaving(
            self.requests,
            self.names,
            self.callers,
            self.windows,
            raises=raises_of(self._recorder.requests),
            seconds=60,
        ).run(lambda text: print(text, file=__import__("sys").stderr))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what was concluded."""
        terminalreporter.section("toctou")
        for one, name in zip(self.requests, self.names, strict=True):
            terminalreporter.write_line(f"{one.requested.number} {name} {self.callers.of(one)} {one.response and one.response.status} {len(one.operations)} {one.doubt} {sorted(one.asks)}")
        terminalreporter.write_line(repr(self.callers))
        for one in self.found.explored:
            for verdict in one.verdicts:
                terminalreporter.write_line(f"{one.name} {verdict}"[:400])
            for v in one.violations:
                terminalreporter.write_line(f"   {v.explanation.anomaly} {v.explanation.headline} {v.confirmed_on} {v.difference}"[:400])
        terminalreporter.write_line(f"{self.found.unreplayable} {self.found.left} {self.found.faults} {self.found.seconds}")
        for row in self.windows:
            terminalreporter.write_line(f"{row.rank} {row.handler} {row.reads} {row.read} -> {row.action} {row.write} {row.unchecked} if {row.condition} {row.reasons} {len(row.tests)}")
