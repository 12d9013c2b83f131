"""A report is replayed from wherever one is, as long as the code lies where it lay."""

from __future__ import annotations

import shutil
import sys

import pytest
from written_models import RACY


@pytest.fixture
def toctou(command, monkeypatch):
    """``toctou(folder, "check", ...)`` runs the command there, and forgets what it has imported."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        ended = command(*arguments)
        for name in ("service", "service.racy", "racy"):
            sys.modules.pop(name, None)
        return ended

    return run


@pytest.fixture
def project(toctou, tmp_path):
    folder = tmp_path / "project"
    (folder / "service").mkdir(parents=True)
    (folder / "service" / "racy.py").write_text(RACY)
    assert toctou(folder, "check", "service/racy.py").status == 1
    return folder


def test_from_another_directory(project, toctou, tmp_path):
    report = project / "reports/latest/racy.Racy-1.json"
    (tmp_path / "within").mkdir()
    for folder in (tmp_path, project / "service", report.parent):
        again = toctou(folder, "replay", report)
        assert again.status == 1, again.err
        assert "VIOLATED  service/racy.py:Racy" in again.out
        assert again.out.splitlines()[2].startswith("  service/racy.py:")
        (command,) = [line for line in again.out.splitlines() if line.startswith("  toctou replay ")]
        assert toctou(folder, *command.split()[1:]).status == 1


def test_a_report_that_was_moved_is_replayed_where_the_code_is(project, toctou, tmp_path):
    moved = tmp_path / "racy.json"
    shutil.copy(project / "reports/latest/racy.Racy-1.json", moved)
    assert toctou(project, "replay", moved).status == 1
    lost = toctou(tmp_path, "replay", moved)
    assert lost.status == 2
    assert "there is no Python file 'service/racy.py'" in lost.err
    assert "another working directory" in lost.err
