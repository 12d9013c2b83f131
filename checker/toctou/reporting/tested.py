"""What comes of a model that a test has checked: whether it fails the test, as it would fail ``toctou check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toctou.declaration.loading import LoadedModel
from toctou.declaration.model import Model
from toctou.reporting.accept_comments import at_handlers
from toctou.reporting.acceptance import Policy
from toctou.reporting.baseline import find_baseline
from toctou.reporting.document import Document
from toctou.reporting.findings import findings
from toctou.reporting.outcome_text import accepted_text
from toctou.reporting.run_document import documents
from toctou.search.options import Options
from toctou.search.result import ModelResult, RunResult


def policy(fail_on: str, baseline: str, folder: Path) -> Policy:
    """What the settings of pytest ask for; no level is any.

    Args:
        baseline: the file; ``""`` for the one that is found in the folder.
        folder: where pytest was started.

    Raises:
        BadInput: the baseline is none, or is not there.
    """
    return Policy(fail_on or "any", find_baseline(folder / baseline if baseline else None, folder))


def judged(accepting: Policy, result: ModelResult, model: type[Model], options: Mapping[str, Any]) -> Document:
    """The document of a run of one model, with its outcome.

    Args:
        options: those of :class:`Options` that are not the default.
    """
    asked = Options(**{name: value for name, value in options.items() if name in ("strategy", "requests", "reads")})
    run, _ = documents(RunResult((result,), "", asked.strategy, asked.requests, 0, reads=asked.reads))
    comments = at_handlers([LoadedModel(result.model, model)])
    Policy(accepting.fail_on, accepting.baseline, comments, accepting.today).judge(run)
    return run


def failing(accepting: Policy, violations: Sequence[Document], run: Document) -> list[Document]:
    """Of the documents of violations those that fail the run."""
    names = {one["fingerprint"] for one in run["findings"] if accepting.fails(one)}
    return [one for one in violations if one["cause"]["fingerprint"] in names]


def excused(accepting: Policy, violations: Sequence[Document]) -> str:
    """Why violations that were found one at a time fail nothing; ``""`` if any of them does."""
    reasons = []
    for finding in findings(violations):
        accepted = accepting.accepted(finding, {})
        if accepted is not None:
            reasons.append(accepted_text({**finding, "accepted": accepted}))
        elif not accepting.fails(finding):
            reasons.append(f"{finding['severity']['level']} is below --toctou-fail-on {accepting.fail_on}")
        else:
            return ""
    return "; ".join(reasons)


def notes(run: Document) -> Iterator[str]:
    """What pytest's summary says of a run, in lines."""
    for finding in run["findings"]:
        if "accepted" in finding:
            yield f"accepted: {accepted_text(finding)}"
    if below := run["outcome"]["below"]:
        yield f"below --toctou-fail-on {run['outcome']['fail_on']}: {len(below)} in {run['models'][0]['model']}"
    for note in run["outcome"]["notes"]:
        yield f"note: {note}"
