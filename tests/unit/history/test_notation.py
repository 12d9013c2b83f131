"""The compact notation yields executions whose footprints, images and intervals match the text."""

import pytest
from history_notation import NotationError, item_id, parse

from toctou.history.footprint import ALL, EXISTENCE, KeyRange
from toctou.history.item import ItemId, plain
from toctou.history.operation import Operation
from toctou.history.request import Request

X = item_id("x")


def performed(text: str, start: str = "item x owner=alice version=1") -> Operation:
    return parse(f"{start}\n{text}").operations[-1]


def test_a_whole_history():
    execution = parse(
        """
        item x owner=alice version=1
        A alice: delete_item(item_id='x')
        B alice: transfer_item(item_id='x', to='bob')   # gives it away
        A.get(x) B.set(x.owner=bob) B=200('done')
        A.delete(x)
        """
    )
    assert execution.requests == (
        Request("alice", "delete_item", (("item_id", "x"),)),
        Request("alice", "transfer_item", (("item_id", "x"), ("to", "bob"))),
    )
    assert [str(response) for response in execution.responses] == ["200", "200 'done'"]
    assert [(one.request, one.number, one.action) for one in execution.operations] == [
        (0, 0, "GetItem"),
        (1, 0, "UpdateItem"),
        (0, 1, "DeleteItem"),
    ]
    assert [plain(image) for image in execution.initial["Items"]] == [{"item_id": "x", "owner": "alice", "version": 1}]
    assert execution.final == {"Items": ()}
    assert [choice.request for choice in execution.schedule.choices] == [0, 1, 0]


def test_responses_end_the_interval_where_they_are_written_and_otherwise_at_the_last_operation():
    execution = parse("A.get(x) B.get(x) A=200 C.get(x) D.get(x) D=200 C.get(x)")
    assert execution.endings == (2, 2, 5, 4)
    assert execution.precedes(0, 2)
    assert execution.precedes(1, 2)
    assert not execution.precedes(0, 1)
    assert not execution.precedes(2, 3)


def test_a_request_without_operations_exists():
    execution = parse("A alice: ping()\nB.get(x)")
    assert [request.handler for request in execution.requests] == ["ping", "request"]
    assert execution.endings == (1, 1)


@pytest.mark.parametrize(
    ("text", "action", "reads", "writes", "increments"),
    [
        ("A.get(x)", "GetItem", {ALL, EXISTENCE}, None, None),
        ("A.get(x.owner)", "GetItem", {"owner", EXISTENCE}, None, None),
        ("A.put(x owner=bob)", "PutItem", None, {ALL}, None),
        ("A.put(x owner=bob if exists)", "PutItem", {EXISTENCE}, {ALL}, None),
        ("A.delete(x) A.put(x owner=bob)", "PutItem", None, {ALL, EXISTENCE}, None),
        ("A.set(x.owner=bob,version=2)", "UpdateItem", {EXISTENCE}, {"owner", "version"}, None),
        (
            "A.set(x.owner=bob if owner=alice and version=1)",
            "UpdateItem",
            {"owner", "version", EXISTENCE},
            {"owner"},
            None,
        ),
        ("A.set(x.data=d if no data)", "UpdateItem", {"data", EXISTENCE}, {"data"}, None),
        ("A.remove(x.owner)", "UpdateItem", {EXISTENCE}, {"owner"}, None),
        ("A.add(x.version=5)", "UpdateItem", {EXISTENCE}, None, {"version"}),
        ("A.delete(x)", "DeleteItem", {EXISTENCE}, {ALL, EXISTENCE}, None),
        ("A.delete(x) A.delete(x)", "DeleteItem", {EXISTENCE}, None, None),
        ("A.delete(x if owner=bob)!", "DeleteItem", {"owner", EXISTENCE}, None, None),
        ("A.delete(x)!", "DeleteItem", {ALL, EXISTENCE}, None, None),
    ],
)
def test_actions_and_footprints(text, action, reads, writes, increments):
    done = performed(text)
    assert done.action == action
    for given, expected in (
        (done.footprint.reads, reads),
        (done.footprint.writes, writes),
        (done.footprint.increments, increments),
    ):
        assert dict(given) == ({} if expected is None else {X: frozenset(expected)})


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("A.put(x data=d)", {"item_id": "x", "data": "d"}),
        ("A.set(x.version=2)", {"item_id": "x", "owner": "alice", "version": 2}),
        ("A.set(x.owner='bob o.')", {"item_id": "x", "owner": "bob o.", "version": 1}),
        ("A.remove(x.owner,version)", {"item_id": "x"}),
        ("A.add(x.version=-3)", {"item_id": "x", "owner": "alice", "version": -2}),
        ("A.delete(x)", None),
    ],
)
def test_changes_hold_the_images_before_and_after(text, after):
    (change,) = performed(text).changes
    assert plain(change.before) == {"item_id": "x", "owner": "alice", "version": 1}
    assert (None if change.after is None else plain(change.after)) == after


