"""A violation as text for a terminal.

It decides the order in which a person learns what happened: what is wrong and where, who did what when, what would prevent it,
and only then why it cannot have been right, and the rest of the evidence.  The words themselves come from the document.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from toctou.analysis.severity import scale
from toctou.reporting.document import Document
from toctou.reporting.lanes import WITNESS, lane_style, lanes, marked
from toctou.reporting.remedies import attempts, fix_command, remedy_of, remedy_title
from toctou.reporting.stored import left_out, timeline
from toctou.reporting.summary import EDGE_MEANINGS, SIMULATED, backend_words, visible
from toctou.reporting.titles import places, violation_title
from toctou.reporting.wrapping import NARROWEST, WIDTH, command, hanging, hung

VERDICT_STYLES = {"VERIFIED": "green", "VIOLATED": "bold red", "INCONCLUSIVE": "yellow"}
LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_EDGE_STYLES = {"wr": "green", "ww": "yellow", "rw": "red", "po": "dim", "rt": "blue"}


def render_violation(document: Document, *, width: int = WIDTH, stored: bool = True) -> str:
    """A violation as plain text of at most ``width`` columns, ending in a newline.

    Args:
        stored: show the stored items; not where they are shown step by step.
    """
    return "".join(line.plain.rstrip() + "\n" for line in violation_lines(document, width, stored=stored))


def violation_lines(document: Document, width: int, *, stored: bool = True) -> list[Text]:
    """A violation as styled lines of at most ``width`` columns (no less than 40)."""
    width = max(width, NARROWEST)
    sections = [
        list(_headline(document, width)),
        list(_happened(document, width)),
        list(_traceback(document, width)),
        list(_remedy(document, width)),
        list(_code(document, width)),
        list(_argument(document, width)),
        list(_faults(document, width)),
        list(_closest(document, width)),
        list(_items(document, width)) if stored else [],
        list(_about(document, width)),
    ]
    lines: list[Text] = []
    for section in sections:
        if section:
            lines += [Text(), *section] if lines else section
    return lines


def _title(title: str, remark: str, width: int) -> Text:
    line = Text(title.upper(), style="bold")
    if remark and len(title) + len(remark) + 4 <= width:
        line.append(f"  ({remark})", style="not bold dim")
    return line


def _headline(document: Document, width: int) -> Iterator[Text]:
    explanation, severity = document["explanation"], document["severity"]
    level = (f"{severity['level']} {severity['score']}", LEVEL_STYLES.get(severity["level"], ""))
    yield from hanging(Text("VIOLATED  ", style=VERDICT_STYLES["VIOLATED"]), document["model"], width)
    yield from hanging(Text.assemble("  ", level, "  "), violation_title(document), width, "bold")
    yield from hanging(Text("  "), places(document["cause"]), width) if places(document["cause"]) else ()
    yield Text()
    yield from hanging(Text("  "), explanation["headline"], width)
    finding = document["finding"]
    if finding.get("own") and finding["statement"] and finding["statement"] != explanation["headline"]:
        yield from hanging(Text("  "), finding["statement"], width)
    yield from hanging(Text("  "), f"rule broken: {finding['oracle']} · {SIMULATED}", width, "dim")


def _happened(document: Document, width: int) -> Iterator[Text]:
    marks = f", {WITNESS} marks the operations that show the violation" if marked(document) else ""
    yield _title("What happened", f"time runs down{marks}", width)
    for at, request in enumerate(document["requests"]):
        head = Text.assemble("  ", (request["letter"], f"bold {lane_style(at)}"), "  ")
        yield from hanging(head, request["text"], width)
    yield Text()
    for line in lanes(document, width - 2):
        yield Text.assemble("  ", line)


def _traceback(document: Document, width: int) -> Iterator[Text]:
    lines = document["explanation"].get("traceback", ())
    if lines:
        yield _title("Traceback", "innermost line last", width)
    for line in lines:
        head = Text(f"  {visible(line['file'])}:{line['line']} in {visible(line['function'])}  ", style="dim")
        yield from hanging(head, line["text"], width)


def _remedy(document: Document, width: int) -> Iterator[Text]:
    """What would prevent it, what came of trying that, and the commands to go on with."""
    remedy = remedy_of(document)
    if remedy is None:
        if document["replay"]:
            yield _title("Replay", "", width)
    else:
        yield from hung([Text(remedy_title(remedy), style="bold")], width)
        yield from hanging(Text("  "), remedy["text"], width)
        for attempt in attempts(remedy):
            yield from hanging(Text("  tried before  ", style="dim"), attempt, width)
    if change := fix_command(document, document["replay"]):
        yield command(f"  {visible(change)}")
    if document["replay"]:
        yield command(f"  {visible(document['replay'])}")


def _code(document: Document, width: int) -> Iterator[Text]:
    """The lines around the read and the write, which the names of their steps mark."""
    stretches = document.get("code", ())
    if stretches:
        yield _title("Code", "", width)
    for at, stretch in enumerate(stretches):
        if at:
            yield Text()
        steps: dict[int, str] = {}
        for mark in stretch["marks"]:
            steps[mark["line"]] = " ".join(filter(None, (steps.get(mark["line"], ""), mark["step"])))
        named, numbers = max(map(len, steps.values())), len(str(stretch["first"] + len(stretch["lines"])))
        yield from hanging(Text("  "), stretch["file"], width, "dim")
        for number, line in enumerate(stretch["lines"], stretch["first"]):
            head = f"  {steps.get(number, ''):>{named}} {number:>{numbers}}  "
            shown = Text.assemble((head, "bold" if number in steps else "dim"), visible(line))
            shown.truncate(width, overflow="ellipsis")
            shown.rstrip()
            yield shown


def _argument(document: Document, width: int) -> Iterator[Text]:
    explanation = document["explanation"]
    witness = set(explanation["witness"])
    edges = explanation["cycle"] or [one for one in explanation["edges"] if {one["earlier"], one["later"]} <= witness]
    if not edges and not explanation["contradiction"]:
        return
    alone = explanation["anomaly"] == "fails_alone"
    yield _title("Why this is no race" if alone else "Why this should not have been possible", "", width)
    yield from hanging(Text("  cause ", style="dim"), document["cause"]["text"], width)
    if not document.get("code"):
        yield from _lines(document["cause"], width)
    span = max((len(edge["earlier"]) + len(edge["later"]) for edge in edges), default=0)
    for edge in edges:
        style = _EDGE_STYLES.get(edge["kind"], "")
        pad = " " * (span - len(edge["earlier"]) - len(edge["later"]))
        head = Text.assemble("  ", edge["earlier"], (f" ─{edge['kind']}→ ", style), edge["later"], f"{pad}  ")
        yield from hanging(head, edge["reason"], width)
    for kind in dict.fromkeys(edge["kind"] for edge in edges):
        head = Text.assemble("  ", (f"─{kind}→", _EDGE_STYLES.get(kind, "")), "  ")
        yield from hanging(head, EDGE_MEANINGS.get(kind, ""), width, "dim")
    if explanation["contradiction"]:
        yield from hanging(Text("  ⇒ ", style="bold"), explanation["contradiction"], width, "bold")


def _lines(cause: Document, width: int) -> Iterator[Text]:
    """The lines of code that read and that write, where what is around them is not known."""
    for what in ("read", "write"):
        site = cause[what]
        if site and site["source"]:
            source = site["source"]
            place = visible(f"{source['file']}:{source['line']}")
            head = Text.assemble("    ", (f"{what:<6}", "dim"), f"{site['step']}  {place}  ")
            yield from hanging(head, source["text"], width)


def _faults(document: Document, width: int) -> Iterator[Text]:
    faults = document.get("faults", ())
    if faults:
        yield _title("Missing here, by a fault of toctou itself", "", width)
    for fault in faults:
        for line in fault.splitlines():
            yield from hanging(Text("  "), visible(line), width)


def _closest(document: Document, width: int) -> Iterator[Text]:
    closest = document["explanation"].get("closest")
    if not closest:
        return
    yield _title("Closest serial order", "", width)
    head = Text.assemble("  ", (" → ".join(closest["order"]), "bold"), "  ")
    yield from hanging(head, closest_words(closest), width)


def closest_words(closest: Document) -> str:
    """How far the serial order that comes closest explains what happened."""
    explained, total = closest["explained"], len(closest["order"])
    if not closest["contradiction"]:
        return (
            "explains every response and every stored item: what is wrong is not the outcome, but what was done on the "
            "way to it"
        )
    if explained == total:
        return f"explains every response, but not the stored items: {closest['contradiction']}"
    return f"does not explain the responses: {closest['contradiction']}"


def _items(document: Document, width: int) -> Iterator[Text]:
    yield _title("Stored items", "", width)
    yield from stored_lines(document, width)


def stored_lines(document: Document, width: int, *, only_first: bool = False) -> Iterator[Text]:
    """What is stored at first, and after each step that changes something."""
    moments = list(timeline(document))[: 1 if only_first else None]
    margin = max(len(moment) for moment, _ in moments) + 2
    for moment, rows in moments:
        for number, (table, text) in enumerate(rows):
            head = Text.assemble("  ", (f"{moment if number == 0 else '':<{margin}}", "dim"), visible(table))
            yield from hanging(head.append("  " if table else ""), text, width)
    if remark := left_out(document):
        yield from hanging(Text("  "), remark, width, "dim")


def _about(document: Document, width: int) -> Iterator[Text]:
    explanation, severity = document["explanation"], document["severity"]
    yield _title("About this report", "", width)
    words = f"{severity['level']} {severity['score']} ({scale()}): {severity['meaning']}"
    yield from hanging(Text("  severity  ", style="dim"), words, width)
    yield from hanging(Text(" " * 12), severity["vector"], width, "dim")
    kind = explanation.get("anomaly_title") or explanation["anomaly"].replace("_", " ")
    yield from hanging(Text("  pattern   ", style="dim"), kind, width)
    yield from hanging(Text("  found on  ", style="dim"), confirmation(document), width)
    yield command("", "").append("  schedule  ", "dim").append(document["schedule"])
    yield from hanging(
        Text(" " * 12), "the request that makes the next call, call by call, and a checksum", width, "dim"
    )


def confirmation(document: Document) -> str:
    """Where the violation was found, and whether a second backend agreed."""
    parts = [backend_words(document["found_on"])]
    if document.get("isolation") == "processes":
        parts.append("each request in a process of its own")
    confirmed, difference = document.get("confirmed_on"), document.get("difference", "")
    parts.append(f"confirmed on {backend_words(confirmed)}" if confirmed else "not confirmed on a second backend")
    if difference:
        parts.append(f"difference: {difference}")
    occurrences = document.get("occurrences", 1)
    if occurrences > 1:
        parts.append(f"in {occurrences} schedules")
    return " · ".join(parts)
