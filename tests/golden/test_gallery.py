"""The gallery: the clearest report of each racy model in four formats, as in ``reports/gallery``, and README's picture of one.

It holds no version, no time, and no path or line but of the models themselves, so that it changes when, and only when, a model,
what is found in it or how it is told has changed.  ``pytest tests/golden --refresh-golden`` writes it anew, and takes the
picture with Chromium.
"""

import difflib
import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from browser import CHROMIUM, browser
from picture_text import text_in, with_text

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
PICTURE, PICTURED = ROOT / "reports" / "picture.png", "models/delete_item.py:ReadThenDelete"
PICTURE_HEIGHT = 1180
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
    return {**document, "toctou": "", "report": report.name, "replay": f"toctou replay {report.as_posix()}"}


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


def test_no_place_but_in_the_models_and_no_time():
    home = "|".join(re.escape(str(one)) for one in {ROOT, Path.home()})
    for file in (ROOT / GALLERY).iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(rf"{home}|\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", text), file.name
        places = re.findall(r"([\w./-]+\.py):\d", text) + re.findall(r'"file": "([^"]+)"', text)
        assert all(place.startswith("models/") for place in places), file.name


def test_the_picture_is_of_the_page_as_it_is_now(samples, request):
    page = rendered(samples[PICTURED], "html").encode()
    digest = hashlib.sha256(page).hexdigest()
    if request.config.getoption("--refresh-golden", default=False):
        assert CHROMIUM, "the picture is taken with Chromium: `apt-get install chromium`"
        file = ROOT / GALLERY / f"{NAMES[PICTURED]}.html"
        file.write_bytes(page)
        with browser() as tab:
            tab.open(file, height=PICTURE_HEIGHT)
            tab.screenshot(PICTURE, whole=False)
        PICTURE.write_bytes(with_text(PICTURE.read_bytes(), "page", digest))
    assert text_in(PICTURE.read_bytes(), "page") == digest, (
        f"{PICTURE.name} is not of the page of {PICTURED} as it is now: pytest tests/golden --refresh-golden"
    )


def test_a_sample_can_be_replayed(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    report = GALLERY / "delete_item.ReadThenDelete.json"
    assert load_violation(report)["model"] == "models/delete_item.py:ReadThenDelete"
    assert main(["replay", str(report)]) == 1
    assert "VIOLATED" in capsys.readouterr().out


def test_text_fits_its_columns():
    for file in (ROOT / GALLERY).glob("*.txt"):
        assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 100, file.name
