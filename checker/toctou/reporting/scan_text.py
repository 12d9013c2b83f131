"""A scan as text for a terminal: violated operations first, then inconclusive ones, then verified ones."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from toctou.reporting.document import Document
from toctou.reporting.outcome_text import outcome_lines
from toctou.reporting.remedies import fix_command, remedy_of, remedy_title
from toctou.reporting.summary import visible
from toctou.reporting.text import LEVEL_STYLES, VERDICT_STYLES
from toctou.reporting.titles import finding_title, places
from toctou.reporting.wrapping import command

_SHOWN = 16
_RANKS = {"VIOLATED": 0, "INCONCLUSIVE": 1, "VERIFIED": 2}


def scan_lines(document: Document, directory: str) -> Iterator[Text]:
    """A scan as styled lines; ``directory`` is where its reports were written, ``""`` if nowhere."""
    pairs = document["pairs"]
    about = document["document"]
    yield Text.assemble(
        (f"{about['name']}", "bold"),
        f" (OpenAPI {about['openapi']})  {document['model']}  {len(document['operations'])} operations driven, "
        f"{pairs['conflicting']} of {pairs['total']} pairs of requests conflict",
    )
    for remark in document.get("remarks", ()):
        yield from _point("note", remark)
    for sentence in document.get("covered", ()):
        yield from _point("covered", sentence)
    for operation in ranked_operations(document):
        yield Text()
        yield from _operation(operation, directory)
    if document["unusable"]:
        yield Text()
        yield Text("Not driven", style="bold")
        for one in document["unusable"]:
            yield Text(f"  {visible(one['name'])}: {visible(one['reason'])}")
    if document["idle_handlers"]:
        yield Text()
        yield Text(f"Handlers that serve no operation of the document: {', '.join(document['idle_handlers'])}", "dim")
    yield from outcome_lines(document)
    if directory:
        yield Text()
        yield Text(f"Pages: {directory.rstrip('/')}/scan.html", "dim")


def ranked_operations(document: Document) -> list[Document]:
    """The operations, most severe first."""
    return sorted(document["operations"], key=lambda one: (_RANKS.get(one["verdict"], 0), -_highest(one)))


def operation_points(operation: Document) -> Iterator[tuple[str, str]]:
    """What there is to say about an operation, as heads and sentences; pages say the same."""
    for at, one in enumerate(operation["accesses"], 1):
        yield f"{at}", access_text(one)
    for one in operation["windows"]:
        yield "unguarded", window_text(one, operation)
    if operation["detail"]:
        yield operation["stop_reason"] or "note", operation["detail"]
    elif operation["unreached"]:
        yield "not reached", operation["unreached"]
    yield from member_points(operation)
    if operation["undocumented"]:
        yield (
            "undocumented",
            f"it answered {', '.join(operation['undocumented'])}, which the document does not describe",
        )


def member_points(operation: Document) -> Iterator[tuple[str, str]]:
    """Which optional arguments its requests had, for an operation that has any, and so what its verdict is about."""
    members = operation["members"]
    if not operation["optional"]:
        return
    heads = {
        "explored": "verified for" if operation["verdict"] == "VERIFIED" else "explored",
        "alone": "run alone",
        "refused": "refused",
    }
    for one, head in heads.items():
        if members[one]:
            shown = [", ".join(names) or "no optional argument" for names in members[one]]
            yield head, "; ".join(shown[:_SHOWN]) + (f"; and {len(shown) - _SHOWN} more" if shown[_SHOWN:] else "")
    if members["unsent"]:
        yield "not sent", ", ".join(members["unsent"])
    if members["pairs"]:
        yield (
            "not sent",
            f"{members['pairs']} pair{'' if members['pairs'] == 1 else 's'} of optional arguments without others",
        )


def access_text(access: Document) -> str:
    """One call in a line: ``UpdateItem Items[i1]  if owner  writes text``."""
    parts = [f"{access['action']} {', '.join(access['items'])}"]
    for word, names in (("reads", "reads"), ("if", "conditions"), ("writes", "writes")):
        if access[names]:
            parts.append(f"{word} {', '.join(access[names])}")
    source = access["source"]
    return "  ".join(parts) + (f"  ({source['file']}:{source['line']})" if source else "")


def window_text(window: Document, operation: Document) -> str:
    """Why a window is one."""
    read, write = operation["accesses"][window["read"]], operation["accesses"][window["write"]]
    checks = (
        f"its condition only compares {', '.join(window['condition'])}"
        if window["condition"]
        else "it has no condition"
    )
    return (
        f"call {window['write'] + 1}, {write['action']} of {window['item']}, relies on what call {window['read'] + 1}, "
        f"{read['action']}, returned ({', '.join(window['unchecked'])}), and {checks}"
    )


def _point(head: str, sentence: str) -> Iterator[Text]:
    """A sentence beside its head; a fault has rows of its own for what was expected, its cause and its remedy."""
    for row in sentence.splitlines():
        indented = row[: len(row) - len(row.lstrip())] + " ".join(row.split())
        yield Text.assemble((f"  {head:<12}  ", "dim"), visible(indented))
        head = " " * len(head)


def _highest(operation: Document) -> float:
    return max((float(one["severity"]["score"]) for one in operation["findings"]), default=0.0)


def _operation(operation: Document, directory: str) -> Iterator[Text]:
    verdict = operation["verdict"]
    answers = f"{operation['scenarios']} scenarios, {operation['schedules']} schedules"
    yield Text.assemble(
        (f"{verdict:<12}", VERDICT_STYLES.get(verdict, "")),
        "  ",
        (visible(operation["name"]), "bold"),
        (f"  {visible(operation['operation'])}  {answers}", "dim"),
    )
    for head, sentence in operation_points(operation):
        yield from _point(head, sentence)
    for finding in operation["findings"]:
        if "accepted" in finding:
            continue
        severity = finding["severity"]
        head = f"{severity['level']} {severity['score']}"
        yield Text.assemble(
            "  ",
            (f"{head:<12}", LEVEL_STYLES.get(severity["level"], "")),
            f"  {visible(finding_title(finding))} ({', '.join(finding['weaknesses'])})",
        )
        if where := places(finding):
            yield Text(f"  {'':<12}  {visible(where)}")
        yield Text(f"  {'':<12}  {visible(finding['headline'])}")
        if remedy := remedy_of(finding):
            yield Text(f"  {'fix':<12}  {visible(remedy_title(remedy))}")
            yield Text(f"  {'':<12}  {visible(remedy['text'])}")
        if finding["report"]:
            replay = f"toctou replay {directory and directory.rstrip('/') + '/'}{finding['report']}"
            if change := fix_command(finding, replay):
                yield command(f"  {'':<12}  {visible(change)}", "dim")
            yield command(f"  {'replay':<12}  {visible(replay)}", "dim")
