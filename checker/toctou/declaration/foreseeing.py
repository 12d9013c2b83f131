"""Learns which tables and items a file's models declare while what it imports is still being executed.

A file is executed from top to bottom, so a module that reads its settings when it is imported does so before the class exists
that declares them.  A forked process goes on importing with provisional answers, reports what the models declare, and ends; this
one waits for that, and then goes on with the real answers.  Where processes cannot be forked, or the import fails with any
provisional answer, no table is known to be declared.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from toctou.client.outside import NOTHING, Stored
from toctou.client.while_importing import IMPORTED, performed_while_importing
from toctou.declaration.items import initial_images
from toctou.declaration.model import Model
from toctou.errors import ToctouError
from toctou.gate.zygote import CAN_FORK, end_here, forked
from toctou.real_time import seconds

_MOST_SECONDS = 60.0
"""That the rest of an import may take."""


class _Report(NamedTuple):
    """What a process has found that went on importing.

    Attributes:
        complete: whether the import has ended without an exception.
        declared: what the models declare that were defined meanwhile.
        failed: what is certainly wrong, if it is not complete; ``None`` where that may be the provisional answers.
    """

    complete: bool
    declared: Stored
    failed: ToctouError | None = None


Describe = Callable[["Ahead", BaseException], tuple[ToctouError, bool]]
"""Makes the error for an import that has raised, and says whether that is certain whatever items are stored."""


@contextmanager
def calls_performed_at_once(describe: Describe) -> Iterator[None]:
    """While inside, where one file is imported, calls of AWS clients are performed at once; nothing is sent.

    Raises:
        ToctouError: the import has raised, as ``describe`` has it.
    """
    ahead = Ahead()
    with performed_while_importing(ahead.learn, ahead.anything):
        try:
            yield
        except (Exception, SystemExit) as raised:
            error, certain = describe(ahead, raised)
            ahead.report(complete=False, failed=error if certain else None)
            # With every item there it came further than here, where nothing is known of the items.
            raise ahead.failed or error from raised
        except BaseException:
            ahead.report(complete=False)
            raise
        ahead.report(complete=True)


class Ahead:
    """Looks ahead: here, until it has forked; and there, where :attr:`_reports_to` is a pipe.

    Attributes:
        known: whether what the models declare is known, as far as it was asked for.
        failed: what certainly keeps the import from being completed, whatever the tables hold; ``None`` if nothing does.
        notes: how many notes on calls there were at the beginning.
    """

    def __init__(self) -> None:
        self.known = True
        self.failed: ToctouError | None = None
        self.notes = len(IMPORTED.notes)
        self._before = set(_models())
        self._reports_to: int | None = None
        self._finds_anything = False

    def learn(self) -> Stored:
        """What the models declare that will have been defined when the file is imported."""
        if not CAN_FORK:
            return NOTHING
        # First as for code that stores what is missing, and then as for code that cannot do without.
        report = self._asked(finds_anything=False)
        if report is not None and not report.complete:
            report = self._asked(finds_anything=True)
        if report is None:  # this is the other process
            return NOTHING
        self.known, self.failed = report.complete, report.failed
        return report.declared

    def anything(self) -> Any:
        """What a read finds in a table of which nothing is known yet; ``None`` for nothing."""
        return _Anything() if self._finds_anything else None

    def report(self, *, complete: bool, failed: ToctouError | None = None) -> None:
        """Send the report and end this process, if it is the one that has gone ahead."""
        if self._reports_to is None:
            return
        with suppress(OSError), os.fdopen(self._reports_to, "wb") as pipe:
            pickle.dump(_Report(complete, self._declared(), failed), pipe)
        end_here()

    def _asked(self, *, finds_anything: bool) -> _Report | None:
        ours, theirs = os.pipe()
        pid = forked()
        if pid == 0:
            os.close(ours)
            _silence()
            self._reports_to, self._finds_anything = theirs, finds_anything
            return None
        os.close(theirs)
        try:
            return _received(ours)
        finally:
            os.close(ours)
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _declared(self) -> Stored:
        tables: dict[str, Any] = {}
        items: dict[str, Any] = {}
        for model in _models():
            if model in self._before:
                continue
            with suppress(Exception):  # it is told when the model is checked
                images = initial_images(model)
                for table in model.tables:
                    if table.name not in tables:
                        tables[table.name] = table.parameters
                        items[table.name] = images.get(table.name, [])
        return Stored(list(tables.values()), items)


def _models() -> Iterator[type[Model]]:
    waiting = [Model]
    while waiting:
        found = waiting.pop(0).__subclasses__()
        yield from found
        waiting += found


def _received(pipe: int) -> _Report:
    received, until = b"", seconds() + _MOST_SECONDS
    while (left := until - seconds()) > 0 and select.select([pipe], [], [], left)[0]:
        part = os.read(pipe, 65_536)
        if not part:
            break
        received += part
    with suppress(Exception):  # it was ended before it had reported
        report = pickle.loads(received)  # noqa: S301 - by this program
        assert isinstance(report, _Report)  # noqa: S101
        return report
    return _Report(complete=False, declared=NOTHING)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    sys.stdout = sys.stderr = os.fdopen(nothing, "w")


class _Anything(dict[Any, Any]):
    """An item that has every attribute, in the shapes of a client and of a resource."""

    def __missing__(self, _name: Any) -> Any:
        return _Value("1")

    def __contains__(self, _name: Any) -> bool:
        return True

    def __bool__(self) -> bool:
        return True

    def get(self, name: Any, _default: Any = None) -> Any:
        return self[name]


class _Value(str):
    """A text that is a number, true, and a value by its type: ``value["S"]``."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        return self if isinstance(place, str) else super().__getitem__(place)

    def get(self, _name: Any, _default: Any = None) -> Any:
        return self
