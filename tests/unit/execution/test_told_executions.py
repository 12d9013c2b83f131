"""Which steps are taken without running them, and what they say, after executions that are told step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from toctou.declaration.scenario import Scenario
from toctou.errors import NondeterministicHandler
from toctou.execution import transition_system
from toctou.execution.transition_system import Call, State, TransitionSystem, Walk
from toctou.history.footprint import EMPTY, Footprint
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import ErrorResponse, Operation
from toctou.history.request import Request, Response
from toctou.scheduling.strategies.strategy import Step

ITEM = ItemId("Items", (("S", "x"),))
WRITES = Footprint(writes={ITEM: frozenset({"n"})})
ALICE, BOB, CAROL = (Request(name, "act") for name in ("alice", "bob", "carol"))

Taken = tuple[int, Operation | None]


def call(request: int, number: int, action: str, result: Any = None, **others: Any) -> Taken:
    """A call that sees nothing and changes nothing, unless said otherwise."""
    parameters = others.pop("parameters", {})
    result = None if "error" in others else result
    return request, Operation(request, number, action, parameters, result, **others)


def image(value: int) -> Image:
    return {"n": {"N": str(value)}}


def get(request: int, number: int = 0, value: int = 0) -> Taken:
    return call(request, number, "GetItem", {"Item": image(value)})


def put(request: int, number: int = 1, before: int = 0, after: int = 1, **others: Any) -> Taken:
    changes = (Change(ITEM, image(before), image(after)),)
    return call(request, number, "PutItem", {}, changes=changes, footprint=WRITES, **others)


class Told:
    """A transition system; what it asks of the engine is recorded, and answered only if a test has an answer."""

    def __init__(self, answer: Taken | None = None) -> None:
        self.asked: list[tuple[Sequence[Operation], int, Call]] = []
        self.asked_stored: list[Sequence[Operation]] = []
        self.answer = answer
        self.system = TransitionSystem(lambda *what: Step(EMPTY, what), self._perform, self._stored)

    def _perform(self, before: Sequence[Operation], request: int, known: Call) -> Operation | None:
        self.asked.append((before, request, known))
        return None if self.answer is None else self.answer[1]

    def _stored(self, before: Sequence[Operation]) -> dict[str, list[Image]]:
        self.asked_stored.append(before)
        return {"Items": [image(len(before))]}

    def run(
        self,
        requests: tuple[Request, ...],
        *steps: Taken,
        times: int = 1,
        clock: Sequence[int] = (),
        answers: Mapping[int, Response] | None = None,
    ) -> Told:
        """The requests that took steps have run to their ends, and answered 200 unless said otherwise."""
        responses = {request: Response(200) for request, _ in steps} | {**(answers or {})}
        for _ in range(times):
            self.system.learn(Scenario(requests), steps, responses, clock)
        return self

    def walk(self, requests: tuple[Request, ...], order: str) -> Walk:
        """As far as it is known."""
        walk = self.system.walk(Scenario(requests))
        for letter in order:
            if walk.step("ABC".index(letter)) is None:
                break
        return walk

    def taken(self, requests: tuple[Request, ...], order: str) -> str:
        return "".join("ABC"[request] for request, _ in self.walk(requests, order).taken)


BOTH = (ALICE, BOB)
ONE_AFTER_THE_OTHER = (get(0), put(0), get(1, value=1), put(1, before=1, after=2))


def test_an_execution_that_was_run_twice_is_walked_to_its_end():
    told = Told().run(BOTH, *ONE_AFTER_THE_OTHER, times=2, answers={1: Response(201)})
    walk = told.system.walk(Scenario(BOTH))
    enabled, seen = [walk.enabled], []
    for request, _ in ONE_AFTER_THE_OTHER:
        step = walk.step(request)
        assert step is not None
        seen.append(step.observed)
        enabled.append(walk.enabled)
    calls = [one for _, one in ONE_AFTER_THE_OTHER]
    assert enabled == [[0, 1], [0, 1], [1], [1], []]
    assert seen == [(calls[0], None), (calls[1], Response(200)), (calls[2], None), (calls[3], Response(201))]
    assert walk.operations() == calls
    assert walk.responses() == {0: Response(200), 1: Response(201)}
    assert [request for request, _ in walk.taken] == [0, 0, 1, 1]
    assert not walk.reads_clock
    assert told.asked == []


def test_what_is_stored_is_asked_for_once_for_each_state():
    told = Told().run(BOTH, *ONE_AFTER_THE_OTHER, times=2)
    for _ in range(2):
        walk = told.walk(BOTH, "AA")
        assert walk.stored() == walk.stored() == {"Items": [image(2)]}
    calls = [one for _, one in ONE_AFTER_THE_OTHER]
    assert told.asked_stored == [calls[:2]]
    assert told.walk(BOTH, "AABB").stored() == {"Items": [image(4)]}


def test_the_end_of_a_request_that_was_run_once_is_not_taken():
    told = Told().run(BOTH, *ONE_AFTER_THE_OTHER)
    assert told.taken(BOTH, "AABB") == "A"
    told.run((ALICE,), *ONE_AFTER_THE_OTHER[:2])
    assert told.taken(BOTH, "AABB") == "AAB", "bob has been run once"


def test_a_step_of_another_index_is_the_same_but_for_that():
    told = Told().run(BOTH, *ONE_AFTER_THE_OTHER, times=2)
    for _ in range(2):
        walk = told.walk((BOB, ALICE), "BB")
        assert [(one.request, one.number, one.action) for one in walk.operations()] == [
            (1, 0, "GetItem"),
            (1, 1, "PutItem"),
        ]
        assert walk.enabled == [0]
    assert told.asked == []


def test_the_engine_is_asked_about_a_call_in_another_state_once():
    """The second writer of three finds what the third has found: what it does then is known, in that state it is not."""
    told = Told(put(1, 0, before=7, after=1))
    told.run(BOTH, put(0, 0, after=1), put(1, 0, before=1, after=2), times=2)
    first = told.walk(BOTH, "B")
    ((before, request, known),) = told.asked
    assert (before, request, known.action) == ([], 1, "PutItem")
    assert [one.changes[0].before for one in first.operations()] == [image(7)]
    assert first.responses() == {1: Response(200)}
    assert told.taken(BOTH, "B") == "B"
    assert len(told.asked) == 1
    # What it did is the state that it leads to: here the one that alice's write leads to as well.
    assert first.taken[0][1].state is told.walk(BOTH, "A").taken[0][1].state


@pytest.mark.parametrize("answer", [None, get(1, value=5)], ids=["it_fails", "with_a_result_that_nobody_saw"])
def test_a_call_in_another_state_is_run_if_the_engine_does_not_know(answer: Taken | None):
    told = Told(answer).run(BOTH, *ONE_AFTER_THE_OTHER, times=2)
    assert told.taken(BOTH, "BBAA") == ""
    assert len(told.asked) == 1


def test_a_request_goes_on_only_after_what_it_has_gone_on_after():
    reads = get(0), get(1), get(0, 1), get(0, 2), get(1, 1)
    told = Told().run(BOTH, *reads, times=2)
    assert told.taken(BOTH, "ABAAB") == "ABAAB"
    assert told.taken(BOTH, "ABAB") == "ABA", "bob's second step was behind alice's end only"
    assert told.taken(BOTH, "AAB") == "AA", "bob's first step was behind alice's first only"
    assert told.taken(BOTH, "BA") == "B", "alice's first step was behind nothing"


def test_what_another_reached_before_ones_own_last_step_is_no_matter_again():
    """Whether bob's first step was behind alice's first has shown already when bob takes the second."""
    told = Told().run(BOTH, get(0), get(1), get(1, 1), get(0, 1), times=2)
    told.run(BOTH, get(1), get(1, 1), get(0), get(0, 1), times=2)
    assert told.taken(BOTH, "ABBA") == "ABBA"
    assert told.taken(BOTH, "BABA") == "B", "alice's first step was behind nothing, or behind bob's end"


def test_a_request_without_a_call_ends_only_after_what_it_has_ended_after():
    told = Told().run(BOTH, (0, None), get(1), times=2, answers={0: Response(204)})
    walk = told.walk(BOTH, "AB")
    assert [one.step.observed for _, one in walk.taken] == [(None, Response(204)), (get(1)[1], Response(200))]
    assert walk.responses() == {0: Response(204), 1: Response(200)}
    assert walk.operations() == [get(1)[1]]
    assert told.taken(BOTH, "BA") == "B"
    told.run(BOTH, get(1), (0, None), answers={0: Response(204)})
    assert told.taken(BOTH, "BA") == "BA"


@pytest.mark.parametrize("unknown", [0, 1])
def test_nothing_is_known_of_an_execution_with_a_call_that_depends_on_more_than_items(unknown: int):
    actions = ["GetItem", "GetItem"]
    actions[unknown] = "DescribeTable"
    told = Told().run(BOTH, *(call(at, 0, action, {}) for at, action in enumerate(actions)), times=2)
    assert told.taken(BOTH, "A") == ""
    told.run((ALICE,), call(0, 0, "PutItem", {}), times=2)  # nor is it compared
    assert told.taken(BOTH, "A") == "A"


TWICE_ALICE = (ALICE, ALICE)


def test_a_request_that_reads_its_clock_is_another_one_at_each_index():
    told = Told().run(TWICE_ALICE, get(0), get(1), times=2)
    assert told.taken(TWICE_ALICE, "AB") == "AB"
    answers = {0: Response(200), 1: Response(201)}
    told.run(TWICE_ALICE, get(0), get(1), times=2, clock=[0, 1], answers=answers)
    walk = told.walk(TWICE_ALICE, "AB")
    assert walk.responses() == answers
    assert walk.reads_clock
    assert told.taken((ALICE,), "A") == "A"
    assert told.taken((BOB, ALICE), "B") == "B"
    assert told.taken((BOB, BOB, ALICE), "C") == ""


def test_a_walk_has_read_a_clock_once_a_request_has_ended_that_did():
    told = Told().run(BOTH, get(0), get(0, 1), get(1), times=2, clock=[0])
    assert [told.walk(BOTH, order).reads_clock for order in ("", "A", "AA", "AAB")] == [False, False, True, True]
    told.run(BOTH, get(1), get(0), get(0, 1), times=2, clock=[0])
    assert [told.walk(BOTH, order).reads_clock for order in ("B", "BAA")] == [False, True]


def test_the_last_run_says_whether_a_request_reads_its_clock():
    """The first may draw a number for what is made only once."""
    told = Told().run((ALICE,), get(0), clock=[0]).run((ALICE,), get(0))
    walk = told.walk((ALICE,), "A")
    assert walk.responses()
    assert not walk.reads_clock


@dataclass(eq=False)
class Shown:
    """An object of the user's own, which is equal to everything, and shown as somebody likes."""

    text: str = "it"

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def asking(value: Any) -> tuple[Request, ...]:
    return (Request("alice", "act", (("value", value),)),)


