"""Every oracle finds under optimal reduction and sleep sets what it finds in all interleavings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from brute_force import BruteForce
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou import Model, Request, Response, Table, check, handler, invariant
from toctou.execution.judging import ORACLES
from toctou.history.finding import Finding
from toctou.history.item import plain
from toctou.history.operation import Execution
from toctou.oracles.oracle import Observes, Oracle, Ordered
from toctou.scheduling.strategies import STRATEGIES

things = boto3.resource("dynamodb", region_name="eu-central-1").Table("Things")

Step = tuple[str, str, str, Any]
"""What is done, to which item, to which attribute, and with which value."""

STEPS = st.one_of(
    st.tuples(st.just("get"), st.sampled_from("ij"), st.just(""), st.none()),
    st.tuples(st.just("set"), st.sampled_from("ij"), st.sampled_from(["n", "frozen"]), st.integers(0, 2)),
    st.tuples(st.just("set"), st.sampled_from("ij"), st.just("owner"), st.sampled_from(["alice", "bob"])),
    st.tuples(st.just("set if mine"), st.sampled_from("ij"), st.just("n"), st.integers(0, 2)),
    st.tuples(st.just("remove"), st.sampled_from("ij"), st.sampled_from(["n", "frozen"]), st.none()),
    st.tuples(st.just("add"), st.sampled_from("ij"), st.just("n"), st.sampled_from([1, -1])),
    st.tuples(st.just("add"), st.sampled_from("ij"), st.just("tags"), st.sampled_from([{"a"}, {"b"}])),
    st.tuples(st.just("delete member"), st.sampled_from("ij"), st.just("tags"), st.just({"a"})),
    st.tuples(st.just("delete"), st.sampled_from("ij"), st.just(""), st.none()),
)
UPDATES = {"remove": "REMOVE #a", "add": "ADD #a :v", "delete member": "DELETE #a :v"}
PROGRAMS = st.tuples(*[st.lists(STEPS, min_size=1, max_size=3).map(tuple)] * 2)


def run(steps: tuple[Step, ...], principal: str) -> tuple[int, list[Any]]:
    seen = []
    for what, item, attribute, value in steps:
        how: dict[str, Any] = {"Key": {"id": item}}
        if what == "get":
            seen.append(things.get_item(**how, ConsistentRead=True).get("Item"))
        elif what == "delete":
            things.delete_item(**how)
        else:
            how["ExpressionAttributeNames"] = {"#a": attribute}
            how["UpdateExpression"] = UPDATES.get(what, "SET #a = :v")
            if what != "remove":
                how["ExpressionAttributeValues"] = {":v": value}
            if what == "set if mine":
                how["ConditionExpression"] = "#o = :me"
                how["ExpressionAttributeNames"]["#o"] = "owner"
                how["ExpressionAttributeValues"][":me"] = principal
            try:
                things.update_item(**how)
            except things.meta.client.exceptions.ConditionalCheckFailedException:
                return 409, seen
    return 200, seen


class Reference:
    """The same steps on a dictionary."""

    def __init__(self, program: tuple[tuple[Step, ...], ...]) -> None:
        self._program = program

    def state_of(self, tables: Mapping[str, list[dict[str, Any]]]) -> Any:
        return {item["id"]: item for item in tables["Things"]}

    def step(self, state: Any, request: Request) -> tuple[Any, Response]:
        items, seen = {name: dict(item) for name, item in state.items()}, []
        for what, name, attribute, value in self._program[("first", "second").index(request.handler)]:
            if what == "get":
                seen.append(items.get(name))
            elif what == "delete":
                items.pop(name, None)
            elif what == "set if mine" and items.get(name, {}).get("owner") != request.principal:
                return items, Response(409, seen)
            else:
                item = items.setdefault(name, {"id": name})
                left = _left(what, item.pop(attribute, None), value)
                item.update({} if left is None else {attribute: left})
        return items, Response(200, seen)


def _left(what: str, before: Any, value: Any) -> Any:
    """What a step makes of an attribute; ``None`` if it is absent then."""
    match what:
        case "remove":
            return None
        case "add":
            return value if before is None else before | value if isinstance(value, set) else before + value
        case "delete member":
            return (before or set()) - value or None
    return value


class Frozen(Oracle):
    """No item changes while another one is frozen."""

    name = "frozen"

    def judge(self, execution: Execution) -> Iterable[Finding]:
        stored = {image["id"]["S"]: plain(image) for image in execution.initial["Things"]}
        for position, operation in enumerate(execution.operations):
            for change in operation.changes:
                name = change.item.key[0][1]
                if any(item.get("frozen") for other, item in stored.items() if other != name):
                    yield Finding(self.name, f"{name} changed", requests=(operation.request,), operations=(position,))
                stored.pop(name, None)
                if change.after is not None:
                    stored[name] = plain(change.after)


class FrozenThatDeclares(Frozen):
    name = "frozen_declared"
    observes = Observes(others=(("Things", frozenset({"frozen", ""})),))


class LastWriter(Oracle):
    """The last write of all is bob's."""

    name = "last_writer"
    observes = Observes(order=Ordered.WRITES)

    def judge(self, execution: Execution) -> Iterable[Finding]:
        writers = [one.request for one in execution.operations if one.footprint.writes_something]
        if writers and execution.requests[writers[-1]].principal != "bob":
            yield Finding(self.name, "the last write is not bob's", requests=(writers[-1],))


