"""What is accepted fails no test: of models in pytest, of state machines, and of recorded requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recorded_projects import TITLE, project
from written_models import RACY

__all__ = ["project"]

TESTS = """
import toctou as public
from racy import Racy


def test_orders(toctou):
    toctou.check(Racy)


TestMachine = public.machine(Racy).TestCase
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "racy.py").write_text(RACY, encoding="utf-8")
    (tmp_path / "test_racy.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    program = [sys.executable, "-m", *command]
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def ran(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options)


def test_a_model_and_its_machine_fail_no_more_once_they_are_accepted(folder):
    ended = ran(folder)
    assert "2 failed" in ended.stdout, ended.stdout
    assert run(folder, "toctou.cli", "check", "racy.py").returncode == 1
    assert run(folder, "toctou.cli", "baseline", "--reason", "known since May").returncode == 0
    ended = ran(folder)
    assert (ended.returncode, "1 passed, 1 xfailed" in ended.stdout) == (0, True), ended.stdout
    assert "accepted: " in ended.stdout
    assert "known since May (toctou-baseline.json)" in ended.stdout
    (folder / "toctou-baseline.json").rename(folder / "accepted.json")
    assert ran(folder).returncode == 1
    assert ran(folder, "--toctou-baseline", "accepted.json").returncode == 0
    (folder / "pytest.ini").write_text("[pytest]\ntoctou_baseline = accepted.json\n", encoding="utf-8")
    assert ran(folder).returncode == 0


def test_a_baseline_that_cannot_be_used_fails_the_test(folder):
    (folder / "toctou-baseline.json").write_text("{}", encoding="utf-8")
    ended = ran(folder, "-k", "orders")
    assert ended.returncode == 1
    assert "toctou-baseline.json is no baseline" in ended.stdout


def test_a_level_lets_less_severe_findings_pass(folder):
    ended = ran(folder, "-k", "orders", "--toctou-fail-on", "critical")
    assert ended.returncode == 0, ended.stdout
    assert "below --toctou-fail-on critical: 1 in racy.py:Racy" in ended.stdout


@pytest.mark.starts_moto
def test_recorded_findings_are_accepted_by_fingerprint(project):
    assert project.run("--toctou", "--toctou-fail-on", "any").returncode == 1
    (file,) = project.folder.glob("reports/pytest/**/run.json")
    assert run(project.folder, "toctou.cli", "baseline", str(file), "--reason", "being rewritten").returncode == 0
    ended = project.run("--toctou", "--toctou-fail-on", "any")
    assert ended.returncode == 0, ended.stdout
    assert f"{TITLE.split(':')[0]}" in ended.stdout
    assert "being rewritten (toctou-baseline.json)" in ended.stdout
    # A test whose name is another one changes nothing.
    (tests,) = project.folder.glob("test_*.py")
    tests.write_text(tests.read_text(encoding="utf-8").replace("def test_", "def test_that_"), encoding="utf-8")
    assert project.run("--toctou", "--toctou-fail-on", "any").returncode == 0
    (project.folder / "toctou-baseline.json").write_text("{}", encoding="utf-8")
    ended = project.run("--toctou", "--toctou-seconds", "1")
    assert ended.returncode == 4
    assert "toctou-baseline.json is no baseline" in ended.stdout
