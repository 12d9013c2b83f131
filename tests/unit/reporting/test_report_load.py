import json
from dataclasses import replace

import pytest
from bare_documents import run_document
from sample_reports import MODEL, make_run

from toctou.errors import BadInput, ReportError, ScheduleError
from toctou.history.request import Request
from toctou.reporting.document import FORMAT, violation_document
from toctou.reporting.json_report import render
from toctou.reporting.load import counterexample, load_violation
from toctou.reporting.registry import formats, rendered


@pytest.fixture
def stored(tmp_path, violation):
    path = tmp_path / "x-1.json"
    path.write_text(render(violation_document(MODEL, violation)), encoding="utf-8")
    return path


def refusal(path) -> ReportError:
    with pytest.raises(ReportError) as caught:
        load_violation(path)
    assert str(path) in caught.value.observed
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def changed(path, change):
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_names_of_attributes_may_begin_with_what_marks_other_notations(tmp_path, violation):
    item = {"item_id": {"S": "i1"}, "$ref": {"M": {"$bytes": {"B": b"x"}}}}
    execution = replace(violation.execution, initial={"Items": [item]}, final={"Items": [item]})
    path = tmp_path / "x-1.json"
    path.write_text(render(violation_document(MODEL, replace(violation, execution=execution))), encoding="utf-8")
    assert counterexample(load_violation(path)).initial == {"Items": [item]}


def test_what_replay_needs_comes_back(stored, violation):
    document = load_violation(stored)
    assert document == violation_document(MODEL, violation)
    again = counterexample(document)
    assert again.model == MODEL
    assert again.requests == violation.execution.requests
    assert again.schedule == violation.execution.schedule
    assert again.initial == violation.execution.initial
    assert (again.oracle, again.found_on) == ("ownership", "embedded")


def test_arguments_come_back_in_their_own_types_and_order(tmp_path, violation):
    request = Request.of("alice", "put", {"z": b"\x00", "a": (1, frozenset({"x"}))})
    execution = replace(violation.execution, requests=(request, violation.execution.requests[1]))
    path = tmp_path / "x.json"
    path.write_text(render(violation_document(MODEL, replace(violation, execution=execution))), encoding="utf-8")
    assert counterexample(load_violation(path)).requests[0] == request


@pytest.mark.parametrize("kept", [0, 1, 100, -3])
def test_a_truncated_file(stored, kept):
    text = stored.read_text(encoding="utf-8")
    stored.write_text(text[:kept], encoding="utf-8")
    error = refusal(stored)
    assert "is not complete JSON" in error.observed
    assert error.cause


def test_a_missing_file_and_one_that_is_not_text(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.json").observed
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refusal(tmp_path / "binary.json").observed


def test_the_report_of_a_run_is_told_apart(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(render(run_document(make_run())), encoding="utf-8")
    assert "whole run" in refusal(path).observed


@pytest.mark.parametrize("content", ["[]", "null", "3", "{}", '{"kind": "other"}'])
def test_other_json(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    assert "not a violation" in refusal(path).observed


def test_another_format_version(stored):
    error = refusal(changed(stored, lambda document: document.update(format=FORMAT + 1)))
    assert f"format {FORMAT + 1}" in error.observed
    assert "another version of toctou" in error.cause


def remove(*path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return change


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("model",), "model"),
        (("schedule",), "schedule"),
        (("finding", "oracle"), "finding.oracle"),
        (("explanation", "headline"), "explanation.headline"),
        (("requests", 1, "arguments"), "requests[1].arguments"),
        (("steps", 2, "action"), "steps[2].action"),
        (("responses", 0, "status"), "responses[0].status"),
    ],
)
def test_a_missing_field_is_named(stored, path, named):
    assert f"no field {named}" in refusal(changed(stored, remove(*path))).observed


def test_a_field_of_another_type_is_named(stored):
    assert "requests is not a list" in refusal(changed(stored, lambda one: one.update(requests="A"))).observed
    changed(stored, lambda one: one.update(requests=["A"]))
    assert "requests[0] is not an object" in refusal(stored).observed


def test_stored_items_of_another_shape_are_named(stored):
    assert "initial.Items is not" in refusal(changed(stored, lambda one: one.update(initial={"Items": 1}))).observed


def test_a_damaged_schedule(stored):
    changed(stored, lambda document: document.update(schedule=document["schedule"].replace("B", "A")))
    with pytest.raises(ScheduleError, match="checksum"):
        counterexample(load_violation(stored))


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ({"$repr": "<Thing>"}, "cannot be rebuilt"),
        ([{"$tuple": [{"$repr": "<Thing>"}]}], "cannot be rebuilt"),
        ({"$newer": 1}, "cannot be read"),
        ({"$bytes": 3}, "cannot be read"),
        ({"$decimal": "x"}, "cannot be read"),
    ],
)
def test_an_argument_that_cannot_be_read_back(stored, argument, reason):
    changed(stored, lambda document: document["requests"][0]["arguments"].update(item_id=argument))
    with pytest.raises(ReportError, match=reason):
        counterexample(load_violation(stored))


def paths(part, before=()):
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, child in children:
        yield (*before, key)
        yield from paths(child, (*before, key))


@pytest.mark.parametrize("damage", ["removed", None, 7, "text", [], {}, {"$new": 1}], ids=repr)
def test_a_report_with_any_one_part_damaged_is_refused_or_can_be_shown(tmp_path, violation, damage):
    whole = violation_document(MODEL, violation, report=tmp_path / "x.json")
    path = tmp_path / "x.json"
    text = render(whole)
    refused = shown = 0
    for where in paths(whole):
        document = json.loads(text)
        part = document
        for key in where[:-1]:
            part = part[key]
        if damage == "removed":
            del part[where[-1]]
        else:
            part[where[-1]] = damage
        path.write_text(json.dumps(document), encoding="utf-8")
        try:
            loaded = load_violation(path)
            counterexample(loaded)
        except BadInput:
            refused += 1
            continue
        for name in formats("violation"):
            assert rendered(loaded, name), where
        shown += 1
    assert refused > 50
    assert shown > 0
