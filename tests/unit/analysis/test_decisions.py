"""What was relied on, judged by what handlers and conditions accessed; and what fix is suggested then."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.analysis.accesses import compared, conditions
from toctou.analysis.cause import cause
from toctou.analysis.explain import explain
from toctou.history.finding import Finding, SerialOrder
from toctou.history.footprint import ALL, EXISTENCE
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.ownership import Ownership

OWNERSHIP = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")
RACE = "item x owner=alice version=1\nB alice: give()\nA.get(x) B.set(x.owner=bob,version=2) B=200 A.delete(x) A=204"


def seen(text, *accessed):
    """A history whose first operation's result was accessed like this."""
    execution = parse(text)
    first = execution.operations[0]
    (item,) = first.footprint.items()
    operations = (replace(first, accessed={None: frozenset({EXISTENCE}), item: frozenset(accessed)}),)
    return replace(execution, operations=operations + execution.operations[1:])


def told(execution, oracle=None):
    if oracle is None:
        return explain(execution, Finding("linearizability", "no order", tuple(range(len(execution.requests)))))
    return explain(execution, next(iter(oracle.judge(execution))))


def test_only_what_was_looked_at_was_decided_on():
    assert told(parse(RACE)).decision == "owner and version of Items[x]"
    assert told(seen(RACE, "version")).decision == "version of Items[x]"
    assert told(seen(RACE, EXISTENCE, "owner")).decided == ("owner",)
    assert told(seen(RACE, ALL, EXISTENCE)).decided == ("owner", "version")


def test_what_the_property_is_about_comes_first_if_it_was_looked_at():
    assert told(seen(RACE, "owner", "version"), OWNERSHIP).decision == "owner of Items[x]"


def test_a_read_that_nobody_looked_at_is_no_check():
    ignored = told(seen(RACE, EXISTENCE), OWNERSHIP)
    assert ignored.anomaly == "missing_check"
    assert ignored.decision == ""
    assert "without an atomic condition" in str(
        cause(seen(RACE, EXISTENCE), next(iter(OWNERSHIP.judge(parse(RACE)))), ignored)
    )


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            {"ConditionExpression": "attribute_exists(a) AND #b = :v", "ExpressionAttributeNames": {"#b": "owner"}},
            {"a", "owner"},
        ),
        ({"ConditionExpression": "NOT (a.b[0].#c > :v) or size(d) between :x AND :y"}, {"a", "d"}),
        ({"FilterExpression": "begins_with(sku, :p) and kind IN (:a, :b)"}, {"sku", "kind"}),
        ({"ConditionExpression": "contains ( tags , :t )"}, {"tags"}),
        ({"Expected": {"version": {"Value": {"N": "1"}}}}, {"version"}),
        ({"UpdateExpression": "SET a = :b"}, set()),
    ],
)
def test_what_a_condition_speaks_of(part, names):
    assert compared(part) == names


def test_conditions_of_a_transaction_are_told_apart_by_item():
    execution = parse("item x n=1\nA.transact(check x if n=1; put y m=2 if absent)")
    assert {str(item): set(names) for item, names in conditions(execution.operations[0]).items()} == {
        "Items[x]": {"n"},
        "Items[y]": {"item_id"},  # the notation's own word
    }


