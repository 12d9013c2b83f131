"""``pytest --toctou`` as a team meets it: on tests of theirs, which stay as they are."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from recorded_projects import CONFTEST, GUARDED, HANDLERS, TESTS, TITLE, project

__all__ = ["project"]

pytestmark = pytest.mark.starts_moto


def test_the_race_between_two_tests_is_found_and_the_run_stays_green(project):
    ended = project.run("--toctou")
    assert ended.returncode == 0, ended.stdout
    assert TITLE in ended.stdout
    assert "They are made by ann, bea (event.requestContext.authorizer.claims.sub)." in ended.stdout
    assert "Items belong to whom their 'owner' names" in ended.stdout
    assert "Not brought together: neither is accepted in a recorded state of the other:" in ended.stdout
    assert "\n  PUT /docs/{id} × DELETE /docs/{id}\n" in ended.stdout
    (first, *_) = project.run_document["findings"]
    assert (first["anomaly"], first["severity"]["level"]) == ("toctou", "critical")
    assert {
        one["confirmed_on"]
        for model in project.run_document["models"]
        for scenario in model["scenarios"]
        for one in scenario["violations"]
    } == {"moto"}


def test_the_window_is_shown_with_its_lines(project):
    ended = project.run("--toctou", "--toctou-seconds", "0")
    lines = HANDLERS.splitlines()
    read = next(at for at, line in enumerate(lines, 1) if "get_item" in line)
    write = next(at for at, line in enumerate(lines, 1) if "delete_item" in line)
    assert f"handlers.py:{read} in owned  GetItem  →  handlers.py:{write} in lambda_handler  DeleteItem" in ended.stdout
    assert "Nothing was interleaved" in ended.stdout
    assert not (project.folder / "reports").exists()


def test_what_is_guarded_is_verified(project):
    project.write(handlers=GUARDED)
    ended = project.run("--toctou")
    assert "VIOLATED" not in ended.stdout
    assert "VERIFIED" in ended.stdout
    assert "No request reads an item and then writes it without a guard" in ended.stdout


def test_the_command_of_a_finding_shows_it_again(project):
    project.run("--toctou")
    command = next(one["replay"] for one in project.run_document["findings"] if one["anomaly"] == "toctou")
    program, *arguments = shlex.split(command)
    assert program == "pytest"
    ended = project.run(*arguments)
    assert TITLE in ended.stdout
    assert "2 passed" in ended.stdout


def test_a_stored_violation_names_that_command(project):
    project.run("--toctou")
    report = next((project.folder / "reports/pytest/recorded").glob("*-1.json"))
    ended = subprocess.run(
        [sys.executable, "-m", "toctou.cli", "replay", str(report)],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "pytest --toctou" in ended.stderr
    assert "test_docs.py::test_delete" in ended.stderr


@pytest.mark.parametrize(("level", "status"), [("high", 1), ("critical", 1)])
def test_findings_fail_the_run_only_if_asked_to(project, level, status):
    assert project.run("--toctou", "--toctou-fail-on", level).returncode == status
    project.write(handlers=GUARDED)
    assert project.run("--toctou", "--toctou-fail-on", level).returncode == 0


def test_a_failing_test_stays_what_it_is(project):
    project.write(test_fails=TESTS.replace("== 204", "== 418"))
    plain, recorded = project.run(), project.run("--toctou")
    assert plain.returncode == recorded.returncode == 1
    assert "1 failed, 3 passed" in plain.stdout
    assert "1 failed, 3 passed" in recorded.stdout


def test_workers_bring_their_requests_together(project):
    ended = project.run("--toctou", "-n", "2")
    assert TITLE in ended.stdout, ended.stdout
    assert "2 passed" in ended.stdout
    assert project.run("--toctou", "-n", "2", "--toctou-fail-on", "high").returncode == 1


def test_without_the_flag_nothing_is_loaded(project):
    project.write(
        test_docs="""
import sys


def test_it():
    assert not [one for one in sys.modules if one.startswith('toctou.recording')]
"""
    )
    assert project.run().returncode == 0


def test_patches_and_variables_of_a_test_are_there_again(project):
    project.write(
        handlers=HANDLERS.replace("    caller = event", "    check(event)\n    caller = event", 1)
        + """

def check(event):
    raise RuntimeError("production only")
""",
        conftest=CONFTEST
        + """

@pytest.fixture(autouse=True)
def without_check(monkeypatch, docs):
    import handlers

    monkeypatch.setattr(handlers, "check", lambda event: os.environ["STAGE"])
    monkeypatch.setenv("STAGE", "test")
""",
    )
    ended = project.run("--toctou")
    assert TITLE in ended.stdout, ended.stdout


def test_parts_that_two_tests_replace_differently_are_told(project):
    project.write(
        handlers=HANDLERS.replace("    caller = event", '    LIMITS["n"]\n    caller = event', 1) + "\nLIMITS = {}\n",
        test_docs=TESTS
        + """

import pytest


@pytest.fixture(autouse=True)
def limits(request, monkeypatch, docs):
    import handlers

    monkeypatch.setitem(handlers.LIMITS, "n", request.node.name)
""",
    )
    ended = project.run("--toctou")
    assert ended.returncode == 0
    assert TITLE not in ended.stdout
    assert "their tests replace" in ended.stdout


def test_an_owner_that_no_item_has_is_told(project):
    ended = project.run("--toctou", "--toctou-seconds=0", "--toctou-owner=ownr")
    assert "no stored item has the attribute 'ownr' that was named" in ended.stdout
