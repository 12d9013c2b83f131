"""No partial effect: a refusal leaves nothing, whether it never wrote or undid what it wrote."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.history.item import Change
from toctou.oracles.no_partial_effect import NoPartialEffect

START = "item x owner=alice n=1\nA alice: transfer_item(item_id='x')\n"


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) A=403",
        "A.set(x.n=2) A=200",
        "A.set(x.n=2 if n=5)! A=409",
        "A.set(x.n=1) A=500",
        "A.set(x.n=2) A.set(x.n=1) A=500",
        "A.set(x.n=2) B.set(x.owner=bob) A.set(x.n=1) A=500",
        "A.put(y n=1) A.delete(y) A=500",
        "A.get(x) B.set(x.n=2) A=409",
        "A.add(x.n=1) B.add(x.n=1) A.add(x.n=-1) A=409",
        "A.add(x.n=1) A.add(x.n=-1) B.add(x.n=1) A=409",
    ],
    ids=[
        "no_write",
        "success",
        "failed_condition",
        "same_value",
        "undone",
        "undone_around_another",
        "uncreated",
        "another",
        "taken_back_after_another_added",
        "taken_back_before_another_added",
    ],
)
def test_accepts(events):
    assert list(NoPartialEffect().judge(parse(START + events))) == []


@pytest.mark.parametrize(
    ("events", "operations", "statement"),
    [
        (
            "A.put(y owner=bob) A.delete(x if owner=carol)! A=409",
            (0,),
            "alice's transfer_item answered 409, although its PutItem created Items[y]",
        ),
        (
            "A.set(x.n=2) A.set(x.owner=bob) A.set(x.n=1) A=500",
            (1,),
            "alice's transfer_item answered 500, although its UpdateItem "
            "changed owner of Items[x] from 'alice' to 'bob'",
        ),
        (
            "A.delete(x) A.put(x owner=alice) A=500",
            (0,),
            "alice's transfer_item answered 500, although its DeleteItem removed Items[x]",
        ),
        (
            "A.set(x.n=2) A.put(y n=1) A=raises(KeyError: 'z')",
            (0, 1),
            "alice's transfer_item answered 500 (KeyError: 'z'), although its UpdateItem "
            "changed n of Items[x] from 1 to 2 (and left 1 more)",
        ),
        (
            "A.add(x.n=1) B.add(x.n=-2) A.add(x.n=1) A=409",
            (0, 2),
            "alice's transfer_item answered 409, although its UpdateItem changed n of Items[x] from 1 to 2 (and left 1 more)",
        ),
    ],
    ids=[
        "half_a_transfer",
        "one_attribute_stays",
        "put_back_without_n",
        "raised_half_way",
        "another_took_as_much_away",
    ],
)
def test_rejects(events, operations, statement):
    (finding,) = NoPartialEffect().judge(parse(START + events))
    assert finding.oracle == "no_partial_effect"
    assert finding.requests == (0,)
    assert finding.operations == operations
    assert finding.statement == statement


def sets(*values):
    """An execution in which A and B change a set in turns, from the first of these values on."""
    execution = parse(START + " ".join(f"{'AB'[at % 2]}.set(x.n={at + 2})" for at in range(len(values) - 1)) + " A=409")
    images = [{"id": {"S": "x"}, **({"t": {"SS": [*value]}} if value else {})} for value in values]
    operations = [
        replace(one, changes=(Change(one.changes[0].item, before, after),))
        for one, before, after in zip(execution.operations, images[:-1], images[1:], strict=True)
    ]
    return replace(execution, operations=tuple(operations))


@pytest.mark.parametrize("values", [("a", "ax", "axy", "ay"), ("", "x", "xy", "y"), ("ax", "a", "ay", "axy")])
def test_a_member_that_is_taken_back_is_no_effect_whatever_others_added(values):
    assert list(NoPartialEffect().judge(sets(*values))) == []


@pytest.mark.parametrize("values", [("a", "ax", "a", "ax"), ("a", "ax", "axy", "axyz"), ("a", "b", "by", "y")])
def test_a_member_that_stays_is_an_effect(values):
    assert [one.operations for one in NoPartialEffect().judge(sets(*values))] == [(0, 2)]


@pytest.mark.parametrize(
    ("events", "pending", "found"),
    [
        ("A.set(x.n=1) A=500 B.set(x.m=1) B=200", (), 0),
        ("A.set(x.n=1) A=500 B.get(x) B=500", (), 1),
        ("A.set(x.n=1) A=500 B.get(x)", (1,), 0),
        ("A.set(x.n=1) A=500 B.get(x) B=500 C.get(x)", (2,), 1),
    ],
    ids=["another_succeeds", "none_succeeds", "another_is_pending", "another_event_is_pending"],
)
def test_a_delivery_may_be_completed_by_another_one(events, pending, found):
    declared = "item x n=0\nA sqs: work(id='1')\nB sqs: work(id='1')\nC sqs: work(id='2')\n"
    oracle, execution = NoPartialEffect(["work"]), parse(declared + events)
    left = oracle.judge_unfinished(execution, pending) if pending else oracle.judge(execution)
    assert len(list(left)) == found