def test_arguments_that_are_shown_alike_are_told_apart():
    first, second, third = (asking(Shown()) for _ in range(3))
    told = Told()
    for at, one in enumerate((first, second, third)):
        for _ in range(3):
            told.run((*one,), get(0), answers={0: Response(200 + at)})
    for _ in range(2):
        for at, one in enumerate((first, second, third)):
            assert told.walk(one, "A").responses() == {0: Response(200 + at)}
    assert told.taken(asking(Shown()), "A") == ""


def test_a_request_is_not_taken_for_the_one_that_was_named_last():
    first, others = asking(Shown()), [asking(Shown()) for _ in range(3)]
    told = Told().run(first, get(0), times=3)
    for _ in range(2):
        for one in others:
            assert told.taken(one, "A") == ""
        assert told.taken(first, "A") == "A"


def test_nothing_is_known_of_more_requests_that_are_shown_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transition_system, "MOST_ALIKE", 2)
    told = Told()
    requests = [asking(Shown()) for _ in range(5)]
    for at, one in enumerate(requests):
        for _ in range(3):
            told.run((*one,), get(0), answers={0: Response(200 + at)})
    assert [told.taken(one, "A") for one in requests] == ["A", "A", "", "", ""]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Shown("5"), 5),
        ([Shown("x, x")], [Shown("x"), Shown("x")]),
        ((Shown("x, x"), 1), (Shown("x"), Shown("x"), 1)),
        ({1: Shown("2")}, {1: 2}),
        ([1, Shown()], [1, Shown()]),
        ({1: Shown()}, {1: Shown()}),
    ],
    ids=repr,
)
def test_what_is_not_the_same_is_told_apart(one: Any, other: Any):
    assert repr(one) == repr(other), "or the text would tell them apart"
    told = Told().run(asking(one), get(0), times=2)
    assert told.taken(asking(other), "A") == ""
    assert told.taken(asking(one), "A") == "A"


