"""The code that a report shows."""

import io

from rich.console import Console

from toctou.cli import main
from toctou.reporting.code import AROUND, excerpts
from toctou.reporting.load import load_violation
from toctou.reporting.text_report import show

LINES = [f"step_{number}()" for number in range(1, 41)]


def of(*marks):
    """The code of a cause that reads and writes there."""
    sites = [{"step": step, "source": source} for step, source in marks]
    return list(excerpts({"read": sites[0], "write": sites[1] if len(sites) > 1 else None}))


def line_of(file, line, text):
    return {"file": file, "line": line, "function": "", "text": text}


def written(tmp_path, monkeypatch, lines=LINES, name="flow.rs"):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    return lambda line, text=None: line_of(name, line, lines[line - 1] if text is None else text)


def test_some_lines_around_each_and_one_stretch_where_they_meet(tmp_path, monkeypatch):
    at = written(tmp_path, monkeypatch)
    (apart, further) = of(("A.1", at(10)), ("A.2", at(30)))
    assert (apart["first"], len(apart["lines"])) == (10 - AROUND, 2 * AROUND + 1)
    assert further["marks"] == [{"line": 30, "step": "A.2"}]
    (joined,) = of(("A.1", at(10)), ("A.2", at(17)))
    assert (joined["first"], joined["lines"][0], joined["lines"][-1]) == (5, "step_5()", "step_22()")
    assert [one["line"] for one in joined["marks"]] == [10, 17]


def test_no_line_of_a_neighbouring_function(tmp_path, monkeypatch):
    lines = ["def a():", "    one()", "", "@route", "def b():", "    read()", "    write()", "", "def c():", "    pass"]
    at = written(tmp_path, monkeypatch, lines, "app.py")
    (one,) = of(("A.1", at(6)), ("A.2", at(7)))
    assert one["lines"] == ["@route", "def b():", "    read()", "    write()"]


def test_indentation_goes_and_long_lines_end_visibly(tmp_path, monkeypatch):
    at = written(tmp_path, monkeypatch, ["\tif owned:", "\t\tdelete(" + "x" * 300 + ")"])
    (one,) = of(("A.1", at(1)))
    assert one["lines"][0] == "if owned:"
    assert one["lines"][1].startswith("    delete(xxx")
    assert one["lines"][1].endswith("…")
    assert len(one["lines"][1]) == 160


def test_a_line_that_was_edited_since_or_cannot_be_read_is_not_shown(tmp_path, monkeypatch):
    at = written(tmp_path, monkeypatch)
    assert of(("A.1", at(10, "other()"))) == []
    assert of(("A.1", line_of("missing.py", 1, "x"))) == []
    assert of(("A.1", line_of("flow.rs", 900, "x"))) == []


def test_the_line_that_decides_and_the_one_that_calls_are_both_shown(tmp_path, monkeypatch):
    at = written(tmp_path, monkeypatch)
    site = {"step": "A.1", "at": at(3), "source": at(33)}
    assert [one["marks"] for one in excerpts({"read": site, "write": None})] == [
        [{"line": 3, "step": "A.1"}],
        [{"line": 33, "step": "A.1"}],
    ]


def test_a_call_of_several_lines_is_known_by_its_first(tmp_path, monkeypatch):
    at = written(tmp_path, monkeypatch, ["table.delete_item(", "    Key=key,", ")"])
    assert len(of(("A.1", at(1, "table.delete_item(Key=key)")))) == 1


def test_a_report_shows_the_code(tmp_path):
    assert main(["check", "models/delete_item.py:ReadThenDelete", "--report", str(tmp_path)]) == 1
    document = load_violation(tmp_path / "delete_item.ReadThenDelete-1.json")
    (code,) = document["code"]
    assert code["file"] == "models/delete_item.py"
    assert [mark["step"] for mark in code["marks"]] == ["A.1", "A.2"]
    for mark in code["marks"]:
        assert "dynamodb." in code["lines"][mark["line"] - code["first"]]
    stream = io.StringIO()
    show(document, Console(file=stream, width=80))
    marked = [line for line in stream.getvalue().splitlines() if line.startswith("  A.") and "dynamodb." in line]
    assert len(marked) == 2
    page = (tmp_path / "delete_item.ReadThenDelete-1.html").read_text(encoding="utf-8")
    assert page.count('<tr class="marked') == 2