@pytest.mark.parametrize(
    ("execution", "oracle", "suggestion"),
    [
        (seen(RACE, "owner"), OWNERSHIP, "Make the DeleteItem conditional: ConditionExpression='#owner = :caller'"),
        (seen(RACE, "version"), None,
         "ExpressionAttributeNames={'#version': 'version'}, ExpressionAttributeValues={':version': <the value that was read>}"),
        (seen(RACE.replace("delete(x)", "delete(x if exists)"), "owner"), OWNERSHIP, "Extend the condition of the DeleteItem"),
        (parse("item x n=1\nA.get(x) B.delete(x) A.put(x n=2)"), None, "ConditionExpression='attribute_exists(item_id)'"),
        (parse("A.get(x) B.put(x n=1) A.put(x n=2)"), None, "ConditionExpression='attribute_not_exists(item_id)'"),
        (parse("item x n=1\nA.get(x) B.set(x.n=2) A.set(x.n=3)"), None,
         "Use UpdateExpression='ADD #n :change', which needs neither a read nor a condition, if n is only incremented"),
        (parse("item x s=a\nA.get(x) B.set(x.s=b) A.set(x.s=c)"), None, "or answer 409"),
        (parse("item x größe=a\nA.get(x) B.set(x.größe=b) A.set(x.größe=c)"), None,
         "ConditionExpression='#gr__e = :gr__e', ExpressionAttributeNames={'#gr__e': 'größe'}"),
        (parse("item x größe=1\nA.get(x) B.set(x.größe=2) A.set(x.größe=3)"), None, "UpdateExpression='ADD #gr__e :change'"),
        (seen("item x n=1\nA.get(x) B.set(x.at=2) A.set(x.at=3)", "at"), None,
         "ConditionExpression='attribute_not_exists(#at) AND attribute_exists(item_id)', ExpressionAttributeNames={'#at': 'at'}"),
        (seen("item x n=1\nA.get(x) B.set(x.at=2,n=2) A.set(x.at=3)", "at", "n"), None,
         "'attribute_not_exists(#at) AND #n = :n'"),
        (parse("item x on=1\nitem y on=1\nA.get(x) A.get(y) B.get(x) B.get(y) A.set(x.on=0) B.set(y.on=0)"), None,
         "make the UpdateItem in one TransactWriteItems with a ConditionCheck of Items["),
        (parse("A.query(*) B.query(*) A.put(y n=1) B.put(z n=2)"), None, "No condition covers a range such as Items[*]"),
        (parse("item x v=1\nA.get(x) B.delete(x) B.put(x v=1) A.set(x.v=2 if v=1)"), None,
         "leaves the item with v 1 again: increment it, or store a new unique value on every write"),
        (parse("item x n=0\nB.set(x.n=1) B=200 A.get(x@0)"), None, "Make the GetItem with ConsistentRead=True"),
        (parse("item x n=1\nitem y n=1\nA.get(x) B.set(x.n=2) B.set(y.n=2) A.get(y)"), None, "one TransactGetItems"),
        (parse("item x n=1\nA.set(x.n=2) A=409"), NoPartialEffect(), "in one TransactWriteItems when it has succeeded"),
        (parse("item x n=1\nB.delete(x) A.get(x) A=raises(KeyError: 'Item')"), NoException(), "Handle KeyError"),
        (parse("A.get(x) A=raises(KeyError: 'Item')"), NoException(), "It fails with no other request, so this is no race"),
        (parse("item x owner=alice\nB.delete(x)"), OWNERSHIP, "Make the DeleteItem conditional: ConditionExpression='#owner"),
        (parse("item x s=a\nA.get(x) B.set(x.s=b) A.set(y.k=1) A.set(x.s=c)"), None,
         "when it has succeeded, so that all of them happen or none, the UpdateItem with ConditionExpression="),
    ],
)  # fmt: skip
def test_a_suggestion_is_concrete(execution, oracle, suggestion):
    assert suggestion.lower() in told(execution, oracle).remedy.lower()


def test_an_exception_without_a_name_of_its_own_is_an_unhandled_one():
    explained = told(parse("item x n=1\nB.delete(x) A.get(x) A=raises(KeyError: 'Item')"), NoException())
    assert (explained.anomaly, explained.anomaly_title, explained.source) == (
        "unhandled_exception",
        "unhandled exception",
        "CWE-248",
    )


@pytest.mark.parametrize(
    ("closest", "advice"),
    [
        (
            SerialOrder((1, 0), 1, "it would have answered 403", 403),
            "or answer 403, as it does when the requests run one after the other",
        ),
        (SerialOrder((1, 0), 1, "it would have answered 204 and a body", 204), "or answer 409"),
        (SerialOrder((0, 1), 1, "the other would have answered 403", 403), "or answer 409"),
        (SerialOrder((1, 0), 2, "another item would be stored"), "or answer 409"),
        (SerialOrder((1, 0), 1, "it would have raised Refused", 500), "or answer 409"),
    ],
)
def test_the_answer_to_give_is_told_where_the_serial_order_tells_it(closest, advice):
    execution = parse(
        "item x owner=alice\nA alice: delete()\nB alice: give()\nA.get(x) B.set(x.owner=bob) B=200 A.delete(x) A=204"
    )
    (finding,) = OWNERSHIP.judge(execution)
    assert explain(execution, replace(finding, closest=closest)).remedy.endswith(advice)
