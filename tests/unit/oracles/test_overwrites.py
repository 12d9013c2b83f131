"""Acknowledged writes that another request replaced without having read them."""

import pytest
from history_notation import parse

from toctou.oracles.overwrites import Overwrites

START = "item x n=1\nA alice: put()\nB bob: put()\n"


def remarks(text):
    return list(Overwrites().remarks(parse(START + text)))


@pytest.mark.parametrize(
    "text",
    [
        "A.put(x n=2) A=200 B.put(x n=3) B=200",
        "A.get(x) A.set(x.n=2) A=200 B.set(x.n=3) B=200",
        "B.get(x) A.put(x n=2) A=201 B.put(x n=3) B=200",
        "A.transact(put x n=2; put y) A=200 B.put(x n=3) B=500",
        "A.put(x n=2) A=200 C.get(x) B.put(x n=3) B=200",
        "A.put(x n=2) A=200 B.query(y) B.put(x n=3) B=200",
    ],
)
def test_what_was_replaced_unread_is_told(text):
    (remark,) = remarks(text)
    assert remark.startswith("put replaces n of Items[x], which a concurrent put had stored and answered 20")
    execution = parse(START + text)
    assert list(Overwrites().judge(execution)) == []
    (finding,) = Overwrites(violation=True).judge(execution)
    assert finding.statement.startswith("bob's ")
    assert finding.requests == (0, 1)
    assert finding.attributes == ("n",)
    assert list(Overwrites(violation=True).remarks(execution)) == []


@pytest.mark.parametrize(
    "text",
    [
        "A.put(x n=2) A=200 B.get(x) B.put(x n=3) B=200",
        "A.put(x n=2) A=200 B.query(x) B.put(x n=3) B=200",
        "A.put(x n=2) A=200 B.put(x n=3 if n=2) B=200",
        "A.put(x n=2) A=200 B.add(x.n=3) B=200",
        "A.put(x n=2) A=409 B.put(x n=3) B=200",
        "A.put(x n=2) A=200 B.put(x n=2) B=200",
        "A.put(x n=2) A=200 B.delete(x) B=200",
        "A.put(x n=2) A.put(x n=3) A=200 B=200",
        "A.set(x.m=2) A=200 B.set(x.n=3) B=200",
        "A.put(x n=2) A=300 B.put(x n=3) B=200",
        "A.put(x n=2) A.put(x n=3) A=200 B.put(y) B=200",
        "A.put(y n=2) A.delete(y) A=200 B.put(y n=3) B=200",
        "A.set(x.m=1) A.remove(x.m) A=200 B.set(x.m=2) B=200",
        "A.set(x.m=2) A=200 B.remove(x.m) B=200",
    ],
    ids=[
        "read",
        "queried",
        "condition",
        "added",
        "refused",
        "same",
        "deleted",
        "own",
        "another_attribute",
        "redirected",
        "own_beside_another",
        "deleted_before",
        "removed_before",
        "removed",
    ],
)
def test_nothing_else_is(text):
    assert remarks(text) == []
