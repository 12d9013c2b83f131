"""Where reports show what requests wrote, if they did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sample_reports import MODEL, make_violation

from toctou.history.output import Written
from toctou.reporting.detail import render as detail
from toctou.reporting.document import Document, violation_document
from toctou.reporting.html import render_violation as page
from toctou.reporting.output import pieces_at, section
from toctou.reporting.text import render_violation as text


def with_output(*written: Written) -> Document:
    violation = make_violation()
    return violation_document(MODEL, replace(violation, execution=replace(violation.execution, output=written)))


def of_one_more(request: dict[str, Any]) -> Document:
    """A document in which a third request wrote something and performed no operation."""
    document = with_output()
    document["requests"].append({**document["requests"][0], "letter": "C"})
    document["responses"].append({**document["responses"][0], "request": "C", "after": 0})
    return {**document, "output": [{"request": "C", "step": None, "stream": "stdout", **request}]}


def test_nothing_is_said_where_nothing_was_written():
    document = with_output()
    assert "output" not in document
    assert list(section(document)) == []
    assert "outcome wrote" not in page(document)
    assert ".output" not in page(document)


def test_it_comes_in_time():
    document = with_output(
        Written(0, 0, "stdout", "A begins\n"),
        Written(0, 2, "stdout", "A ends\n"),
        Written(1, 0, "stderr", "B begins\n"),
        Written(1, 1, "stdout", "B is there\n"),
    )
    steps = {step["name"]: at for at, step in enumerate(document["steps"])}
    first = {"A": steps["A.1"], "B": steps["B.1"]}
    told = [(one["step"], one["text"]) for one in document["output"]]
    expected = [
        (first["A"] - 0.5, None, "A begins\n"),
        (steps["A.2"], "A.2", "A ends\n"),
        (first["B"] - 0.5, None, "B begins\n"),
        (steps["B.1"], "B.1", "B is there\n"),
    ]
    assert told == [(name, text) for _, name, text in sorted(expected, key=lambda one: one[0])]


def test_text_has_it_on_demand_only():
    document = with_output(Written(0, 1, "stdout", "looked\n"))
    assert "looked" not in text(document)
    assert "    stdout   after the call: looked\n" in detail(document)
    assert list(section(document)) == ["OUTPUT OF THE HANDLERS", "  A.1   stdout  after the call: looked"]


def test_request_without_operations():
    document = of_one_more({"text": "refused\n"})
    assert "  C\n    stdout   refused\n" in detail(document)
    assert list(section(document))[1] == "  C     stdout  refused"
    shown = page(document)
    assert "<figcaption>stdout</figcaption><pre>refused</pre>" in shown
    assert "C wrote, without an operation" in shown


@pytest.mark.parametrize(
    ("written", "lines", "is_long"),
    [
        ("a\tb\r\n", ["a       b\r"], False),
        ("\n" * 12, [""] * 12, False),
        ("\n" * 13, [""] * 13, True),
        ("x" * 1_501, ["x" * 1_501], True),
        ("", [""], False),
    ],
)
def test_lines_of_a_piece(written: str, lines: list[str], is_long: bool):
    (piece,) = pieces_at(of_one_more({"text": written}))["C"]
    assert piece["lines"] == lines
    assert piece["long"] is is_long


def test_what_moves_a_cursor_is_shown_as_its_escape():
    document = with_output(Written(0, 1, "stdout", "\x1b[2J\x07\u202e\n"))
    for shown in (detail(document), "\n".join(section(document)), page(document)):
        assert "\\x1b[2J\\x07\\u202e" in shown
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
