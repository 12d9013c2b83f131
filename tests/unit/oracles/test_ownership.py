"""Ownership: a write is judged by who owned the item at the instant at which it took effect."""

import pytest
from history_notation import parse

from toctou.errors import ModelError
from toctou.oracles.ownership import Ownership

START = """
item x owner=alice
A alice: delete_item(item_id='x')
B alice: transfer_item(item_id='x', to='bob')
"""
ORACLE = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) B.get(x) A.delete(x) A=204 B.set(x.owner=bob if exists)! B=404",
        "A.get(x) B.set(x.owner=bob) A.delete(x if owner=alice)! A=409",
        "B.set(x.owner=bob) A.put(y owner=bob)",
        "B.set(x.owner=bob) A.set(x.owner=bob)",
    ],
    ids=["deleted_before_the_transfer", "condition_binds_the_owner", "creation_is_allowed", "changed_nothing"],
)
def test_accepts(events):
    assert list(ORACLE.judge(parse(START + events))) == []


def test_rejects_a_write_to_what_another_principal_owns_by_then():
    (finding,) = ORACLE.judge(parse(START + "A.get(x) B.set(x.owner=bob) A.delete(x)"))
    assert finding.oracle == "ownership"
    assert (finding.requests, finding.operations) == ((0,), (2,))
    assert finding.statement == "A (alice)'s DeleteItem removed Items[x], which belonged to 'bob' at that instant"


def test_each_wrong_change_of_a_transaction_is_a_finding():
    history = "item y owner=bob\nitem x owner=alice\nitem z owner=bob\nA.transact(delete y; delete x; set z.n=1)"
    first, second = ORACLE.judge(parse(history))
    assert "Items[y]" in first.statement
    assert (
        second.statement == "alice's TransactWriteItems set n of Items[z] to 1, which belonged to 'bob' at that instant"
    )


def test_without_an_owner_attribute_the_statement_names_the_principal():
    oracle = Ownership(lambda _principal, item: "locked" not in item)
    (finding,) = oracle.judge(parse("item x locked=1\nA.set(x.n=1)"))
    assert finding.statement.endswith("which was not alice's at that instant")


def test_a_rule_that_raises_is_the_models_fault():
    with pytest.raises(ModelError, match=r"`owns` of the ownership oracle raised KeyError"):
        list(Ownership(lambda _principal, item: item["owner"]).judge(parse("item x n=1\nA.delete(x)")))
