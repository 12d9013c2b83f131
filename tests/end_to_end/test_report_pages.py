"""The web pages in a real browser: stepping, filters, deep links, hostile texts, and WCAG 2.2 AA by axe-core."""

import base64
import json
import re
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
LONG_KEYS = """
import boto3
from toctou import Model, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
ID = "6f1c8a52-3d7b-4e0f-9a55-0c1d2e3f4a5b" * 2

class LongKeys(Model):
    tables = [Table("OrdersOfTheShopInProduction", "order_identifier")]
    items = {"OrdersOfTheShopInProduction": [{"order_identifier": ID, "owner": ID, "n": 0}]}
    principals = [ID]

    @handler(order_identifier=[ID])
    def count_the_order(self, principal, order_identifier):
        key = {"order_identifier": {"S": order_identifier}}
        item = dynamodb.get_item(TableName="OrdersOfTheShopInProduction", Key=key)["Item"]
        item["n"] = {"N": str(int(item["n"]["N"]) + 1)}
        dynamodb.put_item(TableName="OrdersOfTheShopInProduction", Item=item)
        return 200, {"order": order_identifier, "n": item["n"]["N"]}
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("reports")
    hostile = tmp_path_factory.mktemp("models") / "hostile.py"
    hostile.write_text(MODEL)
    long_keys = hostile.with_name("long_keys.py")
    long_keys.write_text(LONG_KEYS)
    targets = ["models/delete_item.py", "models/counter.py", "models/as_printed.py", str(hostile), str(long_keys)]
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


GALLERY = sorted(Path("reports/gallery").resolve().glob("*.html"))
OUT_OF_ITS_BOX = """
(() => {
  const scrolls = (one) => /auto|scroll|hidden|clip/.test(getComputedStyle(one).overflowX);
  const within = (one) => { while ((one = one.parentElement) && one !== document.body) if (scrolls(one)) return true; };
  return [...document.querySelectorAll("body *")].filter((one) => {
    const { display, visibility, position } = getComputedStyle(one);
    if (!one.getClientRects().length || one.closest("svg, .skip, .visually-hidden, thead") || scrolls(one) || within(one)) {
      return false;
    }
    const wide = display !== "inline" && one.clientWidth && one.scrollWidth > one.clientWidth + 1;
    return wide || one.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
  }).map((one) => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`);
})()
"""
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_nothing_runs_out_of_its_box_on_a_telephone(reports, tab):
    pages = [*GALLERY, *sorted(reports.glob("*.html"))]
    assert {"index.html", "long_keys.LongKeys-1.html", "delete_item.ReadThenDelete.html"} <= {
        page.name for page in pages
    }
    for page in pages:
        tab.open(page, width=390, height=844)
        tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert not tab.run(SIDEWAYS), f"{page.name} scrolls sideways"
        assert tab.run(OUT_OF_ITS_BOX) == [], page.name


def test_what_runs_out_of_its_box_is_found(tab, tmp_path):
    page = tmp_path / "wide.html"
    page.write_text(
        "<!DOCTYPE html><p style='width: 9rem'>" + "x" * 200 + "</p><div style='overflow: auto'>" + "y" * 200
    )
    tab.open(page, width=390)
    assert tab.run(SIDEWAYS)
    assert [one.partition(".")[0] for one in tab.run(OUT_OF_ITS_BOX)] == ["P"]


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
    cells = "[...document.querySelectorAll('#step-{} .images td')].map(one => one.textContent)"
    assert {"'alice'", "'bob'"} <= set(tab.run(cells.format("B\\\\.1")))
    tab.run("document.querySelector('[data-move=\"1\"]').click()")
    assert "deleted" in tab.run(cells.format("A\\\\.2"))
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


def test_the_closest_serial_order_shows_where_it_does_not_fit(reports, tab):
    tab.open(violation(reports, "linearizability"))
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


TIPS = """
(() => {
  const box = (one) => { const { left, top, right, bottom } = one.getBoundingClientRect(); return [left, top, right, bottom]; };
  const middle = ([left, top, right, bottom]) => [(left + right) / 2, (top + bottom) / 2];
  return [[...document.querySelectorAll(".node")].map(box), [...document.querySelectorAll(".tip")].map(box).map(middle)];
})()
"""


def test_paper_shows_every_step(reports, tab):
    tab.open(violation(reports, "ownership"))
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run(SHOWN) == "step-A.1,step-B.1,step-A.2"
    assert not tab.run("document.querySelector('.stepper').offsetParent")


def test_a_report_is_printed_on_three_pages(reports, tab):
    tab.open(violation(reports, "ownership"))
    assert pages_of(tab.pdf()) == 3
    tab.open(GALLERY[0])
    assert 2 <= pages_of(tab.pdf()) <= 3


def test_wires_are_where_the_operations_are_on_paper(reports, tab):
    tab.open(violation(reports, "ownership"))
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    nodes, tips = tab.run(TIPS)
    assert len(tips) > 2
    for x, y in tips:
        assert any(left - 12 < x < right + 12 and top < y < bottom for left, top, right, bottom in nodes), (x, y, nodes)


def test_what_is_folded_on_the_screen_is_open_on_paper(reports, tab):
    tab.open(reports / "index.html")
    folded = "[...document.querySelectorAll('.of-cause')].filter((one) => one.checkVisibility()).length"
    assert tab.run(folded) == 0
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run(folded) > 3


def pages_of(pdf: bytes) -> int:
    assert pdf.startswith(b"%PDF")
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


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
