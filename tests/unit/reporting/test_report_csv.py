"""CSV: one row per cause that reads back as written, and no cell that a spreadsheet would run."""

import csv
import io

import pytest
from bare_documents import run_document
from sample_reports import MODEL, make_model, make_run, make_violation
from test_report_findings import elsewhere
from test_report_html import hostile

from toctou.reporting.csv_report import COLUMNS, inert
from toctou.reporting.document import violation_document
from toctou.reporting.registry import rendered


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_row_says_what_where_and_how_to_see_it_again(violation, tmp_path):
    document = violation_document(MODEL, violation, report=tmp_path / "x-1.json")
    (row,) = rows(rendered(document, "csv"))
    assert list(row) == list(COLUMNS)
    assert (row["severity"], row["score"], row["model"]) == ("critical", "9.5", MODEL)
    assert row["handler"] == "delete_item"
    assert row["requests"] == "alice: delete_item(item_id='i1') | alice: transfer(item_id='i1', to='bob')"
    assert (row["oracles"], row["anomaly"]) == ("ownership", "toctou")
    assert row["title"] == "delete_item × transfer: owner check bypassed"
    assert row["statement"].startswith("alice's delete_item deleted Items[i1]")
    assert row["location"] == "models/delete_item.py:34"
    assert row["schedule"] == str(violation.execution.schedule)
    assert row["replay"] == document["replay"]
    assert (row["confirmed on"], row["operation"]) == ("moto", "")


def test_a_run_has_a_row_per_cause_the_most_severe_first():
    found = rows(rendered(run_document(make_run(make_model(elsewhere(make_violation()), make_violation()))), "csv"))
    assert found[0]["handler"] == "delete_item"
    assert len(found) == 2
    scores = [float(row["score"]) for row in found]
    assert scores == sorted(scores, reverse=True)


def test_without_findings_there_is_the_header_alone():
    text = rendered(run_document(make_run(make_model())), "csv")
    assert rows(text) == []
    assert text == ",".join(f'"{name}"' for name in COLUMNS) + "\r\n"


@pytest.mark.parametrize(
    "text", ['say "no"', "a,b;c\td", "two\r\nlines", "ends with \\", "'quoted'", "\ud800 \x1b[31m"]
)
def test_no_text_ends_its_cell_or_its_row(text):
    rendered_text = rendered(violation_document(f"x.py:{text}", hostile(text)), "csv")
    assert rendered_text.count("\r\n") == 2
    assert "\n" not in rendered_text.replace("\r\n", "")
    assert rendered_text.replace("\r\n", "").isprintable()
    (row,) = rows(rendered_text)
    assert None not in row
    if text.isprintable():
        assert row["model"] == f"x.py:{text}"


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "  =", "=HYPERLINK(", '=cmd|"/c calc"!A1']
)
def test_no_cell_begins_a_formula(start):
    text = f"{start}1+1"
    assert inert(text).startswith("'")
    (row,) = rows(rendered(violation_document(f"{text}:Model", hostile(text)), "csv"))
    assert row["model"] == inert(f"{text}:Model")
    assert not [cell for cell in row.values() if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


@pytest.mark.parametrize("text", ["", "9.5", "a=b", "alice: f(x=-1)", "1-2"])
def test_other_cells_are_left_as_they_are(text):
    assert inert(text) == text
