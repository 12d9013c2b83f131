"""Concludes a recorded session: what was recorded, its windows, and what interleaving found, as one document for a renderer.

What explores is imported once something is to be interleaved: the table of windows must cost next to nothing.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from toctou.errors import contained
from toctou.recording.callers import NOBODY, Callers, callers
from toctou.recording.interleaved_windows import shown
from toctou.recording.kinds import names_of
from toctou.recording.reconstruction import Reconstructed, raises_of
from toctou.recording.table_of_windows import WindowRow, windows_of

if TYPE_CHECKING:
    from toctou.counterexample.violation import Violation
    from toctou.recording.interleaving import Interleaved
    from toctou.search.result import RunResult


@dataclass(slots=True)
class Session:
    """A session that has ended.

    Attributes:
        requests: those that called DynamoDB, and the names of their handlers.
        callers: who calls.
        windows: the most severe first.
        interleaved: what came of interleaving; ``None`` if nothing was to be.
        seconds: how long requests were to be interleaved.
        outside: places of the project's code that called DynamoDB outside of any request.
        options: of the command line, which a command that is printed has to repeat.
        faults: texts of faults of toctou itself.
    """

    requests: Sequence[Reconstructed]
    names: Sequence[str] = ()
    callers: Callers = field(default_factory=lambda: Callers({}))
    windows: Sequence[WindowRow] = ()
    interleaved: Interleaved | None = None
    seconds: float = 0.0
    outside: Sequence[str] = ()
    options: Sequence[str] = ()
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, requests: Sequence[Reconstructed], *, principal: str = "", owner: str = "") -> Session:
        """What the requests show by themselves.

        Args:
            requests: of all tests, in order.
            principal, owner: see :func:`toctou.recording.callers.callers`.
        """
        session = cls(requests)
        session.names = contained("the names of handlers", lambda: names_of(requests), [], session.faults)
        if len(session.names) == len(requests):
            nobody = session.callers
            session.callers = contained(
                "the search for callers", lambda: callers(requests, principal, owner), nobody, session.faults
            )
            session.windows = contained(
                "the table of windows", lambda: windows_of(requests, session.names, session.callers), [], session.faults
            )
        return session

    def interleave(self, seconds: float, status: Callable[[str], None]) -> None:
        """Interleave the requests for so many seconds at most; an interrupt ends it."""
        self.seconds = seconds
        with suppress(KeyboardInterrupt):
            from toctou.recording.interleaving import Interleaving  # noqa: PLC0415 - see the module's docstring

            raises = raises_of(one.requested for one in self.requests)
            interleaving = Interleaving(
                self.requests, self.names, self.callers, self.windows, raises=raises, seconds=seconds
            )
            self.interleaved = interleaving.result
            interleaving.run(status)
        if self.interleaved is not None:
            self.faults += self.interleaved.faults

    @property
    def result(self) -> RunResult:
        """What was interleaved, as a run: each recorded state is a model."""
        from toctou.search.options import Options  # noqa: PLC0415 - see the module's docstring
        from toctou.search.result import RunResult  # noqa: PLC0415

        found, options = self.interleaved, Options()
        return RunResult(
            models=tuple(one.result for one in found.explored) if found else (),
            backend=options.backend,
            strategy=options.strategy,
            reads=options.reads,
            requests=options.requests,
            seed=options.seed,
            seconds=found.seconds if found else 0.0,
            faults=tuple(found.faults) if found else (),
        )

    def replay(self, violation: Violation) -> str:
        """The command that records the requests of a violation again, and interleaves them."""
        explored = self.interleaved.explored if self.interleaved else ()
        known = {label: test for one in explored for label, test in one.tests.items()}
        labels = [str(value) for request in violation.execution.requests for _, value in request.arguments]
        tests = dict.fromkeys(known[one] for one in labels if one in known)
        own = [f"--toctou-owner={self.callers.owner}"] if self.callers.owner else []
        return shlex.join(["pytest", "--toctou", *own, *self.options, *tests])

    def document(self, missing: Sequence[str], run: Mapping[str, Any], directory: str) -> dict[str, Any]:
        """All of it as plain data.

        Args:
            missing: entries that were named and not found.
            run: the document of :attr:`result`; empty if nothing was interleaved.
            directory: where its reports are.
        """
        calling = [one for one in self.requests if one.operations]
        who = dict.fromkeys(self.callers.of(one) for one in self.requests)
        return {
            "requests": len(calling),
            "handlers": len({name for one, name in zip(self.requests, self.names, strict=True) if one.operations}),
            "tests": len({one.requested.test for one in calling}),
            "missing": list(missing),
            "callers": [one for one in who if one != NOBODY],
            "principal": ", ".join(dict.fromkeys(".".join(place) for place in self.callers.places.values())),
            "owner": self.callers.owner or "",
            "evidence": self.callers.evidence,
            "outside": list(self.outside),
            "doubts": dict(Counter(one.doubt for one in self.requests if one.doubt)),
            "windows": [{**asdict(row), "rank": row.rank, "shown": self._shown(row)} for row in self.windows],
            "run": dict(run),
            "seconds": self.seconds,
            "unreplayable": self.interleaved.unreplayable if self.interleaved else {},
            "left": [list(pair) for pair in self.interleaved.left] if self.interleaved else [],
            "apart": [list(pair) for pair in self.interleaved.apart] if self.interleaved else [],
            "directory": directory,
            "faults": self.faults,
        }

    def _shown(self, row: WindowRow) -> str:
        """What interleaving has shown of a window; ``""`` if nothing was interleaved."""
        if self.interleaved is None:
            return ""
        return shown(row, [one.result for one in self.interleaved.explored])
