"""Each anomaly has a history that it must accept, and a near miss that it must not."""

import pytest
from history_notation import parse

from toctou.analysis.anomalies import ANOMALIES, TABLE
from toctou.analysis.explain import explain
from toctou.history.finding import Finding
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.ownership import Ownership

OWNERSHIP = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")

ACCEPTS = {
    "stale_read": [
        "item x n=0\nB.set(x.n=1) B=200 A.get(x@0) A.set(x.n=5)",
        "item x n=0\nB.set(x.n=1) B=200 A.get(x@0)",
        "item x n=0\nB.set(x.n=1) B=200 A.query(* x@0)",
        "A.put(x n=1) A.get(x@0) A=404",
        "item x n=0\nB.delete(x) B=200 A.query(* x@0) A.put(y n=1)",
        "B.put(x n=1) B=200 A.query(* x@0) A.put(y n=1)",
    ],
    "aba": [
        "item x v=1\nA.get(x) B.delete(x) B.put(x v=1 data=new) A.set(x.v=2 if v=1)",
        "item x v=1\nA.get(x) B.set(x.v=2) C.set(x.v=1) A.delete(x if v=1)",
        "item x v=1 body=old\nA.get(x) B.put(x v=1 body=new) A.set(x.v=2,body=older if v=1)",
    ],
    "resurrection": [
        "item x n=1\nA.get(x) B.delete(x) A.set(x.n=2)",
        "item x n=1\nA.get(x) B.delete(x) A.put(x n=2)",
        "item x n=1\nA.get(x) B.delete(x) A.set(x.brand=acme if no brand)",
    ],
    "duplicate_effect": [
        "item c used=0\nA.get(c) B.get(c) A.add(b.n=10) A.set(c.used=1) B.add(b.n=10) B.set(c.used=1)",
        "A.add(b.n=10) A.add(b.n=10)",
    ],
    "phantom": [
        "A.query(*) B.query(*) A.put(y n=1) B.put(z n=2)",
        "item y n=1\nitem z n=1\nA.query(*) B.query(*) A.delete(y) B.delete(z)",
        "A alice: fill()\nB bob: drain()\nA.query(*) B.get(t) B.put(y n=1) A.set(t.n=0) B.set(u.n=1)",
    ],
    "lost_update": [
        "item x n=0\nA alice: f()\nB bob: g()\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=2)",
        "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1)",
        "item x n=0 m=0\nA.get(x) B.set(x.m=1) A.put(x n=1 m=0)",
        "item x owner=alice n=1\nA.get(x) B.put(x owner=alice n=2) A.set(x.n=3 if owner=alice)",
        "item x n=0\nA.query(*) B.set(x.n=1) B.put(y m=1) A.set(x.n=2)",
        "item x n=0\nA.get(x) B.add(x.n=1) A.set(x.n=1)",
    ],
    "write_skew": [
        "item x on=1\nitem y on=1\nA.get(x) A.get(y) B.get(x) B.get(y) A.set(x.on=0) B.set(y.on=0)",
        "item x left=1 right=1\nA.get(x) B.get(x) A.set(x.left=0) B.set(x.right=0)",
    ],
    "dirty_read": [
        "item x n=1\nitem y n=1\nB.set(x.n=2) A.transact_get(x; y) B.set(y.n=2)",
        "item x n=1\nB.set(x.n=2) A.get(x) B.set(x.n=3)",
        "item x n=1\nB.set(x.n=2) A.get(x) B.set(x.n=1) B=500",
    ],
    "read_skew": ["item x n=1\nitem y n=1\nA.get(x) B.set(x.n=2) B.set(y.n=2) A.get(y)"],
    "non_repeatable_read": ["item x n=1\nA.get(x) B.set(x.n=2) A.get(x)"],
    "toctou": [
        "item x owner=alice\nA.get(x) B.set(x.owner=bob) A.delete(x)",
        "item lock by=alice\nitem x n=1\nA.get(lock) B.set(lock.by=bob) B.set(x.n=2) A.set(x.m=3 if n=2)",
        "item x n=1\nA.get(x) B.set(x.n=2) B.set(y.n=1) A.delete(y)",
        # Only C, which reads once, shows that A acted after B; it did nothing wrong.
        "item x owner=alice n=1\nA.get(x) B.set(x.owner=bob) C.get(x) A.set(x.n=2)",
        "item y n=1\nA.get(y) B.set(y.n=2) C.query(*) A.delete(y)",
        "item x n=1\nA.get(x) B.get(x) B.add(x.n=-1) A.add(x.n=-1)",
        "item x n=1\nA alice: f()\nB bob: g()\nA.get(x) B.add(x.n=-1 if n=1) A.add(x.n=-1)",
    ],
    "dirty_write": ["A.set(x.n=1) B.set(x.n=2) B.set(y.n=2) A.set(y.n=1)"],
    "outdated_answer": [
        "item x n=1\nA alice: f()\nB bob: g()\nA.get(x) B.get(x) B.delete(x) A.delete(x)",
        "item y n=1\nA.query(*) B.delete(y) A.delete(y)",
    ],
    "unhandled_refusal": [
        "item x n=0\nA.get(x) B.set(x.n=1) A.set(x.n=2 if n=0)! A=500",
        "A.get(x) B.put(x n=1) A.put(x n=2 if absent)! A=raises(ConditionalCheckFailedException: refused)",
        "A.get(x) B.put(x n=1) A.transact(put x n=2 if absent; put y n=1)! A=raises(Conflict: refused)",
    ],
    "not_a_race": ["item x n=1\nA.get(x) A.set(x.n=2) B.get(x)"],
    "unnamed": ["A.set(x.n=1) B.get(x) B.set(y.n=1) A.get(y)"],
}

