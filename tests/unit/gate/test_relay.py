"""A remote request steps like one in this process, and its concurrent calls are choices of the schedule."""

from __future__ import annotations

import threading

import pytest
from elsewhere import Requests

from toctou.engine import Division
from toctou.errors import (
    InternalError,
    LateCall,
    NondeterministicHandler,
    OperationLimit,
    OutsideControl,
    ServiceCrashed,
    SilentHandler,
)
from toctou.gate.local_states import LocalStates
from toctou.gate.mailbox import Broken
from toctou.history.operation import ErrorResponse


def read_then_write(client):
    seen = client.call("GetItem", key="a").result
    client.call("PutItem", key="a", seen=seen["n"])
    client.respond("done")


def both_concurrently(client):
    client.send("PutItem", key="b")
    client.send("GetItem", key="a")
    client.receive(), client.receive()
    client.respond("both")


def test_each_call_is_a_step_of_its_request():
    requests = Requests(read_then_write, read_then_write)
    assert requests.run([0, 1, 1, 0]) == {0: "done", 1: "done"}
    assert [(who, action) for who, action, _ in requests.performed] == [
        ("A", "GetItem"),
        ("B", "GetItem"),
        ("B", "PutItem"),
        ("A", "PutItem"),
    ]


def test_a_request_without_calls_is_one_step():
    requests = Requests(lambda client: client.respond(204), lambda client: client.respond(403))
    assert requests.run([1]) == {1: 403, 0: 204}


@pytest.mark.parametrize(("choice", "first"), [(0, "GetItem"), (1, "PutItem")])
def test_the_choice_between_two_concurrent_calls_does_not_depend_on_their_order_of_arrival(choice, first):
    counts = []

    def choose(count):
        counts.append(count)
        return choice

    requests = Requests(both_concurrently, choose=choose)
    assert requests.run([]) == {0: "both"}
    assert requests.performed[0][1] == first
    assert counts == [2]


def test_a_call_that_follows_one_of_two_waits_beside_the_other():
    def follows(client):
        client.send("GetItem", key="a")
        client.send("GetItem", key="b")
        client.receive()
        client.send("DeleteItem", key="c")
        client.receive(), client.receive()
        client.respond("three")

    counts = []
    requests = Requests(follows, choose=lambda count: counts.append(count) or count - 1)
    assert requests.run([]) == {0: "three"}
    assert counts == [2, 2]
    assert [(action, call["key"]) for _, action, call in requests.performed] == [
        ("GetItem", "b"),
        ("GetItem", "a"),
        ("DeleteItem", "c"),
    ]


def test_a_known_local_state_is_not_waited_for_again():
    local_states = LocalStates()
    patient = Requests(both_concurrently, settle=0.05, local_states=local_states)
    assert patient.run([]) == {0: "both"}
    # Without settling time, both calls can be expected only from memory.
    counts = []
    hasty = Requests(
        both_concurrently, settle=0.0, local_states=local_states, choose=lambda count: counts.append(count) or 0
    )
    assert hasty.run([]) == {0: "both"}
    assert counts == [2]


def test_a_late_call_is_reported_and_corrects_the_memory():
    proceed, sent = threading.Event(), threading.Event()

    def late(client):
        client.send("GetItem", key="a")
        proceed.wait(5)
        client.send("GetItem", key="b")
        sent.set()
        client.receive(), client.receive()
        client.respond("late")

    def other(client):
        client.call("GetItem", key="c")
        proceed.set()
        sent.wait(5)
        client.respond("other")

    local_states = LocalStates()
    requests = Requests(late, other, local_states=local_states)
    with pytest.raises(LateCall, match="request A called GetItem while its earlier call was waiting"):
        _run_first_to_its_call(requests)
    again = Requests(late, other, settle=0.2, local_states=local_states, choose=lambda count: count - 1)
    assert again.run([0]) == {0: "late", 1: "other"}
    assert [call["key"] for _, _, call in again.performed] == ["b", "a", "c"]


def _run_first_to_its_call(requests):
    start, step = requests.runner.start, requests.runner.step

    def steps(index):
        if index == 0 and requests.runner.tasks[0].coroutine is None:
            start(0)
            step(1)
        step(index)

    requests.runner.step = steps
    requests.run([0])


def test_a_call_that_always_comes_late_is_in_the_end_nondeterministic():
    local_states = LocalStates()
    assert [local_states.correct(b"m") for _ in range(4)] == [True, True, True, False]
    assert issubclass(LateCall, NondeterministicHandler)


