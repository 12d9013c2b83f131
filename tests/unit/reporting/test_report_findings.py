"""Findings: one per cause, worst first, the clearest report first within it."""

from dataclasses import replace

import pytest
from bare_documents import run_document, without_places
from sample_reports import MODEL, make_model, make_run, make_violation

from toctou.history.operation import Execution
from toctou.history.request import SourceLine, size
from toctou.history.schedule import Choice, Schedule
from toctou.reporting.document import violation_document
from toctou.reporting.findings import findings, ranked
from toctou.reporting.run_document import documents

SWITCHING = Schedule((Choice(0), Choice(1), Choice(0), Choice(1)))
STALE = Schedule((Choice(0), Choice(0), Choice(1), Choice(1), Choice.of(0, staleness=1)))


def elsewhere(violation, handler="archive"):
    """The same thing in another handler, which only changes what is bob's."""
    execution = violation.execution
    first, second = execution.requests
    last = execution.operations[-1]
    kept = tuple(change._replace(after=change.before | {"data": {"S": "x"}}) for change in last.changes)
    return replace(
        violation,
        execution=replace(
            execution,
            requests=(replace(first, handler=handler), second),
            operations=(*execution.operations[:-1], replace(last, action="UpdateItem", changes=kept)),
        ),
    )


def longer(violation):
    execution: Execution = violation.execution
    return replace(
        violation, execution=replace(execution, requests=(*execution.requests, execution.requests[1]),
                                     responses=(*execution.responses, execution.responses[1]), endings=(3, 2, 3)),
    )  # fmt: skip


def test_violations_with_one_cause_are_one_finding_that_names_its_clearest_report():
    run = run_document(
        make_run(make_model(longer(make_violation()), make_violation(principal="carol"), make_violation()))
    )
    (finding,) = run["findings"]
    assert (finding["model"], finding["handler"], finding["severity"]["level"]) == (MODEL, "delete_item", "critical")
    assert finding["report"] == "delete_item.ReadThenDelete-1.json"
    assert [len(one["requests"]) for one in finding["scenarios"]] == [2, 2, 3]
    assert finding["scenarios"][0]["report"] == finding["report"]
    assert (finding["oracles"], finding["anomalies"]) == (["ownership"], ["toctou"])


def test_findings_are_sorted_by_severity_whatever_order_they_came_in():
    mild, bad = elsewhere(make_violation()), make_violation()
    run, stored = documents(make_run(make_model(mild, bad)))
    assert [(one["handler"], one["severity"]["level"]) for one in run["findings"]] == [
        ("delete_item", "critical"),
        ("archive", "high"),
    ]
    assert [one["cause"]["handler"] for one in stored.values()] == ["delete_item", "archive"]
    of_scenario = [one["report"] for one in run["models"][0]["scenarios"][0]["violations"]]
    assert of_scenario == ["delete_item.ReadThenDelete-2.json", "delete_item.ReadThenDelete-1.json"]


def test_a_confirmed_violation_comes_before_an_unconfirmed_one():
    unconfirmed, confirmed = replace(make_violation(), confirmed_on=None), make_violation()
    documented = [violation_document(MODEL, one) for one in (unconfirmed, confirmed)]
    assert [one["confirmed_on"] for one in ranked(documented)] == ["moto", None]


def described(**changes):
    """A violation's document with other arguments, items, or another schedule."""
    document = violation_document(MODEL, make_violation())
    document["requests"][1]["arguments"].update(changes.pop("arguments", {}))
    return {**document, **changes}


def test_of_the_same_handlers_the_smallest_comes_first():
    """Arguments count more than items, items more than context switches, and these more than stale answers."""
    one_item = {"Items": [{"item_id": {"S": "i1"}}]}
    in_order = [
        described(arguments={"to": "bo"}, initial={"Items": one_item["Items"] * 2}, schedule=str(SWITCHING)),
        described(initial=one_item, schedule=str(SWITCHING)),
        described(initial={"Items": one_item["Items"] * 2}),
        described(initial={"Items": one_item["Items"] * 2}, schedule=str(STALE)),
        described(initial={"Items": one_item["Items"] * 2}, schedule=str(SWITCHING)),
        described(arguments={"to": "bobby"}, initial=one_item),
    ]
    assert ranked([in_order[at] for at in (3, 1, 5, 0, 4, 2)]) == in_order


