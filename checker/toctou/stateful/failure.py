"""How a machine fails: with a violation, or because nothing can be concluded.

Both carry a complete text, and data from which the pytest plugin writes a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from toctou.client.backends import backend_named
from toctou.counterexample.confirmation import confirmed
from toctou.counterexample.presentation import presented
from toctou.counterexample.violation import Violation
from toctou.declaration.isolation import isolation_name
from toctou.declaration.loading import LoadedModel
from toctou.errors import ToctouError
from toctou.execution.judging import Sighting
from toctou.execution.laboratory import Laboratory
from toctou.history.request import label
from toctou.scheduling.runner import Limits
from toctou.search.options import Options


class RaceFound(AssertionError):
    """An oracle found a violation in what the machine did.

    Attributes:
        loaded: the model and the name to load it by.
        violation: the finding, with a complete execution, so that its schedule can be replayed.
        because: why requests were separated into processes of their own; ``""`` if that was asked for, or they were not.
    """

    def __init__(self, loaded: LoadedModel, violation: Violation, limits: Limits, because: str = "") -> None:
        super().__init__(violation.finding.statement)
        self.loaded = loaded
        self.violation = violation
        self.because = because
        self._limits = limits

    @property
    def steps(self) -> list[str]:
        """Hypothesis' notes: the steps of the example, and how to run it again."""
        # Without its list of lines that only failing examples run: in an editable installation they are our own.
        notes, explaining = [], False
        for note in getattr(self, "__notes__", ()):
            explaining = note == "Explanation:" or (explaining and note.startswith("    "))
            if not explaining:
                notes.append(note)
        return notes

    @property
    def isolation(self) -> str:
        """Why each request had a process of its own; ``""`` if that was asked for, or none had."""
        if not self.because or not self.violation.execution.isolated:
            return ""
        return f"each request in a process of its own, because {self.because.splitlines()[0]}"

    def confirmed(self) -> Violation:
        """The violation as presented in reports, replayed on a second backend."""
        seen = Sighting(self.violation.finding, self.violation.execution)
        with self._opened(self.violation.found_on) as laboratory:
            violation = presented(laboratory, seen, self.violation.found_on)
        second = Options(backend=self.violation.found_on).second_backend
        with self._opened(second) as laboratory:
            return confirmed(laboratory, [violation], second)[0]

    @contextmanager
    def _opened(self, name: str) -> Iterator[Laboratory]:
        with closing(backend_named(name)) as backend:
            isolation = isolation_name(isolated=self.violation.execution.isolated)
            laboratory = Laboratory(self.loaded.model, backend, self._limits, isolation)
            with laboratory.opened():
                yield laboratory

    def __str__(self) -> str:
        return "\n".join(_lines(self))


class Abandoned(BaseException):
    """A handler left the checker's control, or the model contradicts itself; the machine stops immediately.

    Attributes:
        loaded: the model.
        fault: the error, with its likely cause and remedy.
    """

    # Not an `Exception`, or Hypothesis would shrink it: each attempt may take as long as a handler may stay silent, and a
    # smaller example would say nothing more.

    def __init__(self, loaded: LoadedModel, fault: ToctouError) -> None:
        super().__init__(str(fault))
        self.loaded = loaded
        self.fault = fault


def _lines(found: RaceFound) -> Iterator[str]:
    violation = found.violation
    execution, explanation = violation.execution, violation.explanation
    yield f"VIOLATED  {found.loaded.name}  {violation.finding.oracle} · {explanation.anomaly}"
    yield f"  {explanation.headline}"
    if violation.finding.statement != explanation.headline:
        yield f"  {violation.finding.statement}"
    yield ""
    for index, (request, response) in enumerate(zip(execution.requests, execution.responses, strict=True)):
        yield f"  {label(index)}  {request}  → {response}"
    if explanation.cycle or explanation.contradiction:
        yield ""
    for edge in explanation.cycle:
        yield f"  {edge.kind}  {edge.reason}"
    if explanation.contradiction:
        yield f"  ⇒ {explanation.contradiction}"
    yield ""
    yield f"  schedule  {execution.schedule}"
    if found.isolation:
        yield f"  isolation  {found.isolation}"