def test_a_write_that_changes_nothing_has_a_footprint_but_no_change():
    done = performed("A.set(x.owner=alice)")
    assert done.changes == ()
    assert done.footprint.writes == {X: frozenset({"owner"})}


def test_an_update_of_a_missing_item_creates_it():
    done = performed("A.set(y.owner=bob)")
    assert done.footprint.writes == {item_id("y"): frozenset({"owner", EXISTENCE})}
    assert done.changes[0].before is None


def test_a_query_reads_its_range_and_the_items_in_it():
    done = performed("A.query(u1)", "table Orders(user_id, order_id)\nitem u1/o2 n=2\nitem u1/o1 n=1\nitem u2/o1 n=3")
    assert done.footprint.ranges == (KeyRange("Orders", ("S", "u1")),)
    assert set(done.footprint.reads) == {item_id("u1/o1", "Orders"), item_id("u1/o2", "Orders")}
    assert [plain(image)["n"] for image in done.result["Items"]] == [1, 2]
    assert performed("A.query(*)").footprint.ranges == (KeyRange("Items"),)


def test_items_of_other_tables_are_named_with_their_table():
    execution = parse("table Items(item_id)\ntable Orders(user_id, order_id)\nA.put(Orders/u1/o1 n=1) A.put(x n=2)")
    assert [one.changes[0].item for one in execution.operations] == [
        ItemId("Orders", (("S", "u1"), ("S", "o1"))),
        ItemId("Items", (("S", "x"),)),
    ]


def test_a_transaction_is_the_union_of_its_parts():
    done = performed("A.transact(put y owner=bob if absent; delete x if owner=alice)")
    assert done.action == "TransactWriteItems"
    assert [change.item for change in done.changes] == [item_id("y"), X]
    assert done.footprint.reads == {item_id("y"): frozenset({EXISTENCE}), X: frozenset({"owner", EXISTENCE})}
    assert set(done.footprint.writes) == {item_id("y"), X}


def test_a_cancelled_transaction_only_reads():
    done = performed("A.transact(put y; check x if owner=bob)!")
    assert done.error.code == "TransactionCanceledException"
    assert done.changes == ()
    assert not done.footprint.writes_something
    assert done.footprint.reads == {X: frozenset({"owner"})}


def test_a_transactional_read():
    done = performed("A.transact_get(x; y.owner)")
    assert [set(found) for found in done.result["Responses"]] == [{"Item"}, set()]
    assert set(done.footprint.reads) == {X, item_id("y")}


def test_an_eventually_consistent_read_returns_the_named_version():
    operations = parse("item x n=1\nA.set(x.n=2) B.get(x@0) B.get(x@1)").operations
    assert [plain(one.result["Item"])["n"] for one in operations[1:]] == [1, 2]


def test_exceptions_count_as_500():
    response = parse("A.get(x) A=raises(KeyError: 'owner')").responses[0]
    assert (response.status, response.exception.type, response.exception.message) == (500, "KeyError", "'owner'")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A.fetch(x)", "there is no operation 'fetch'"),
        ("A.check(x if exists)", "there is no operation 'check'"),
        ("nonsense", "neither an operation"),
        ("A.get(x) nonsense B.get(x)", "at 'nonsense'"),
        ("A.get(x)B.get(x)", "neither an operation"),
        ("A.get(x y)", "not an item to read"),
        ("A.get(x@7)", "versions"),
        ("A.get(x)!", "no condition that could fail"),
        ("A.query(x/y/z)", "neither * nor a partition key"),
        ("A.set(x)", "needs an item and its attributes"),
        ("A.set(x.owner)", "not a list of name=value"),
        ("A.put(x owner)", "not a list of name=value"),
        ("A.add(x.owner=1)", "only numbers can be added"),
        ("A.delete(x if owner)", "not a condition"),
        ("A.delete(x if owner=bob)", "does not hold"),
        ("A.delete(x if owner=alice)!", "its condition holds"),
        ("A.transact(put x; delete x)", "names an item once"),
        ("A.transact(get x)", "cannot be a part"),
        ("A.delete(u1/x)", "does not name an item"),
        ("A=200 A.get(x)", "already responded"),
        ("A=200([)", "not a Python literal"),
        ("A alice: f(1)", "name=value"),
        ("A alice: f(x=g())", "literal arguments"),
        ("item u1/x n=1", "does not name an item"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text, why):
    with pytest.raises(NotationError, match="cannot be read at") as caught:
        parse(f"item x owner=alice\n{text}")
    assert why in str(caught.value)
