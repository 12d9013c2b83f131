"""When a request behaves alike under other names: in nothing that it does, or that others can see of it, may it differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import boto3
import pytest

from toctou import Model, Table, handler
from toctou.client.backends import backend_named
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import EMPTY, KeyRange
from toctou.history.item import Image, ItemId
from toctou.history.operation import ErrorResponse, Execution
from toctou.history.request import HandlerException, Request, Response, SourceLine
from toctou.scheduling.runner import Limits
from toctou.search import name_independence
from toctou.search.name_independence import LocalState, NameIndependence
from toctou.search.renaming import Renaming

client = boto3.client("dynamodb", region_name="us-east-1")
Refused = client.exceptions.ConditionalCheckFailedException
SWAPPED = Renaming((("alice", "bob"), ("bob", "alice")))


def names(principal: str, number: int = 1) -> dict[str, Any]:
    return {"TableName": "Things", "Key": {"owner": {"S": principal}, "number": {"N": str(number)}}}


class OfThings(Model):
    """Each principal has two things; a table beside them counts by number."""

    tables = (
        Table("Things", "owner", "number:N"),
        Table("Counts", "number:N"),
    )
    items = {
        "Things": [{"owner": owner, "number": number, "value": 0} for owner in ("alice", "bob") for number in (1, 2)],
        "Counts": [{"number": 10, "of": "alice"}, {"number": 9, "of": "bob"}],
    }
    principals = ("alice", "bob")

    @handler()
    def nothing(self, principal: str) -> tuple[int, str]:
        return 200, principal

    @handler()
    def increment(self, principal: str) -> tuple[int, dict[str, str]]:
        value = client.get_item(**names(principal), ConsistentRead=True)["Item"]["value"]["N"]
        self.update(principal, int(value) + 1)
        return 200, {"of": principal}

    def update(self, principal: str, value: int, number: int = 1, **others: Any) -> None:
        client.update_item(
            **names(principal, number),
            UpdateExpression="SET #value = :value",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":value": {"N": str(value)}},
            **others,
        )

    @handler()
    def replace(self, principal: str) -> tuple[int, str]:
        first = next(iter(client.get_item(**names(principal), ConsistentRead=True)["Item"]))
        client.put_item(TableName="Things", Item={**names(principal)["Key"], "value": {"N": "5"}})
        return 200, first

    @handler()
    def create(self, principal: str) -> int:
        try:
            self.update(principal, 1, ConditionExpression="attribute_not_exists(#value)")
        except Refused:
            return 409
        return 201

    @handler()
    def delete(self, principal: str) -> int:
        for number in (1, 2):
            client.delete_item(**names(principal, number))
        return 204

    @handler()
    def count(self, principal: str) -> tuple[int, int]:
        found = client.query(
            TableName="Things",
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": principal}},
        )
        return 200, found["Count"]

    @handler()
    def count_all(self, principal: str) -> tuple[int, int]:
        return 200, client.scan(TableName="Things")["Count"]

    @handler()
    def fail(self, principal: str) -> int:
        raise ValueError(principal)

    @handler()
    def favour_bob(self, principal: str) -> int:
        """Once the item is gone."""
        if "Item" in client.get_item(**names(principal), ConsistentRead=True) or principal == "alice":
            return 200
        client.get_item(**names(principal, 2))
        return 200

    @handler()
    def tell_time(self, principal: str) -> int:
        time.time()
        return 200

    @handler()
    def answer_strangely(self, principal: str) -> Any:
        return (200, object()) if principal == "bob" else 200

    @handler()
    def elsewhere(self, principal: str) -> int:
        try:
            client.get_item(TableName="Nowhere", Key={"id": {"S": principal}})
        except client.exceptions.ResourceNotFoundException:
            return 404
        return 200


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    laboratory = Laboratory(OfThings, backend_named("embedded"), Limits())
    with laboratory.opened():
        yield laboratory


class InTurn:
    """Runs requests in the order of letters, and the rest of them by index."""

    fair = False

    def __init__(self, order: str) -> None:
        self.left = ["ABC".index(letter) for letter in order]

    def choose(self, enabled: Sequence[int]) -> int:
        return self.left.pop(0) if self.left else enabled[0]

    def performed(self, request: int, step: object) -> None: ...

    def pick(self, kind: object, count: int) -> int:
        return 0


def executed(laboratory: Laboratory, order: str, *handlers: str) -> Execution:
    """Of requests of alice, unless ``bob`` stands before the handler."""
    requests = tuple(
        Request("bob" if name.startswith("bob.") else "alice", name.removeprefix("bob.")) for name in handlers
    )
    execution = laboratory.execute(Scenario(requests), InTurn(order), afresh=True)  # type: ignore[arg-type]
    assert execution is not None
    return execution


def local_state(laboratory: Laboratory, order: str, *handlers: str, of: int = 0) -> LocalState:
    return list(NameIndependence(laboratory).local_states(executed(laboratory, order, *handlers)))[of]


def alike(laboratory: Laboratory, one: LocalState, renaming: Renaming = SWAPPED) -> bool:
    return NameIndependence(laboratory).behaves_alike(one, renaming)


SAME = [
    ("", ["nothing"]),
    ("", ["increment"]),
    ("ABABA", ["increment", "increment"]),
    ("", ["replace"]),
    ("ABAB", ["replace", "increment"]),
    ("", ["create"]),
    ("AAB", ["delete", "create"]),
    ("ABA", ["delete", "create"]),
    ("", ["count"]),
    ("AAB", ["delete", "count"]),
    ("ABA", ["delete", "count"]),
    ("AAB", ["delete", "count_all"]),
    ("AAB", ["bob.delete", "count"]),
    ("AAB", ["bob.delete", "delete", "count_all"]),
    ("", ["fail"]),
    ("", ["favour_bob"]),
    ("", ["elsewhere"]),
]


@pytest.mark.parametrize(
    ("order", "handlers"), SAME, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_a_request_behaves_alike_wherever_it_goes_by_no_name(laboratory: Laboratory, order: str, handlers: list[str]):
    for one in NameIndependence(laboratory).local_states(executed(laboratory, order, *handlers)):
        assert alike(laboratory, one)


@pytest.mark.parametrize("handlers", [["tell_time"], ["answer_strangely"], ["delete", "favour_bob"]], ids="+".join)
def test_a_request_that_does_another_thing_does_not(laboratory: Laboratory, handlers: list[str]):
    """Nor does one that reads its clock, or whose answer cannot be compared."""
    assert not alike(laboratory, local_state(laboratory, "AAB", *handlers, of=len(handlers) - 1))


def test_what_a_query_did_not_find_is_not_there_under_the_other_names(laboratory: Laboratory):
    """All that lies in any of the ranges goes, and nothing else."""
    laboratory.begin(Scenario((Request("bob", "count"),)))
    everything = laboratory.stored()
    found = EMPTY._replace(ranges=(KeyRange("Things", ("S", "alice")), KeyRange("Counts")))
    image = {"owner": {"S": "alice"}, "number": {"N": "1"}, "value": {"N": "7"}}
    assert NameIndependence(laboratory)._arrange(found, {ALICES: image}, SWAPPED)
    of_alice = [one for one in everything["Things"] if one["owner"] == {"S": "alice"}]
    of_bob = [{**image, "owner": {"S": "bob"}}]
    assert len(of_alice) == 2
    assert [*laboratory.stored()["Things"]] == of_alice + of_bob
    assert not laboratory.stored()["Counts"]


def test_a_clock_that_another_has_read_is_no_matter(laboratory: Laboratory):
    one = local_state(laboratory, "", "increment")
    laboratory.note_clock_reads(read=True)
    assert alike(laboratory, one)


def test_a_local_state_is_what_was_stored_when_a_request_touched_it(laboratory: Laboratory):
    execution = executed(laboratory, "ABABAB", "delete", "count", "increment")
    deletes, counts, increments = NameIndependence(laboratory).local_states(execution)
    first, second = (ItemId("Things", (("S", "alice"), ("N", number))) for number in "12")
    stored = {number: {"owner": {"S": "alice"}, "number": {"N": number}, "value": {"N": "0"}} for number in "12"}
    assert [one.request.handler for one in (deletes, counts, increments)] == ["delete", "count", "increment"]
    assert deletes.touched == ({first: stored["1"]}, {second: stored["2"]})
    assert counts.touched == ({second: stored["2"]},)
    assert [one.number for one in deletes.operations] == [0, 1]
    assert increments.touched[0] == {first: None}
    assert increments.response.status == 500


def test_a_local_state_holds_what_was_judged_and_what_could_have_been_found(laboratory: Laboratory):
    """Though the operation has read none of it: an item that an oracle looks at, and those that lie in a range."""
    execution = executed(laboratory, "", "increment")
    absent, first, second = (ItemId("Things", (("S", "alice"), ("N", number))) for number in "312")
    found = KeyRange("Things", ("S", "alice"))
    one, other = (
        replace(execution.operations[0], footprint=EMPTY._replace(**touched))
        for touched in ({"judged": {absent: NAMES}}, {"ranges": (found,), "writes": {absent: NAMES}})
    )
    (state,) = NameIndependence(laboratory).local_states(replace(execution, operations=(one, other)))
    assert [list(touched) for touched in state.touched] == [[absent], [absent, first, second]]
    assert state.touched[0] == {absent: None}


def test_what_was_written_is_what_is_stored_from_then_on(laboratory: Laboratory):
    one = local_state(laboratory, "AAAB", "increment", "increment", of=1)
    (first,) = one.touched[0].values()
    assert first is not None
    assert first["value"] == {"N": "1"}


def changed(one: LocalState, at: int, **fields: Any) -> LocalState:
    operations = [*one.operations]
    operations[at] = replace(operations[at], **fields)
    return replace(one, operations=tuple(operations))


def footprint(at: int, **fields: Any) -> Callable[[LocalState], LocalState]:
    return lambda one: changed(one, at, footprint=one.operations[at].footprint._replace(**fields))


ALICES = ItemId("Things", (("S", "alice"), ("N", "1")))
NAMES = frozenset({"value"})
OTHER: dict[str, Callable[[LocalState], LocalState]] = {
    "action": lambda one: changed(one, 0, action="DeleteItem"),
    "parameters": lambda one: changed(one, 0, parameters={**one.operations[0].parameters, "ConsistentRead": False}),
    "names_in_parameters": lambda one: changed(one, 0, parameters=names("bob") | {"ConsistentRead": True}),
    "error": lambda one: changed(one, 1, error=ErrorResponse("Refused", "no")),
    "changes": lambda one: changed(one, 1, changes=()),
    "changed_item": lambda one: changed(one, 1, changes=(one.operations[1].changes[0]._replace(item=ItemId("T", ())),)),
    "before": lambda one: changed(one, 1, changes=(one.operations[1].changes[0]._replace(before=None),)),
    "after": lambda one: changed(one, 1, changes=(one.operations[1].changes[0]._replace(after=None),)),
    "reads": footprint(0, reads={ALICES: NAMES}),
    "writes": footprint(1, writes={ALICES: NAMES | {"more"}}),
    "increments": footprint(1, increments={ALICES: NAMES}),
    "judged": footprint(1, judged={ALICES: NAMES}),
    "ranges": footprint(0, ranges=(KeyRange("Things"),)),
    "status": lambda one: replace(one, response=Response(201, one.response.body)),
    "body": lambda one: replace(one, response=Response(200, {"of": "bob"})),
    "headers": lambda one: replace(one, response=replace(one.response, headers=[("etag", "1")])),
    "exception": lambda one: replace(one, response=replace(one.response, exception=HandlerException("ValueError", ""))),
    "one_fewer": lambda one: replace(one, operations=one.operations[:1], touched=one.touched[:1]),
    "none": lambda one: replace(one, operations=(), touched=()),
    "one_more": lambda one: replace(
        one, operations=(*one.operations, replace(one.operations[1], number=2)), touched=(*one.touched, one.touched[1])
    ),
    "number": lambda one: changed(one, 1, number=2),
    "stored": lambda one: replace(one, touched=({ALICES: None}, one.touched[1])),
    "nothing_stored": lambda one: replace(one, touched=({}, {ALICES: None})),
    "a_table_that_is_none": lambda one: replace(
        one, touched=({**one.touched[0], ItemId("Nowhere", (("S", "x"),)): None}, one.touched[1])
    ),
    "handler": lambda one: replace(one, request=Request("alice", "nothing")),
}


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER)
def test_whoever_does_anything_else_does_not_behave_alike(
    laboratory: Laboratory, other: Callable[[LocalState], LocalState]
):
    one = local_state(laboratory, "", "increment")
    assert alike(laboratory, one)
    assert not alike(laboratory, other(one))


def test_another_range_is_another_operation(laboratory: Laboratory):
    one = local_state(laboratory, "", "count")
    (found,) = one.operations[0].footprint.ranges
    assert alike(laboratory, one)
    for range_ in (KeyRange("Things"), replace(found, attributes=NAMES), replace(found, partition=("S", "bob"))):
        assert not alike(laboratory, footprint(0, ranges=(range_,))(one))


def test_a_call_that_was_not_expected_is_one_too_many(laboratory: Laboratory):
    one = local_state(laboratory, "", "create")
    assert alike(laboratory, one)
    assert not alike(laboratory, replace(one, operations=(), touched=()))


EQUAL: dict[str, Callable[[LocalState], LocalState]] = {
    "result": lambda one: changed(one, 0, result={}),
    "source": lambda one: changed(one, 0, source=None),
}


@pytest.mark.parametrize("other", EQUAL.values(), ids=EQUAL)
def test_what_a_request_neither_does_nor_answers_is_no_matter(
    laboratory: Laboratory, other: Callable[[LocalState], LocalState]
):
    assert alike(laboratory, other(local_state(laboratory, "", "increment")))


def reversed_image(image: Image | None) -> Image:
    assert image is not None
    return dict(reversed(image.items()))


def test_the_order_of_an_items_attributes_is_part_of_what_is_stored(laboratory: Laboratory):
    """Items are equal without it, but whoever reads them can see it."""
    one = local_state(laboratory, "", "replace")
    put = one.operations[1]
    assert alike(laboratory, one)
    parameters = {**put.parameters, "Item": reversed_image(put.parameters["Item"])}
    assert not alike(laboratory, changed(one, 1, parameters=parameters))
    (change,) = put.changes
    assert not alike(laboratory, changed(one, 1, changes=(change._replace(after=reversed_image(change.after)),)))
    read, written = one.touched
    turned = replace(one, touched=({ALICES: reversed_image(read[ALICES])}, written))
    assert not alike(laboratory, turned)
    assert one.response.body == "owner"
    assert alike(laboratory, replace(turned, response=Response(200, "value")))


def test_an_error_is_the_same_by_its_code(laboratory: Laboratory):
    one = local_state(laboratory, "", "create")
    code = "ConditionalCheckFailedException"
    assert alike(laboratory, changed(one, 0, error=ErrorResponse(code, "another text")))
    assert not alike(laboratory, changed(one, 0, error=ErrorResponse("Another", "")))
    assert not alike(laboratory, changed(one, 0, error=None))


def test_an_exception_is_the_same_wherever_it_was_raised(laboratory: Laboratory):
    one = local_state(laboratory, "", "fail")
    raised = one.response.exception
    assert raised is not None

    def raising(exception: HandlerException) -> LocalState:
        return replace(one, response=replace(one.response, exception=exception))

    assert alike(laboratory, raising(replace(raised, source=SourceLine("a.py", 1, "f", ""))))
    assert not alike(laboratory, raising(replace(raised, type="KeyError")))
    assert not alike(laboratory, raising(replace(raised, message="bob")))


def test_what_was_found_is_found_again(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch):
    """For the same local state, and the same renaming."""
    found = NameIndependence(laboratory)
    one, other = local_state(laboratory, "", "increment"), local_state(laboratory, "", "tell_time")
    runs: list[LocalState] = []
    really_run = NameIndependence._run_alike
    monkeypatch.setattr(NameIndependence, "_run_alike", lambda *how: runs.append(how[1]) or really_run(*how))
    for _ in range(2):
        assert found.behaves_alike(one, SWAPPED)
        assert not found.behaves_alike(other, SWAPPED)
        assert not found.behaves_alike(replace(one, response=Response(404)), SWAPPED)
        assert not found.behaves_alike(changed(one, 0, parameters={}), SWAPPED)
        assert not found.behaves_alike(changed(one, 0, action="Scan"), SWAPPED)
        assert not found.behaves_alike(replace(one, touched=({ALICES: None}, {})), SWAPPED)
        assert found.behaves_alike(one, Renaming((("alice", "carol"), ("carol", "alice"))))
    assert len(runs) == 7
    monkeypatch.setattr(name_independence, "MOST", 7)
    assert not found.behaves_alike(replace(one, request=Request("alice", "nothing")), SWAPPED)
    assert found.behaves_alike(one, SWAPPED)
    assert len(runs) == 9, "all was forgotten"
    assert found.behaves_alike(one, SWAPPED)
    assert len(runs) == 9


def test_an_execution_under_other_names(laboratory: Laboratory):
    """Items in the order of their keys, where 9 comes before 10."""
    execution = executed(laboratory, "", "increment", "bob.nothing")
    renamed = NameIndependence(laboratory).renamed(execution, SWAPPED)
    really = executed(laboratory, "", "bob.increment", "nothing")
    assert (renamed.requests, renamed.responses) == (really.requests, really.responses)
    assert [one.changes for one in renamed.operations] == [one.changes for one in really.operations]
    assert renamed.final["Things"] == really.final["Things"]
    assert renamed.final["Things"] != execution.final["Things"]
    assert renamed.initial["Things"] == execution.initial["Things"]
    owners = [(one["number"]["N"], one["of"]["S"]) for one in renamed.initial["Counts"]]
    assert owners == [("9", "alice"), ("10", "bob")]
