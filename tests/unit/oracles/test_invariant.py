"""Invariants: the predicate decides, at the end or at every step; a predicate that fails is the model's fault."""

import pytest
from history_notation import parse

from toctou.errors import ModelError
from toctou.oracles.invariant import Invariant

TRANSFER = "item x n=1\nitem y n=1\nA.set(x.n=0) A.set(y.n=2)"


def total_is_two(tables):
    return sum(item["n"] for item in tables["Items"]) == 2


def test_at_the_end_only_the_outcome_counts():
    assert list(Invariant("total", total_is_two).judge(parse(TRANSFER))) == []
    (finding,) = Invariant("total", total_is_two).judge(parse("item x n=1\nitem y n=1\nA.get(x) B.set(x.n=0)"))
    assert finding.statement == "afterwards the rule total is broken"
    assert (finding.oracle, finding.requests, finding.operations) == ("total", (1,), ())


def test_at_every_step_the_first_wrong_state_counts():
    (finding,) = Invariant("total", total_is_two, at="every_step").judge(parse(TRANSFER))
    assert finding.operations == (0,)
    assert finding.statement == ("the rule total is broken once alice's UpdateItem changed n of Items[x] from 1 to 0")
    transaction = "item x n=1\nitem y n=1\nA.transact(set x.n=0; set y.n=2)"
    assert list(Invariant("total", total_is_two, at="every_step").judge(parse(transaction))) == []


def test_a_state_that_stays_wrong_is_one_finding():
    events = "item x n=1\nitem y n=1\nA.set(x.n=0) A.set(y.n=0)"
    assert len(list(Invariant("total", total_is_two, at="every_step").judge(parse(events)))) == 1


def test_every_step_follows_creations_and_deletions():
    seen = []
    oracle = Invariant(
        "any", lambda tables: not seen.append(sorted(i["item_id"] for i in tables["Items"])), "every_step"
    )
    assert list(oracle.judge(parse("item x n=1\nA.put(y n=1) A.get(y) A.delete(x)"))) == []
    assert seen == [["x"], ["x", "y"], ["y"]]


def test_a_text_says_what_is_wrong():
    oracle = Invariant("stock", lambda tables: "" if tables["Items"] else "the shelf is empty")
    assert list(oracle.judge(parse("item x n=1\nA.get(x)"))) == []
    (finding,) = oracle.judge(parse("item x n=1\nA.delete(x)"))
    assert finding.statement == "afterwards the rule stock is broken: the shelf is empty"


@pytest.mark.parametrize(
    ("predicate", "observed"),
    [
        (lambda tables: tables["Orders"], "raised KeyError: 'Orders'"),
        (lambda tables: None, "answered None"),
    ],
    ids=["raises", "returns_nothing"],
)
def test_a_predicate_that_fails_is_named(predicate, observed):
    with pytest.raises(ModelError, match="the invariant 'broken'") as caught:
        list(Invariant("broken", predicate).judge(parse("A.put(x n=1)")))
    assert observed in str(caught.value)


def test_an_invariant_that_is_false_before_anything_ran_is_the_models_fault():
    with pytest.raises(ModelError, match="the items that the model starts with"):
        list(Invariant("total", total_is_two, at="every_step").judge(parse("item x n=5\nA.get(x)")))


def test_what_it_means_is_told_where_it_does_not_say_so_itself():
    execution = parse("item x n=1\nA.set(x.n=0)")
    (finding,) = Invariant("stock", lambda tables: False, meaning="There is always something in stock").judge(execution)
    assert finding.statement == "afterwards the rule stock is broken (“There is always something in stock”)"
    (finding,) = Invariant("stock", lambda tables: "the shelf is empty", meaning="There is stock").judge(execution)
    assert finding.statement == "afterwards the rule stock is broken: the shelf is empty"
