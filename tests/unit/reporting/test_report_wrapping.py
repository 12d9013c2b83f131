"""Where lines break: at words, with what follows under the body, at every width and in every text that is printed."""

import io
import itertools
import re

import pytest
from recorded_documents import RECORDED, RUN, SCANNED
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from sample_reports import MODEL, make_violation

from toctou.reporting import detail, text, text_report
from toctou.reporting.document import violation_document
from toctou.reporting.recording_text import recording_lines
from toctou.reporting.stored import item_text
from toctou.reporting.wrapping import command, hanging, hung, terminal_columns, wrapped

WIDTHS = [80, 100, 160]
SENTENCE = "a condition that holds when it is checked need not hold when what it was checked for is written " * 3
PASTED = re.compile(r"\s*(?:replay\s+)?(?:toctou (?:replay|fix)|pytest --toctou)|\s*schedule  ")


def plain(lines) -> list[str]:
    return [line.plain for line in lines]


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_are_full_and_no_word_is_split(width):
    lines = wrapped(SENTENCE, width)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == SENTENCE.split()
    for line, following in itertools.pairwise(lines):
        assert len(line) + 1 + len(following.split()[0]) > width


def test_only_a_word_longer_than_a_line_is_split_and_then_after_a_slash():
    assert wrapped("see impact:destroys-others-data/principals:1/preemptions:1 there", 40) == [
        "see",
        "impact:destroys-others-data/",
        "principals:1/preemptions:1 there",
    ]
    assert wrapped("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_what_stands_between_backticks_is_one_word():
    assert wrapped("or run `toctou report --open reports/latest` now", 40) == [
        "or run",
        "`toctou report --open reports/latest`",
        "now",
    ]


def test_wide_characters_take_two_columns():
    lines = wrapped("所有者 が 変わった " * 8, 21)
    assert max(map(cell_len, lines)) <= 21
    assert {word for line in lines for word in line.split()} == {"所有者", "が", "変わった"}


def test_what_follows_stands_under_the_body():
    assert plain(hung([Text("critical 9.5  owner check bypassed by transfer")], 32)) == [
        "critical 9.5  owner check",
        "  bypassed by transfer",
    ]
    assert plain(hung([Text("note  one two three four five six seven")], 22)) == [
        "note  one two three",
        "      four five six",
        "      seven",
    ]
    assert plain(hung([Text("  one two three four")], 12)) == ["  one two", "    three", "    four"]
    assert plain(hanging(Text("  A  "), "one two three four", 14)) == ["  A  one two", "     three", "     four"]


def test_styles_survive_and_what_is_pasted_is_left_whole():
    first, second = hung([Text.assemble(("one two ", "bold"), ("three four", "red"))], 12)
    assert [(span.start, span.end, span.style) for span in first.spans] == [(0, 7, "bold")]
    assert [(span.start, span.end, span.style) for span in second.spans] == [(2, 12, "red")]
    assert plain(hung([command("toctou replay " + "x" * 90)], 40)) == ["toctou replay " + "x" * 90]


def test_the_terminal_says_how_wide_it_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "132")
    assert terminal_columns() == 132
    monkeypatch.setenv("COLUMNS", "9")
    assert terminal_columns() == 40
    monkeypatch.setenv("COLUMNS", "999")
    assert terminal_columns() == 160


def shown(document, width, monkeypatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    text_report.show(document, Console(file=stream), "reports/latest")
    return stream.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", ["violation", "detail", "run", "scan", "recording"])
def test_every_text_fits_and_splits_no_word(what, width, monkeypatch):
    violation = violation_document(MODEL, make_violation())
    rendered = {
        "violation": lambda wide: text.render_violation(violation, width=wide),
        "detail": lambda wide: detail.render(violation, width=wide),
        "run": lambda wide: shown(RUN, wide, monkeypatch),
        "scan": lambda wide: shown(SCANNED, wide, monkeypatch),
        "recording": lambda wide: "\n".join(plain(recording_lines(RECORDED, wide))),
    }[what]
    lines = [line for line in rendered(width).splitlines() if not PASTED.match(line)]
    assert max(map(cell_len, lines)) <= width
    if what in {"run", "scan", "recording"}:  # columns of lanes cut a line into parts
        monkeypatch.delenv("COLUMNS", raising=False)
        assert set(" ".join(lines).split()) <= set(rendered(160).split())


def test_colours_do_not_count(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setenv("TERM", "xterm-256color")
    text_report.show(RUN, Console(file=stream, force_terminal=True, width=80), "reports/latest")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in stream.getvalue().splitlines()]
    assert max(map(cell_len, lines)) <= 80
    assert "    critical: owner check bypassed" in lines


def test_a_long_word_costs_no_more_than_its_length():
    pieces = wrapped("x" * 400_000, 98)
    assert "".join(pieces) == "x" * 400_000
    assert {len(one) for one in pieces[:-1]} == {98}


def test_of_a_large_stored_value_a_part_is_shown():
    text = item_text({"id": {"S": "a"}, "body": {"S": "x" * 400_000}})
    assert len(text) < 300
    assert "(400,002 characters)" in text
