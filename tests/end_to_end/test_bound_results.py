"""Stored results are used for the code and the data files that they were found with, and for no others; the output says so."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from written_models import HEAD, Ended

from toctou.distribution.journal import Journal

SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "run.schema.json").read_text(encoding="utf-8"))

MODEL = (
    HEAD.replace(
        "import boto3",
        'import importlib, json, sys\nfrom pathlib import Path\nimport boto3\nsys.path.insert(0, "elsewhere")\n'
        'LIMIT = getattr(importlib.import_module("spread.rules"), "LIMIT")\n'
        'NAMES = json.loads(Path("names.json").read_text())',
    )
    + '''

class Bound(OfNotes):
    """Depends on a namespace package, on modules that it imports late, and on files."""

    def setup(self):
        self.fixture = Path("fixture.txt").read_text()

    @handler(by=[1, 2])
    def increment(self, principal, by):
        import late
        text = Path("template.txt").read_text()
        optional = Path("optional.txt")
        try:
            optional.read_text()
        except FileNotFoundError:
            pass
        notes.update_item(
            Key={"note_id": "n1"}, UpdateExpression="ADD #count :by", ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":by": by * late.FACTOR},
        )
        return 200, text
'''
)
FILES = {
    "bound.py": MODEL,
    "elsewhere/spread/rules.py": "LIMIT = 3\n",
    "late.py": "FACTOR = 1\n",
    "names.json": "[]\n",
    "fixture.txt": "x\n",
    "template.txt": "Dear reader\n",
}


@pytest.fixture
def check(folder: Path, command: Callable[..., Ended]) -> Iterator[Callable[..., Ended]]:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def check(*options: str) -> Ended:
        forget(folder)
        return command("check", "bound.py", "--resume", "journal", "--report", "reports", *options)

    yield check
    forget(folder)


def forget(folder: Path) -> None:
    """As another process would find it: nothing of the folder is imported."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith((str(folder), "elsewhere")) or name == "spread":
            del sys.modules[name]
    importlib.invalidate_caches()


def run_of(folder: Path) -> dict[str, Any]:
    run: dict[str, Any] = json.loads((folder / "reports" / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, SCHEMA)
    return run


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["one process", "several"])
def test_stored_results_are_used_and_the_output_says_so(folder, check, jobs):
    first = check(*jobs)
    assert first.status == 0, first.err
    assert "stored" not in first.out
    assert run_of(folder)["stored"] is None
    for name in FILES:  # neither times nor a copy of the same contents are a change
        os.utime(folder / name, (1, 1))
    again = check(*jobs)
    assert again.status == 0, again.err
    assert (
        "5 schedules were not run again, all of 5 scenarios among them: their results were stored in journal"
        in again.out
    )
    assert "continuing from journal" in again.err
    stored = run_of(folder)["stored"]
    assert (stored["file"], stored["scenarios"], stored["schedules"]) == ("journal", 5, 5)
    assert stored["work_items"] >= 5, "several processes begin a scenario again, or divide it"
    assert "stored in journal" in (folder / "reports" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*FILES, "optional.txt"])
def test_they_are_not_once_a_file_has_changed(folder, check, name):
    check()
    with open(folder / name, "a") as file:
        file.write("\n")
    refused = check()
    assert refused.status == 2
    assert "belongs to another run" in refused.err
    assert name == "bound.py" or f"{name} changed, or is new" in refused.err
    assert "stored" not in refused.out


@pytest.mark.parametrize("change", ["a module goes", "a module comes"])
def test_they_are_not_once_there_are_other_modules(folder, check, change):
    rules = folder / "elsewhere" / "spread" / "rules.py"
    if change == "a module goes":
        (folder / "elsewhere" / "spread" / "more.py").write_text("")
        rules.write_text("from pathlib import Path\nimport spread.more\nLIMIT = 3\n")
        check()
        (folder / "elsewhere" / "spread" / "more.py").unlink()
        rules.write_text("LIMIT = 3\n")
    else:
        rules.write_text(
            "import importlib.util\nif importlib.util.find_spec('spread.more'): import spread.more\nLIMIT = 3\n"
        )
        check()
        (folder / "elsewhere" / "spread" / "more.py").write_text("")
    refused = check()
    assert refused.status == 2
    assert "elsewhere/spread/more.py" in refused.err


def test_a_file_that_changes_while_it_is_read_is_a_doubt(folder, check):
    (folder / "bound.py").write_text(
        MODEL.replace(
            'self.fixture = Path("fixture.txt").read_text()',
            'Path("template.txt").write_text(Path("template.txt").read_text() + "x")',
        )
    )
    ended = check()
    assert ended.status == 3
    assert run_of(folder)["models"][0]["stop_reason"] == "outside_control"
    assert "template.txt" in ended.out


def test_a_journal_that_cannot_be_written_ends_nothing(folder, check, monkeypatch):
    def full(journal):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("toctou.distribution.journal.SYNC_SECONDS", -1)
    monkeypatch.setattr(Journal, "_sync", full)
    ended = check()
    assert ended.status == 0
    assert "No space left on device; what is explored from now on is not kept" in ended.err
