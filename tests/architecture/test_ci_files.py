"""What CI systems are given: the action of GitHub and the job of GitLab parse, and run what the guide runs."""

from __future__ import annotations

import re

import yaml
from printed_examples import ROOT, examples, files

from toctou.analysis.anomalies import ANOMALIES
from toctou.reporting.acceptance import LEVELS
from toctou.reporting.pattern_help import pattern_texts

ACTION = ROOT / ".github" / "actions" / "toctou" / "action.yml"
GUIDE = ROOT / "checker" / "guide"


def action() -> dict:
    return yaml.safe_load(ACTION.read_text(encoding="utf-8"))


def test_the_action_reports_whether_or_not_the_check_fails():
    steps = action()["runs"]["steps"]
    at = next(at for at, one in enumerate(steps) if one.get("run", "").startswith("toctou check"))
    assert all(one["if"].startswith("always()") for one in steps[at + 1 :])
    assert all(one["shell"] == "bash" for one in steps if "run" in one)
    levels = re.findall(r"\b(\w+)(?:,| or|$)", action()["inputs"]["fail-on"]["description"].partition(": ")[2])
    assert {*levels} == {*LEVELS}


def test_the_workflow_that_uses_the_action_gives_it_what_it_takes():
    text = files(GUIDE / "ci.md")[".github/workflows/races_by_the_action.yml"]
    steps = yaml.safe_load(text)["jobs"]["races"]["steps"]
    (own,) = [one for one in steps if one["uses"] == f"./{ACTION.parent.relative_to(ROOT).as_posix()}"]
    inputs = action()["inputs"]
    assert {*own["with"]} <= {*inputs}
    assert {name for name, one in inputs.items() if one.get("required")} <= {*own["with"]}


def test_the_job_of_gitlab_runs_what_the_guide_runs():
    guide = GUIDE / "ci.md"
    job = yaml.safe_load(files(guide)[".gitlab-ci.yml"])["races"]
    ours = [one for one in [*job["script"], *job["after_script"]] if one.startswith("toctou ")]
    run_here = {step.command for example in examples(guide) for step in example.steps}
    assert len(ours) == 2
    assert {*ours} <= run_here
    assert ours[-1].endswith(f" --output {job['artifacts']['reports']['codequality']}")


def test_the_guide_of_patterns_is_what_the_package_has():
    packaged = ROOT / "checker" / "toctou" / "reporting" / "patterns.md"
    assert (GUIDE / "patterns.md").read_text(encoding="utf-8") == packaged.read_text(encoding="utf-8"), (
        f"after a change: cp {packaged.relative_to(ROOT)} checker/guide/patterns.md"
    )


def test_every_pattern_has_an_example_and_a_fix():
    texts = pattern_texts()
    assert sorted(texts) == sorted(ANOMALIES)
    for key, text in texts.items():
        assert text.count("```python\n") == 2, key
        assert text.count("**Fix:** ") == 1, key
        for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            source = f"try:\n    pass\n{code}" if code.startswith("except") else code
            compile(f"def handler():\n{_indented(source)}", key, "exec")


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())
