"""GitHub annotations, Mermaid, DOT and GraphML: the shape, and that nothing from handlers or items becomes syntax."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from bare_documents import run_document, without_places
from sample_reports import MODEL, make_model, make_run, make_violation
from test_report_findings import elsewhere
from test_report_html import ATTACKS, hostile
from test_report_schema import unusual_violation

from toctou.reporting import github, graph, mermaid
from toctou.reporting.document import violation_document
from toctou.reporting.registry import formats, rendered

NASTY = [*ATTACKS, "a\n::error::b", "x\r\ny", "50%, a:b;c", 'quote " and \\', "end", "ends\u202e\x1b[31m"]


@pytest.fixture
def document(violation):
    return violation_document(MODEL, violation)


def nasty(text):
    return violation_document(f"x.py:{text}", hostile(text))


def test_an_annotation_points_at_the_write(document):
    (line,) = github.render(document).splitlines()
    head = "::error file=models/delete_item.py,line=34,title=delete_item × transfer%3A owner check bypassed::"
    places = "models/delete_item.py:31 reads → models/delete_item.py:34 deletes%0A"
    assert line.startswith(f"{head}{places}alice's delete_item deleted Items[i1] while it belonged to bob")


def test_annotations_of_a_run_are_sorted_and_tell_what_is_inconclusive(run):
    model = make_model(elsewhere(make_violation()), make_violation())
    lines = github.render(run_document(make_run(model, run.models[1]))).splitlines()
    assert [re.match("::(\\w+) ", line)[1] for line in lines] == ["error", "error", "warning"]
    assert ["title=delete_item × transfer%3A" in line for line in lines] == [True, False, False]
    assert "title=inconclusive%3A max_schedules" in lines[2]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_begins_a_second_command(text):
    rendered = github.render(nasty(text))
    assert rendered.count("\n") == 1
    assert rendered.startswith("::error ")
    properties = rendered[2:].partition("::")[0].partition(" ")[2]
    assert [one.partition("=")[0] for one in properties.split(",")] == ["file", "line", "title"]


def test_a_sequence_diagram_says_who_did_what_when(document):
    lines = [line.strip() for line in mermaid.render(document).splitlines()]
    assert lines[0] == "sequenceDiagram"
    assert "participant A as A alice: delete_item" in lines
    messages = [line for line in lines if "->>" in line]
    assert messages[0::2] == [
        "A->>DynamoDB: ● A.1 GetItem Items[i1]",
        "B->>DynamoDB: ● B.1 UpdateItem Items[i1]",
        "A->>DynamoDB: ● A.2 DeleteItem Items[i1]",
    ]
    assert lines.index("Note over B: answers 200 #123;'owner': 'bob'#125;") < lines.index(messages[4])
    assert "Note right of DynamoDB: violates ownership" in lines


@pytest.mark.parametrize("text", NASTY)
def test_no_text_ends_a_line_of_a_diagram_or_begins_an_entity(text):
    plain = mermaid.render(nasty("harmless")).splitlines()
    lines = mermaid.render(nasty(text)).splitlines()
    assert [line.split()[0] for line in lines] == [line.split()[0] for line in plain]
    shown = re.sub(r"#\d+;", "", "\n".join(lines).replace("<br/>", ""))
    assert not re.search(r"[#;<>{}\\\x1b]", shown.replace("->>", "").replace("-->>", ""))


def test_words_that_mermaid_keeps_for_itself():
    assert mermaid.escaped("the end") == "the #101;nd"
    assert mermaid.escaped("ending") == "ending"


def test_graphml_holds_every_operation_and_edge(document):
    root = ET.fromstring(graph.render_graphml(document))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert [one.get("id") for one in root.iter(f"{space}node")] == ["A.1", "B.1", "A.2"]
    edges = [(one.get("source"), one.get("target")) for one in root.iter(f"{space}edge")]
    assert sorted(edges) == [("A.1", "A.2"), ("A.1", "B.1"), ("B.1", "A.2")]


@pytest.mark.parametrize("text", NASTY)
def test_graphml_stays_well_formed(text):
    ET.fromstring(graph.render_graphml(nasty(text)))


def strings(dot):
    """What is left of DOT when its quoted strings are taken out."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "S", dot)


def test_dot_has_a_cluster_per_request_and_a_line_per_edge(document):
    rendered = graph.render_dot(document)
    assert strings(rendered).count("subgraph") == 2
    assert '"A.1" -> "B.1" [label="rw", color=red3, penwidth=3' in rendered
    assert strings(rendered).count("->") == 3


@pytest.mark.parametrize("text", NASTY)
def test_no_text_leaves_its_quotes_in_dot(text):
    assert strings(graph.render_dot(nasty(text))) == strings(graph.render_dot(nasty("harmless")))


@pytest.mark.parametrize("name", formats("violation"))
def test_every_format_shows_the_unusual_and_the_sample_without_places(name, violation):
    assert rendered(violation_document("package.module:Model", unusual_violation()), name)
    assert rendered(without_places(violation_document(MODEL, violation)), name)
    silent = replace(violation, execution=replace(violation.execution, operations=()))
    bare = replace(
        silent,
        finding=replace(violation.finding, operations=()),
        explanation=replace(violation.explanation, edges=(), cycle=(), witness=()),
    )
    assert rendered(violation_document(MODEL, bare), name)