ANEW: list[Callable[[], Any]] = [
    lambda: int("1000"),
    lambda: float("1.5"),
    lambda: Decimal("1.5"),
    lambda: bytes([200, 201]),
    lambda: "".join(["on", "e!"]),
    lambda: [int("1000")],
    lambda: (int("1000"), [{"".join(["on", "e!"]): int("1000")}]),
    lambda: {"n": int("1000")},
]


@pytest.mark.parametrize("made", ANEW, ids=lambda made: repr(made()))
def test_the_same_arguments_made_anew_are_the_same(made: Callable[[], Any]):
    one, other = made(), made()
    assert one is not other
    assert Told().run(asking(one), get(0), times=2).taken(asking(other), "A") == "A"


FAILED = {"error": ErrorResponse("Refused", "no", {"Item": image(1)})}
DIFFERING = {
    "another_action": (get(0), call(0, 0, "PutItem")),
    "other_parameters": (get(0), call(0, 0, "GetItem", parameters={"Key": 1})),
    "a_call_and_none": (get(0), (0, None)),
    "no_call_and_one": ((0, None), get(0)),
}


@pytest.mark.parametrize("steps", DIFFERING.values(), ids=DIFFERING)
def test_who_does_another_thing_given_the_same_is_noticed(steps: tuple[Taken, Taken]):
    first, second = steps
    told = Told().run((ALICE,), first)
    with pytest.raises(NondeterministicHandler, match="did two things") as fault:
        told.run((ALICE,), second)
    said = [f"{one.action} {one.parameters}" if one else "answers 200" for _, one in steps]
    assert f"the first time {said[0]};\nthe second time {said[1]}" in str(fault.value)