NEAR_MISSES = {
    "stale_read": [
        "item x n=0\nB.set(x.n=1) B=200 A.get(x@1) A.set(x.n=5)",
        "item x n=0\nA.get(x@0) B.set(x.n=1) A.set(x.n=5)",
        "item x n=0\nB.set(x.n=1) B=200 A.query(* x@1) A.set(x.n=5)",
    ],
    "aba": [
        "item x v=1\nA.get(x) B.set(x.v=2) A.delete(x if v=2)",
        "item x v=1 n=1\nA.get(x) B.set(x.n=2) A.set(x.n=3 if v=1)",
        "item x v=1\nA.get(x) B.delete(x) B.put(x v=1) A.delete(x)",
        # A condition on whose it is says nothing about versions.
        "item x owner=alice n=1\nA.get(x) B.put(x owner=alice n=2) A.set(x.n=3 if owner=alice)",
        "item x owner=alice n=1\nA.get(x) B.delete(x) B.put(x owner=alice n=2) A.set(x.n=3 if owner=alice)",
        # What was missing is missing again because all of the item is.
        "item x n=1\nA.get(x) B.delete(x) A.set(x.brand=acme if no brand)",
    ],
    "resurrection": [
        "item x n=1\nA.get(x) B.delete(x) A.put(x n=2 if absent)",
        "item x n=1\nA.get(x) B.set(x.n=2) A.set(x.n=3)",
        "A.get(x) B.put(x n=1) A.set(x.n=2)",
    ],
    "duplicate_effect": [
        "item c used=0\nA.get(c) B.get(c) A.add(b.n=10) A.set(c.used=1) B.add(b.n=5) B.set(c.used=1)",
        "item c used=0\nA alice: f()\nB alice: g()\nA.get(c) B.get(c) A.add(b.n=1) A.set(c.used=1) B.add(b.n=1) B.set(c.used=1)",
        "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1)",
        "A.set(b.n=10) A.set(b.n=10)",
        # Two withdrawals of the same amount are no mistake; that the second was not covered is one.
        "item x n=1\nA.get(x) B.get(x) A.add(x.n=-1) B.add(x.n=-1)",
    ],
    "phantom": [
        "item y n=1\nitem z n=1\nA.query(*) B.query(*) A.set(y.n=0) B.set(z.n=0)",
        "table Orders(user_id, order_id)\nA.query(u1) B.query(u2) A.put(u1/y n=1) B.put(u2/z n=2)",
        "A.get(y) B.get(z) A.put(z n=1) B.put(y n=2)",
        "item y n=1\nitem z n=1\nA.get(z) B.set(z.n=2) C.query(*) A.delete(y)",
    ],
    "lost_update": [
        "item x n=0\nA.get(x) B.set(x.n=5) A.add(x.n=1)",
        "A.query(*) B.put(x n=1) A.put(x n=2)",
        "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.delete(x)",
        "item x n=0\nA.set(x.n=1) B.get(x) B.set(x.n=2)",
        "item x n=0 m=0\nA.get(x.m) B.set(x.m=1) B.set(x.k=1) A.set(x.k=2)",
        "item x n=0\nA.get(x) B.get(x) B.set(x.n=1 if n=0) A.set(x.n=1 if n=0)!",
    ],
    "write_skew": [
        "item x on=1\nitem y on=1\nA.get(x) A.get(y) A.set(x.on=0) B.get(x) B.get(y) B.set(y.on=0)",
        "item x owner=alice\nA.get(x) B.get(x) B.set(x.owner=bob) A.delete(x)",
        "item x on=1\nitem y on=1\nA.get(x) A.get(y) B.get(x) B.get(y) A.set(x.on=1) B.set(y.on=0)",
        "item x n=1\nA alice: f()\nB bob: g()\nA.get(x) B.add(x.n=-1 if n=1) A.add(x.n=-1)",
        "item x n=1\nA alice: f()\nB bob: g()\nA.get(x) B.get(x) B.add(x.n=-1) A.add(x.n=-1)",
    ],
    "dirty_read": [
        "item x n=1\nitem y n=1\nA.get(x) B.set(x.n=2) B.set(y.n=2) A.get(y)",
        "item x n=1\nB.set(x.n=2) B.set(x.n=3) A.get(x)",
        "item x n=1\nB.set(x.n=2) B.set(x.n=1) A.get(x) B=500",
    ],
    "read_skew": [
        "item x n=1\nitem y n=1\nA.get(x) B.set(x.n=2) C.set(y.n=2) A.get(y)",
        "item x n=1\nitem y n=1\nA.transact_get(x; y) B.set(x.n=2) B.set(y.n=2)",
    ],
    "non_repeatable_read": [
        "item x n=1\nA.get(x) B.get(x) A.get(x) B.set(x.n=2)",
        "item x n=1 m=1\nA.get(x.m) B.set(x.m=2) C.get(x) A.set(x.n=2)",
    ],
    "toctou": [
        "item x owner=alice\nA.get(x) B.set(x.owner=bob) A.delete(x if owner=alice)!",
        "item x n=0\nA.get(x) B.set(x.n=0) A.delete(x)",
        "item x owner=alice\nA.get(x) A.delete(x) B.set(x.owner=bob if exists)!",
        "item x owner=alice\nB.set(x.owner=bob) A.get(x) A.delete(x)",
    ],
    "dirty_write": ["A.set(x.n=1) B.set(x.n=2) A.set(y.n=1) B.set(y.n=2)"],
    "outdated_answer": [
        "item x n=1\nA.get(x) B.delete(x) A.set(y.n=1) A.delete(x)",
        "item x n=1\nA.get(x) B.set(x.n=2) A.delete(x)",
        "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1)",
    ],
    "unhandled_refusal": [
        "item x n=0\nA.get(x) B.set(x.n=1) A.set(x.n=2 if n=0)! A=409",
        "item x n=0\nA.get(x) B.set(x.n=1) A.set(y.n=1) A.set(x.n=2 if n=0)! A=500",
        "item x n=0\nA.get(x) B.set(x.n=1) A.put(y n=1 if absent) A.set(x.n=2 if n=0)! A=500",
        "item x n=0\nA.get(x) B.set(x.n=1) A.set(x.n=2 if n=0)! A=raises(KeyError: 'Item')",
        "item x n=0\nitem y n=0\nA.get(x) B.get(y) C.set(y.n=1) B.set(y.n=2) A.set(x.n=2 if n=1)! A=500",
    ],
    "not_a_race": ["item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1)"],
    "unnamed": ["item x n=1\nA.get(x) B.set(x.n=2) A.get(x)"],
}


