"""Causes: the same place in the code gives the same cause, whoever comes by; another place another one."""

import pytest
from history_notation import parse

from toctou.analysis.cause import cause
from toctou.analysis.explain import explain
from toctou.history.finding import Finding
from toctou.oracles.ownership import Ownership

OWNERSHIP = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")
ORDERS = Finding("linearizability", "no serial order fits", (0, 1))
REQUESTS = "item i1 owner=alice n=1\nA alice: delete(item_id='i1')\nB alice: transfer(item_id='i1')\n"


def of(text, oracle=ORDERS):
    execution = parse(text)
    finding = oracle if isinstance(oracle, Finding) else next(iter(oracle.judge(execution)))
    return cause(execution, finding, explain(execution, finding))


def test_the_read_that_was_invalidated_and_the_write_that_it_guards():
    found = of(REQUESTS + "A.get(i1) B.set(i1.owner=bob) B=200 A.delete(i1) A=204", OWNERSHIP)
    assert str(found) == (
        "delete relies on owner, as read by its GetItem of Items, which may be out of date by the time of its "
        "DeleteItem of Items"
    )
    assert (found.read_at, found.write_at) == (0, 2)


def test_other_oracles_and_principals_have_the_same_cause():
    race = "A.get(i1) B.set(i1.owner=bob) B=200 A.delete(i1) A=204"
    one = of(REQUESTS + race, OWNERSHIP)
    other = of(REQUESTS.replace("alice:", "carol:").replace("'i1'", "'i2'") + race)
    assert (one.handler, one.read, one.write) == (other.handler, other.read, other.write)


@pytest.mark.parametrize("write", ["A.delete(i1 if owner=alice)! A=403", "A.delete(i1) A=204"])
def test_a_write_that_was_refused_or_changed_nothing_is_the_same_place(write):
    deleted = "A.get(i1) A.get(i1) B.delete(i1) B=200 "
    assert str(of(REQUESTS + deleted + write).write) == "DeleteItem of Items"


def test_a_request_that_only_reads_has_no_write():
    found = of(REQUESTS + "A.get(i1) B.set(i1.n=2) B=200 A.get(i1) A=200(3)")
    assert str(found) == "delete answers from its GetItem of Items, which may be out of date by the time it answers"
    assert found.write is None


def test_a_write_without_a_check():
    found = of("item i1 owner=alice\nA bob: delete()\nA.delete(i1) A=204", OWNERSHIP)
    assert str(found) == "delete performs its DeleteItem of Items without an atomic condition"


def test_what_has_neither_is_told_by_its_oracle():
    found = of("item i1 owner=alice\nA bob: show()\nA.get(i1) A=500", Finding("no_exception", "it raised", (0,)))
    assert str(found) == "show violates no_exception"


def test_a_condition_that_passed_on_another_content_is_not_told_as_one_that_was_out_of_date():
    found = of(
        "item x v=1 body=old\nA alice: append()\nB bob: replace()\nA.get(x) B.put(x v=1 body=new) A.set(x.v=2 if v=1)"
    )
    assert str(found) == (
        "the condition of append's UpdateItem of Items only compares v with what its GetItem of Items returned; "
        "replace's PutItem had changed the item in between and left the same value, so the condition held for an item that "
        "had never been read"
    )


def test_a_condition_that_found_an_item_missing_again_after_a_query_that_had_not_found_it():
    found = of("A.query(*) B.put(x owner=bob) B.delete(x) A.put(x owner=alice if no owner)")
    assert found.decided == ("owner",)
    assert str(found).startswith("the condition of request's PutItem of Items only compares owner with what its Query")


READ_TWICE = "item i1 owner=alice n=1\nA alice: act()\nB bob: transfer()\n"


def window(text, oracle=ORDERS):
    return of(READ_TWICE + text, oracle).window


def test_a_window_is_the_same_whichever_of_its_reads_and_writes_shows_it():
    first = window("A.get(i1) B.set(i1.owner=bob) A.get(i1) A.put(j1 n=1) A.delete(i1)")
    second = window("A.get(i1) A.get(i1) B.set(i1.owner=bob) A.put(j1 n=1) A.delete(i1)")
    assert first == second
    assert (first.read.action, first.write.action) == ("GetItem", "PutItem")


def test_a_read_after_a_write_begins_another_window():
    before = window("A.get(i1) B.set(i1.n=2) A.put(j1 n=1) A.get(i1) A.delete(i1)")
    after = window("A.get(i1) A.put(j1 n=1) A.query(*) B.set(j1.n=2) A.delete(j1)")
    assert (before.read.action, before.write.action) == ("GetItem", "PutItem")
    assert (after.read.action, after.write.action) == ("Query", "DeleteItem")


def test_a_refused_write_is_a_cause_by_itself():
    found = of(READ_TWICE + "A.get(i1) B.set(i1.n=2) A.set(i1.n=3 if n=1)! A=500")
    assert str(found) == "act does not handle that the condition of its UpdateItem of Items is not met"
    assert (found.read, found.window.read, found.window.write) == (None, None, found.write)


def test_what_is_left_of_a_failed_request_has_one_cause_wherever_it_failed():
    failed = Finding("no_partial_effect", "it left a write", (0,), (0,))
    later = Finding("no_partial_effect", "it left a write", (0,), (1,))
    one = window("A.put(j1 n=1) A.put(k1 n=1) A=500", failed)
    assert one == window("A.put(j1 n=1) A.put(k1 n=1) A=500", later)
