"""The same decision without a reference: the handlers' own serial runs are the specification."""

import pytest
from history_notation import parse

from toctou.oracles.serial_runs import SerialRuns

START = "item x n=0\nA alice: increment(item_id='x')\nB bob: increment(item_id='x')\n"


def serial(order):
    """Increment one after the other; answers with the sum."""
    events = " ".join(f"{'AB'[who]}.set(x.n={turn + 1}) {'AB'[who]}=200({turn + 1})" for turn, who in enumerate(order))
    run = parse(START + events)
    return tuple(run.responses[who] for who in order), run.final


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) A.set(x.n=1) A=200(1) B.get(x) B.set(x.n=2) B=200(2)",
        "A.get(x) B.get(x) B.set(x.n=1) B=200(1) A.set(x.n=2) A=200(2)",
        "A.get(x) B.get(x) B.set(x.n=1) B=200(1) A.set(x.n=2 if n=0)! A=409",
        "A.get(x) A=409 B.get(x) B=409",
    ],
    ids=["serial", "other_order", "refusal_excluded", "all_refused"],
)
def test_accepts(events):
    assert list(SerialRuns(serial).judge(parse(START + events))) == []


@pytest.mark.parametrize(
    ("events", "explained", "contradiction"),
    [
        (
            "A.get(x) B.get(x) A.set(x.n=1) A=200(1) B.set(x.n=1) B=200(1)",
            1,
            "bob's increment answered 200 1, but after alice's increment it would have answered 200 2",
        ),
        (
            "A.get(x) B.get(x) A.set(x.n=1) A=200(1) B.set(x.n=1) B=200(2)",
            2,
            "after alice's increment, then bob's increment, Items would hold item_id='x', n=2, "
            "but it holds item_id='x', n=1",
        ),
        (
            "A.set(x.n=1) A=200(2) B.set(x.n=2) B=200(1)",
            0,
            "alice's increment answered 200 2, but run first it would have answered 200 1",
        ),
        (
            "A.delete(x) A=200(1) B.get(x) B=409",
            1,
            "after alice's increment, Items would hold item_id='x', n=1, but is missing",
        ),
        (
            "A.put(y n=1) A=409 B.get(x) B=409",
            0,
            "alice's increment answered 409, but run first it would have answered 200 1",
        ),
    ],
    ids=["lost_update", "state_only", "real_time", "missing", "refusal_with_effect"],
)
def test_rejects(events, explained, contradiction):
    (finding,) = SerialRuns(serial).judge(parse(START + events))
    assert finding.oracle == "linearizability"
    assert finding.closest.explained == explained
    assert finding.closest.contradiction == contradiction


def test_a_surplus_item_is_named():
    (finding,) = SerialRuns(serial).judge(parse(START + "A.set(x.n=1) A.put(y n=7) A=200(1) B.get(x) B=409"))
    assert (
        finding.closest.contradiction == "after alice's increment, Items would not hold item_id='y', n=7, but it does"
    )
