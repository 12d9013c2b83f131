from dataclasses import replace
from html.parser import HTMLParser

import pytest
from bare_documents import run_document
from sample_reports import MODEL, make_model, make_run, make_violation

from toctou.history.operation import ErrorResponse
from toctou.history.request import HandlerException, Request, Response
from toctou.reporting import html
from toctou.reporting.document import violation_document

VOID = {"meta", "input", "br", "img", "link", "hr"}
ATTACKS = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) '",
    "</style><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
]


class Page(HTMLParser):
    """Elements with their attributes, the visible text, and whether every element was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text += data

    def all(self, tag):
        return [attributes for one, attributes in self.elements if one == tag]


def hostile(attack):
    violation = make_violation(principal=attack, data=attack)
    execution = violation.execution
    operations = (
        replace(
            execution.operations[0],
            result=None,
            error=ErrorResponse(attack, attack, {"x": attack}),
            source=replace(execution.operations[0].source, file=f"{attack}.py", text=attack, function=attack),
        ),
        *execution.operations[1:],
    )
    execution = replace(
        execution,
        requests=(execution.requests[0], Request.of(attack, attack, {"item": attack})),
        responses=(Response(200, {attack: attack}), Response(500, None, HandlerException("E", attack))),
        operations=operations,
        initial={f"T{attack}": execution.initial["Items"]},
    )
    explanation = replace(
        violation.explanation, anomaly_title=attack, contradiction=attack, decision=attack, source=attack
    )
    return replace(violation, execution=execution, explanation=explanation, difference=attack)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_comes_from_handlers_and_items_is_shown_as_text(attack, tmp_path):
    violation = hostile(attack)
    harmless = Page(html.render_violation(violation_document(MODEL, hostile("harmless"), report=tmp_path / "x-1.json")))
    page = Page(html.render_violation(violation_document(MODEL, violation, title=attack, report=tmp_path / "x-1.json")))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert [set(attributes) for _, attributes in page.elements] == [
        set(attributes) for _, attributes in harmless.elements
    ]
    assert page.open == []
    assert page.text.count(attack) > 10


@pytest.mark.parametrize("attack", ATTACKS)
def test_so_is_what_the_index_shows(attack):
    model = replace(make_model(hostile(attack), model=f"x.py:{attack}"), title=attack, detail=attack)
    page = Page(html.render_run(run_document(make_run(replace(model, unreached=((attack, attack),))))))
    assert page.all("script") == page.all("img") == page.all("svg") == []
    assert page.open == []
    assert page.text.count(attack) >= 5


def test_no_network_and_one_script_known_by_its_hash(violation, run):
    for rendered in (html.render_violation(violation_document(MODEL, violation)), html.render_run(run_document(run))):
        page = Page(rendered)
        assert not page.all("link")
        assert all("src" not in attributes for _, attributes in page.elements)
        policy = page.all("meta")[1]["content"]
        assert "default-src 'none'" in policy
        assert ("script-src 'sha256-" in policy) == bool(page.all("script"))
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_every_link_within_the_page_leads_somewhere(violation):
    page = Page(html.render_violation(violation_document(MODEL, violation)))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {one["href"][1:] for one in page.all("a") if one["href"].startswith("#")}
    assert targets <= set(ids)
    assert {"step-A.1", "step-B.1", "step-A.2"} <= targets
    assert all(one["aria-labelledby"] in ids for one in page.all("section"))


def test_nodes_stand_in_the_lane_of_their_request_and_in_time(violation):
    page = Page(html.render_violation(violation_document(MODEL, violation)))
    nodes = [one for one in page.all("a") if one.get("class", "").startswith("node")]
    assert [(one["data-name"], one["style"]) for one in nodes] == [
        ("A.1", "grid-column: 1; grid-row: 2"),
        ("B.1", "grid-column: 2; grid-row: 3"),
        ("A.2", "grid-column: 1; grid-row: 5"),
    ]
    assert "wrong" in nodes[2]["class"]
    assert "wrong" not in nodes[0]["class"]


def test_edges_are_there_once_with_their_kind_and_a_toggle(violation):
    page = Page(html.render_violation(violation_document(MODEL, violation)))
    edges = [one for one in page.all("li") if one.get("class") == "edge"]
    assert [(one["data-kind"], one["data-from"], one["data-to"], one["data-cycle"]) for one in edges] == [
        ("rw", "A.1", "B.1", "yes"),
        ("ww", "B.1", "A.2", "yes"),
        ("po", "A.1", "A.2", "no"),
    ]
    assert [one["value"] for one in page.all("input")] == ["ww", "rw", "po"]


def test_expressions_are_shown_with_their_placeholders_filled_in(violation):
    text = Page(html.render_violation(violation_document(MODEL, violation))).text
    assert "attribute_exists(item_id) AND owner = 'alice'" in text
    assert "SET owner = 'bob'" in text


def test_a_placeholder_is_not_filled_in_twice():
    parameters = {
        "UpdateExpression": "SET #a = :a",
        "ExpressionAttributeNames": {"#a": ":a"},
        "ExpressionAttributeValues": {":a": {"S": "#a"}},
    }
    violation = make_violation()
    operations = tuple(replace(one, parameters=parameters) for one in violation.execution.operations)
    document = violation_document(
        MODEL, replace(violation, execution=replace(violation.execution, operations=operations))
    )
    assert "SET :a = '#a'" in Page(html.render_violation(document)).text


def test_control_characters_are_shown_as_escapes():
    rendered = html.render_violation(violation_document(MODEL, make_violation(principal="a\u202eb")))
    assert "\u202e" not in rendered
    assert r"a\u202eb" in rendered


def test_a_violation_without_edges_or_serial_order_has_no_empty_section(violation):
    explanation = replace(violation.explanation, edges=(), cycle=(), witness=(), contradiction="")
    bare = replace(violation, explanation=explanation, finding=replace(violation.finding, closest=None))
    page = Page(html.render_violation(violation_document(MODEL, bare)))
    labels = [one["aria-labelledby"] for one in page.all("section")]
    assert labels == ["happened", "about"]


def test_the_index_says_where_an_exception_was_raised():
    document = run_document(make_run(make_model(make_violation())))
    (finding,) = document["findings"]
    line = {"file": "app/notes.py", "line": 11, "function": "_own", "text": "raise Refused"}
    finding |= {"read": None, "write": None, "traceback": [{**line, "line": 23}, line]}
    assert '<p class="places">app/notes.py:11 in _own</p>' in html.render_run(document)


def test_the_index_leads_to_every_violation(run):
    page = Page(html.render_run(run_document(run)))
    links = [one["href"] for one in page.all("a")]
    assert links.count("delete_item.ReadThenDelete-1.html") == 3  # the finding, its violation, the scenario
    assert "1 finding, 1 violation, in 1 of 2 models" in page.text
    assert "delete_item: ValidationException: reserved keyword: owner" in page.text


def test_a_finding_without_any_line_of_code_is_listed():
    run = run_document(make_run(make_model(make_violation())))
    (finding,) = run["findings"]
    for place in ("read", "write"):
        finding[place] = {**finding[place], "source": None, "at": None, "stack": []}
    assert "owner check bypassed" in html.render_run(run)