def named(text: str) -> str:
    """What a finding of the linearizability oracle on this history is called."""
    execution = parse(text)
    requests = tuple(range(len(execution.requests)))
    return explain(execution, Finding("linearizability", "no serial order fits", requests)).anomaly


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in ACCEPTS.items() for text in texts])
def test_accepts(key, text):
    assert named(text) == key


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in NEAR_MISSES.items() for text in texts])
def test_rejects_a_near_miss(key, text):
    assert named(text) != key


def test_every_row_is_tested_in_both_directions():
    decided_by_their_oracles = {"partial_effect", "missing_check", "unhandled_exception", "fails_alone"}
    assert {row.key for row in TABLE} | {"unnamed"} == set(ACCEPTS) | decided_by_their_oracles
    assert set(ACCEPTS) == set(NEAR_MISSES)


def test_every_row_says_what_it_means_and_where_it_is_from():
    for row in ANOMALIES.values():
        assert row.title
        assert row.source
        assert row.meaning


def owned(events: str) -> list[str]:
    execution = parse(f"item x owner=alice n=0\nA alice: update()\nB alice: transfer()\n{events}")
    return [explain(execution, finding).anomaly for finding in OWNERSHIP.judge(execution)]


@pytest.mark.parametrize(
    ("events", "anomaly"),
    [
        ("A.get(x) B.set(x.owner=bob) A.set(x.n=1)", "toctou"),
        ("A.get(x) B.set(x.owner=bob) A.put(x owner=alice n=1)", "toctou"),
        ("A.get(x) B.set(x.owner=bob) A.delete(x if exists)", "toctou"),
        ("A.get(x) B.set(x.owner=bob) C.set(x.owner=bob) A.delete(x)", "toctou"),
        ("B.set(x.owner=bob) B=200 A.get(x@0) A.delete(x)", "stale_read"),
        ("B.set(x.owner=bob) A.delete(x)", "missing_check"),
        ("B.set(x.owner=bob) A.get(x) B.set(x.n=1) A.set(x.n=2)", "missing_check"),
    ],
)
def test_a_write_to_what_another_owns_is_named_after_the_check_that_failed(events, anomaly):
    assert anomaly in owned(events)


def test_a_race_that_follows_an_offence_did_not_cause_it():
    execution = parse("item x owner=bob\nA.set(x.n=1 if owner=bob) B.set(x.owner=carol) B.put(y n=1) A.put(y n=2)")
    finding = next(iter(OWNERSHIP.judge(execution)))
    assert finding.operations == (0,)
    assert explain(execution, finding).anomaly == "missing_check"


@pytest.mark.parametrize(
    "events",
    ["A.put(y n=1) A=500", "A.get(x) B.set(x.n=1) A.set(x.n=2) A=500"],
    ids=["alone", "even_where_an_update_is_lost_as_well"],
)
def test_what_a_refusal_left_is_a_partial_effect(events):
    execution = parse(f"item x n=0\n{events}")
    (finding,) = NoPartialEffect().judge(execution)
    assert explain(execution, finding).anomaly == "partial_effect"
    assert named(f"item x n=0\n{events}") != "partial_effect"