def test_who_answers_another_thing_given_the_same_is_noticed():
    told = Told().run((ALICE,), get(0))
    with pytest.raises(NondeterministicHandler, match="the first time answers 200;\nthe second time answers 404"):
        told.run((ALICE,), get(0), answers={0: Response(404)})


def test_what_is_not_run_to_its_end_is_compared_too():
    told = Told().run(BOTH, *ONE_AFTER_THE_OTHER)
    told.system.compare(Scenario(BOTH), ONE_AFTER_THE_OTHER[:1], {}, ())
    assert told.taken(BOTH, "AA") == "A", "it ended once"
    with pytest.raises(NondeterministicHandler):
        told.system.compare(Scenario(BOTH), [get(0), get(0, 1)], {}, ())


SEEN = {
    "codes": [{"error": ErrorResponse("Refused", "no")}, {"error": ErrorResponse("Gone", "no")}],
    "messages": [{"error": ErrorResponse("Refused", "no")}, {"error": ErrorResponse("Refused", "never")}],
    "fields": [FAILED, {"error": ErrorResponse("Refused", "no", {"Item": image(2)})}],
    "values": [{"result": {"Item": image(1)}}, {"result": {"Item": image(2)}}],
    "types": [{"result": {"n": 1}}, {"result": {"n": True}}],
    "orders": [{"result": {"a": 1, "b": 1}}, {"result": {"b": 1, "a": 1}}],
    "objects": [{"result": {"n": Shown("1")}}, {"result": {"n": Shown("2")}}],
    "results_and_errors": [{"result": {}}, FAILED],
}


