"""A run as text for a terminal: the table of verdicts, then whatever a person has to act on, most severe finding first."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toctou.reporting.coverage import notable, total_words
from toctou.reporting.document import Document
from toctou.reporting.outcome_text import outcome_lines
from toctou.reporting.summary import visible
from toctou.reporting.text import LEVEL_STYLES, VERDICT_STYLES
from toctou.reporting.titles import finding_title

UNBOUNDED = 10_000
"""Columns for a table that is not shown on a terminal: it takes what it needs."""


def scenario_line(model: str, scenario: Document) -> Text:
    """One line about one scenario, for printing as exploring goes."""
    requests = " ∥ ".join(visible(request) for request in scenario["requests"])
    count = scenario["schedules"]
    line = Text.assemble(
        (f"{scenario['verdict']:<12}", VERDICT_STYLES.get(scenario["verdict"], "")),
        f"  {model.rpartition(':')[2]}  {requests}  ",
        (f"{count} schedule{'' if count == 1 else 's'}", "dim"),
    )
    if scenario["stands_for"] > 1:
        line.append(f", representing {scenario['stands_for']} equivalent scenarios", style="dim")
    if scenario["violations"]:
        found = dict.fromkeys(f"{one['oracle']}: {one['anomaly']}" for one in scenario["violations"])
        line.append(f"  {', '.join(found)}", style="red")
    elif scenario["stop_reason"]:
        line.append(f"  {scenario['stop_reason']}", style="yellow")
    return line


def run_lines(document: Document, console: Console, directory: str = "") -> Iterator[Text | Table]:
    """The closing table of a run, then whatever a person has to act on.

    Args:
        console: for which it is; anything but a terminal gets plain lines that are never cut or wrapped.
        directory: where the reports were written, put before their names; ``""`` for the bare names.
    """
    if console.is_terminal:
        yield _run_table(document, terminal=True)
    else:
        # as text, because a table that is printed takes the console's width, and its rows trailing blanks
        stream = io.StringIO()
        Console(file=stream, no_color=True, width=UNBOUNDED).print(_run_table(document, terminal=False))
        yield from (Text(line.rstrip()) for line in stream.getvalue().splitlines())
    yield from _run_remarks(document, directory)


def _run_table(document: Document, *, terminal: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if terminal else "")
    table.add_column("model", overflow="fold", no_wrap=not terminal)
    table.add_column("verdict", no_wrap=True)
    table.add_column("scenarios", justify="right", no_wrap=True)
    table.add_column("schedules", justify="right", no_wrap=True)
    table.add_column("found", overflow="fold", no_wrap=not terminal)
    for model in document["models"]:
        verdict = model["verdict"]
        table.add_row(
            Text(visible(model["model"])),
            Text(verdict, style=VERDICT_STYLES.get(verdict, "")),
            _scenarios(model),
            str(model["schedules"]),
            Text(_found(model, document["findings"])),
        )
    return table


def _scenarios(model: Document) -> str:
    explored, all_of_them = len(model["scenarios"]), represented([model])
    return str(explored) if explored == all_of_them else f"{explored} of {all_of_them}"


def represented(models: Iterable[Document]) -> int:
    """How many scenarios those that were explored represent, themselves included."""
    return sum(scenario["stands_for"] for model in models for scenario in model["scenarios"])


def _found(model: Document, findings: list[Document]) -> str:
    texts = [f"{one['severity']['level']} {one['anomaly']}" for one in findings if one["model"] == model["model"]]
    counts = {text: texts.count(text) for text in texts}
    return ", ".join(f"{count} × {text}" if count > 1 else text for text, count in counts.items()) or (
        model["stop_reason"] or ""
    )


def _run_remarks(document: Document, directory: str) -> Iterator[Text]:
    if document["stored"]:
        yield Text()
        yield Text(f"{visible(document['stored']['text'])}.")
    explored = sum(len(model["scenarios"]) for model in document["models"])
    all_of_them = represented(document["models"])
    if explored < all_of_them:
        yield Text()
        yield Text(
            f"{explored:,} of {all_of_them:,} scenarios were explored: the others differ from these only in names.",
            "dim",
        )
    for model in document["models"]:
        remarks = [model["detail"], *(f"{one['handler']}: {one['reason']}" for one in model["unreached"])]
        remarks += [f"note: {one}" for one in model.get("remarks", ())]
        if not any(remarks):
            continue
        yield Text()
        yield Text(visible(model["model"]), style="bold")
        for remark in filter(None, remarks):
            for row in remark.splitlines():
                yield Text(f"  {visible(row)}")
    yield from _covered(document)
    for finding in document["findings"]:
        if "accepted" in finding:
            continue
        yield Text()
        report = f"{directory and directory.rstrip('/') + '/'}{finding['report']}" if finding["report"] else ""
        yield from finding_lines(finding, f"toctou replay {report}" if report else "")
    yield from outcome_lines(document)
    if document["findings"] and directory:
        yield Text()
        yield Text(
            f"Pages: {directory.rstrip('/')}/index.html, or `toctou report --open {directory.rstrip('/')}`", "dim"
        )


def _covered(document: Document) -> Iterator[Text]:
    """What all verdicts rest on, and what deserves to be known of one of them."""
    if not (total := total_words(document["models"])):
        return
    yield Text()
    yield Text(f"Covered: {total}; {document['strategy']}, {document['reads']} reads, no failing calls.", "dim")
    for model in document["models"]:
        if (coverage := model.get("coverage")) and (line := notable(coverage)):
            yield Text(f"  {visible(model['model'])}: {visible(line)}")


def finding_lines(finding: Document, replay: str) -> Iterator[Text]:
    """A cause, reported once: severity, model, title, the headline of its clearest report, how often, and the replay.

    Args:
        finding: as in the document of a run.
        replay: the command; ``""`` if its report is not stored.
    """
    severity, count = finding["severity"], len(finding["scenarios"])
    yield Text.assemble(
        (f"{severity['level']} {severity['score']}", LEVEL_STYLES.get(severity["level"], "")),
        ("  ", ""),
        (visible(finding["model"]), "bold"),
        f"  {', '.join(finding['anomalies'])}",
    )
    yield Text(f"  {visible(finding_title(finding))}")
    yield Text(f"  {visible(finding['headline'])}")
    yield Text(f"  {visible(finding['cause'])}")
    for broken in finding.get("rules", ()):
        where = f" ({visible(broken['replay'])})" if broken["replay"] and broken["report"] != finding["report"] else ""
        yield Text(f"  rule: {visible(broken['statement'])}{where}")
    if way := finding.get("way"):
        yield Text(f"  {way['number']} of {way['of']} ways to break {visible(way['rule'])}")
    for line in finding.get("traceback", ()):
        place = f"{line['file']}:{line['line']} in {line['function']}: {line['text']}"
        yield Text(f"  at {visible(place)}", "dim")
    if finding["remedy"]:
        yield Text(f"  fix: {visible(finding['remedy'])}")
    found = f"{count} violations" if count > 1 else "1 violation"
    yield Text(f"  {found} of {', '.join(finding['oracles'])} · {severity['vector']}", "dim")
    if replay:
        yield Text(f"    {visible(replay)}", "dim")
