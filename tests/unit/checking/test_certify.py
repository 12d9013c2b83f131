"""The rules of a verdict, stated a second time as a table, over every combination of evidence."""

from __future__ import annotations

from itertools import product

import pytest

from toctou.verdict import Coverage, Evidence, StopReason, Verdict, certify

COUNTS = (0, 1, 2)

# In the order in which they win: what keeps evidence from a pass, and the reason that is given then.
OBSTACLES = (
    (lambda one: one.stop_reason is not None, lambda one: one.stop_reason),
    (lambda one: one.schedules < 1, lambda _: StopReason.NOTHING_EXPLORED),
    (lambda one: one.coverage == Coverage.NOTHING, lambda _: StopReason.SAMPLED),
    (lambda one: one.coverage == Coverage.BOUND, lambda _: StopReason.BOUNDED),
    (lambda one: one.replayed < 1, lambda _: StopReason.NONDETERMINISTIC),
    (lambda one: one.leaves_undone, lambda _: StopReason.OUTSIDE_CONTROL),
    (lambda one: one.shares_memory, lambda _: StopReason.SHARED_MEMORY),
    (lambda one: one.vacuous is not None, lambda one: one.vacuous),
)

EVERYTHING = [
    Evidence(*each)
    for each in product(
        COUNTS, Coverage, COUNTS, COUNTS, (None, *StopReason), (None, *StopReason), (False, True), (False, True)
    )
]


def expected(evidence):
    if evidence.violations > 0:
        return Verdict.VIOLATED, evidence.stop_reason
    reasons = [reason(evidence) for applies, reason in OBSTACLES if applies(evidence)]
    return (Verdict.INCONCLUSIVE, reasons[0]) if reasons else (Verdict.VERIFIED, None)


def test_every_combination_of_evidence_has_the_verdict_and_the_reason_of_the_rules():
    wrong = [(one, certify(one), expected(one)) for one in EVERYTHING if certify(one) != expected(one)]
    assert wrong[:5] == []


def test_a_pass_needs_all_of_its_evidence():
    verified = [one for one in EVERYTHING if certify(one)[0] is Verdict.VERIFIED]
    assert verified == [
        Evidence(schedules, Coverage.EVERYTHING, replayed, violations=0, stop_reason=None)
        for schedules, replayed in product((1, 2), repeat=2)
    ]


def test_evidence_names_neither_a_vacuous_handler_nor_shared_memory_unless_told():
    least = Evidence(schedules=1, coverage=Coverage.EVERYTHING, replayed=1, violations=0, stop_reason=None)
    assert (least.vacuous, least.shares_memory, least.leaves_undone) == (None, False, False)
    assert certify(least) == (Verdict.VERIFIED, None)


@pytest.mark.parametrize(
    ("parts", "lesser"),
    [
        ((Coverage.EVERYTHING, Coverage.BOUND), Coverage.BOUND),
        ((Coverage.BOUND, Coverage.NOTHING), Coverage.NOTHING),
        ((Coverage.NOTHING, Coverage.EVERYTHING), Coverage.NOTHING),
    ],
)
def test_two_parts_of_a_scope_are_covered_as_the_lesser_one(parts, lesser):
    assert min(parts) is lesser


def test_the_names_that_reports_and_exit_statuses_are_read_by():
    assert {name: str(one) for name, one in Verdict.__members__.items()} == {
        name: name for name in ("VERIFIED", "VIOLATED", "INCONCLUSIVE")
    }
    assert {name: str(one) for name, one in StopReason.__members__.items()} == {
        name: name.lower() for name in StopReason.__members__
    }