@pytest.mark.parametrize("results", SEEN.values(), ids=SEEN)
def test_what_a_request_sees_decides_what_it_does_next(results: list[dict[str, Any]]):
    told = Told()
    first, second = (call(0, 0, "GetItem", **one) for one in results)
    told.run((ALICE,), first, times=2)
    told.run((ALICE,), second, times=2, answers={0: Response(404)})  # or it would be noticed
    with pytest.raises(NondeterministicHandler):
        told.run((ALICE,), first, answers={0: Response(404)})


@pytest.mark.parametrize("content", [[1000], Shown("\ud800")], ids=["list", "object"])
def test_equal_results_are_the_same_whatever_they_consist_of(content: Any):
    """A list that is in a result twice is equal to two equal lists."""
    twice, two = {"a": content, "b": content}, {"a": content, "b": [1000] if type(content) is list else content}
    told = Told().run((ALICE,), call(0, 0, "GetItem", twice)).run((ALICE,), call(0, 0, "GetItem", two))
    assert told.taken((ALICE,), "A") == "A"


def writing(**others: Any) -> Taken:
    return call(0, 0, "PutItem", {}, footprint=WRITES, **others)


def changing(before: Image | None, after: Image | None, **others: Any) -> Taken:
    return writing(changes=(Change(ITEM, before, after),), **others)


TOKEN = {"ClientRequestToken": "t"}
SAME_STATE = [
    ("a_read", get(0), []),
    ("an_error", call(0, 0, "PutItem", **FAILED), []),
    ("an_error_of_a_write", call(0, 0, "PutItem", footprint=WRITES, **FAILED), []),
    ("an_error_with_a_token", call(0, 0, "TransactWriteItems", parameters=TOKEN, **FAILED), []),
    ("the_same_content", changing(image(0), image(1)), [changing(image(5), image(1), parameters={"Item": {}})]),
    ("the_same_deletion", changing(image(0), None), [changing(image(5), None)]),
    ("the_same_put_again", writing(), [writing()]),
    (
        "the_same_token",
        call(0, 0, "TransactWriteItems", {}, parameters=TOKEN),
        [call(0, 0, "TransactWriteItems", {"more": 1}, parameters=TOKEN)],
    ),
]
OTHER_STATE = [
    ("another_content", changing(image(0), image(1)), [changing(image(0), image(2))]),
    ("another_order", changing(None, {"a": {}, "b": {}}), [changing(None, {"b": {}, "a": {}})]),
    ("a_change", changing(image(0), image(1)), []),
    ("a_deletion", changing(image(0), None), [changing(image(0), image(1))]),
    ("a_put_of_the_same", writing(), []),
    ("another_put_of_the_same", writing(), [writing(parameters={"Item": {}})]),
    ("a_token", call(0, 0, "TransactWriteItems", {}, parameters=TOKEN), []),
    (
        "another_token",
        call(0, 0, "TransactWriteItems", {}, parameters=TOKEN),
        [call(0, 0, "TransactWriteItems", {}, parameters={"ClientRequestToken": "u"})],
    ),
    (
        "a_token_for_another_action",
        call(0, 0, "TransactWriteItems", {}, parameters=TOKEN),
        [call(0, 0, "ExecuteTransaction", {}, parameters=TOKEN)],
    ),
    (
        "a_token_for_something_else",
        call(0, 0, "TransactWriteItems", {}, parameters=TOKEN),
        [call(0, 0, "TransactWriteItems", {}, parameters={**TOKEN, "Items": 1})],
    ),
    ("a_change_with_a_token", changing(image(0), image(1)), [changing(image(0), image(1), parameters=TOKEN)]),
]


