"""Linearizability against a reference: what a serial order explains passes, everything else names the closest order."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.errors import ModelError
from toctou.history.finding import SerialOrder
from toctou.history.request import HandlerException, Response
from toctou.oracles import linearizability
from toctou.oracles.ignored import Ignored
from toctou.oracles.linearizability import Linearizability
from toctou.oracles.refusals import Refusals
from toctou.oracles.serial_order import matches, participants, refuses


class Items:
    """Owned items: only their owner may transfer or delete them; `read` answers with the owner."""

    def __init__(self):
        self.steps = 0

    def state_of(self, items):
        return {item["item_id"]: item["owner"] for item in items["Items"]}

    def step(self, state, request):
        self.steps += 1
        name, owner = request.values["item_id"], state.get(request.values["item_id"])
        if request.handler == "read":
            return state, Response(200, owner)
        if owner is None:
            return state, 404
        if owner != request.principal:
            return state, 403
        rest = {item: value for item, value in state.items() if item != name}
        return (rest, 204) if request.handler == "delete" else ({**rest, name: request.values["to"]}, 200)


START = """
item x owner=alice
A alice: delete(item_id='x')
B alice: transfer(item_id='x', to='bob')
"""
READ = "C carol: read(item_id='x')\n"


BY_DEFAULT = Refusals()


def judge(text, refusals=BY_DEFAULT):
    return list(Linearizability(Items(), refusals).judge(parse(START + text)))


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) A.delete(x) A=204 B.get(x) B=404",
        "A.get(x) B.get(x) A.delete(x) A=204 B.set(x.owner=bob if exists)! B=404",
        "A.get(x) B.get(x) B.set(x.owner=bob) B=200 A.delete(x if owner=alice)! A=403",
        "A.get(x) B.set(x.owner=bob) B=200 A.delete(x if owner=alice)! A=409",
        "A.get(x) A=409 B.get(x) B=503",
        READ + "C.get(x) A.delete(x) A=204 B.get(x) B=404 C=200('alice')",
        READ + "C.get(x) A.delete(x) A=204 B.get(x) B=404 C=200(None)",
    ],
    ids=["serial", "concurrent", "refused_403", "retryable_refusal", "all_refused", "reads_the_start", "reads_the_end"],
)
def test_accepts(events):
    assert judge(events) == []


def test_rejects_a_lost_transfer_and_names_the_closest_order():
    (finding,) = judge("A.get(x) B.get(x) B.set(x.owner=bob) B=200 A.delete(x) A=204")
    assert finding.oracle == "linearizability"
    assert finding.requests == (0, 1)
    assert finding.closest.requests == (1, 0)
    assert finding.closest.explained == 1
    assert finding.closest.contradiction == (
        "A (alice)'s delete answered 204, but after B (alice)'s transfer it would have answered 403"
    )
    assert finding.statement.startswith(
        "no serial order of A (alice)'s delete (204) and B (alice)'s transfer (200) gives these responses"
    )


def test_the_closest_order_is_the_one_that_explains_most_not_the_one_tried_first():
    (finding,) = judge("A.get(x) B.get(x) B.set(x.owner=bob) A=404 B=200", Refusals(exact=True))
    assert (finding.closest.requests, finding.closest.explained) == ((1, 0), 1)


def test_rejects_what_real_time_rules_out():
    stale = "A.delete(x) A=204 C.get(x) C=200('alice') B.get(x) B=404"
    assert judge(READ + stale.replace("A=204 C.get(x)", "C.get(x) A=204")) == []
    (finding,) = judge(READ + stale)
    assert finding.closest.explained == 1
    assert finding.closest.requests == (0, 2, 1)
    assert (
        "carol's read answered 200 'alice', but after A (alice)'s delete it would have answered 200"
        in finding.statement
    )


def test_rejects_a_state_that_the_responses_do_not_explain():
    (finding,) = judge("A.get(x) A=204 B.get(x) B=404")
    assert finding.closest.explained == 2
    assert finding.closest.contradiction == (
        "after A (alice)'s delete, then B (alice)'s transfer, 'x' would not exist, but is stored as 'alice'"
    )


@pytest.mark.parametrize(
    ("events", "difference"),
    [
        (
            "A.delete(x) A=403 B.get(x) B=409",
            "A (alice)'s delete answered 403, but run first it would have answered 204",
        ),
        ("A.get(x) A=409 B.set(x.owner=carol) B=200", "owner of Items[x] would be 'bob', but it is 'carol'"),
        ("A.get(x) A=409 B.delete(x) B=200", "'x' would be stored as 'bob', but is missing"),
    ],
)
def test_rejects_one_request_that_is_wrong_alone(events, difference):
    (finding,) = judge(events)
    assert "behaved differently than it does alone" in finding.statement
    assert finding.statement.endswith(difference)


def test_a_refusal_that_changed_something_is_not_excluded():
    (finding,) = judge("A.delete(x) A=409 B.get(x) B=404")
    assert 0 in finding.requests


def test_which_refusals_are_retryable_is_the_models_choice():
    execution = parse(START + "A.get(x) A=409 B.get(x) B=503")
    assert list(Linearizability(Items(), Refusals.of_statuses({409, 503})).judge(execution)) == []
    assert list(Linearizability(Items(), Refusals.of_statuses({409})).judge(execution))


REFUSED = "A.get(x) B.get(x) B.set(x.owner=bob) A=404 B=200"


def test_a_rejection_is_as_good_as_another():
    """Whether the owner or the item was looked at first decides between 403 and 404, as long as neither has an effect."""
    assert judge(REFUSED) == []
    (finding,) = judge(REFUSED, Refusals(exact=True))
    assert "answered 404, but after B (alice)'s transfer it would have answered 403" in finding.statement
    (changed,) = judge(REFUSED.replace("A=404", "A.put(y owner=alice) A=404"))
    assert "404" in changed.statement


def test_a_rejection_of_what_would_have_been_accepted_is_not():
    assert judge(READ + "C.get(x) C=404 A.get(x) A=409 B.get(x) B=409"), "the item was there all the time"
    assert judge("A.get(x) A=404 B.get(x) B=409"), "alone, the delete answers 204"


def test_which_rejections_are_left_out_may_be_a_predicate():
    execution = parse(START + "A.get(x) A=200({'conflict': True}) B.get(x) B=409")
    conflicts = Refusals(lambda _, response: response.status == 409 or response.body == {"conflict": True})
    assert list(Linearizability(Items(), conflicts).judge(execution)) == []
    assert list(Linearizability(Items()).judge(execution))


def test_steps_of_the_reference_are_taken_once_per_scenario():
    specification = Items()
    oracle = Linearizability(specification)
    execution = parse(START + "A.get(x) A.delete(x) A=204 B.get(x) B=404")
    for _ in range(3):
        assert list(oracle.judge(execution)) == []
    assert specification.steps == 2
    other = parse(START.replace("owner=alice", "owner=bob") + "A.get(x) A=403 B.get(x) B=403")
    assert list(oracle.judge(other)) == []
    assert specification.steps == 4


def test_what_is_remembered_of_a_scenario_has_a_bound_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(linearizability, "MOST_NODES", 3)
    oracle = Linearizability(Items())
    right = parse(START + READ + "C.get(x) A.delete(x) A=204 B.get(x) B=404 C=200('alice')")
    wrong = parse(START + READ + "C.get(x) A.delete(x) A=204 B.get(x) B=404 C=200('bob')")
    for _ in range(3):
        assert list(oracle.judge(right)) == []
        assert list(oracle.judge(wrong)) == list(Linearizability(Items()).judge(wrong)) != []
        assert len(oracle._walked._nodes) <= 3 + len(right.requests)


def test_a_reference_that_raises_is_the_models_fault():
    with pytest.raises(ModelError, match=r"`state_of` of the specification raised KeyError"):
        list(Linearizability(Items()).judge(parse("item x n=1\nA.get(x)")))


def test_a_request_that_performs_nothing_stands_behind_what_had_ended_by_then():
    """The order of answers agrees with real time, so that the search may begin with it."""
    execution = parse("A alice: f()\nB bob: g()\nitem x n=0\nB.set(x.n=1) B=200 A=200")
    assert execution.precedes(1, 0)
    assert participants(execution, Refusals.of_statuses(())) == (1, 0)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("A.get(x) A.delete(x) A=204 B.get(x) B=404", SerialOrder((0, 1), 2, "")),
        ("A.get(x) B.get(x) B=404 A.delete(x) A=204", SerialOrder((0, 1), 2, "")),
        ("A.get(x) A=409 B.get(x) B=503", SerialOrder((), 0, "")),
    ],
    ids=["as_they_answered", "another_order", "none_takes_part"],
)
def test_the_closest_order_of_what_is_explained_contradicts_nothing(text, order):
    assert Linearizability(Items()).closest(parse(START + text)) == order


def test_the_closest_order_says_what_should_have_been_answered_first():
    found = Linearizability(Items()).closest(parse(START + "A.get(x) B.get(x) A.delete(x) A=204 B=200"))
    assert found == SerialOrder((0, 1), 1, found.contradiction, 404)
    stored = Linearizability(Items()).closest(parse(START + "A.get(x) A=204 B=404"))
    assert stored == SerialOrder((0, 1), 2, stored.contradiction, None)


@pytest.mark.parametrize(
    ("expected", "observed", "equal"),
    [
        (200, Response(200, "body", headers=[("etag", "1")]), True),
        (200, Response(201), False),
        (Response(200, "a"), Response(200, "a"), True),
        (Response(200, "a"), Response(200, "b"), False),
        (Response(200, "a"), Response(201, "a"), False),
        (Response(200, headers=[("etag", "1")]), Response(200, headers=[("etag", "2")]), False),
        (Response(500), Response(500, exception=HandlerException("KeyError", "")), True),
    ],
)
def test_a_response_is_the_expected_one_if_all_that_is_specified_is_the_same(expected, observed, equal):
    assert matches(expected, observed) is equal


@pytest.mark.parametrize(("status", "refused"), [(403, True), (404, True), (409, True), (200, False), (500, False)])
def test_what_rejects_because_of_the_state(status, refused):
    assert refuses(status) is refuses(Response(status)) is refused
    assert BY_DEFAULT.interchangeable(Response(status)) is refused
    assert not Refusals(exact=True).interchangeable(Response(status))
    assert not BY_DEFAULT.interchangeable(Response(status, exception=HandlerException("Conflict", "")))


class Scripted:
    """A number, or whatever the script puts there; each request does what it says."""

    def __init__(self, **steps):
        self.steps = steps

    def state_of(self, items):
        (item,) = items["Items"]
        return item.get("state", item["n"])

    def step(self, state, request):
        after, answer = self.steps[request.principal]
        return (after(state) if callable(after) else after), answer


def scripted(text, **steps):
    return list(Linearizability(Scripted(**steps)).judge(parse("item x n=1\n" + text)))


def test_a_rejection_that_has_an_effect_in_the_reference_is_not_as_good_as_another():
    text = "A.get(x) A=403 B.set(x.n=5) B=200"
    assert scripted(text, alice=(lambda n: n, 404), bob=(5, 200)) == []
    assert scripted(text, alice=(lambda n: n + 1, 404), bob=(5, 200))


@pytest.mark.parametrize(("after", "shown"), [(6, "6"), ({"n": 5}, "{'n': 5}")])
def test_states_that_are_no_mappings_are_shown_as_a_whole(after, shown):
    (finding,) = scripted("A.set(x.n=5)", alice=(after, 200))
    assert finding.statement.endswith(f"the state would be {shown}, but it is 5")


class AsMapping(Scripted):
    def state_of(self, items):
        return {"n": super().state_of(items)}


def test_neither_is_a_mapping_compared_with_what_is_none():
    oracle = Linearizability(AsMapping(alice=(6, 200)))
    (finding,) = oracle.judge(parse("item x n=1\nA.set(x.n=5)"))
    assert finding.statement.endswith("the state would be 6, but it is {'n': 5}")


def test_a_reference_may_say_something_about_headers_or_nothing():
    execution = parse("item x n=1\nA.get(x)")
    execution = replace(execution, responses=(Response(200, headers=[("etag", "1")]),))
    for answer, accepted in [
        (200, True),
        (Response(200), True),
        (Response(200, headers=[("etag", "1")]), True),
        (Response(200, headers=[("etag", "2")]), False),
        (Response(201), False),
    ]:
        oracle = Linearizability(Scripted(alice=(1, answer)))
        assert (list(oracle.judge(execution)) == []) is accepted, answer


def test_what_the_model_ignores_of_a_body_is_left_out():
    execution = parse("item x n=1\nA.get(x) A=200({'id': 1, 'n': 1})")
    specification = Scripted(alice=(1, Response(200, {"id": 2, "n": 1})))
    assert list(Linearizability(specification, ignored=Ignored({"body": ["id"]})).judge(execution)) == []
    assert list(Linearizability(specification).judge(execution))


def test_other_requests_on_the_same_items_are_walked_anew():
    oracle = Linearizability(Items())
    assert list(oracle.judge(parse(START + "A.get(x) A.delete(x) A=204 B.get(x) B=404"))) == []
    reads = START.replace("delete", "read")
    assert list(oracle.judge(parse(reads + "A.get(x) A=200('alice') B.get(x) B.set(x.owner=bob) B=200"))) == []
    assert list(oracle.judge(parse(reads.replace("alice\nA", "carol\nA") + "A.get(x) A=200('carol') B=403"))) == []
