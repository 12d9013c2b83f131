"""A run as text for a terminal: the table of verdicts, then whatever a person has to act on, most severe finding first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from toctou.reporting.coverage import notable, total_words
from toctou.reporting.document import Document
from toctou.reporting.outcome_text import outcome_lines
from toctou.reporting.remedies import fix_command, remedy_of, remedy_title
from toctou.reporting.summary import visible
from toctou.reporting.text import LEVEL_STYLES, VERDICT_STYLES
from toctou.reporting.titles import finding_title, harm, pattern, places
from toctou.reporting.wrapping import UNBOUNDED, columns, command, hung


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
        found = dict.fromkeys(
            f"{one['oracle']}: {pattern(one['anomaly'], one.get('anomaly_title', ''))}"
            for one in scenario["violations"]
        )
        line.append(f"  {', '.join(found)}", style="red")
    elif scenario["stop_reason"]:
        line.append(f"  {scenario['stop_reason']}", style="yellow")
    return line


def run_lines(document: Document, console: Console, directory: str = "") -> Iterator[Text]:
    """The closing table of a run, then whatever a person has to act on.

    Args:
        console: for which it is; anything but a terminal gets a table that is never cut or wrapped.
        directory: where the reports were written, put before their names; ``""`` for the bare names.
    """
    yield from _rows(document, columns(console, UNBOUNDED))
    yield from hung(_run_remarks(document, directory), columns(console))


def _rows(document: Document, width: int) -> Iterator[Text]:
    """The table of verdicts; what was found has lines of its own where there is no room beside it."""
    heads = ("model", "verdict", "scenarios", "schedules", "found")
    rows = [
        (
            visible(model["model"]),
            model["verdict"],
            _scenarios(model),
            str(model["schedules"]),
            _found(model, document["findings"]),
        )
        for model in document["models"]
    ]
    wide = [max(cell_len(row[at]) for row in (heads, *rows)) for at in range(4)]
    beside = sum(wide) + 8 + max(cell_len(row[4]) for row in (heads, *rows)) <= width
    if not beside:
        wide[0] = min(wide[0], max(width - sum(wide[1:]) - 6, 20))
    for row in (heads, *rows):
        model, verdict, scenarios, schedules, found = row
        style = "bold" if row is heads else VERDICT_STYLES.get(verdict, "")
        line = Text.assemble(
            (f"{model}{' ' * (wide[0] - cell_len(model))}", "bold" if row is heads else ""),
            "  ",
            (f"{verdict:<{wide[1]}}", style),
            (f"  {scenarios:>{wide[2]}}  {schedules:>{wide[3]}}", "bold" if row is heads else ""),
        )
        if beside:
            line.append(f"  {found}", "bold" if row is heads else "")
        line.rstrip()
        yield from hung([line], width)
        if not beside and found and row is not heads:
            yield from hung([Text(f"    {found}")], width)


def _scenarios(model: Document) -> str:
    explored, all_of_them = len(model["scenarios"]), represented([model])
    return str(explored) if explored == all_of_them else f"{explored} of {all_of_them}"


def represented(models: Iterable[Document]) -> int:
    """How many scenarios those that were explored represent, themselves included."""
    return sum(scenario["stands_for"] for model in models for scenario in model["scenarios"])


def _found(model: Document, findings: list[Document]) -> str:
    texts = [f"{one['severity']['level']}: {harm(one)}" for one in findings if one["model"] == model["model"]]
    counts = {text: texts.count(text) for text in texts}
    return ", ".join(f"{text} ×{count}" if count > 1 else text for text, count in counts.items()) or (
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
    yield from _notes(document["models"])
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


def _notes(models: Iterable[Document]) -> Iterator[Text]:
    """What there is to say of models, each once, below all models of which it is to be said."""
    said: dict[tuple[str, ...], list[str]] = {}
    for model in models:
        remarks = [model["detail"], *(f"{one['handler']}: {one['reason']}" for one in model["unreached"])]
        remarks += [f"note: {one}" for one in model.get("remarks", ())]
        if rows := tuple(row for remark in filter(None, remarks) for row in remark.splitlines()):
            said.setdefault(rows, []).append(model["model"])
    advice: set[str] = set()
    for rows, names in said.items():
        yield Text()
        for name in names:
            yield Text(visible(name), style="bold")
        for row in rows:
            what, semicolon, further = row.rpartition("; ")
            known = row.startswith("note: ") and semicolon and further in advice
            advice.add(further)
            yield Text(f"  {visible(what if known else row)}")


def _covered(document: Document) -> Iterator[Text]:
    """What all verdicts rest on, and what deserves to be known of one of them."""
    if not (total := total_words(document["models"])):
        return
    yield Text()
    yield Text(f"Covered: {total}; {document['strategy']}, {document['reads']} reads, no failing calls.", "dim")
    for model in document["models"]:
        if (coverage := model.get("coverage")) and (line := notable(coverage)):
            yield Text(f"  {visible(model['model'])}: {visible(line)}")


def finding_lines(finding: Document, replay: str, directory: str = "") -> Iterator[Text]:
    """A cause, reported once: severity, title and places, the headline of its clearest report, the fix, and the replay.

    Args:
        finding: as in the document of a run.
        replay: the command; ``""`` if its report is not stored.
        directory: where its report is, if that command does not say so.
    """
    severity, count = finding["severity"], len(finding["scenarios"])
    yield Text.assemble(
        (f"{severity['level']} {severity['score']}", LEVEL_STYLES.get(severity["level"], "")),
        "  ",
        (visible(finding_title(finding)), "bold"),
    )
    yield Text(f"  {visible(places(finding) or finding['cause'])}")
    yield Text(f"  {visible(finding['headline'])}")
    for broken in finding.get("rules", ()):
        where = f" ({visible(broken['replay'])})" if broken["replay"] and broken["report"] != finding["report"] else ""
        yield Text(f"  rule: {visible(broken['statement'])}{where}")
    if way := finding.get("way"):
        yield Text(f"  {way['number']} of {way['of']} ways to break {visible(way['rule'])}")
    for line in finding.get("traceback", ()):
        place = f"{line['file']}:{line['line']} in {line['function']}: {line['text']}"
        yield Text(f"  at {visible(place)}", "dim")
    if remedy := remedy_of(finding):
        yield Text(f"  {visible(remedy_title(remedy))}")
        yield Text(f"    {visible(remedy['text'])}")
    found = f"{count} violations" if count > 1 else "1 violation"
    yield Text(f"  {found} of {', '.join(finding['oracles'])} in {visible(finding['model'])}", "dim")
    yield Text(f"  {severity['vector']}", "dim")
    if replay:
        if change := fix_command(finding, replay, directory):
            yield command(f"    {visible(change)}", "dim")
        yield command(f"    {visible(replay)}", "dim")
