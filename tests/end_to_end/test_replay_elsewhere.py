"""A report is replayed from wherever one is, as long as the code lies where it lay."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from written_models import RACY


def toctou(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toctou.cli", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "service").mkdir()
    (folder / "service" / "racy.py").write_text(RACY)
    assert toctou(folder, "check", "service/racy.py").returncode == 1
    return folder


def test_from_another_directory(project, tmp_path):
    report = project / "reports/latest/racy.Racy-1.json"
    (tmp_path / "within").mkdir()
    for folder in (tmp_path, project / "service", report.parent):
        again = toctou(folder, "replay", report)
        assert again.returncode == 1, again.stderr
        assert "VIOLATED  service/racy.py:Racy" in again.stdout
        assert "service/racy.py:" in again.stdout.partition("read  ")[2].splitlines()[0]
        (command,) = [line for line in again.stdout.splitlines() if line.startswith("  toctou replay ")]
        assert toctou(folder, *command.split()[1:]).returncode == 1


def test_a_report_that_was_moved_is_replayed_where_the_code_is(project, tmp_path):
    moved = tmp_path / "racy.json"
    shutil.copy(project / "reports/latest/racy.Racy-1.json", moved)
    assert toctou(project, "replay", moved).returncode == 1
    lost = toctou(tmp_path, "replay", moved)
    assert lost.returncode == 2
    assert "there is no Python file 'service/racy.py'" in lost.stderr
    assert "another working directory" in lost.stderr
