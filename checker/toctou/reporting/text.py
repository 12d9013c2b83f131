"""Violations and runs as text for a terminal.

It decides the order in which a person learns what happened: what is wrong, who did what when, why that cannot be, what
the stored items were, and the command that shows it again.  The words themselves come from the document.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toctou.analysis.severity import scale
from toctou.reporting.document import Document
from toctou.reporting.lanes import WITNESS, lane_style, lanes, marked, wrapped
from toctou.reporting.renderer import Renderer
from toctou.reporting.stored import item_text, just_before, left_out
from toctou.reporting.summary import EDGE_MEANINGS, SIMULATED, backend_words, visible

WIDTH = 100
MIN_WIDTH = 40
UNBOUNDED = 10_000
"""Columns for a table that is not shown on a terminal: it takes what it needs."""

_VERDICT_STYLES = {"VERIFIED": "green", "VIOLATED": "bold red", "INCONCLUSIVE": "yellow"}
LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_EDGE_STYLES = {"wr": "green", "ww": "yellow", "rw": "red", "po": "dim", "rt": "blue"}


def render_violation(document: Document, *, width: int = WIDTH) -> str:
    """A violation as plain text of at most ``width`` columns, ending in a newline."""
    return "".join(line.plain.rstrip() + "\n" for line in violation_lines(document, width))


def print_violation(document: Document, console: Console) -> None:
    """A violation on a console, coloured if the console is."""
    for line in violation_lines(document, min(console.width, WIDTH) if console.is_terminal else WIDTH):
        console.print(line, soft_wrap=True, highlight=False)


def violation_lines(document: Document, width: int) -> list[Text]:
    """A violation as styled lines of at most ``width`` columns (no less than 40)."""
    width = max(width, MIN_WIDTH)
    sections = [
        list(_headline(document, width)),
        list(_requests(document, width)),
        [
            _title("What happened", _legend(document), width),
            *_indented(lanes(document, width - 2)),
        ],
        list(_argument(document, width)),
        list(_remedy(document, width)),
        list(_closest(document, width)),
        list(_items(document, width)),
        list(_replay(document, width)),
    ]
    lines: list[Text] = []
    for section in sections:
        if section:
            lines += [Text(), *section] if lines else section
    return lines


def _legend(document: Document) -> str:
    marks = f", {WITNESS} marks the operations that show the violation"
    return f"time runs down{marks if marked(document) else ''}"


def _title(title: str, remark: str, width: int) -> Text:
    line = Text(title.upper(), style="bold")
    if remark and len(title) + len(remark) + 4 <= width:
        line.append(f"  ({remark})", style="not bold dim")
    return line


def _indented(lines: list[Text]) -> Iterator[Text]:
    for line in lines:
        yield Text.assemble("  ", line)


def _hanging(head: Text, body: str, width: int, style: str = "") -> Iterator[Text]:
    """A paragraph whose first line starts with a head, and whose further lines stand under the body.

    A head that takes more than half of the width, such as a long name of a table, gets lines of its own.
    """
    if head.cell_len > width // 2:
        indent = " " * (len(head.plain) - len(head.plain.lstrip()))
        for piece in wrapped(head.plain.strip(), width - len(indent)):
            yield Text(f"{indent}{piece}")
        head = Text(f"{indent}    ")
    for number, piece in enumerate(wrapped(body, width - head.cell_len)):
        yield Text.assemble(head if number == 0 else " " * head.cell_len, (piece, style))


def _headline(document: Document, width: int) -> Iterator[Text]:
    explanation = document["explanation"]
    yield from _hanging(Text("VIOLATED  ", style=_VERDICT_STYLES["VIOLATED"]), document["model"], width, "bold")
    kind = explanation.get("anomaly_title") or explanation["anomaly"]
    yield from _hanging(Text(" " * 10), f"rule broken: {document['finding']['oracle']} · pattern: {kind}", width)
    yield from _hanging(Text(" " * 10), SIMULATED, width, "dim")
    severity = document["severity"]
    head = Text.assemble(
        " " * 10, (severity["level"], LEVEL_STYLES.get(severity["level"], "")), f" {severity['score']}"
    )
    yield head
    yield Text()
    yield from _hanging(Text("  "), explanation["headline"], width, "bold")
    statement = document["finding"]["statement"]
    if statement and statement != explanation["headline"]:
        yield from _hanging(Text("  "), statement, width)


def _requests(document: Document, width: int) -> Iterator[Text]:
    yield _title("Concurrent requests", "", width)
    answers = {response["request"]: response["text"] for response in document["responses"]}
    for at, request in enumerate(document["requests"]):
        head = Text.assemble("  ", (request["letter"], f"bold {lane_style(at)}"), "  ")
        yield from _hanging(head, f"{request['text']}  → {answers.get(request['letter'], 'no answer')}", width)


def _argument(document: Document, width: int) -> Iterator[Text]:
    explanation = document["explanation"]
    edges = explanation["cycle"] or [edge for edge in explanation["edges"] if _within_witness(edge, explanation)]
    if not edges and not explanation["contradiction"]:
        return
    yield _title("Why this should not have been possible", "", width)
    if explanation.get("decision"):
        yield from _hanging(Text("  decided on ", style="dim"), explanation["decision"], width)
    yield from _hanging(Text("  cause ", style="dim"), document["cause"]["text"], width)
    yield from _places(document["cause"], width)
    span = max((len(edge["earlier"]) + len(edge["later"]) for edge in edges), default=0)
    for edge in edges:
        style = _EDGE_STYLES.get(edge["kind"], "")
        pad = " " * (span - len(edge["earlier"]) - len(edge["later"]))
        head = Text.assemble("  ", edge["earlier"], (f" ─{edge['kind']}→ ", style), edge["later"], f"{pad}  ")
        yield from _hanging(head, edge["reason"], width)
    for kind in dict.fromkeys(edge["kind"] for edge in edges):
        head = Text.assemble("  ", (f"─{kind}→", _EDGE_STYLES.get(kind, "")), "  ")
        yield from _hanging(head, EDGE_MEANINGS.get(kind, ""), width, "dim")
    if explanation["contradiction"]:
        yield from _hanging(Text("  ⇒ ", style="bold"), explanation["contradiction"], width, "bold")


def _places(cause: Document, width: int) -> Iterator[Text]:
    """The lines of code that read and that write."""
    for what in ("read", "write"):
        site = cause[what]
        if site and site["source"]:
            source = site["source"]
            place = visible(f"{source['file']}:{source['line']}")
            head = Text.assemble("    ", (f"{what:<6}", "dim"), f"{site['step']}  {place}  ")
            yield from _hanging(head, source["text"], width)


def _remedy(document: Document, width: int) -> Iterator[Text]:
    remedy = document["explanation"]["remedy"]
    if remedy:
        yield _title("Suggested fix (not tried)", "", width)
        yield from _hanging(Text("  "), remedy, width)


def _within_witness(edge: Document, explanation: Document) -> bool:
    return edge["earlier"] in explanation["witness"] and edge["later"] in explanation["witness"]


def _closest(document: Document, width: int) -> Iterator[Text]:
    closest = document["explanation"].get("closest")
    if not closest:
        return
    yield _title("Closest serial order", "", width)
    head = Text.assemble("  ", (" → ".join(closest["order"]), "bold"), "  ")
    yield from _hanging(head, closest_words(closest), width)


def closest_words(closest: Document) -> str:
    """How far the serial order that comes closest explains what happened."""
    explained, total = closest["explained"], len(closest["order"])
    if not closest["contradiction"]:
        return (
            "fits every answer and everything stored in the end, so what is wrong is not the outcome, but what was done "
            "on the way to it"
        )
    if explained == total:
        return f"fits every answer, but not what is stored: {closest['contradiction']}"
    return f"does not fit: {closest['contradiction']}"


def _items(document: Document, width: int) -> Iterator[Text]:
    yield _title("Stored items", "", width)
    offence, then = just_before(document)
    between = [(f"just before {offence}", then)] if offence else []
    moments = [("before", document["initial"]), *between, ("after", document["final"])]
    margin = max(len(moment) for moment, _ in moments) + 2
    for moment, stored in moments:
        if not stored:
            yield Text.assemble("  ", (f"{moment:<{margin}}", "dim"), "nothing")
        for table, images in stored.items():
            if not images and document["left_out"].get(table):
                continue
            texts = [item_text(image) for image in images] or ["empty"]
            for number, text in enumerate(texts):
                head = Text.assemble("  ", (f"{moment if number == 0 else '':<{margin}}", "dim"), f"{visible(table)}  ")
                yield from _hanging(head, text, width)
    if told := left_out(document):
        yield from _hanging(Text("  "), told, width, "dim")


def _replay(document: Document, width: int) -> Iterator[Text]:
    yield _title("Replay", "", width)
    if document["replay"]:
        yield Text.assemble("  ", (visible(document["replay"]), "bold"))  # never wrapped: it is there to be pasted
    yield Text.assemble(("  schedule  ", "dim"), document["schedule"])
    yield from _hanging(Text(" " * 12), "whose call comes next, call by call, and a checksum", width, "dim")
    yield from _hanging(Text("  found on  ", style="dim"), confirmation(document), width)
    severity = document["severity"]
    told = f"{severity['level']} {severity['score']} ({scale()}): {severity['meaning']}"
    yield from _hanging(Text("  severity  ", style="dim"), told, width)
    yield from _hanging(Text(" " * 12), severity["vector"], width, "dim")


def confirmation(document: Document) -> str:
    """Where the violation was found, and whether a second backend agreed."""
    parts = [backend_words(document["found_on"])]
    confirmed, difference = document.get("confirmed_on"), document.get("difference", "")
    parts.append(f"confirmed on {backend_words(confirmed)}" if confirmed else "not confirmed on a second backend")
    if difference:
        parts.append(f"difference: {difference}")
    occurrences = document.get("occurrences", 1)
    if occurrences > 1:
        parts.append(f"in {occurrences} schedules")
    return " · ".join(parts)


def scenario_line(model: str, scenario: Document) -> Text:
    """One line about one scenario, for printing as exploring goes."""
    requests = " ∥ ".join(visible(request) for request in scenario["requests"])
    count = scenario["schedules"]
    line = Text.assemble(
        (f"{scenario['verdict']:<12}", _VERDICT_STYLES.get(scenario["verdict"], "")),
        f"  {model.rpartition(':')[2]}  {requests}  ",
        (f"{count} schedule{'' if count == 1 else 's'}", "dim"),
    )
    if scenario["stands_for"] > 1:
        line.append(f" for {scenario['stands_for']} scenarios alike", style="dim")
    if scenario["violations"]:
        found = dict.fromkeys(f"{one['oracle']}: {one['anomaly']}" for one in scenario["violations"])
        line.append(f"  {', '.join(found)}", style="red")
    elif scenario["stop_reason"]:
        line.append(f"  {scenario['stop_reason']}", style="yellow")
    return line


def print_run(document: Document, console: Console, *, directory: str = "") -> None:
    """The closing table of a run, then whatever a person has to act on.

    Args:
        document: the run's document.
        console: where to; anything but a terminal gets plain lines that are never cut or wrapped.
        directory: where the reports were written, put before their names; ``""`` for the bare names.
    """
    if console.is_terminal:
        console.print(_run_table(document, terminal=True))
    else:
        console.print(_plain_table(document), soft_wrap=True, highlight=False, markup=False)
    for line in _run_remarks(document, directory):
        console.print(line, soft_wrap=True, highlight=False)


def _plain_table(document: Document) -> str:
    stream = io.StringIO()
    Console(file=stream, force_terminal=False, no_color=True, width=UNBOUNDED).print(
        _run_table(document, terminal=False)
    )
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


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
            Text(verdict, style=_VERDICT_STYLES.get(verdict, "")),
            _scenarios(model),
            str(model["schedules"]),
            Text(_found(model, document["findings"])),
        )
    return table


def _scenarios(model: Document) -> str:
    explored, all_of_them = len(model["scenarios"]), stood_for([model])
    return str(explored) if explored == all_of_them else f"{explored} for {all_of_them}"


def stood_for(models: Iterable[Document]) -> int:
    """How many scenarios those that were explored stand for, themselves included."""
    return sum(scenario["stands_for"] for model in models for scenario in model["scenarios"])


def _found(model: Document, findings: list[Document]) -> str:
    texts = [f"{one['severity']['level']} {one['anomaly']}" for one in findings if one["model"] == model["model"]]
    counts = {text: texts.count(text) for text in texts}
    return ", ".join(f"{count} × {text}" if count > 1 else text for text, count in counts.items()) or (
        model["stop_reason"] or ""
    )


def _run_remarks(document: Document, directory: str) -> Iterator[Text]:
    explored, all_of_them = sum(len(model["scenarios"]) for model in document["models"]), stood_for(document["models"])
    if explored < all_of_them:
        yield Text()
        yield Text(f"{explored:,} scenarios stand for {all_of_them:,}: the others differ by names only.", "dim")
    for model in document["models"]:
        remarks = [model["detail"], *(f"{one['handler']}: {one['reason']}" for one in model["unreached"])]
        if not any(remarks):
            continue
        yield Text()
        yield Text(visible(model["model"]), style="bold")
        for remark in filter(None, remarks):
            for row in remark.splitlines():
                yield Text(f"  {visible(row)}")
    for finding in document["findings"]:
        yield Text()
        report = f"{directory and directory.rstrip('/') + '/'}{finding['report']}" if finding["report"] else ""
        yield from finding_lines(finding, f"toctou replay {report}" if report else "")
    if document["findings"] and directory:
        yield Text()
        yield Text(
            f"Pages: {directory.rstrip('/')}/index.html, or `toctou report --open {directory.rstrip('/')}`", "dim"
        )


def finding_lines(finding: Document, replay: str) -> Iterator[Text]:
    """A cause, told once: how bad, where, what its clearest report says, how often, and how to see it again.

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
    yield Text(f"  {visible(finding['headline'])}")
    yield Text(f"  {visible(finding['cause'])}")
    if finding["remedy"]:
        yield Text(f"  mend: {visible(finding['remedy'])}")
    found = f"{count} violations" if count > 1 else "1 violation"
    yield Text(f"  {found} of {', '.join(finding['oracles'])} · {severity['vector']}", "dim")
    if replay:
        yield Text(f"    {visible(replay)}", "dim")


def render_run(document: Document) -> str:
    """The closing table and its remarks as plain text."""
    stream = io.StringIO()
    print_run(document, Console(file=stream, force_terminal=False, no_color=True, width=WIDTH))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


RENDERER = Renderer("text", ".txt", violation=render_violation, run=render_run)
