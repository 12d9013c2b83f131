"""Decides which findings of a run fail it: those that are severe enough, and that nobody has accepted.

A finding is accepted by the baseline, until the day on which that expires, or by a comment in the source.  What is accepted, and
by what, becomes a part of the run's document (``accepted`` of a finding), and so does what comes of it all (``outcome``), so that
every format and every later command says the same.

That something is accepted never makes a run pass that has concluded nothing: where no finding fails it, whatever was not explored
to its end is still inconclusive.  And that something which was accepted is gone is said only where the run would have found it.
"""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from toctou.real_time import MACHINE
from toctou.reporting.accept_comments import Accept, covers, problem
from toctou.reporting.baseline import NAME, Baseline, Entry
from toctou.reporting.document import Document
from toctou.reporting.model_names import identity
from toctou.reporting.titles import handlers_named

LEVELS = ("any", "low", "medium", "high", "critical")
"""From which severity on a finding fails a run, the lowest first."""

_EXHAUSTIVE = ("dpor", "exhaustive")


def today() -> dt.date:
    """The day, everywhere the same; that of the machine, also where a test has stopped its clock."""
    return dt.datetime.fromtimestamp(MACHINE.time(), dt.UTC).date()


@dataclass(frozen=True, slots=True)
class Policy:
    """What fails a run.

    Attributes:
        fail_on: one of :data:`LEVELS`.
        baseline: ``None`` if there is none.
        comments: those at the handlers of the models that are checked, each with the name of its ``model``.
    """

    fail_on: str = "any"
    baseline: Baseline | None = None
    comments: Sequence[Accept] = ()
    today: dt.date = field(default_factory=today)

    def judge(self, run: Document) -> None:
        """Note in the document of a run which findings are accepted, and what comes of it."""
        notes: dict[str, None] = {}
        for finding in run["findings"]:
            finding.pop("accepted", None)
            accepted = self.accepted(finding, notes)
            if accepted is not None:
                finding["accepted"] = accepted
        failing = [one for one in run["findings"] if self.fails(one)]
        below = [one for one in run["findings"] if "accepted" not in one and not self.fails(one)]
        notes.update(dict.fromkeys(self._gone(run)))
        notes.update(dict.fromkeys(self._unused(run)))
        run["outcome"] = {
            "fail_on": self.fail_on,
            "exit_status": exit_status(run, failing=bool(failing)),
            "failing": len(failing),
            "accepted": len(run["findings"]) - len(failing) - len(below),
            "below": [one["fingerprint"] for one in below],
            "notes": list(notes),
        }

    def fails(self, finding: Document) -> bool:
        """Whether a finding, of which it is known who accepts it, fails the run."""
        level = LEVELS.index(finding["severity"]["level"])
        return "accepted" not in finding and level >= LEVELS.index(self.fail_on)

    def accepted(self, finding: Document, notes: dict[str, None]) -> dict[str, Any] | None:
        """By what a finding is accepted; ``None`` if by nothing.

        Args:
            notes: receives what a person should know.
        """
        every = dict.fromkeys((one["anomaly"], one["oracle"]) for one in finding["scenarios"])
        # What is harmless beside a finding is not named in its title, and need not be accepted by name.
        shown = [one for one in every if one[0] in finding["anomalies"]]
        for one in finding.get("accepts", ()):
            place = f"{one['file']}:{one['line']}"
            if covers(one, shown):
                return {"by": "comment", "where": place, "reason": one["reason"]}
            if why := problem(one):
                notes[f"{place}: the comment accepts nothing, because {why}: # toctou: accept[…] and why"] = None
            else:
                rest = [name for name, oracle in shown if not {name, oracle} & set(one["names"])]
                notes[f"{place}: accept[{', '.join(one['names'])}] does not cover {', '.join(rest)}"] = None
        entry = None if self.baseline is None else self.baseline.entries.get(finding["fingerprint"])
        if entry is None or self.baseline is None:
            return None
        if entry.expired(self.today):
            notes[
                f"{entry.fingerprint} ({entry.title}) is accepted no more: its entry in {self.baseline.file} expired on "
                f"{entry.expires}: toctou baseline{_of_file(self.baseline)} --expires DATE {entry.fingerprint}, or fix it"
            ] = None
            return None
        until = {"expires": entry.expires} if entry.expires else {}
        return {"by": "baseline", "where": self.baseline.file, "reason": entry.reason, **until}

    def _gone(self, run: Document) -> Iterator[str]:
        if self.baseline is None:
            return
        for entry in gone(self.baseline, run):
            yield (
                f"{entry.fingerprint} ({entry.title}) is no longer found: remove it from the baseline: "
                f"toctou baseline{_of_file(self.baseline)} --prune"
            )

    def _unused(self, run: Document) -> Iterator[str]:
        """Comments at handlers that have been checked, and that accept nothing."""
        met = {(one["file"], one["line"]) for finding in run["findings"] for one in finding.get("accepts", ())}
        for one in self.comments:
            if (one["file"], one["line"]) in met:
                continue
            place = f"{one['file']}:{one['line']}"
            if why := problem(one):
                yield f"{place}: the comment accepts nothing, because {why}: # toctou: accept[…] and why"
            elif one["model"] in concluded(run):
                yield f"{place}: nothing that this comment accepts was found: remove it"


def _of_file(baseline: Baseline) -> str:
    """What `toctou baseline` needs to change that one; without it, it is that of the folder."""
    return "" if baseline.file in {"", NAME} else f" -o {shlex.quote(baseline.file)}"


def gone(baseline: Baseline | None, run: Document) -> list[Entry]:
    """Entries of what this run has not found although it has explored everything that could show it."""
    if baseline is None:
        return []
    found = {one["fingerprint"] for one in run["findings"]}
    places = {identity(name) for name in concluded(run)}
    requests = (text for model in run["models"] for one in model["scenarios"] for text in one["requests"])
    handlers = {name for text in requests for name in handlers_named([text])}
    return [
        one
        for one in baseline.entries.values()
        if one.fingerprint not in found
        and identity(one.model) in places
        and one.handler in handlers
        and one.requests <= run["requests"]
        and one.reads == run["reads"]
        and _whole(run, identity(one.model))
    ]


def _whole(run: Document, place: str) -> bool:
    """Of what was recorded from tests, which has no model of its own, everything has to be concluded."""
    return bool(place) or len(concluded(run)) == len(run["models"])


def concluded(run: Document) -> Collection[str]:
    """The models of a run of which everything was explored."""
    if run["strategy"] not in _EXHAUSTIVE or run["faults"]:
        return ()
    return {model["model"] for model in run["models"] if _explored(model)}


def _explored(model: Document) -> bool:
    parts = [model, *model["scenarios"]]
    return (
        all(one["verdict"] != "INCONCLUSIVE" and one["stop_reason"] is None for one in parts) and not model["unreached"]
    )


def exit_status(run: Document, *, failing: bool) -> int:
    """The exit status of the command that made the run: of the most severe of all that came of it."""
    if run["faults"]:
        return 70
    if any(model["stop_reason"] == "refused" for model in run["models"]):
        return 2
    if failing:
        return 1
    known = concluded(run)
    verified = all(model["verdict"] == "VERIFIED" for model in run["models"])
    return 0 if verified or all(model["model"] in known for model in run["models"]) else 3
