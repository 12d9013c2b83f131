"""What two deliveries of one event leave has to be what one leaves, beside what other requests did."""

from __future__ import annotations

import pytest
from history_notation import parse

from toctou.oracles.exactly_once import ExactlyOnce
from toctou.oracles.ignored import Ignored
from toctou.oracles.no_exception import NoException
from toctou.oracles.serial_runs import SerialRuns
from toctou.oracles.varying import Outcome, Variants

START = "item x n=0\nA sqs: work(id='1')\nB sqs: work(id='1')\nC alice: reset()\n"


def serial(order):
    """Each delivery increments n, and C sets it to 10."""
    n, events = 0, []
    for who in order:
        n = 10 if who == 2 else n + 1
        events.append(f"{'ABC'[who]}.set(x.n={n}) {'ABC'[who]}=200")
    run = parse(START + " ".join(events) + " ")
    return tuple(run.responses[who] for who in order), run.final


def judged(events, handlers=("work",), **options):
    return list(ExactlyOnce(handlers, SerialRuns(serial, **options)).judge(parse(START + events)))


@pytest.mark.parametrize(
    "events",
    [
        "A.set(x.n=1) A=200 B=200 C.set(x.n=10) C=200",
        "A=200 B.set(x.n=1) B=200 C.set(x.n=10) C=200",
        "A=200 C.set(x.n=10) C=200 B.set(x.n=11) B=200",
        "A.get(x) B.get(x) A.set(x.n=1) B.set(x.n=1) A=200 B=200 C.set(x.n=10) C=200",
        "A.get(x) A=raises(KeyError: 'n') C.set(x.n=10) C=200 B=503",
    ],
    ids=["first_counts", "second_counts", "second_counts_later", "same_value_twice", "both_failed"],
)
def test_accepts(events):
    assert judged(events) == []


@pytest.mark.parametrize(
    ("events", "effects"),
    [
        ("C.set(x.n=10) C=200 A.add(x.n=1) A=200 B.add(x.n=1) B=200", "both deliveries changed n of Items[x]"),
        ("C.set(x.n=10) C=200 A.add(x.n=1) A=500 B.add(x.n=1) B=200", "both deliveries changed n of Items[x]"),
        (
            "C.set(x.n=10) C=200 A.set(x.n=11) A=200 B.put(y n=1) B=200",
            "each had an effect: one changed n of Items[x] from 10 to 11, another one created Items[y]",
        ),
        ("C.set(x.n=10) C=200 A.get(x) A=200 B.get(x) B=200", "no delivery changed anything"),
        ("A.set(x.n=7) A=200 B=200 C.get(x) C=409", "only one delivery changed anything"),
    ],
    ids=["both_count", "the_one_that_failed_counts_too", "different_effects", "none_counts", "another_effect"],
)
def test_rejects(events, effects):
    (finding,) = judged(events)
    assert finding.requests == (0, 1)
    assert finding.statement.startswith(f"work was delivered twice, and {effects}: delivered once, Items would ")


def test_real_time_says_what_the_others_found():
    # One delivery before C leaves 10 and one behind it 11; with both before C, none can stand behind.
    assert judged("A.set(x.n=1) A=200 B.set(x.n=1) B=200 C.set(x.n=11) C=200")


def test_equal_requests_of_other_handlers_are_requests_of_their_own():
    assert judged("A.add(x.n=1) A=200 B.add(x.n=1) B=200 C=409", handlers=["other"]) == []


def test_what_the_model_ignores_may_count_twice():
    events = "C.set(x.n=10) C=200 A.add(x.n=1) A=200 B.add(x.n=1) B=200"
    assert judged(events, ignored=Ignored({"Items": ["n"]})) == []


class Clock:
    """Every run stores another value at y.at with another clock."""

    def order(self, order, script=()):
        return self.variants(serial(order)[1])

    def execution(self, execution):
        return self.variants(execution.final)

    def variants(self, stored):
        later = [{name: {"N": "8"} if name == "n" else value for name, value in one.items()} for one in stored["Items"]]
        return Variants(clock=[Outcome((), {"Items": later})])


def test_what_varies_with_the_clock_may_be_of_either_delivery():
    events = "A.set(x.n=1) A=200 B.set(x.n=2) B=200 C=409"
    assert judged(events)
    oracle = ExactlyOnce(["work"], SerialRuns(serial, vary=Clock()))
    assert list(oracle.judge(parse(START + events))) == []
    assert "Items.n varies" in next(iter(oracle.remarks(parse(START + events))))


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ("A.get(x) B.get(x) B=raises(KeyError: 'n') A.set(x.n=1) A=200 C=200", 0),
        ("A.get(x) A.set(x.n=1) A=200 B.get(x) B=raises(KeyError: 'n') C=200", 1),
        ("A.get(x) C.get(x) C=raises(KeyError: 'n') A.set(x.n=1) A=200 B=200", 1),
    ],
    ids=["meets_another", "comes_later", "no_delivery"],
)
def test_a_delivery_may_raise_while_another_one_runs(events, found):
    assert len(list(NoException(["work"]).judge(parse(START + events)))) == found
