import io
from dataclasses import replace

import pytest
from bare_documents import run_document
from rich.cells import cell_len
from rich.console import Console
from sample_reports import MODEL, make_execution, make_violation

from toctou.history.request import Request, Response
from toctou.history.schedule import Choice, Schedule
from toctou.reporting import run_text, text, text_report
from toctou.reporting.document import violation_document
from toctou.reporting.file_names import report_names
from toctou.reporting.run_document import scenario_document


def widest(rendered: str) -> int:
    return max(cell_len(line) for line in rendered.splitlines())


def with_requests(count: int):
    execution = make_execution()
    extra = count - 2
    execution = replace(
        execution,
        requests=execution.requests + (Request("carol", "read_item", (("item_id", "i1"),)),) * extra,
        responses=execution.responses + (Response(404),) * extra,
        endings=execution.endings + (0,) * extra,
    )
    return violation_document(MODEL, replace(make_violation(), execution=execution))


def test_the_lanes_show_who_did_what_when(violation):
    rendered = text.render_violation(violation_document(MODEL, violation), width=80)
    lanes = rendered.partition("WHAT HAPPENED")[2].partition("WHY")[0].splitlines()[1:-1]
    assert lanes == [
        "  A  alice: delete_item(item_id='i1')",
        "  B  alice: transfer(item_id='i1', to='bob')",
        "",
        "      │ A  alice: delete_item             │ B  alice: transfer",
        "  ────┬───────────────────────────────────┬───────────────────────────────────",
        "  A.1 │   GetItem Items[i1]               │",
        "      │   → owner 'alice'                 │",
        "  B.1 │                                   │   UpdateItem Items[i1]",
        "      │                                   │   condition:",
        "      │                                   │   attribute_exists(item_id) AND",
        "      │                                   │   owner = 'alice' held",
        "      │                                   │   owner 'alice' → 'bob'",
        "      │                                   │ ◀ answers 200 {'owner': 'bob'}",
        "  A.2 │   DeleteItem Items[i1]            │",
        "      │   deleted (owner 'bob')           │",
        "      │   violates ownership              │",
        "      │ ◀ answers 204                     │",
    ]


def test_operations_are_marked_only_where_some_are_not(violation):
    document = violation_document(MODEL, violation)
    assert "●" not in text.render_violation(document)
    document["steps"][0]["witness"] = False
    rendered = text.render_violation(document)
    assert "● marks the operations that show the violation" in rendered
    assert "○ GetItem" in rendered
    assert "● DeleteItem" in rendered


