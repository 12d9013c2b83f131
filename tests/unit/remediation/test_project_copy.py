"""The copy of a project in which a change is checked: the project itself is never written to, whatever links it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from toctou.remediation.project_copy import copied
from toctou.remediation.source_edits.patch import Change, Patch


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    for name in ("app.py", "target/app.py", "node_modules/x/index.js", ".git/HEAD", "own/pyvenv.cfg", "data/a.json"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("before", encoding="utf-8")
    (made / "link").symlink_to("data")
    (made / "nowhere").symlink_to("nothing")
    return made


def change(*files: str) -> Patch:
    return Patch({file: Change("before", "after") for file in files})


def test_what_is_changed_is_copied_and_what_is_only_read_is_linked(project: Path) -> None:
    with copied(project, change("app.py", "target/app.py")) as (copy, failure):
        assert failure == ""
        assert [(copy / one).read_text() for one in ("app.py", "target/app.py")] == ["after", "after"]
        assert sorted(one.name for one in copy.iterdir() if one.is_symlink()) == ["link", "node_modules", "own"]
        assert not (copy / ".git").exists()
        (copy / "data" / "a.json").write_text("written by a handler")
    assert not copy.exists()
    assert {one.read_text() for one in project.rglob("*") if one.is_file()} == {"before"}


def test_nothing_is_written_through_a_link(project: Path) -> None:
    with copied(project, change("link/a.json")) as (_, failure):
        assert failure.startswith("link/a.json is reached by a link")
    assert (project / "data" / "a.json").read_text() == "before"


def test_a_folder_that_is_too_large_is_not_copied(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toctou.remediation.project_copy._MOST_FILES", 1)
    with copied(project, change("app.py")) as (_, failure):
        assert "is too large to be copied" in failure
