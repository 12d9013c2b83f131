"""Whether a pass would be vacuous: who has never written, never called, never been accepted; and what was seen instead."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou import Model, handler
from toctou.errors import ModelError
from toctou.history.request import Request
from toctou.search.reachability import Reachability, names_of
from toctou.verdict import StopReason

START = "item x n=1\nA alice: move(item_id='x')\nB bob: show(item_id='x')\n"


class Items(Model):
    @handler(item_id=["x", "y"])
    def move(self, principal, item_id): ...

    @handler(read_only=True, item_id=["x", "y"])
    def show(self, principal, item_id): ...


def seen(*events, model=Items, start=START):
    found = Reachability(model)
    for one in events:
        found.see(parse(start + one))
    return found


def vacuous(*events, **others):
    return [tuple(one)[:3] for one in seen(*events, **others).vacuous()]


ALL_DONE = "A.set(x.n=2) B.get(x) A=204 B=200"


def test_nothing_is_vacuous_once_everybody_has_written_called_and_been_accepted():
    assert vacuous(ALL_DONE) == []


def test_it_may_be_done_in_different_schedules():
    assert vacuous("A=200 B=200", "A.set(x.n=2) A=500 B.get(x) B=404", "A=204 B=200") == []


def test_handlers_that_no_request_has_run():
    assert vacuous() == [
        ("move", StopReason.NEVER_WRITES, "it was never called"),
        ("show", StopReason.NEVER_CALLED, "it was never called"),
    ]


def test_a_handler_that_never_writes_is_named_once_with_its_errors():
    (found,) = vacuous("A.set(x.n=2 if n=5)! B.get(x) A=409 B=200", "A.get(x) B.get(x) A=204")
    assert found[:2] == ("move", StopReason.NEVER_WRITES)
    assert found[2].startswith("UpdateItem: ConditionalCheckFailedException: ")
    assert "answered" not in found[2]


def test_a_handler_that_never_writes_and_met_no_error_is_named_with_its_answers():
    answers = [f"A.get(x) B.get(x) A={status}" for status in (404, 200, 204, 201)]
    assert vacuous(*answers, answers[0]) == [
        ("move", StopReason.NEVER_WRITES, "answered 404; answered 200; answered 204")
    ]


def test_a_write_that_changes_nothing_is_none():
    assert [one[:2] for one in vacuous("A.set(x.n=1) B.get(x)")] == [("move", StopReason.NEVER_WRITES)]


def test_a_reader_that_never_calls_is_named_with_its_answer():
    assert vacuous("A.set(x.n=2) B=200('cached')") == [("show", StopReason.NEVER_CALLED, "answered 200 'cached'")]


@pytest.mark.parametrize(
    ("status", "accepted"),
    [(199, False), (200, True), (299, True), (300, False), (403, False), (404, True), (410, True)],
)
def test_a_reader_is_accepted_by_2xx(status, accepted):
    expected = [] if accepted else [("show", StopReason.NOT_REACHED, f"answered {status}")]
    assert vacuous(f"A.set(x.n=2) B.get(x) B={status}") == expected


@pytest.mark.parametrize(("status", "accepted"), [(302, True), (399, True), (400, False), (500, False)])
def test_a_redirect_counts_where_it_wrote(status, accepted):
    expected = [] if accepted else [("move", StopReason.NOT_REACHED, f"answered {status}")]
    assert vacuous(f"A.set(x.n=2) B.get(x) A={status}") == expected


def test_one_write_among_its_calls_makes_a_redirect_count():
    assert vacuous("A.get(x) A.set(x.n=2) B.get(x) A=302") == []


class Writers(Model):
    @handler
    def first(self, principal): ...

    @handler
    def second(self, principal): ...


def test_each_of_several_writers_has_to_write():
    start = "item x n=1\nA alice: first()\nB alice: second()\n"
    assert vacuous("A.set(x.n=2) B.set(x.n=3)", model=Writers, start=start) == []
    # The second write of one that has written tells nothing of those behind it.
    assert vacuous("A.set(x.n=2) A.set(x.n=3) B.set(x.n=4)", model=Writers, start=start) == []
    assert vacuous("A.set(x.n=2)", "A.set(x.n=3) B.get(x)", model=Writers, start=start) == [
        ("second", StopReason.NEVER_WRITES, "answered 200")
    ]


def test_what_another_request_wrote_does_not_make_a_redirect_count():
    assert vacuous("A.set(x.n=2) B.get(x) A=204 B=302") == [("show", StopReason.NOT_REACHED, "answered 302")]


OTHER_VALUE = "A alice: move(item_id='y')\n"


def test_a_value_that_was_never_accepted_is_named_where_its_handler_was():
    found = seen(ALL_DONE)
    found.see(parse(OTHER_VALUE + "A.get(y) A=404"))
    assert [tuple(one)[:3] for one in found.vacuous()] == [
        ("move(item_id='y')", StopReason.NOT_REACHED, "answered 404")
    ]


def test_a_value_that_never_calls_is_named_for_that_and_not_a_second_time():
    found = seen(ALL_DONE)
    found.see(parse(OTHER_VALUE + "A=404"))
    assert [tuple(one)[:3] for one in found.vacuous()] == [
        ("move(item_id='y')", StopReason.NEVER_CALLED, "answered 404")
    ]


def test_values_are_not_named_beside_their_handler():
    assert [one[:2] for one in vacuous("A.set(x.n=2) A=500 B=404")] == [
        ("show", StopReason.NEVER_CALLED),
        ("move", StopReason.NOT_REACHED),
    ]


def test_what_a_request_may_be_called():
    request = Request("alice", "move", (("item_id", "x"), ("count", 2)))
    assert names_of(request) == ["move", "move(item_id='x')", "move(count=2)", "every request of alice"]


def test_a_handler_that_is_declared_read_only_may_not_write():
    with pytest.raises(ModelError, match=r"'show' is declared read-only, but its UpdateItem changed Items\[x\]"):
        seen("A.set(x.n=2) A=204 B.set(x.n=3)")


def test_the_read_only_are_watched_after_all_others_have_written():
    found = seen(ALL_DONE)
    with pytest.raises(ModelError, match="'show' is declared read-only"):
        found.see(parse(START + "B.delete(x)"))


@pytest.mark.parametrize("before", ["B=200", "B.get(x) B=404"], ids=["not_called", "not_accepted"])
def test_a_request_is_judged_again_until_it_has_called_and_been_accepted(before):
    found = Reachability(Items)
    first = parse(START + "A.set(x.n=2) A=204 " + before)
    later = parse(START + "A.set(x.n=2) B.get(x) A=204 B=200")
    for one in (first, replace(later, requests=first.requests)):
        found.see(one)
    assert found.vacuous() == []


@pytest.mark.parametrize("swapped", [False, True])
def test_merged_parts_have_done_what_either_has(swapped):
    parts = [seen("A.set(x.n=2) A=500 B=200"), seen("A.get(x) A=204 B.get(x) B=404")]
    first, later = reversed(parts) if swapped else parts
    first.add(later)
    assert first.vacuous() == []


def test_merged_parts_show_what_was_seen_in_both():
    first, later = seen("A.get(x) A=404 B=404"), seen("A.get(x) A=409 B=410")
    first.add(later)
    assert [tuple(one)[:3] for one in first.vacuous()] == [
        ("move", StopReason.NEVER_WRITES, "answered 404; answered 409"),
        ("show", StopReason.NEVER_CALLED, "answered 404; answered 410"),
    ]


def test_a_value_that_only_a_later_part_has_run_is_merged():
    first, later = seen(ALL_DONE), seen(OTHER_VALUE + "A.get(y) A=404", start="")
    first.add(later)
    assert [tuple(one)[:3] for one in first.vacuous()] == [
        ("move(item_id='y')", StopReason.NOT_REACHED, "answered 404")
    ]
