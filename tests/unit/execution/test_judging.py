"""What a model declares reaches its oracles: what is retryable, by whom, and what an invariant asks for besides the items."""

from __future__ import annotations

import pytest
from history_notation import parse

from toctou import Model, handler, invariant
from toctou.errors import ModelError
from toctou.execution.judging import oracles_of
from toctou.history.request import Request, Response


def act(principal): ...


class Busy(Model):
    """Two handlers, of which one says itself what asks for another try."""

    limit = 500

    first = handler(act)
    second = handler(act, retryable={418})


def retryable(model, name, response):
    (oracle,) = [one for one in oracles_of(model, lambda _: pytest.fail("not asked")) if one.name == "linearizability"]
    return oracle._refusals.retryable(Request("alice", name), response)


def statuses(model, name):
    return {status for status in range(100, 600) if retryable(model, name, Response(status))}


def test_a_handler_may_say_what_is_retryable_instead_of_its_model():
    assert statuses(Busy, "first") == {409, 412, 423, 429, 503}
    assert statuses(Busy, "second") == {418}
    chosen = type("Chosen", (Busy,), {"retryable": [404]})
    assert (statuses(chosen, "first"), statuses(chosen, "second")) == ({404}, {418})


def test_a_handler_may_say_that_nothing_is():
    assert statuses(type("Never", (Busy,), {"second": handler(act, retryable=())}), "second") == set()


class Predicates(Busy):
    """The same by predicates: a method of the model, and functions that take the response only."""

    def retryable(self, response):
        return response.status >= self.limit

    second = handler(act, retryable=lambda response: response.body == "again")

    @handler(retryable=lambda self, response: response.status == self.limit)
    def third(self, principal): ...


def test_what_is_retryable_may_be_a_predicate():
    assert statuses(Predicates, "first") == set(range(500, 600))
    assert statuses(Predicates, "third") == {500}
    assert retryable(Predicates, "second", Response(409, "again"))
    assert not retryable(Predicates, "second", Response(409, "never"))
    assert statuses(type("Stricter", (Predicates,), {"limit": 599}), "first") == {599}


def test_what_a_predicate_returns_counts_as_a_truth_value():
    found = type("Bodies", (Busy,), {"retryable": lambda self, response: response.body})
    assert [retryable(found, "first", Response(409, body)) for body in ([], ["x"])] == [False, True]


def test_a_predicate_that_raises_is_the_models_fault():
    broken = type("Broken", (Busy,), {"retryable": lambda self, response: response.body["error"] == "busy"})
    with pytest.raises(ModelError, match="`retryable` of the model raised TypeError"):
        retryable(broken, "first", Response(409))


def found_by(model, name, history):
    (oracle,) = [one for one in oracles_of(model, lambda _: pytest.fail("not asked")) if one.name == name]
    return list(oracle.judge(parse(history)))


class Counting(Model):
    @invariant
    def ids_unique(self, items, responses):
        """No id is given twice.

        By any two requests.
        """
        given = [one.body for one in responses if one.status == 201]
        return len(given) == len(set(given))

    @invariant
    def served_in_turn(self, items, requests, responses):
        return [one.principal for one in requests] == self.turn and len(responses) == len(requests)

    @invariant
    def few(self, items):
        return len(items["Items"]) < 3

    turn = ["alice", "bob", "carol"]


def test_an_invariant_may_be_about_responses():
    assert found_by(Counting, "ids_unique", "A.put(x n=1) B.put(y n=1) A=201(1) B=201(2)") == []
    (finding,) = found_by(Counting, "ids_unique", "A.get(x) B.put(y n=1) C.get(x) A=201(1) B=201(1) C=200(1)")
    assert finding.statement == "afterwards the rule ids_unique is broken (“No id is given twice”)"
    assert finding.requests == (0, 1, 2)  # a response may be wrong without a write


def test_an_invariant_may_be_about_requests_in_the_order_of_the_responses():
    history = "A.get(x) B.get(x) C.get(x)"
    assert found_by(Counting, "served_in_turn", history) == []
    assert len(found_by(type("Other", (Counting,), {"turn": ["bob"]}), "served_in_turn", history)) == 1


def test_an_invariant_that_asks_for_neither_concerns_those_that_wrote():
    (finding,) = found_by(Counting, "few", "A.put(x) B.put(y) C.get(x) A.put(z)")
    assert finding.requests == (0, 1)


@pytest.mark.parametrize(
    ("predicate", "at"),
    [
        (lambda self, items, answers: True, "end"),
        (lambda self, items, responses, answers: True, "end"),
        (lambda self, items, responses: True, "every_step"),
        (lambda self, items, requests: True, "every_step"),
    ],
)
def test_an_invariant_that_asks_for_something_else_is_refused(predicate, at):
    with pytest.raises(ModelError, match="the invariant '<lambda>' takes items, ") as refused:
        invariant(at=at)(predicate)
    assert "`responses` and `requests`" in refused.value.expected


@pytest.mark.parametrize("at", ["end", "every_step"])
def test_an_invariant_on_the_items_may_be_judged_at_either_time(at):
    assert invariant(at=at)(lambda self, items: True).at == at


def test_an_invariant_is_judged_at_no_other_time():
    with pytest.raises(ModelError, match="an invariant is judged at 'start'"):
        invariant(at="start")


def test_oracles_of_a_model_that_declares_nothing():
    names = [one.name for one in oracles_of(Busy, lambda _: pytest.fail("not asked"))]
    assert names == ["linearizability", "no_partial_effect", "no_exception", "overwrites"]