class ReadsInOrder(Oracle):
    """Nobody reads i right after the other request has read j; it declares nothing."""

    name = "reads_in_order"

    def judge(self, execution: Execution) -> Iterable[Finding]:
        for one, other in zip(execution.operations, execution.operations[1:], strict=False):
            keys = [operation.parameters["Key"]["id"]["S"] for operation in (one, other)]
            if one.action == other.action == "GetItem" and one.request != other.request and keys == ["j", "i"]:
                yield Finding(self.name, "read right after", requests=(other.request,))


def not_both_frozen(self: Model, tables: Any) -> bool:
    """Not both are frozen."""
    return sum(bool(item.get("frozen")) for item in tables["Things"]) < 2


def never_both_twos(self: Model, tables: Any) -> bool:
    """At no time are both twos."""
    return [item.get("n") for item in tables["Things"]] != [2, 2]


INVARIANTS = {
    "none": {},
    "end": {"not_both_frozen": invariant(not_both_frozen)},
    "every step": {"never_both_twos": invariant(at="every_step")(never_both_twos)},
}


def running(steps: tuple[Step, ...]) -> Any:
    return lambda principal: run(steps, principal)


def model_of(program: tuple[tuple[Step, ...], ...], *, redelivered: bool = False, **attributes: Any) -> type[Model]:
    handlers = [
        replace(handler(running(steps), principals=[principal]), redelivered=redelivered)
        for steps, principal in zip(program, ("alice", "bob"), strict=True)
    ]
    return type(
        "Generated",
        (Model,),
        {
            "tables": [Table("Things", "id")],
            "items": {"Things": [{"id": "i", "owner": "alice", "n": 1}, {"id": "j", "owner": "bob", "frozen": 0}]},
            "first": handlers[0],
            "second": handlers[1],
            **attributes,
        },
    )


def found(model: type[Model], strategy: str) -> set[object]:
    """Which oracle objects to what which handlers did, in any schedule of any scenario."""
    return {
        (one.finding.oracle, tuple(sorted(one.execution.requests[at].handler for at in one.finding.requests)))
        for one in check(model, strategy=strategy, confirm=False, symmetry=False).violations
    }


class EveryInterleaving(BruteForce):
    def __init__(self, *_: object) -> None:
        super().__init__()


@pytest.fixture(autouse=True, scope="module")
def brute_force() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(STRATEGIES, "brute force", EveryInterleaving)
        yield


def compared(
    program: tuple[tuple[Step, ...], ...], added: type[Oracle] | None = None, **attributes: Any
) -> set[object]:
    model = model_of(program, **attributes)
    with pytest.MonkeyPatch.context() as patched:
        if added is not None:
            patched.setattr("toctou.execution.judging.ORACLES", [*ORACLES, lambda _: [added()]])
        expected = found(model, "brute force")
        assert found(model, "dpor") == expected
        assert found(model, "exhaustive") == expected
    return expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    PROGRAMS,
    st.booleans(),
    st.sampled_from([*INVARIANTS]),
    st.fixed_dictionaries(
        {
            "owner": st.sampled_from([None, "owner"]),
            "overwrites": st.sampled_from(["note", "violation"]),
            "redelivered": st.booleans(),
        }
    ),
)
def test_the_oracles_of_a_model(program, referenced, rules, members):
    compared(program, reference=Reference(program) if referenced else None, **members, **INVARIANTS[rules])


@pytest.mark.parametrize("added", [FrozenThatDeclares, LastWriter, Frozen, ReadsInOrder])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS)
def test_an_oracle_that_is_added(added, program):
    compared(program, added)


SET, THAW = ("set", "i", "n", 2), ("remove", "j", "frozen", None)


@pytest.mark.parametrize("added", [FrozenThatDeclares, Frozen])
def test_a_change_that_is_independent_but_for_the_oracle(added):
    """Freezing and thawing one item commutes with changing the other, as far as DynamoDB is concerned."""
    program = ((SET,), (("set", "j", "frozen", 1), THAW))
    assert (added.name, ("first",)) in compared(program, added)


def test_an_order_of_reads_that_only_the_oracle_looks_at():
    assert compared(((("get", "i", "", None),), (("get", "j", "", None),)), ReadsInOrder) == {
        (ReadsInOrder.name, ("first",))
    }


def test_what_the_last_writer_oracle_observes():
    program = ((SET,), (("set", "j", "n", 2),))
    assert compared(program, LastWriter) == {(LastWriter.name, ("first",))}