def states_after(first: Taken, others: list[Taken]) -> tuple[State, State]:
    """After the first; and after another request's step, or at the beginning."""
    told = Told().run((ALICE,), first, times=2)
    for one in others:
        told.run((BOB,), one, times=2)
    state = told.walk((ALICE,), "A").taken[0][1].state
    return state, told.walk((BOB,), "A").taken[0][1].state if others else told.system.initial


@pytest.mark.parametrize(("first", "others"), [one[1:] for one in SAME_STATE], ids=[one[0] for one in SAME_STATE])
def test_states_that_are_the_same(first: Taken, others: list[Taken]):
    state, other = states_after(first, others)
    assert state is other


@pytest.mark.parametrize(("first", "others"), [one[1:] for one in OTHER_STATE], ids=[one[0] for one in OTHER_STATE])
def test_states_that_are_not(first: Taken, others: list[Taken]):
    state, other = states_after(first, others)
    assert state is not other


def test_the_order_of_what_is_done_to_a_state_is_no_matter():
    """But for puts of the same, nothing is in it that says from which state it was reached."""
    told = Told()
    write, token = changing(image(0), image(1)), call(0, 0, "TransactWriteItems", {}, parameters=TOKEN)
    for principal, steps in ((ALICE, (write, token)), (BOB, (token, write))):
        numbered = [(0, replace(one, number=number)) for number, (_, one) in enumerate(steps) if one is not None]
        told.run((principal,), *numbered, times=2)
    first, second = (told.walk((one,), "AA").taken[1][1].state for one in BOTH)
    assert first is second


def test_a_put_again_of_two_states_leads_to_two():
    told = Told()
    for number in (1, 2):
        steps = put(0, 0, after=number), call(0, 1, "PutItem", {}, footprint=WRITES)
        told.run((Request("alice", f"act{number}"),), *steps, times=2)
    first, second = (told.walk((Request("alice", f"act{number}"),), "AA").taken[1][1].state for number in (1, 2))
    assert first.contents["rewritten"] != second.contents["rewritten"]


@pytest.mark.parametrize(
    ("steps", "size"),
    [
        # A call and what it does in a state; a write leads to a state besides.
        ([get(0)], 2),
        ([get(0), get(0, 1)], 4),
        ([get(0), put(0)], 5),
        ([put(0, 0), put(0, before=1, after=2)], 6),
    ],
)
def test_everything_is_forgotten_once_it_is_more_than_the_most(
    steps: list[Taken], size: int, monkeypatch: pytest.MonkeyPatch
):
    told, order = Told().run((ALICE,), *steps, times=2), "A" * len(steps)
    monkeypatch.setattr(transition_system, "MOST", size)
    assert told.taken((ALICE,), order) == order
    monkeypatch.setattr(transition_system, "MOST", size - 1)
    assert told.taken((ALICE,), order) == ""


def test_what_the_engine_has_said_counts_as_well(monkeypatch: pytest.MonkeyPatch):
    told = Told(put(1, 0, before=7, after=3))
    told.run(BOTH, put(0, 0, after=1), put(1, 0, before=1, after=2), times=2)  # two of each
    monkeypatch.setattr(transition_system, "MOST", 6)
    assert told.taken(BOTH, "B") == "B"
    assert told.taken(BOTH, "B") == ""


def test_requests_keep_their_names_when_everything_is_forgotten():
    """They would be taken for each other in what is learned later."""
    first, second = asking(Shown()), asking(Shown())
    told = Told().run(first, get(0), times=2).run(second, get(0), times=2)
    told.system.forget()
    assert told.taken(first, "A") == ""
    told.run(second, get(0), times=2)
    assert (told.taken(first, "A"), told.taken(second, "A")) == ("", "A")
    assert told.walk(second, "A").taken[0][1].state is told.system.initial
