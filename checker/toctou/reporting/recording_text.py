"""What ``pytest --toctou`` prints after the tests: who calls, the table of windows, what was interleaved, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from toctou.reporting.coverage import total_words
from toctou.reporting.document import Document
from toctou.reporting.outcome_text import outcome_lines
from toctou.reporting.run_text import finding_lines
from toctou.reporting.summary import visible
from toctou.reporting.text import LEVEL_STYLES
from toctou.reporting.titles import finding_title, places
from toctou.reporting.wrapping import hung

_MOST_WINDOWS = 20
_MOST_LISTED = 8
_MOST_CALLERS = 5
_MOST_IN_FULL = 10
_MOST_IN_LINES = 12


def recording_lines(recorded: Document, width: int) -> Iterator[Text]:
    """The lines, at most that wide, given what :func:`toctou.recording.session.concluded` says."""
    return hung(_lines(recorded), width)


def _lines(recorded: Document) -> Iterator[Text]:
    yield from _requests(recorded)
    for fault in recorded["faults"]:
        yield Text(fault, "red")
    if not recorded["requests"]:
        yield from _each("Calls to DynamoDB were made", recorded["outside"])
        return
    yield from _each(
        "Calls to DynamoDB outside of any recorded request, whose functions --toctou-entry may name",
        recorded["outside"],
    )
    yield from _each(
        "Requests that cannot be relied on", [f"{why} ({count})" for why, count in recorded["doubts"].items()]
    )
    yield from _windows(recorded["windows"])
    yield from _interleaved(recorded)
    yield from _findings(recorded)


def _findings(recorded: Document) -> Iterator[Text]:
    every = recorded["run"].get("findings", [])
    found = [one for one in every if "accepted" not in one]
    in_full = [one for one in found if one["severity"]["level"] != "low"][:_MOST_IN_FULL]
    for finding in in_full:
        yield Text()
        yield from finding_lines(finding, finding["replay"], recorded["directory"])
    if rest := [one for one in found if one not in in_full]:
        yield Text()
        yield Text(f"And {len(rest)} less severe finding{'s' if len(rest) > 1 else ''}:")
        for finding in rest[:_MOST_IN_LINES]:
            level, score = finding["severity"]["level"], finding["severity"]["score"]
            yield Text.assemble(
                (f"  {level} {score}", LEVEL_STYLES.get(level, "")), f"  {visible(finding_title(finding))}"
            )
            if where := places(finding):
                yield Text(f"    {visible(where)}")
        if len(rest) > _MOST_IN_LINES:
            yield Text(f"  and {len(rest) - _MOST_IN_LINES} more")
    if recorded["run"]:
        yield from outcome_lines(recorded["run"])
    if every:
        yield Text()
        directory = recorded["directory"]
        yield Text(f"Pages: {directory}/index.html, or `toctou report --open {directory}`", "dim")


def _requests(recorded: Document) -> Iterator[Text]:
    if not recorded["requests"]:
        yield Text("no request of a test was recorded that calls DynamoDB")
        yield Text("  expected: tests that call a Lambda function (event, context) or a test client of an application")
        yield Text(
            "  remedy: name the functions that serve requests: --toctou-entry shop.orders:* (or toctou_entry in the ini file)"
        )
    else:
        yield Text(
            f"{recorded['requests']} requests to {recorded['handlers']} handlers were recorded in {recorded['tests']} tests."
        )
    for missing in recorded["missing"]:
        yield Text(f"toctou_entry {missing!r}: no module that was imported has it", "yellow")
    if recorded["requests"]:
        if recorded["callers"]:
            several = recorded["callers"][:_MOST_CALLERS]
            more = len(recorded["callers"]) - len(several)
            who = ", ".join(several) + (f" and {more} more" if more else "")
            yield Text(f"They are made by {who} ({recorded['principal']}).")
        else:
            yield Text("Who makes them is not known: name the place with --toctou-principal, such as headers.x-user.")
        if recorded["owner"]:
            yield Text(f"Items belong to whom their {recorded['owner']!r} names ({recorded['evidence']}).")
        else:
            why = recorded["evidence"] or "the tests do not show it"
            yield Text(
                f"Whose an item is, is not known ({why}); once --toctou-owner names it, owner checks are judged."
            )


def _windows(rows: Sequence[Document]) -> Iterator[Text]:
    yield Text()
    if not rows:
        yield Text("No request reads an item and then writes it without a guard on what it read.")
        return
    yield Text(
        "Windows: requests that read, decide, and then write without a guard on what they read. Such a window "
        "is no race yet: what fits into it is what interleaving shows.",
        "bold",
    )
    for row in rows[:_MOST_WINDOWS]:
        yield Text.assemble(
            (f"{row['rank']:<7}", LEVEL_STYLES.get(row["rank"], "")), f" {visible(row['handler'])}  ({row['table']})"
        )
        yield Text(
            f"        {_place(row['read'])}  {row['reads']}  →  {_place(row['write'])}  {row['action']}{_guard(row)}"
        )
        if row["reasons"]:
            yield Text(f"        {'; '.join(row['reasons'])}", "dim")
        if row["shown"]:
            yield Text(f"        {row['shown']}", "dim")
    if len(rows) > _MOST_WINDOWS:
        yield Text(f"and {len(rows) - _MOST_WINDOWS} more, less severe ones")


def _guard(row: Document) -> str:
    return f" if {', '.join(row['condition'])}" if row["condition"] else ""


def _place(source: Document | None) -> str:
    return "?" if source is None else f"{source['file']}:{source['line']} in {source['function'].rpartition('.')[2]}"


def _interleaved(recorded: Document) -> Iterator[Text]:
    run = recorded["run"]
    yield Text()
    if not run:
        yield Text(
            f"Nothing was interleaved: {'--toctou-seconds 0' if recorded['seconds'] == 0 else 'it was interrupted'}."
        )
        return
    pairs = [one for model in run["models"] for one in model["scenarios"]]
    verdicts = Counter(one["verdict"] for one in pairs)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), reverse=True))
    schedules = sum(model["schedules"] for model in run["models"])
    yield Text(
        f"Interleaved: {len(pairs)} pairs of requests in {len(run['models'])} recorded states, "
        f"{schedules} schedules, {run['seconds']:.1f} s" + (f": {counts}." if counts else "."),
        "bold",
    )
    if total := total_words(run["models"]):
        yield Text(f"Covered: {total}; strong reads, no failing calls.", "dim")
    yield from _each(
        "Inconclusive",
        [
            f"{' ∥ '.join(one['requests'])}: {one['stop_reason']}: {one['detail'].partition(chr(10))[0]}"
            for one in pairs
            if one["verdict"] == "INCONCLUSIVE" and one["stop_reason"] not in ("max_seconds", "interrupted")
        ],
    )
    yield from _each(
        "Not replayed outside of their tests", [f"{name}: {why}" for name, why in recorded["unreplayable"].items()]
    )
    yield from _each(
        "Not brought together: neither is accepted in a recorded state of the other",
        [" × ".join(pair) for pair in recorded["apart"]],
    )
    yield from _each(
        "Not explored, as the time was over (--toctou-seconds)", [" × ".join(pair) for pair in recorded["left"]]
    )


def _each(title: str, lines: Sequence[Any]) -> Iterator[Text]:
    if not lines:
        return
    yield Text(f"{title}:", "yellow")
    different = list(dict.fromkeys(lines))
    for line in different[:_MOST_LISTED]:
        yield Text(f"  {visible(str(line))}")
    if len(different) > _MOST_LISTED:
        yield Text(f"  and {len(different) - _MOST_LISTED} more")
