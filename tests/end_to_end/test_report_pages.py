"""The web pages in a real browser: stepping, filters, deep links, hostile texts, and WCAG 2.2 AA by axe-core."""

import base64
import json
from pathlib import Path

import pytest
from browser import CHROMIUM, Tab, browser
from node_packages import installed

from toctou.cli import main

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser: `apt-get install chromium`")

AXE = {"axe-core": "4.10.3"}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HOSTILE = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\u202e{{7*7}}\x1b[31m"]
MODEL = f'''
import boto3
from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
HOSTILE = {HOSTILE!r}

class Hostile(Model):
    """{HOSTILE[1]}"""

    tables = [Table("Items", "item_id")]
    items = {{"Items": [{{"item_id": text, "owner": text, "n": 0}} for text in HOSTILE]}}
    principals = HOSTILE[:1]

    @handler(item_id=HOSTILE[1:2])
    def count(self, principal, item_id):
        key = {{"item_id": {{"S": item_id}}}}
        item = dynamodb.get_item(TableName="Items", Key=key)["Item"]
        item["n"] = {{"N": str(int(item["n"]["N"]) + 1)}}
        dynamodb.put_item(TableName="Items", Item=item)
        return 200, HOSTILE[0]
'''


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("reports")
    hostile = tmp_path_factory.mktemp("models") / "hostile.py"
    hostile.write_text(MODEL)
    targets = ["models/delete_item.py", "models/counter.py", "models/as_printed.py", str(hostile)]
    assert main(["check", *targets, "--report", str(directory)]) == 1
    return directory


@pytest.fixture(scope="module")
def tab():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def axe() -> str:
    return (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violation(reports: Path, oracle: str) -> Path:
    """The page of the first violation of an oracle by ReadThenDelete."""
    for number in range(1, 9):
        file = reports / f"delete_item.ReadThenDelete-{number}.json"
        if json.loads(file.read_text(encoding="utf-8"))["finding"]["oracle"] == oracle:
            return file.with_suffix(".html")
    raise AssertionError(oracle)


def faults(tab: Tab, axe: str) -> list[str]:
    if not tab.run("'axe' in window"):
        tab.run(f"{axe}; undefined")
    found = tab.run(f"axe.run(document, {{runOnly: {STANDARDS}}}).then(one => one.violations)")
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("width", [1280, 360])
def test_the_pages_are_accessible(reports, tab, axe, width):
    pages = [reports / "index.html", violation(reports, "ownership"), violation(reports, "linearizability")]
    for page in [*pages, reports / "hostile.Hostile-1.html"]:
        tab.open(page, width=width)
        for scheme in ("light", "dark"):  # which is a matter of the style sheet alone
            tab.colours(scheme)
            assert tab.run(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
            assert faults(tab, axe) == [], f"{page.name} in {scheme} colours"
            assert tab.run("document.documentElement.scrollWidth <= innerWidth"), f"{page.name} scrolls sideways"


def test_axe_does_find_faults(tab, axe, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!DOCTYPE html><html><body><img src='data:,'><p style='color: #ccc'>pale</p></body></html>")
    tab.open(page)
    assert {one.partition(":")[0] for one in faults(tab, axe)} >= {"image-alt", "color-contrast", "html-has-lang"}


def test_no_page_asks_the_network_or_runs_what_comes_from_items(reports, tab):
    pages = [*reports.glob("hostile*.html"), reports / "index.html"]
    assert len(pages) > 1
    for page in pages:
        tab.open(page)
        assert tab.requested == [page.resolve().as_uri()]
        assert tab.problems == []
        assert tab.run("document.querySelectorAll('img').length") == 0
        assert "<img src=x onerror=alert(1)>" in tab.run("document.body.textContent")


SHOWN = "[...document.querySelectorAll('.detail')].filter(one => one.offsetParent).map(one => one.id).join()"
WIRES = "document.querySelectorAll('.wires g').length"


def test_stepping_by_buttons_shows_one_step_with_what_is_stored(reports, tab):
    tab.open(violation(reports, "ownership"), "#step-A.1")
    assert tab.run(SHOWN) == "step-A.1"
    tab.run("document.querySelector('[data-move=\"1\"]').click()")
    assert tab.run(SHOWN) == "step-B.1"
    assert tab.run("location.hash") == "#step-B.1"
    assert tab.run("document.querySelector('.position').textContent") == "B.1, step 2 of 3"
    cells = tab.run("[...document.querySelectorAll('#step-B\\\\.1 .state td')].map(one => one.textContent)")
    assert ["'alice'" in cell for cell in cells] == [True, False]
    assert "owner: 'bob'" in cells[1]
    tab.run("document.querySelector('[data-move=\"1\"]').click()")
    assert tab.run("[...document.querySelectorAll('#step-A\\\\.2 .state td')].pop().textContent") == "nothing"
    assert tab.run("document.querySelector('[data-move=\"1\"]').disabled")


def test_stepping_by_keyboard(reports, tab):
    tab.open(violation(reports, "ownership"))
    tab.run("document.querySelector('.node').focus()")
    for key, step in [("ArrowDown", "B.1"), ("End", "A.2"), ("ArrowDown", "A.2"), ("ArrowUp", "B.1"), ("Home", "A.1")]:
        tab.press(key)
        assert tab.run(SHOWN) == f"step-{step}", key
    assert tab.run("document.activeElement.dataset.name") == "A.1"


def test_edges_are_switched_by_kind(reports, tab):
    tab.open(violation(reports, "ownership"))
    before = tab.run(WIRES)
    tab.run("document.querySelector('.legend input[value=po]').click()")
    assert tab.run(WIRES) == before - 1


def test_the_closest_serial_order_stands_beside_what_happened(reports, tab):
    tab.open(violation(reports, "linearizability"))
    left, right = tab.run("[...document.querySelectorAll('.sides > div')].map(one => one.getBoundingClientRect().left)")
    assert left < right
    assert tab.run("[...document.querySelectorAll('.serial li .mark')].map(one => one.textContent).join()") == (
        "fits,does not fit"
    )


FINDINGS = "[...document.querySelectorAll('.finding')].filter(one => one.offsetParent).map(one => one.dataset.model)"


def test_the_index_is_narrowed_by_its_filters_and_the_address_remembers(reports, tab):
    tab.open(reports / "index.html")
    everything = tab.run(FINDINGS)
    assert len(everything) >= 4
    tab.run(
        "const choice = document.querySelector('[name=model]'); choice.value = 'models/counter.py:ReadModifyWriteCounter';"
        "choice.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    assert tab.run(FINDINGS) == ["models/counter.py:ReadModifyWriteCounter"]
    assert tab.run("document.querySelector('.filters output').textContent") == f"1 of {len(everything)} shown"
    fragment = tab.run("location.hash")
    tab.open(reports / "index.html", fragment)
    assert tab.run(FINDINGS) == ["models/counter.py:ReadModifyWriteCounter"]
    tab.run("document.querySelector('.filters [type=reset]').click()")
    tab.run("new Promise(done => setTimeout(done, 20))")
    assert tab.run(FINDINGS) == everything


def test_findings_come_in_the_order_of_their_severity(reports, tab):
    tab.open(reports / "index.html")
    scores = tab.run(
        "[...document.querySelectorAll('.finding .chip')].map(one => Number(one.textContent.split(' ').pop()))"
    )
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1


def test_paper_shows_every_step(reports, tab):
    tab.open(violation(reports, "ownership"))
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run(SHOWN) == "step-A.1,step-B.1,step-A.2"
    assert not tab.run("document.querySelector('.stepper').offsetParent")
    assert tab.pdf().startswith(b"%PDF")


def test_a_picture_can_be_taken(reports, tab, tmp_path):
    tab.open(violation(reports, "ownership"))
    tab.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes()[:8] == base64.b64decode("iVBORw0KGgo=")


THREADS = """
import threading
import boto3
from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

class Threads(Model):
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "i1", "n": 0}]}

    @handler
    def count(self, principal):
        def add():
            item = dynamodb.get_item(TableName="Items", Key={"item_id": {"S": "i1"}})["Item"]
            item["n"] = {"N": str(int(item["n"]["N"]) + 1)}
            dynamodb.put_item(TableName="Items", Item=item)

        threads = [threading.Thread(target=add) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return 200
"""
CUT_OFF = """
(() => {
  const room = document.querySelector('.lanes').parentElement.getBoundingClientRect();
  const drawn = [...document.querySelectorAll('.wires g > *')].map((one) => one.getBoundingClientRect());
  return [drawn.length, drawn.filter((one) => one.left < room.left - 1 || one.right > room.right + 1).length];
})()
"""


@pytest.mark.parametrize("width", [1280, 800])
def test_edges_within_a_single_column_have_room_beside_it(tab, tmp_path, width):
    (tmp_path / "threads.py").write_text(THREADS)
    assert main(["check", str(tmp_path / "threads.py"), "--requests", "1", "--report", str(tmp_path / "report")]) == 1
    tab.open(tmp_path / "report" / "threads.Threads-1.html", width=width)
    drawn, cut_off = tab.run(CUT_OFF)
    assert drawn > 10
    assert cut_off == 0
