"""No partial effect: a refusal leaves nothing, whether it never wrote or undid what it wrote."""

import pytest
from history_notation import parse

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
    ],
    ids=["half_a_transfer", "one_attribute_stays", "put_back_without_n", "raised_half_way"],
)
def test_rejects(events, operations, statement):
    (finding,) = NoPartialEffect().judge(parse(START + events))
    assert finding.oracle == "no_partial_effect"
    assert finding.requests == (0,)
    assert finding.operations == operations
    assert finding.statement == statement