def test_what_happened_comes_before_the_fix_and_both_before_the_argument(violation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = violation_document(MODEL, violation, report=tmp_path / "x-1.json")
    document["explanation"]["remedy"] = "Make the DeleteItem conditional"
    rendered = text.render_violation(document)
    titles = [line for line in rendered.splitlines() if line and not line.startswith(" ")]
    assert [title.partition("  (")[0] for title in titles[1:]] == [
        "WHAT HAPPENED",
        "Suggested fix (not tried)",
        "WHY THIS SHOULD NOT HAVE BEEN POSSIBLE",
        "CLOSEST SERIAL ORDER",
        "STORED ITEMS",
        "ABOUT THIS REPORT",
    ]
    assert rendered.count("toctou replay") == 1
    assert rendered.index("toctou replay") < rendered.index("WHY")


def test_everything_a_reader_needs_is_there(violation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = violation_document(MODEL, violation, report=tmp_path / "delete_item.ReadThenDelete-1.json")
    rendered = " ".join(text.render_violation(document).split())
    for expected in (
        f"VIOLATED {MODEL} critical 9.5 delete_item × transfer: owner check bypassed "
        "models/delete_item.py:31 reads → models/delete_item.py:34 deletes",
        "checked was replaced before the delete. rule broken: ownership · found by running the handlers under simulated",
        "A alice: delete_item(item_id='i1')",
        "A.1 ─rw→ B.1 alice's GetItem read owner 'alice'",
        "B.1 ─ww→ A.2 alice's DeleteItem removed",
        "⇒ delete_item would have to come both before transfer",
        "B → A does not explain the responses: after transfer, delete_item would have answered 403",
        "at first Items {data: 'draft', item_id: 'i1', owner: 'alice', version: 1} "
        "after B.1 Items {data: 'draft', item_id: 'i1', owner: 'bob', version: 1} after A.2 Items[i1] is deleted",
        "toctou replay delete_item.ReadThenDelete-1.json",
        f"schedule {document['schedule']}",
        "pattern time of check, time of use",
        "found on toctou's own DynamoDB engine · confirmed on moto, an independent imitation of AWS · in 2 schedules",
    ):
        assert expected in rendered


@pytest.mark.parametrize("width", [100, 80, 60])
@pytest.mark.parametrize("requests", [2, 3, 4, 7])
def test_no_line_is_wider_than_asked_for(width, requests):
    assert widest(text.render_violation(with_requests(requests), width=width)) <= width


def test_a_long_name_of_a_table_leaves_room_for_its_items(violation):
    execution = replace(violation.execution, initial={"T" * 255: violation.execution.initial["Items"]})
    rendered = text.render_violation(violation_document(MODEL, replace(violation, execution=execution)), width=80)
    assert widest(rendered) <= 80
    assert "{data: 'draft', item_id: 'i1', owner: 'alice', version: 1}" in " ".join(rendered.split())


def test_many_requests_become_a_list():
    rendered = text.render_violation(with_requests(7), width=80)
    assert "│" not in rendered
    assert "  A.2    DeleteItem Items[i1]\n" in rendered


def test_wide_and_hostile_characters_neither_break_columns_nor_reach_the_terminal():
    violation = make_violation(principal="アリス" * 12, data="\x1b[31m\u202e")
    rendered = text.render_violation(violation_document(MODEL, violation), width=80)
    assert widest(rendered) <= 80
    assert "\x1b" not in rendered
    assert "\u202e" not in rendered


def test_what_is_there_to_be_pasted_is_never_wrapped(violation, tmp_path):
    long = replace(violation.execution, schedule=Schedule((Choice(0), Choice(1)) * 80))
    document = violation_document(MODEL, replace(violation, execution=long), report=tmp_path / ("x" * 100 + "-1.json"))
    lines = text.render_violation(document, width=80).splitlines()
    assert f"  {document['replay']}" in lines
    assert f"  schedule  {document['schedule']}" in lines


def test_an_unconfirmed_violation_says_so(violation):
    document = violation_document(MODEL, replace(violation, confirmed_on=None, difference="moto answered 404"))
    assert text.confirmation(document) == (
        "toctou's own DynamoDB engine · not confirmed on a second backend · difference: moto answered 404 · in 2 schedules"
    )


def printed(run, **console):
    stream = io.StringIO()
    text_report.show(run_document(run), Console(file=stream, width=60, **console), "reports/latest/")
    return stream.getvalue()


def test_the_closing_table_is_plain_and_unwrapped_where_there_is_no_terminal(run):
    rows = [line.rstrip() for line in printed(run).splitlines()]
    assert rows[:3] == [
        "model                                        verdict       scenarios  schedules  found",
        "models/delete_item.py:ReadThenDelete         VIOLATED              1          3  critical: owner check bypassed",
        "models/as_printed.py:UnaliasedReservedWords  INCONCLUSIVE          1          3  max_schedules",
    ]
    assert "    toctou replay reports/latest/delete_item.ReadThenDelete-1.json" in rows
    assert "  delete_item: ValidationException: reserved keyword: owner" in rows
    assert "\x1b" not in printed(run)


def test_colour_only_on_a_terminal_and_not_with_no_color(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;31mVIOLATED" in printed(run, force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in printed(run, force_terminal=True)
    assert "31m" not in printed(run, force_terminal=True)


def test_markup_in_names_is_text(violation):
    stream = io.StringIO()
    text_report.show(violation_document(MODEL, violation), Console(file=stream, force_terminal=True, width=100))
    assert "Items[i1]" in stream.getvalue()


def test_one_line_per_scenario(run):
    lines = [run_text.scenario_line(model.model, scenario_document(model.scenarios[0])).plain for model in run.models]
    requests = "alice: delete_item(item_id='i1') ∥ alice: transfer(item_id='i1', to='bob')"
    assert lines == [
        f"VIOLATED      ReadThenDelete  {requests}  3 schedules  ownership: check bypassed",
        f"INCONCLUSIVE  UnaliasedReservedWords  {requests}  3 schedules  max_schedules",
    ]


def test_long_names_are_cut_to_what_a_file_system_takes():
    assert len(report_names([(f"x.py:{'M' * 300}", 1)])[0].encode()) < 200
