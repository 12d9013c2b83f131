"""Severity: every row of its tables has a history that it is for, and one thing more or less moves the score."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou.analysis.explain import explain
from toctou.analysis.severity import IMPACTS, SERVICE_FAULTS, Level, level_of, severity
from toctou.history.finding import Finding
from toctou.history.operation import ErrorResponse
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.overwrites import Overwrites
from toctou.oracles.ownership import Ownership

OWNERSHIP = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")
ORDERS = Finding("linearizability", "no serial order fits", (0, 1))
INVARIANT = Finding("within_limit", "three are too many", (0, 1), own=True)
PUTS = "A.put(i1 n=2) A=200 B.put(i1 n=3) B=200"
ITEM = "item i1 owner=alice n=1\n"
ALONE = ITEM + "A alice: act()\nB alice: transfer()\n"
APART = ITEM + "A bob: act()\nB alice: act()\n"
MISTAKEN = "A.get(i1) B.set(i1.owner=carol) B=200 "


def judged(text, oracle=ORDERS):
    execution = parse(text)
    finding = oracle if isinstance(oracle, Finding) else next(iter(oracle.judge(execution)))
    return severity(execution, finding, explain(execution, finding))


CASES = {
    "destroys-others-data": (ALONE + MISTAKEN + "A.delete(i1) A=204", OWNERSHIP, "critical 9.5"),
    "changes-others-data": (ALONE + MISTAKEN + "A.set(i1.n=2) A=200", OWNERSHIP, "high 8.5"),
    "leaves-partial-effect": (ITEM + "A.set(i1.n=2) A=403", NoPartialEffect(), "medium 6.5"),
    "loses-anothers-update": (APART + "A.get(i1) B.get(i1) B.set(i1.n=2) B=200 A.set(i1.n=3)", ORDERS, "medium 6.0"),
    "loses-update": (ALONE + "A.get(i1) B.get(i1) B.set(i1.n=2) B=200 A.set(i1.n=3)", ORDERS, "medium 5.5"),
    "revives-deleted-data": (ALONE + "A.get(i1) B.delete(i1) B=200 A.set(i1.n=2) A=200", ORDERS, "medium 6.5"),
    "fails": (ITEM + "A.get(i1) A=raises(KeyError: 'owner')", NoException(), "medium 4.0"),
    "refuses-with-an-error": (ITEM + "A.get(i1) B.set(i1.n=2) A.set(i1.n=3 if n=1)! A=500", ORDERS, "low 2.5"),
    "answers-wrongly": (ALONE + "A.get(i1) B.set(i1.n=2) B=200 A.get(i1) A=200(3)", ORDERS, "low 3.5"),
    "breaks-invariant": (ALONE + "A.get(i1) A.put(j1) A=200 B.get(i1) B.put(k1) B=200", INVARIANT, "high 7.0"),
    "replaces-unread": (ALONE + PUTS, Overwrites(violation=True), "medium 5.0"),
}


@pytest.mark.parametrize("impact", CASES)
def test_each_impact_is_told_from_the_others(impact):
    text, oracle, told = CASES[impact]
    found = judged(text, oracle)
    assert found.vector.startswith(f"impact:{impact}/"), found
    assert told is None or f"{found.level} {found.score}" == told


def test_every_impact_has_a_case_or_says_why_not():
    elsewhere = {
        "repeats-effect": "tested with its anomaly below",
        "fits-no-order": "tested below",
    }
    assert set(CASES) | set(elsewhere) == {one.name for one in IMPACTS}


def with_anomaly(name, finding=ORDERS):
    execution = parse(CASES["loses-update"][0])
    return severity(execution, finding, replace(explain(execution, finding), anomaly=name)).vector.partition("/")[0]


def test_impacts_that_follow_from_the_name():
    assert with_anomaly("duplicate_effect") == "impact:repeats-effect"
    assert with_anomaly("toctou") == with_anomaly("write_skew") == "impact:fits-no-order"
    assert with_anomaly("write_skew", INVARIANT) == "impact:breaks-invariant"


def test_what_leaves_the_data_right_is_low_however_easily_it_comes_about():
    refused = judged(ITEM + "A.get(i1) B.set(i1.n=2) A.set(i1.n=3 if n=1)! A=raises(Lost: race)", NoException())
    gone = judged(ALONE + "A.get(i1) B.get(i1) B.delete(i1) B=200 A.delete(i1) A=200")
    assert (refused.level, gone.level) == (Level.LOW, Level.LOW)


def test_it_takes_principals_and_preemptions():
    text = CASES["changes-others-data"][0]
    alone, two = judged(text, OWNERSHIP), judged(text.replace("B alice", "B bob"), OWNERSHIP)
    assert alone.vector == "impact:changes-others-data/principals:1/preemptions:1/preconditions:none"
    assert two.vector == "impact:changes-others-data/principals:2/preemptions:1/preconditions:none"
    assert (alone.score, two.score) == (8.5, 8.0)
    twice = judged(ALONE + "A.get(i1) B.set(i1.owner=carol) A.get(i1) B.get(i1) B=200 A.set(i1.n=2) A=200", OWNERSHIP)
    assert "preemptions:3" in twice.vector
    assert twice.score == 7.5


def test_a_request_that_is_wrong_alone_is_the_easiest():
    found = judged(ITEM + "A bob: act()\nA.delete(i1) A=204", OWNERSHIP)
    assert (found.level, found.score) == (Level.CRITICAL, 10.0)
    assert found.vector == "impact:destroys-others-data/principals:1/preemptions:0/preconditions:none"


def test_a_fault_or_a_weak_read_makes_it_harder():
    text, _, _ = CASES["changes-others-data"]
    execution = parse(text)
    (finding,) = OWNERSHIP.judge(execution)
    explanation = explain(execution, finding)
    throttled = replace(execution.operations[0], error=ErrorResponse("ThrottlingException", "slow down"))
    faulty = replace(execution, operations=(throttled, *execution.operations[1:]))
    assert severity(faulty, finding, explanation).vector.endswith("preconditions:fault")
    assert severity(faulty, finding, explanation).score == 7.0
    refused = replace(throttled, error=ErrorResponse("ConditionalCheckFailedException", "no"))
    unrelated = replace(execution, operations=(refused, *execution.operations[1:]))
    assert severity(unrelated, finding, explanation).vector.endswith("preconditions:none")
    weak = judged(ALONE + "B.set(i1.owner=carol) B=200 A.get(i1@0) A.set(i1.n=2) A=200", OWNERSHIP)
    assert weak.vector == "impact:changes-others-data/principals:1/preemptions:0/preconditions:stale-read"
    assert weak.score == 8.0
    assert "ConditionalCheckFailedException" not in SERVICE_FAULTS


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (10.0, "critical"),
        (9.0, "critical"),
        (8.9, "high"),
        (7.0, "high"),
        (6.9, "medium"),
        (4.0, "medium"),
        (3.9, "low"),
    ],
)
def test_levels_begin_where_those_of_cvss_do(score, level):
    assert level_of(score) == level
