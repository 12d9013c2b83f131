"""What comes of a run's findings as text: what is accepted and why, what is below ``--fail-on``, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.text import Text

from toctou.reporting.document import Document
from toctou.reporting.findings import findings_in
from toctou.reporting.summary import visible
from toctou.reporting.titles import finding_title


def outcome_lines(document: Document) -> Iterator[Text]:
    """The lines about a run or a scan, each part after an empty one; none if there is nothing to say."""
    found = {one["fingerprint"]: one for one in findings_in(document)}
    accepted = [one for one in found.values() if "accepted" in one]
    if accepted:
        yield Text()
        yield Text("Accepted, so that they fail nothing:")
    for one in accepted:
        yield Text(f"  {visible(accepted_text(one))}")
    outcome = document.get("outcome")
    if outcome is None:
        return
    levels = Counter(found[name]["severity"]["level"] for name in outcome["below"] if name in found)
    if levels:
        count = sum(levels.values())
        listed = ", ".join(f"{number} {level}" for level, number in levels.items())
        yield Text()
        yield Text(
            f"{count} finding{' is' if count == 1 else 's are'} below --fail-on {outcome['fail_on']} ({listed}), and "
            f"fail{'s' if count == 1 else ''} nothing."
        )
    if outcome["notes"]:
        yield Text()
    for note in outcome["notes"]:
        yield Text(f"note: {visible(note)}", "yellow")


def accepted_text(finding: Document) -> str:
    """An accepted finding in a line."""
    accepted = finding["accepted"]
    until = f", until {accepted['expires']}" if accepted.get("expires") else ""
    reason = accepted["reason"] or "no reason is given"
    return (
        f"{finding['severity']['level']} {finding['severity']['score']}  {finding['fingerprint']}  {finding_title(finding)}: "
        f"{reason} ({accepted['where']}{until})"
    )
