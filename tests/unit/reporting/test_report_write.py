import json

import pytest
from sample_reports import make_model, make_run, make_violation

from toctou.errors import ReportError
from toctou.reporting.load import counterexample, load_violation
from toctou.reporting.registry import RENDERERS
from toctou.reporting.write import prepare_directory, write_atomically, write_run


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_run_is_written_with_one_file_per_violation_and_renderer(run, tmp_path):
    directory = tmp_path / "new" / "reports"
    (written,) = write_run(run, directory)
    assert set(names(directory)) >= {
        f"delete_item.ReadThenDelete-1{renderer.suffix}" for renderer in RENDERERS.values() if renderer.stored
    }
    listed = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    assert listed == written
    assert listed["files"][0] == "run.json"
    assert sorted(listed["files"]) == names(directory)
    (report,) = {one["report"] for one in listed["models"][0]["scenarios"][0]["violations"]}
    assert counterexample(load_violation(directory / report)).oracle == "ownership"


def test_a_second_run_replaces_the_first_and_leaves_other_files_alone(tmp_path):
    write_run(make_run(make_model(make_violation(), make_violation())), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "delete_item.ReadThenDelete-9.json").write_text("also mine")
    write_run(make_run(make_model(make_violation())), tmp_path)
    assert not (tmp_path / "delete_item.ReadThenDelete-2.json").exists()
    assert (tmp_path / "delete_item.ReadThenDelete-1.json").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "delete_item.ReadThenDelete-9.json").read_text() == "also mine"


def test_a_list_that_was_tampered_with_does_not_lead_out_of_the_directory(tmp_path):
    directory = tmp_path / "reports"
    write_run(make_run(make_model(make_violation())), directory)
    victim = tmp_path / "victim.txt"
    victim.write_text("keep")
    (directory / "sub").mkdir()
    (directory / "sub" / "file").write_text("keep")
    run = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    run["files"] += ["../victim.txt", str(victim), "sub/file", "..", ".", "", 7]
    (directory / "run.json").write_text(json.dumps(run), encoding="utf-8")
    write_run(make_run(), directory)
    assert victim.exists()
    assert (directory / "sub" / "file").exists()


@pytest.mark.parametrize("name", ["run.json", "delete_item.ReadThenDelete-1.json"])
def test_a_file_of_somebody_else_is_never_overwritten(tmp_path, run, name):
    (tmp_path / name).write_text('{"kind": "something else"}')
    with pytest.raises(ReportError, match=name) as caught:
        write_run(run, tmp_path)
    assert caught.value.remedy
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text() == '{"kind": "something else"}'


def test_a_directory_that_cannot_hold_reports_is_found_out_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        prepare_directory(tmp_path / "file")
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ReportError, match=r"run\.json"):
        prepare_directory(tmp_path)
    prepare_directory(tmp_path / "fresh")
    assert names(tmp_path / "fresh") == []


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_atomically(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.json"]


def test_text_that_is_no_unicode_is_written_as_its_escape(tmp_path):
    run = make_run(make_model(make_violation(data="\ud800")))
    write_run(run, tmp_path)
    document = load_violation(tmp_path / "delete_item.ReadThenDelete-1.json")
    assert document["initial"]["Items"][0]["data"] == {"S": "\ud800"}
