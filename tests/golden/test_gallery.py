"""The gallery: the clearest report of each racy model, in four formats, as it is in ``reports/gallery``.

It holds no line number, no version, no time and no path but the model's own, so that it changes when, and only when, what
is found or how it is told has changed.  ``pytest tests/golden --refresh-golden`` writes it anew.
"""

import difflib
import json
import os
import re
from pathlib import Path

import pytest
from bare_documents import without_places

from toctou.checking.check import check
from toctou.cli import main
from toctou.declaration.loading import load
from toctou.reporting.document import Document
from toctou.reporting.load import load_violation
from toctou.reporting.registry import RENDERERS, rendered
from toctou.reporting.run_document import documents
from toctou.search.options import Options

ROOT = Path(__file__).resolve().parents[2]
GALLERY = Path("reports/gallery")
EXPECTED = json.loads((ROOT / "models" / "expected.json").read_text(encoding="utf-8"))
RACY = [model for model, verdict in EXPECTED.items() if verdict == "VIOLATED"]
SHOWN = ("text", "json", "mermaid", "html")
NAMES = {model: model.removeprefix("models/").replace(".py:", ".") for model in RACY}


@pytest.fixture(scope="module")
def samples() -> dict[str, Document]:
    """The clearest report of each racy model."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        _, stored = documents(check(load(["models"]), Options()))
    finally:
        os.chdir(before)
    clearest: dict[str, Document] = {}
    for document in stored.values():
        clearest.setdefault(document["model"], document)
    return {model: _sample(document, NAMES[model]) for model, document in clearest.items()}


def _sample(document: Document, name: str) -> Document:
    report = GALLERY / f"{name}.json"
    return {**without_places(document), "report": report.name, "replay": f"toctou replay {report.as_posix()}"}


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("model", RACY)
def test_a_report_is_as_in_the_gallery(samples, model, name, request):
    file = ROOT / GALLERY / f"{NAMES[model]}{RENDERERS[name].suffix}"
    now = rendered(samples[model], name)
    if request.config.getoption("--refresh-golden", default=False):
        file.parent.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8")
    stored = file.read_text(encoding="utf-8") if file.exists() else ""
    if stored != now:
        difference = difflib.unified_diff(stored.splitlines(), now.splitlines(), "gallery", "now", lineterm="")
        pytest.fail(
            f"{file.relative_to(ROOT)} is not what comes out now.  If it should be:\n"
            "    pytest tests/golden --refresh-golden\n" + "\n".join(list(difference)[:80]),
            pytrace=False,
        )


def test_the_gallery_holds_nothing_else():
    expected = {f"{NAMES[model]}{RENDERERS[name].suffix}" for model in RACY for name in SHOWN}
    assert {file.name for file in (ROOT / GALLERY).iterdir()} == expected


def test_no_place_and_no_time():
    home = "|".join(re.escape(str(one)) for one in {ROOT, Path.home()})
    for file in (ROOT / GALLERY).iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(rf"{home}|\.py:\d|\.py\", line|\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", text), file.name
        assert '"line"' not in text, file.name


def test_a_sample_can_be_replayed(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    report = GALLERY / "delete_item.ReadThenDelete.json"
    assert load_violation(report)["model"] == "models/delete_item.py:ReadThenDelete"
    assert main(["replay", str(report)]) == 1
    assert "VIOLATED" in capsys.readouterr().out


def test_text_fits_its_columns():
    for file in (ROOT / GALLERY).glob("*.txt"):
        assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 100, file.name
