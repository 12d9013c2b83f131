"""Which thread of a request has performed a step is in the document, and in every report that shows steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sample_reports import MODEL, make_violation
from test_report_schema import faults

from toctou.reporting import detail, html, mermaid, text
from toctou.reporting.document import Document, violation_document

MAIN, SENT = (), (1_000,)


def threaded(*units: Sequence[int]) -> Document:
    """The sample's three calls, A.1, B.1 and A.2, made by these threads of their requests."""
    violation = make_violation()
    operations = [
        replace(one, unit=tuple(unit)) for one, unit in zip(violation.execution.operations, units, strict=True)
    ]
    execution = replace(violation.execution, operations=tuple(operations))
    document: Any = json.loads(json.dumps(violation_document(MODEL, replace(violation, execution=execution))))
    return document


def by_thread(document: Document) -> dict[str, int | None]:
    return {step["name"]: step.get("thread") for step in document["steps"]}


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ((MAIN, MAIN, SENT), {"A.1": 0, "B.1": None, "A.2": 1}),
        (((0,), MAIN, SENT), {"A.1": 1, "B.1": None, "A.2": 2}),
        (((0, 3), SENT, (0,)), {"A.1": 2, "B.1": None, "A.2": 1}),
        ((MAIN, MAIN, MAIN), {"A.1": None, "B.1": None, "A.2": None}),
        ((SENT, MAIN, SENT), {"A.1": None, "B.1": None, "A.2": None}),
    ],
)
def test_threads_are_numbered_where_a_request_has_several(units: Any, numbers: dict[str, int | None]) -> None:
    document = threaded(*units)
    assert by_thread(document) == numbers
    assert faults("violation", document) == []


@pytest.mark.parametrize("thread", [-1, "1", None, 0.5])
def test_the_schema_refuses_what_is_no_number_of_a_thread(thread: Any) -> None:
    document = threaded(MAIN, MAIN, SENT)
    document["steps"][2]["thread"] = thread
    assert any("$.steps[2].thread" in fault for fault in faults("violation", document))


@pytest.mark.parametrize(
    "render",
    [text.render_violation, detail.render, mermaid.render, html.render_violation],
    ids=["text", "detail", "mermaid", "html"],
)
def test_reports_name_the_thread(render: Any) -> None:
    plain, shown = render(threaded(MAIN, MAIN, MAIN)), render(threaded(MAIN, MAIN, SENT))
    for name in ("main thread:", "thread 1:"):
        assert name in " ".join(shown.split()), name
        assert name not in plain, name
