"""How a remedy is presented: what came of trying it, what was tried before, and the commands to go on with."""

import re
from dataclasses import replace

import pytest
from bare_documents import run_document
from sample_reports import MODEL, make_model, make_run, make_violation

from toctou.analysis.edits import Attempt, Conditional, Place, Remedy, Together, Tried
from toctou.reporting import html, text
from toctou.reporting.document import violation_document
from toctou.reporting.run_text import finding_lines

EDITS = [{"kind": "condition", "step": "A.2", "handler": "delete_item", "action": "DeleteItem", "source": None}]


def remedy(outcome="removed", said="no violation in 214 schedules of 27 scenarios", **others):
    tried = {"outcome": outcome, "text": said, "schedules": 214, "scenarios": 27}
    return {"text": "Make the DeleteItem conditional", "edits": EDITS, "tried": tried, "attempts": [], **others}


@pytest.fixture
def document(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return violation_document(MODEL, make_violation(), report=tmp_path / "delete_item-1.json")


def shown(document) -> tuple[str, str]:
    page = re.sub(r"<[^>]+>", " ", html.render_violation(document).partition("<body>")[2].partition("<script>")[0])
    return " ".join(text.render_violation(document, width=160).split()), " ".join(page.split())


@pytest.mark.parametrize(
    ("stored", "title"),
    [
        (remedy(), "Fix, tried: no violation in 214 schedules of 27 scenarios"),
        (
            remedy("other", "alice can still lock bob out"),
            "Fix, tried: removes this race, but alice can still lock bob out",
        ),
        (remedy("not_tried", "the call is batched"), "Suggested fix, not tried: the call is batched"),
        (remedy("remains", "3 schedules"), "Suggested fix, tried: it does not remove this race: 3 schedules"),
    ],
)
def test_the_title_says_what_came_of_trying_it(document, stored, title):
    finding = {**run_document(make_run(make_model(make_violation())))["findings"][0], "fix": stored}
    found = " ".join(line.plain for line in finding_lines(finding, "toctou replay x-1.json"))
    for rendered in (*shown({**document, "remedy": stored}), " ".join(found.split())):
        assert f"{title} Make the DeleteItem conditional" in rendered


def test_an_older_report_has_a_suggestion_that_was_not_tried(document):
    document["explanation"]["remedy"] = "Make the DeleteItem conditional"
    for rendered in shown(document):
        assert "Suggested fix (not tried) Make the DeleteItem conditional" in rendered


def test_what_did_not_help_is_told_in_short(document):
    attempt = {"text": "Read consistently.", "tried": {"outcome": "remains", "text": "the race remains"}}
    in_text, page = shown({**document, "remedy": remedy(attempts=[attempt])})
    assert "tried before Read consistently: the race remains" in in_text
    assert "Tried before, without success: Read consistently: the race remains" in page


def test_the_change_and_the_replay_are_a_line_each_right_below_the_fix(document):
    lines = text.render_violation({**document, "remedy": remedy()}, width=80).splitlines()
    at = lines.index("  Make the DeleteItem conditional")
    assert lines[at + 1 : at + 3] == ["  toctou fix delete_item-1.json", "  toctou replay delete_item-1.json"]


def test_advice_is_no_change(document):
    assert "toctou fix" not in text.render_violation({**document, "remedy": remedy(edits=[])})


def test_a_report_that_tests_replay_is_named_by_its_folder():
    finding = run_document(make_run(make_model(make_violation())))["findings"][0]
    finding |= {"fix": remedy(), "report": "x-1.json"}
    lines = [line.plain for line in finding_lines(finding, "pytest --toctou tests", "reports/pytest/recorded")]
    assert "    toctou fix reports/pytest/recorded/x-1.json" in lines


def test_the_steps_of_a_remedy_that_came_of_another_execution_are_those_of_this_one():
    deletion, update, other = (
        Place(handler, action, "Items", None, at)
        for handler, action, at in [
            ("delete_item", "DeleteItem", 0),
            ("transfer", "UpdateItem", 9),
            ("transfer", "PutItem", 1),
        ]
    )
    asked = Remedy((Conditional(deletion, (), None), Together((update, other))), "Make it conditional")
    violation = replace(make_violation(), remedy=Attempt(asked, Tried("not_tried", "")))
    condition, together = violation_document(MODEL, violation)["remedy"]["edits"]
    assert condition["step"] == "A.2"
    assert together["steps"] == ["B.1", ""], "there is no PutItem here"
