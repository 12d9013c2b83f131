"""A request that raises without having met another one's change fails alone; only then is it no race."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.analysis.explain import explain
from toctou.history.operation import ErrorResponse
from toctou.history.request import SourceLine
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect


def explained(execution):
    (finding,) = NoException().judge(execution)
    return explain(execution, finding)


RAISES = "A=raises(KeyError: 'Item')"


@pytest.mark.parametrize(
    ("events", "anomaly"),
    [
        (f"A.get(x) {RAISES}", "fails_alone"),
        (RAISES, "fails_alone"),
        (f"B.get(x) A.get(x) {RAISES}", "fails_alone"),
        (f"A.get(x) B.set(x.n=2) {RAISES}", "fails_alone"),
        (f"B.set(y.n=2) A.get(x) {RAISES}", "fails_alone"),
        (f"B.set(x.n=2) A.get(x) {RAISES}", "unhandled_exception"),
        (f"A.get(y) B.delete(x) A.get(x) {RAISES}", "unhandled_exception"),
        (f"B.set(x.n=2) A.delete(x if n=1)! {RAISES}", "unhandled_exception"),
    ],
)
def test_a_request_fails_alone_if_it_met_no_change_of_another_one(events, anomaly):
    told = explained(parse(f"item x n=1\nitem y n=1\n{events}"))
    assert told.anomaly == anomaly
    assert ("no other request involved" in told.headline) == (anomaly == "fails_alone")
    assert ("may have been deleted or changed" in told.remedy) == (anomaly == "unhandled_exception")


def raised_through(*lines: SourceLine):
    execution = parse(f"item x n=1\nA alice: delete()\nA.get(x) {RAISES}")
    (response,) = execution.responses
    raised = replace(response.exception, source=lines[-1], traceback=lines)
    return replace(execution, responses=(replace(response, exception=raised),))


OF_MODEL = SourceLine("models/items.py", 9, "Items.delete", "return service.delete(None, item_id)")
OF_SERVICE = SourceLine("app/service.py", 4, "delete", "context.function_name")


def test_the_innermost_line_says_whose_mistake_it_is():
    alone = explained(raised_through(OF_MODEL, OF_SERVICE))
    assert alone.traceback == (OF_MODEL, OF_SERVICE)
    assert "correct delete in app/service.py, or what Items.delete in models/items.py calls it with" in alone.remedy
    assert "correct Items.delete itself, for example what it passes" in explained(raised_through(OF_MODEL)).remedy


def test_a_key_that_the_table_does_not_have_is_told_with_the_service_s_words():
    execution = parse("item x n=1\nA.get(x) A=raises(ClientError: 'refused')")
    (operation,) = execution.operations
    operation.error = ErrorResponse("ValidationException", "The provided key element does not match the schema")
    operation.parameters = {"TableName": "Items", "Key": {"item_id": {"S": "x"}}}
    remedy = explained(execution).remedy
    assert remedy.startswith("The GetItem of Items uses the key item_id: The provided key element does not match")
    assert "Declare the table in `tables`" in remedy


def test_what_was_written_before_a_request_failed_alone_is_told_as_that_as_well():
    execution = parse(f"item x n=1\nA.set(x.n=2) {RAISES}")
    (finding,) = NoPartialEffect().judge(execution)
    told = explain(execution, finding)
    assert told.anomaly == "fails_alone"
    assert "although its UpdateItem changed" in told.headline
    assert told.headline.endswith("with no other request involved")
    assert "this is no race" in told.remedy
