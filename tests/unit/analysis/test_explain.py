"""Explanations: the headline, every reason and the contradiction, word for word where the words are the product."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.analysis.explain import explain
from toctou.history.finding import Finding, SerialOrder
from toctou.history.request import SourceLine
from toctou.oracles.invariant import Invariant
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.ownership import Ownership

OWNERSHIP = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")
TRANSFER = """
item i1 owner=alice version=1
A alice: delete_item(item_id='i1')
B alice: transfer_item(item_id='i1', to='bob')
"""


def serial(execution, *requests):
    return Finding("linearizability", "no serial order fits", requests or tuple(range(len(execution.requests))))


def reasons(text, **kinds):
    execution = parse(text)
    return [
        edge.reason
        for edge in explain(execution, serial(execution)).edges
        if str(edge.kind) in kinds.get("of", "rw wr ww")
    ]


def test_a_race_on_the_owner_is_told_from_end_to_end():
    execution = parse(TRANSFER + "A.get(i1) B.get(i1) B.set(i1.owner=bob) B=200 A.delete(i1) A=204")
    (finding,) = OWNERSHIP.judge(execution)
    told = explain(execution, finding)
    assert (told.anomaly, told.anomaly_title, told.source) == ("toctou", "time of check, time of use", "CWE-367")
    assert told.headline == (
        "A (alice) removed Items[i1] although its owner was 'bob' by then: delete_item checked owner of Items[i1] "
        "before B's transfer_item, and did not check again"
    )
    assert told.witness == (0, 2, 3)
    assert [(str(edge.kind), edge.earlier, edge.later, edge.item) for edge in told.cycle] == [
        ("rw", 0, 2, "Items[i1]"),
        ("ww", 2, 3, "Items[i1]"),
    ]
    assert [edge.reason for edge in told.cycle] == [
        "B (alice)'s UpdateItem changed owner of Items[i1] from 'alice' to 'bob', which A (alice)'s GetItem had not seen",
        "A (alice)'s DeleteItem removed Items[i1] with owner 'bob', as B (alice)'s UpdateItem had left it",
    ]
    assert told.contradiction == (
        "If every request were a single step, A (alice) would have to come before B (alice), because A's GetItem did not "
        "see B's UpdateItem; and B before A, because A's DeleteItem removed what B's UpdateItem had left; no order satisfies both"
    )
    assert told.decision == "owner of Items[i1]"


def test_a_write_that_shares_nothing_with_the_transfer_still_closes_the_cycle():
    execution = parse(
        TRANSFER.replace("B alice", "B root") + "A.get(i1) B.set(i1.owner=bob) A.set(i1.data=d,version=2)"
    )
    *_, finding = OWNERSHIP.judge(execution)
    told = explain(execution, finding)
    assert told.anomaly == "toctou"
    assert told.headline.startswith(
        "alice set data to 'd' and changed version from 1 to 2 in Items[i1] although its owner was 'bob' by then"
    )
    assert told.cycle[1].reason == (
        "alice's UpdateItem acted on Items[i1] as root's UpdateItem had left it: "
        "root's UpdateItem changed owner of Items[i1] from 'alice' to 'bob'"
    )
    assert "alice's UpdateItem acted on what root's UpdateItem had left" in told.contradiction


def test_the_decision_is_narrowed_to_what_the_property_looks_at():
    execution = parse(TRANSFER + "A.get(i1) B.set(i1.owner=bob,version=2) A.delete(i1)")
    (finding,) = OWNERSHIP.judge(execution)
    assert explain(execution, finding).decision == "owner of Items[i1]"
    assert explain(execution, replace(finding, attributes=())).decision == "owner and version of Items[i1]"
    assert "its owner was 'bob' by then" in explain(execution, finding).headline


def test_a_deletion_that_came_between():
    execution = parse(
        TRANSFER.replace("transfer_item", "delete_item") + "A.get(i1) B.get(i1) A.delete(i1) B.delete(i1)"
    )
    told = explain(execution, serial(execution))
    assert told.headline == (
        "B (alice)'s delete_item answered 200 from what it had read, although A (alice) had removed Items[i1] by then: its "
        "own DeleteItem changed nothing"
    )
    assert told.decision == "existence of Items[i1]"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (
            "A.get(x) B.set(x.n=1)",
            "bob's UpdateItem changed n of Items[x] from 0 to 1, which alice's GetItem had not seen",
        ),
        ("A.get(x) B.delete(x)", "bob's DeleteItem removed Items[x], which alice's GetItem had still found"),
        ("A.get(y) B.put(y n=1)", "bob's PutItem created Items[y], which alice's GetItem had not found"),
        (
            "A.get(x) B.set(x.n=0)",
            "bob's UpdateItem wrote n of Items[x] only after alice's GetItem had read it, although to the same value",
        ),
        (
            "B.set(x.n=1) A.get(x@0)",
            "alice's GetItem returned Items[x] as it was before bob's UpdateItem changed n of Items[x] from 0 to 1",
        ),
        ("A.set(x.n=1) B.get(x)", "bob's GetItem found n 1 in Items[x], as alice's UpdateItem had written it"),
        ("A.put(y n=1) B.get(y)", "bob's GetItem found Items[y], which alice's PutItem had created"),
        ("A.delete(x) B.get(x)", "bob's GetItem found that Items[x] was gone, since alice's DeleteItem had removed it"),
        (
            "A.set(x.n=1) B.set(x.m=1 if n=0)!",
            "bob's UpdateItem failed, having found n 1 in Items[x], as alice's UpdateItem had written it",
        ),
        (
            "A.set(x.n=1) B.set(x.n=2)",
            "bob's UpdateItem changed n of Items[x] from 1 to 2, over what alice's UpdateItem had left",
        ),
        (
            "A.set(x.n=1) B.set(x.n=1)",
            "bob's UpdateItem wrote n 1 to Items[x] again, over what alice's UpdateItem had left",
        ),
        ("A.set(x.n=1) B.delete(x)", "bob's DeleteItem removed Items[x] with n 1, as alice's UpdateItem had left it"),
        ("A.delete(x) B.put(x n=1)", "bob's PutItem created Items[x] after alice's DeleteItem had removed it"),
    ],
)
def test_every_edge_has_its_reason(events, reason):
    assert reason in reasons(f"item x n=0\n{events}")


def test_program_order_and_real_time_have_reasons_too():
    text = "A alice: add()\nB bob: list()\nA.get(x) A.put(x n=1) A=201 B.get(y)"
    assert reasons(text, of="po") == ["alice's request performed GetItem before PutItem"]
    assert reasons(text, of="rt") == ["alice's add had answered 201 before bob's list was invoked"]


def test_a_cycle_of_three_names_all_of_them():
    execution = parse("A.get(x) B.get(y) C.get(z) A.set(y.n=1) B.set(z.n=1) C.set(x.n=1)")
    told = explain(execution, serial(execution))
    assert len(told.cycle) == 3
    assert told.contradiction.endswith("no order satisfies all of them")
    assert all(name in told.contradiction for name in ("alice", "bob", "carol"))


def test_a_refusal_without_effect_is_no_part_of_a_serial_order():
    execution = parse("item x n=0\nA.get(x) B.set(x.n=1) A.get(x) A=409")
    assert explain(execution, serial(execution)).cycle
    assert explain(execution, serial(execution, 1)).cycle == ()


def test_a_partial_effect_says_what_is_left():
    execution = parse("item x owner=alice\nA.put(y owner=bob) B.set(x.owner=carol) A.delete(x if owner=alice)! A=409")
    (finding,) = NoPartialEffect().judge(execution)
    told = explain(execution, finding)
    assert told.headline == finding.statement
    assert (
        told.contradiction
        == "A failed request must leave no write, yet in the end Items[y] holds item_id 'y', owner 'bob'"
    )
    assert (told.cycle, told.witness) == ((), (0,))


def test_a_broken_invariant_without_a_race_shows_the_writes_and_what_is_left():
    execution = parse("item x n=1\nA.get(x) A.set(x.n=-1) B.delete(y)")
    (finding,) = Invariant("never_negative", lambda tables: tables["Items"][0]["n"] >= 0).judge(execution)
    told = explain(execution, finding)
    assert told.anomaly == "not_a_race"
    assert told.witness == (1,)
    assert told.contradiction == "In the end Items[x] holds item_id 'x', n -1"


def test_an_exception_says_where_it_was_raised():
    execution = parse("item x n=1\nA.get(x) B.delete(x) A.get(x) A=raises(KeyError: 'Item')")
    source = SourceLine("app/items.py", 12, "owner_of", "return reply['Item']")
    raised = replace(execution.responses[0].exception, source=source)
    execution = replace(
        execution, responses=(replace(execution.responses[0], exception=raised), *execution.responses[1:])
    )
    (finding,) = NoException().judge(execution)
    told = explain(execution, finding)
    assert told.headline == "alice's request raised KeyError: 'Item' in owner_of at `return reply['Item']`"
    assert told.anomaly == "non_repeatable_read"
    assert "alice's GetItem saw bob's DeleteItem" in told.contradiction


def test_an_exception_without_a_race_says_that_none_is_needed():
    execution = parse("A.get(x) A=raises(KeyError: 'Item')")
    (finding,) = NoException().judge(execution)
    told = explain(execution, finding)
    assert (
        told.contradiction == "alice's request raised instead of answering, which does not depend on any other request"
    )


def test_without_a_cycle_the_closest_serial_order_is_the_contradiction():
    execution = parse("item x n=1\nA.get(x) A=404 B.get(x)")
    finding = replace(serial(execution), closest=SerialOrder((0, 1), 0, "alice's request would have answered 200"))
    told = explain(execution, finding)
    assert told.anomaly == "not_a_race"
    assert told.contradiction == (
        "The serial order that comes closest is A, then B: alice's request would have answered 200"
    )


def test_a_missing_check_says_that_nobody_misled_it():
    execution = parse("item x owner=alice\nB.delete(x)")
    (finding,) = OWNERSHIP.judge(execution)
    told = explain(execution, finding)
    assert told.anomaly == "missing_check"
    assert told.headline == "bob's DeleteItem removed Items[x], which belonged to 'alice' at that instant"
    assert told.contradiction.endswith("alone it would have done the same")


def test_long_values_and_many_attributes_are_cut():
    text = "item x a=1 b=1 c=1 d=1\nA.get(x) B.set(x.a=2,b=2,c=2,d=2,e=%s)" % ("y" * 200)
    (reason,) = reasons(text)
    assert reason.startswith(
        "bob's UpdateItem changed a from 1 to 2, b from 1 to 2, c from 1 to 2 and 2 more in Items[x]"
    )
    (reason,) = reasons("item x a=1\nA.get(x) B.set(x.a=%s)" % ("y" * 200))
    assert "…" in reason
    assert len(reason) < 200


def headline_of(text):
    execution = parse(text)
    told = explain(execution, serial(execution))
    return told.anomaly, told.headline, told.decision


@pytest.mark.parametrize(
    ("text", "anomaly", "headline", "decision"),
    [
        (
            "item x v=1\nA.get(x) B.delete(x) B.put(x v=1) A.delete(x if v=1)",
            "aba",
            "alice's request removed what bob's request had written: its condition found v 1 of Items[x], the same as "
            "before bob removed Items[x]",
            "v 1 of Items[x]: the same when it was read and when the condition was evaluated",
        ),
        (
            "item x v=1 body=old\nA.get(x) B.put(x v=1 body=new) A.set(x.v=2 if v=1)",
            "aba",
            "alice's request overwrote what bob's request had written: its condition found v 1 of Items[x], the same as "
            "before bob changed body of Items[x] from 'old' to 'new'",
            "v 1 of Items[x]: the same when it was read and when the condition was evaluated",
        ),
        (
            "A.query(*) B.put(x owner=bob) B.delete(x) A.put(x owner=alice if no owner)",
            "aba",
            "alice's request created again what bob's request had written: its condition found Items[x] without owner, the same "
            "as before bob created Items[x]",
            "Items[x] without owner: the same when it was read and when the condition was evaluated",
        ),
        (
            "item x n=0\nA.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1)",
            "lost_update",
            "bob's request overwrote what alice's request had written: alice changed n of Items[x] from 0 to 1, "
            "then bob stored n 1, having read the older value",
            "n of Items[x]",
        ),
        (
            "A.query(*) B.query(*) A.put(y n=1) B.put(z n=2)",
            "phantom",
            "alice's request and bob's request queried Items[*] before either had written: then alice created "
            "Items[y] and bob created Items[z]",
            "which items Items[*] holds",
        ),
        (
            "item x n=1\nA.get(x) B.delete(x) A.set(x.n=2)",
            "resurrection",
            "alice's UpdateItem created Items[x] again: bob had removed it after alice's GetItem had read it",
            "existence of Items[x]",
        ),
        (
            "item x n=1\nB.set(x.n=2) B=200 A.get(x@0)",
            "stale_read",
            "alice's GetItem returned an old version of Items[x]: bob's UpdateItem had already changed n of Items[x] "
            "from 1 to 2",
            "",
        ),
        (
            "item x n=1\nitem y n=1\nA.get(x) B.set(x.n=2) B.set(y.n=2) A.get(y)",
            "read_skew",
            "alice's request saw only part of what bob's request did: it found Items[y] as bob had left it, but not "
            "that bob changed n of Items[x] from 1 to 2",
            "",
        ),
        (
            "item x on=1\nitem y on=1\nA.get(x) A.get(y) B.get(x) B.get(y) A.set(x.on=0) B.set(y.on=0)",
            "write_skew",
            "Each request changed what the other relied on, and neither saw the change: alice on on of Items[y] and bob on "
            "on of Items[x]",
            "on of Items[y]",
        ),
        (
            "item c used=0\nA alice: redeem()\nB alice: redeem()\n"
            "A.get(c) B.get(c) A.add(b.n=10) A.set(c.used=1) B.add(b.n=10) B.set(c.used=1)",
            "duplicate_effect",
            "B (alice)'s redeem changed n of Items[b] from 10 to 20 although A (alice)'s redeem had done the same: it "
            "relied on used of Items[c], read before that",
            "used of Items[c]",
        ),
        (
            "A.set(x.n=1) B.set(x.n=2) B.set(y.n=2) A.set(y.n=1)",
            "dirty_write",
            "alice's request and bob's request interfered with each other: bob's UpdateItem changed n of Items[x] from "
            "1 to 2, over what alice's UpdateItem had left",
            "",
        ),
    ],
)
def test_every_anomaly_has_its_headline(text, anomaly, headline, decision):
    assert headline_of(text) == (anomaly, headline, decision)


def test_an_effect_that_occurred_twice_names_what_both_requests_wrote():
    execution = parse(
        "item c used=0\nA.get(c) B.get(c) A.put(log1 n=1) A.add(b.n=10) A.set(c.used=1) "
        "B.put(log2 n=1) B.add(b.n=10) B.set(c.used=1)"
    )
    told = explain(execution, serial(execution))
    assert told.anomaly == "duplicate_effect"
    assert "Items[b]" in told.headline
    assert "log" not in told.headline


def test_a_condition_that_meets_another_state_is_no_second_read():
    execution = parse("item x n=0\nA.get(x) B.set(x.n=1) A.set(x.n=2 if n=0)! A=409")
    told = explain(execution, serial(execution))
    assert told.headline == (
        "alice's request met Items[x] in two different states, by its GetItem and by its UpdateItem: in between bob's "
        "UpdateItem changed n of Items[x] from 0 to 1"
    )


def test_two_entries_of_one_item_are_not_told_as_overwritten():
    execution = parse("item x n=0\nA.get(x) B.add(x.n=1) A.add(x.n=1)")
    assert "overwr" not in f"{explain(execution, serial(execution))}"


def test_of_an_exception_that_holds_a_traceback_the_first_line_is_told():
    execution = parse("A.get(x) A=raises(BatchError: failed)")
    (response,) = execution.responses
    longer = replace(response.exception, message="all failed\nTraceback (most recent call last):\n  File")
    execution = replace(execution, responses=(replace(response, exception=longer),))
    (finding,) = NoException().judge(execution)
    told = explain(execution, finding)
    assert "raised BatchError: all failed …" in told.headline
    assert "Traceback" not in told.headline
