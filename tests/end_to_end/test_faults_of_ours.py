"""Whatever fails in toctou itself, the run is not lost: what it occurred in is reported without that part, with status 70."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from written_models import FIXED, RACY

from toctou.analysis import explain as explaining
from toctou.checking import check as checking
from toctou.counterexample import confirmation, presentation, violation
from toctou.distribution import work_queue, workers
from toctou.errors import InternalError
from toctou.execution import judging
from toctou.execution.laboratory import Laboratory
from toctou.reporting import document, run_text, write
from toctou.reporting.registry import RENDERERS
from toctou.search import bench, repetition

SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "run.schema.json").read_text(encoding="utf-8"))


def fail(*_: Any, **__: Any) -> Any:
    raise LookupError("something that cannot be")


def in_racy(original: Any) -> Any:
    """The function, which fails for the racy model only."""

    def called(*arguments: Any, **options: Any) -> Any:
        first = arguments[0]
        model = getattr(first, "model", getattr(getattr(first, "loaded", None), "model", None))
        return fail() if model is not None and model.__name__ == "Racy" else original(*arguments, **options)

    return called


@pytest.fixture
def checked(folder: Path, command: Any) -> Any:
    """Checks both models; returns what ended, and the document of the run."""
    (folder / "racy.py").write_text(RACY)
    (folder / "zfixed.py").write_text(FIXED)

    def run(*options: str) -> tuple[Any, dict[str, Any]]:
        ended = command("check", folder, "--report", "reports", *options)
        run = json.loads((folder / "reports" / "run.json").read_text(encoding="utf-8"))
        jsonschema.validate(run, SCHEMA)
        assert sorted(run["files"]) == sorted(one.name for one in (folder / "reports").iterdir())
        return ended, run

    return run


def verdicts(run: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(model["verdict"], model["stop_reason"]) for model in run["models"]]


PARTS = {
    "naming": (judging, "identities", "unnamed"),
    "the explanation": (presentation, "explain", "the explanation failed"),
    "its headline": (explaining, "headline", "the explanation failed"),
    "the severity": (violation, "severity", "the explanation failed"),
    "fewer items": (presentation, "with_fewer_items", "the search for a counterexample with fewer items failed"),
    "accesses": (presentation, "tracked", "the record of what handlers accessed failed"),
    "the closest order": (presentation, "_placed", "the closest serial order failed"),
    "simpler schedules": (repetition, "simplest", "the search for a simpler counterexample failed"),
    "the second backend": (confirmation, "_replay", "the confirmation on moto failed"),
    "opening the second backend": (bench, "_confirmed", "the confirmation on moto failed"),
    "the display": (checking.Silent, "end_scenario", ""),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_finding_is_reported_without_the_part_that_cannot_be_made(checked, monkeypatch, part):
    where, name, said = PARTS[part]
    if part == "the severity":  # of what is explained; that of what is not cannot fail
        rated = violation.severity
        monkeypatch.setattr(where, name, lambda *of: fail() if of[-1].cycle else rated(*of))
    else:
        monkeypatch.setattr(where, name, fail)
    ended, run = checked("--format", "json")
    if part in ("naming", "the display"):  # a name that is missing costs nothing else, and nothing was displayed
        assert ended.status == 1
        return
    assert ended.status == 70
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]
    (finding,) = run["findings"]
    assert "LookupError: something that cannot be" in run["faults"][0]["text"]
    assert said in run["faults"][0]["text"]
    assert run["faults"][0]["where"] == "racy.py:Racy"
    assert "please report" in ended.err
    assert "in fail" in ended.err, "where it happened"
    report = json.loads(Path("reports", finding["report"]).read_text(encoding="utf-8"))
    assert said in report["faults"][0]
    assert said in Path("reports", finding["report"]).with_suffix(".html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("where", "name"), [(Laboratory, "execute"), (Laboratory, "opened"), (bench, "Explorer")], ids=str
)
def test_a_fault_in_one_model_leaves_the_others(checked, monkeypatch, where, name):
    monkeypatch.setattr(where, name, in_racy(getattr(where, name)))
    assert_only_racy_failed(*checked())


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["one process", "several"])
def test_a_fault_before_anything_is_explored_leaves_the_other_models(checked, monkeypatch, jobs):
    original = work_queue.renamings
    monkeypatch.setattr(work_queue, "renamings", lambda model: fail() if model.__name__ == "Racy" else original(model))
    assert_only_racy_failed(*checked(*jobs))


@pytest.mark.parametrize("method", ["explore", "confirm"])
def test_a_fault_in_another_process_leaves_the_others(checked, monkeypatch, method):
    in_child = workers.in_child

    def failing(request: bytes) -> bytes:
        source, asked, _ = pickle.loads(request)
        fault = InternalError("something that cannot be")
        return pickle.dumps(fault) if asked == method and "Racy" in source.model else in_child(request)

    monkeypatch.setattr(workers, "in_child", failing)
    ended, run = checked("--jobs", "2")
    assert ended.status == 70
    racy = ("INCONCLUSIVE", "internal_error") if method == "explore" else ("VIOLATED", None)
    assert verdicts(run) == [racy, ("VERIFIED", None)]
    assert "something that cannot be" in run["faults"][0]["text"]


def assert_only_racy_failed(ended: Any, run: dict[str, Any]) -> None:
    assert ended.status == 70
    assert verdicts(run) == [("INCONCLUSIVE", "internal_error"), ("VERIFIED", None)]
    assert "LookupError: something that cannot be" in run["models"][0]["detail"]
    assert "LookupError: something that cannot be" in ended.out
    assert "racy.py:Racy: " in ended.err


def test_what_was_found_before_a_fault_stands(checked, monkeypatch):
    execute, executed = Laboratory.execute, []

    def until_then(laboratory, scenario, strategy, **how):
        executed.append(scenario)
        fault = len(scenario.requests) == 3 and strategy.name == "dpor" and executed.count(scenario) > 3
        return fail() if fault else execute(laboratory, scenario, strategy, **how)

    monkeypatch.setattr(Laboratory, "execute", until_then)
    ended, run = checked("--requests", "3")
    assert ended.status == 70
    of_three = run["models"][0]["scenarios"][-1]
    assert len(of_three["requests"]) == 3
    assert (of_three["verdict"], of_three["stop_reason"]) == ("VIOLATED", "internal_error")
    assert of_three["violations"][0]["confirmed_on"] == "moto"


@pytest.mark.parametrize("name", [name for name, one in RENDERERS.items() if one.stored or one.files])
def test_a_format_that_cannot_be_rendered_leaves_the_others(checked, monkeypatch, name):
    one = RENDERERS[name]
    kept = {"run": one.renders["run"]} if name == "json" else {}  # the data of the run lists the files
    monkeypatch.setitem(RENDERERS, name, replace(one, renders={**dict.fromkeys(one.renders, fail), **kept}))
    ended, run = checked()
    assert ended.status == 70
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]
    assert "linearizability: lost_update" in ended.out
    left_out = {fault["text"].partition(" failed")[0] for fault in run["faults"]}
    assert {Path(file).suffix for file in left_out} == {one.suffix}
    assert not left_out & set(run["files"])


def test_a_document_that_cannot_be_made_is_made_without_its_explanation(checked, monkeypatch):
    monkeypatch.setattr(document, "_edge", fail)
    ended, run = checked()
    assert ended.status == 70
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]
    assert run["findings"][0]["anomaly"] == "unnamed"
    assert "the report failed: LookupError" in run["faults"][0]["text"]


def test_a_violation_of_which_no_document_can_be_made_still_counts(checked, monkeypatch):
    monkeypatch.setattr(document, "violation_document", fail)
    ended, run = checked()
    assert ended.status == 70
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]
    violations = [one for scenario in run["models"][0]["scenarios"] for one in scenario["violations"]]
    assert violations
    assert {one["report"] for one in violations} == {""}


def test_what_cannot_be_printed_is_stored(checked, monkeypatch):
    monkeypatch.setattr(run_text, "_run_remarks", fail)
    ended, run = checked()
    assert ended.status == 70
    assert "VIOLATED  'racy.py:Racy'" in ended.out
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]


def test_what_cannot_be_stored_is_printed(folder, command, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (folder / "racy.py").write_text(RACY)
    monkeypatch.setattr(write, "write_atomically", full)
    ended = command("check", "racy.py")
    assert ended.status == 2
    assert "racy.py:Racy  VIOLATED" in ended.out
    assert "No space left on device" in ended.err


def test_an_interrupt_while_violations_are_confirmed_leaves_them_unconfirmed(checked, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "_confirmed", interrupt)
    ended, run = checked()
    assert ended.status == 1
    assert verdicts(run) == [("VIOLATED", None), ("VERIFIED", None)]
    assert run["findings"][0]["confirmed_on"] is None
