"""What fails a run: severities, a baseline and comments; and what is said of entries and comments that nothing needs."""

import datetime as dt
from dataclasses import replace

import pytest
from sample_reports import make_model, make_run, make_violation
from test_report_findings import elsewhere

from toctou.reporting.acceptance import LEVELS, Policy, gone
from toctou.reporting.baseline import Baseline, Entry, accepted_in, merged
from toctou.reporting.findings import findings
from toctou.reporting.run_document import documents
from toctou.verdict import StopReason, Verdict

TODAY = dt.date(2030, 6, 1)


def run_of(*violations, **changed):
    """The document of a run that has explored everything, and found these."""
    model = make_model(*violations)
    verdict = Verdict.VIOLATED if violations else Verdict.VERIFIED
    whole = {"verdict": verdict, "stop_reason": None}
    explored = tuple(replace(one, **whole) for one in model.scenarios)
    model = replace(model, scenarios=explored, **{**whole, "unreached": (), **changed})
    run, _ = documents(replace(make_run(model), strategy="dpor"))
    return run


def outcome(run, **policy):
    Policy(today=TODAY, **policy).judge(run)
    return run["outcome"]


def test_what_the_sample_is():
    run = run_of(make_violation())
    assert [one["severity"]["level"] for one in run["findings"]] == ["critical"]
    assert outcome(run) == {
        "fail_on": "any",
        "exit_status": 1,
        "failing": 1,
        "accepted": 0,
        "below": [],
        "notes": [],
    }


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("severity", LEVELS[1:])
def test_a_finding_fails_from_its_severity_on(level, severity):
    run = run_of(make_violation())
    run["findings"][0]["severity"]["level"] = severity
    fails = LEVELS.index(severity) >= LEVELS.index(level)
    found = outcome(run, fail_on=level)
    assert found["exit_status"] == int(fails)
    assert found["below"] == ([] if fails else [run["findings"][0]["fingerprint"]])


def accepting(run, **entry):
    return merged(Baseline(), [replace(one, **entry) for one in accepted_in(run)], reason="known")


def test_an_accepted_finding_fails_nothing_and_a_new_one_does():
    baseline = accepting(run_of(make_violation()))
    run = run_of(make_violation())
    assert outcome(run, baseline=baseline)["exit_status"] == 0
    assert run["findings"][0]["accepted"] == {"by": "baseline", "where": "toctou-baseline.json", "reason": "known"}
    run = run_of(make_violation(), elsewhere(make_violation()))
    assert len(run["findings"]) == 2
    found = outcome(run, baseline=baseline)
    assert (found["exit_status"], found["failing"], found["accepted"]) == (1, 1, 1)


@pytest.mark.parametrize(("expires", "status"), [("2030-06-01", 0), ("2030-05-31", 1), ("2031-01-01", 0)])
def test_an_entry_is_accepted_up_to_its_last_day(expires, status):
    run = run_of(make_violation())
    baseline = merged(Baseline(), accepted_in(run), reason="known", expires=expires)
    found = outcome(run, baseline=baseline)
    assert found["exit_status"] == status
    assert [expires in note for note in found["notes"]] == ([True] if status else [])


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": Verdict.INCONCLUSIVE, "stop_reason": StopReason.MAX_SECONDS},
        {"stop_reason": StopReason.MAX_SCHEDULES},
        {"unreached": (("transfer", "never accepted"),)},
    ],
    ids=str,
)
def test_accepting_everything_makes_nothing_pass_that_was_not_explored(changed):
    run = run_of(make_violation())
    baseline = accepting(run)
    cut = run_of(make_violation(), **changed)
    assert outcome(cut, baseline=baseline)["exit_status"] == 3
    assert outcome(cut)["exit_status"] == 1


def test_a_sampled_run_passes_for_nothing():
    run = run_of(make_violation())
    run["strategy"] = "random"
    assert outcome(run, baseline=accepting(run_of(make_violation())))["exit_status"] == 3


def test_faults_and_invalid_models_keep_their_status():
    run = run_of(make_violation())
    run["faults"] = [{"where": "", "text": "broken"}]
    assert outcome(run)["exit_status"] == 70
    run = run_of(make_violation())
    run["models"][0]["stop_reason"] = "refused"
    assert outcome(run)["exit_status"] == 2