def test_fewer_calls_than_before_are_reported():
    local_states = LocalStates()
    assert Requests(both_concurrently, local_states=local_states).run([]) == {0: "both"}

    def only_one(client):
        client.call("GetItem", key="a")

    only_one.__name__ = both_concurrently.__name__
    with pytest.raises(NondeterministicHandler, match="request A made 2 concurrent calls, but 1 when"):
        Requests(only_one, local_states=local_states).run([])


def test_silence_is_reported_with_the_service_s_output():
    with pytest.raises(SilentHandler, match=r"request A neither called DynamoDB nor responded for 0.3 s\nlog of 0"):
        Requests(lambda client: client.pause(1), silence=0.3).run([])


def test_a_patience_beyond_the_runner_s_limit_is_respected():
    def slow(client):
        client.pause(1.5)
        client.respond("slow")

    assert Requests(slow, silence=5.0, limit=1.0).run([]) == {0: "slow"}


def test_a_broken_request_ends_the_execution():
    def crashes(client):
        client.call("GetItem", key="a")
        client.put(Broken(ServiceCrashed("it ended with status 101")))

    with pytest.raises(ServiceCrashed, match="status 101"):
        Requests(crashes).run([])


def test_a_response_before_the_end_of_a_write_is_reported():
    def careless(client):
        client.send("PutItem", key="a")
        client.respond("accepted")

    with pytest.raises(OutsideControl, match="request A responded while its PutItem was waiting"):
        Requests(careless).run([])


def test_a_response_while_a_read_is_waiting_counts():
    def refuses_as_soon_as_it_can(client):
        client.send("GetItem", key="a")
        client.send("GetItem", key="b")
        client.receive()
        client.respond(403)

    local_states = LocalStates()
    for _ in range(2):  # the second time, the local state is known to respond
        requests = Requests(refuses_as_soon_as_it_can, local_states=local_states)
        assert requests.run([]) == {0: 403}
        assert [call["key"] for _, _, call in requests.performed] == ["a"]


def test_a_call_after_the_response_is_reported():
    def careless(client):
        client.respond("accepted")
        client.send("PutItem", key="a")

    with pytest.raises(OutsideControl, match="request A called PutItem after it had responded"):
        Requests(careless).run([])


def test_a_loop_of_calls_ends():
    def endless(client):
        while client.call("GetItem", key="a") is not None:
            """Again."""

    with pytest.raises(OperationLimit, match="request A performed 20 operations"):
        Requests(endless).run([])


def test_a_choice_that_a_strategy_refuses_ends_the_execution():
    def refuse(count):
        raise InternalError(f"{count} calls")

    with pytest.raises(InternalError, match="2 calls"):
        Requests(both_concurrently, choose=refuse).run([])


TABLE = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def puts(*names):
    return {"Items": [{"PutRequest": {"Item": {"id": {"S": name}}}} for name in names]}


def written(outcome, order=()):
    """What two requests that write two items by a batch have performed, and what they were answered."""
    division = Division()
    division.declare([TABLE])

    def writes(client):
        client.respond(client.call("BatchWriteItem", RequestItems=puts("a", "b")))

    requests = Requests(writes, writes, division=division, outcome=outcome)
    answers = requests.run(order)
    return [(who, call["RequestItems"]) for who, _, call in requests.performed], answers


def test_a_batch_is_a_step_for_each_item_and_is_answered_once():
    performed, answers = written(lambda call: ({"UnprocessedItems": {}}, None), [0, 1, 1, 0])
    assert performed == [("A", puts("a")), ("B", puts("a")), ("B", puts("b")), ("A", puts("b"))]
    assert answers[0].parameters == {"RequestItems": puts("a", "b")}
    assert answers[0].result == {"UnprocessedItems": {}}


def test_what_its_steps_leave_is_left_by_the_batch():
    _, answers = written(lambda call: ({"UnprocessedItems": call.parameters["RequestItems"]}, None))
    assert answers[0].result == {"UnprocessedItems": puts("a", "b")}


def test_a_batch_ends_with_the_step_that_fails():
    performed, answers = written(lambda call: (None, ErrorResponse("InternalServerError", "try again")))
    assert performed == [("A", puts("a")), ("B", puts("a"))]
    assert answers[0].error.code == "InternalServerError"