def test_arguments_of_different_handlers_are_not_compared():
    """Fewer operations make the clearer story, whatever the arguments are called."""
    short, long = described(arguments={"to": "bobby" * 9}), described()
    long["requests"] = [{**one, "handler": "delete_item"} for one in long["requests"]]
    long["steps"] = [*long["steps"], long["steps"][-1]]
    assert ranked([long, short]) == [short, long]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [(None, ""), ("", "a"), (3, 4), (3, -4), (2.5, 3), ([], [0]), ({}, {"a": None}), ("zz", "aaa"), (4, float("inf"))],
)
def test_which_argument_is_smaller(smaller, larger):
    assert size(smaller) < size(larger)


def moved(violation, *, by=0, text=None, file=None):
    operations = tuple(
        one if one.source is None else replace(one, source=replace(
            one.source, line=one.source.line + by, text=text or one.source.text, file=file or one.source.file))
        for one in violation.execution.operations
    )  # fmt: skip
    return replace(violation, execution=replace(violation.execution, operations=operations))


def fingerprint(violation, model=MODEL):
    return violation_document(model, violation)["cause"]["fingerprint"]


def test_a_fingerprint_outlives_edits_elsewhere_and_changes_with_its_own_lines():
    same = fingerprint(make_violation())
    assert fingerprint(moved(make_violation(), by=40)) == same
    assert fingerprint(make_violation(principal="erin", data="other")) == same
    assert fingerprint(moved(make_violation(), text="table.other()")) != same
    assert fingerprint(elsewhere(make_violation(), handler="delete_item")) != same
    assert fingerprint(make_violation(), "models/other.py:Other") != same


def test_a_fingerprint_is_the_same_wherever_the_run_is_started(tmp_path, monkeypatch):
    for folder in ("project", "copy", "project/other"):
        (tmp_path / folder / "app").mkdir(parents=True)
        (tmp_path / folder / "app" / "notes.py").touch()

    def within(folder, models=""):
        return fingerprint(moved(make_violation(), file=f"{folder}app/notes.py"), f"{models}models/notes.py:Notes")

    monkeypatch.chdir(tmp_path)
    same = within("project/", "project/")
    assert within("copy/", "copy/") == same
    monkeypatch.chdir(tmp_path / "project")
    assert within("") == within(f"{tmp_path}/project/") == same
    assert within("other/") != same


def test_a_sample_names_no_line_and_no_version():
    document = without_places(violation_document(MODEL, make_violation()))
    assert document["toctou"] == ""
    assert {step["source"] for step in document["steps"]} == {None}
    assert document["cause"]["read"]["source"] is None
    assert document["severity"] == violation_document(MODEL, make_violation())["severity"]


def test_nothing_found_is_no_finding():
    assert findings([]) == run_document(make_run(make_model()))["findings"] == []


def test_what_was_recorded_is_one_whichever_state_of_which_test_shows_it():
    one, other = (violation_document(f"tests/test_{at}.py:test_it #{at}", make_violation()) for at in (1, 2))
    assert one["cause"]["fingerprint"] == other["cause"]["fingerprint"] != fingerprint(make_violation())
    (finding,) = findings([one, other])
    assert len(finding["scenarios"]) == 2


def test_the_place_of_a_window_in_one_function_is_that_function():
    """Handlers that call it are told; a read and a write in two functions are a window of the handler between them."""
    shared = within("load_and_delete")
    documents_of_two = [violation_document(MODEL, elsewhere(shared, handler=one)) for one in ("delete", "remove")]
    (finding,) = findings(documents_of_two)
    assert finding["handlers"] == ["delete", "remove"]
    assert finding["cause"].endswith("; remove does the same there")
    apart = [violation_document(MODEL, elsewhere(make_violation(), handler=one)) for one in ("delete", "remove")]
    assert len(findings(apart)) == len({one["cause"]["fingerprint"] for one in apart})


def within(function):
    """The violation with all calls in one function of the user's."""
    violation = make_violation()
    at = SourceLine("app.py", 3, function, "call()")
    operations = tuple(replace(one, source=at) for one in violation.execution.operations)
    return replace(violation, execution=replace(violation.execution, operations=operations))