def test_what_is_gone_is_told_only_where_it_would_have_been_found():
    baseline = accepting(run_of(make_violation()))
    fixed = run_of()
    assert [one.fingerprint for one in gone(baseline, fixed)] == list(baseline.entries)
    (note,) = outcome(fixed, baseline=baseline)["notes"]
    assert "no longer found" in note
    assert "toctou baseline --prune" in note
    (other,) = outcome(fixed, baseline=replace(baseline, file="ci/known ones.json"))["notes"]
    assert "toctou baseline -o 'ci/known ones.json' --prune" in other
    (entry,) = baseline.entries.values()

    def is_gone(run=fixed, **changed):
        return bool(gone(Baseline(entries={entry.fingerprint: replace(entry, **changed)}), run))

    assert is_gone()
    assert not is_gone(model="elsewhere/other.py:Other")
    assert is_gone(model="checks/delete_item.py:ReadThenDelete")  # the same, from another directory
    assert not is_gone(handler="no_such_handler")
    assert not is_gone(requests=3)
    assert not is_gone(reads="eventual:2")
    inconclusive = {**fixed, "models": [{**fixed["models"][0], "verdict": "INCONCLUSIVE"}]}
    assert not is_gone(inconclusive)
    assert not is_gone({**fixed, "strategy": "pos"})


def comment(**changed):
    return {"file": "app.py", "line": 7, "names": [], "reason": "the last one wins", **changed}


@pytest.mark.parametrize(
    ("names", "reason", "status", "note"),
    [
        ([], "the last one wins", 0, ""),
        (["toctou"], "the last one wins", 0, ""),
        (["ownership"], "the last one wins", 0, ""),
        (["phantom"], "the last one wins", 1, "does not cover toctou"),
        (["toctou"], "", 1, "it gives no reason"),
        ([], "[toctou the last one wins", 1, "its bracket is not closed"),
    ],
)
def test_a_comment_accepts_what_it_names_and_gives_a_reason_for(names, reason, status, note):
    run = run_of(make_violation())
    run["findings"][0]["accepts"] = [comment(names=names, reason=reason)]
    found = outcome(run)
    assert found["exit_status"] == status
    assert [note in one for one in found["notes"]] == ([True] if note else [])


def test_a_comment_has_to_cover_every_violation_of_a_finding():
    run = run_of(make_violation())
    (finding,) = run["findings"]
    other = {**finding["scenarios"][0], "anomaly": "lost_update", "oracle": "linearizability"}
    finding["scenarios"] = [*finding["scenarios"], other]
    finding["anomalies"] = [*finding["anomalies"], "lost_update"]
    finding["accepts"] = [comment(names=["toctou"])]
    assert outcome(run)["exit_status"] == 1
    finding["accepts"] = [comment(names=["toctou", "linearizability"])]
    assert outcome(run)["exit_status"] == 0


def test_what_is_harmless_beside_a_finding_need_not_be_accepted_by_name():
    run = run_of(make_violation())
    (finding,) = run["findings"]
    harmless = {**finding["scenarios"][0], "anomaly": "outdated_answer", "oracle": "linearizability"}
    finding["scenarios"] = [*finding["scenarios"], harmless]
    finding["accepts"] = [comment(names=["toctou"])]
    assert outcome(run)["exit_status"] == 0


def test_a_comment_that_nothing_needs_is_told_once_its_model_is_explored():
    run = run_of()
    model = run["models"][0]["model"]
    (note,) = outcome(run, comments=[comment(model=model)])["notes"]
    assert note.startswith("app.py:7: nothing that this comment accepts was found")
    assert outcome(run, comments=[comment(model="other.py:Other")])["notes"] == []
    run["models"][0]["stop_reason"] = "max_seconds"
    assert outcome(run, comments=[comment(model=model)])["notes"] == []


def test_a_finding_has_the_comments_of_its_cause():
    _, stored = documents(make_run(make_model(make_violation())))
    (document,) = stored.values()
    document["cause"]["accepts"] = [comment()]
    assert findings([document])[0]["accepts"] == [comment()]


def test_entries_are_those_of_findings_that_no_comment_accepts():
    run = run_of(make_violation(), elsewhere(make_violation()))
    run["findings"][1]["accepts"] = [comment()]
    outcome(run)
    assert [one.fingerprint for one in accepted_in(run)] == [run["findings"][0]["fingerprint"]]
    (named,) = accepted_in(run, [run["findings"][1]["fingerprint"]])
    assert isinstance(named, Entry)
