"""A violation as text for a terminal.

It decides the order in which a person learns what happened: what is wrong, who did what when, why that cannot be, what
the stored items were, and the command that shows it again.  The words themselves come from the document.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from toctou.analysis.severity import scale
from toctou.reporting.document import Document
from toctou.reporting.lanes import WITNESS, lane_style, lanes, marked, wrapped
from toctou.reporting.stored import item_text, just_before, left_out
from toctou.reporting.summary import EDGE_MEANINGS, SIMULATED, backend_words, visible
from toctou.reporting.titles import violation_title

WIDTH = 100
MIN_WIDTH = 40

VERDICT_STYLES = {"VERIFIED": "green", "VIOLATED": "bold red", "INCONCLUSIVE": "yellow"}
LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_EDGE_STYLES = {"wr": "green", "ww": "yellow", "rw": "red", "po": "dim", "rt": "blue"}


def render_violation(document: Document, *, width: int = WIDTH) -> str:
    """A violation as plain text of at most ``width`` columns, ending in a newline."""
    return "".join(line.plain.rstrip() + "\n" for line in violation_lines(document, width))


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
        list(_traceback(document, width)),
        list(_argument(document, width)),
        list(_faults(document, width)),
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
    yield from _hanging(Text("VIOLATED  ", style=VERDICT_STYLES["VIOLATED"]), document["model"], width, "bold")
    kind = explanation.get("anomaly_title") or explanation["anomaly"]
    yield from _hanging(Text(" " * 10), f"rule broken: {document['finding']['oracle']} · pattern: {kind}", width)
    yield from _hanging(Text(" " * 10), SIMULATED, width, "dim")
    severity = document["severity"]
    head = Text.assemble(
        " " * 10, (severity["level"], LEVEL_STYLES.get(severity["level"], "")), f" {severity['score']}"
    )
    yield head
    yield Text()
    yield from _hanging(Text("  "), violation_title(document), width, "bold")
    yield from _hanging(Text("  "), explanation["headline"], width)
    statement = document["finding"]["statement"]
    if statement and statement != explanation["headline"]:
        yield from _hanging(Text("  "), statement, width)


def _requests(document: Document, width: int) -> Iterator[Text]:
    yield _title("Concurrent requests", "", width)
    answers = {response["request"]: response["text"] for response in document["responses"]}
    for at, request in enumerate(document["requests"]):
        head = Text.assemble("  ", (request["letter"], f"bold {lane_style(at)}"), "  ")
        yield from _hanging(head, f"{request['text']}  → {answers.get(request['letter'], 'no answer')}", width)


def _traceback(document: Document, width: int) -> Iterator[Text]:
    lines = document["explanation"].get("traceback", ())
    if lines:
        yield _title("Traceback", "innermost line last", width)
    for line in lines:
        head = Text(f"  {visible(line['file'])}:{line['line']} in {visible(line['function'])}  ", style="dim")
        yield from _hanging(head, line["text"], width)


def _argument(document: Document, width: int) -> Iterator[Text]:
    explanation = document["explanation"]
    witness = set(explanation["witness"])
    edges = explanation["cycle"] or [one for one in explanation["edges"] if {one["earlier"], one["later"]} <= witness]
    if not edges and not explanation["contradiction"]:
        return
    alone = explanation["anomaly"] == "fails_alone"
    yield _title("Why this is no race" if alone else "Why this should not have been possible", "", width)
    if explanation.get("decision"):
        yield from _hanging(Text("  relied on ", style="dim"), explanation["decision"], width)
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


def _faults(document: Document, width: int) -> Iterator[Text]:
    faults = document.get("faults", ())
    if faults:
        yield _title("Missing here, by a fault of toctou itself", "", width)
    for fault in faults:
        for line in fault.splitlines():
            yield from _hanging(Text("  "), visible(line), width)


def _remedy(document: Document, width: int) -> Iterator[Text]:
    remedy = document["explanation"]["remedy"]
    if remedy:
        yield _title("Suggested fix (not verified)", "", width)
        yield from _hanging(Text("  "), remedy, width)


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
            "explains every response and every stored item: what is wrong is not the outcome, but what was done on the "
            "way to it"
        )
    if explained == total:
        return f"explains every response, but not the stored items: {closest['contradiction']}"
    return f"does not explain the responses: {closest['contradiction']}"


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
    if remark := left_out(document):
        yield from _hanging(Text("  "), remark, width, "dim")


def _replay(document: Document, width: int) -> Iterator[Text]:
    yield _title("Replay", "", width)
    if document["replay"]:
        yield Text.assemble("  ", (visible(document["replay"]), "bold"))  # never wrapped: it is there to be pasted
    yield Text.assemble(("  schedule  ", "dim"), document["schedule"])
    yield from _hanging(
        Text(" " * 12), "the request that makes the next call, call by call, and a checksum", width, "dim"
    )
    yield from _hanging(Text("  found on  ", style="dim"), confirmation(document), width)
    severity = document["severity"]
    words = f"{severity['level']} {severity['score']} ({scale()}): {severity['meaning']}"
    yield from _hanging(Text("  severity  ", style="dim"), words, width)
    yield from _hanging(Text(" " * 12), severity["vector"], width, "dim")


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
