"""One registry of renderers: names and files never meet."""

import pytest
from bare_documents import run_document
from sample_reports import MODEL

from toctou.errors import InternalError, ReportError
from toctou.reporting.document import violation_document
from toctou.reporting.registry import RENDERERS, formats, register, rendered
from toctou.reporting.renderer import KINDS, Renderer


def test_every_renderer_renders_something_that_there_is():
    for renderer in RENDERERS.values():
        assert renderer.renders.keys() <= KINDS.keys()
        assert renderer.renders
        assert renderer.files.keys() <= renderer.renders.keys()
        assert not renderer.stored or "violation" in renderer.renders


def test_every_kind_of_document_can_be_stored_printed_and_read_by_programs():
    for kind in KINDS:
        assert {"text", "json", "html", "sarif", "csv"} <= set(formats(kind))
    assert set(formats("scan", printed=True)) < set(formats("run", printed=True)) < set(formats())


@pytest.mark.parametrize("taken", [Renderer("text", ".new", {}), Renderer("new", ".html", {})])
def test_a_name_or_a_suffix_that_is_taken_is_refused(taken):
    with pytest.raises(InternalError, match="two renderers"):
        register(taken)
    assert "new" not in RENDERERS


def test_a_format_that_does_not_render_a_document_names_those_that_do(run, violation):
    with pytest.raises(ReportError) as caught:
        rendered(run_document(run), "mermaid")
    assert caught.value.observed == "the format mermaid renders a single violation, not a whole run"
    assert caught.value.expected == f"one of the formats {', '.join(formats('run'))}"
    assert "toctou report REPORT.json --format mermaid" in caught.value.remedy
    assert rendered(violation_document(MODEL, violation), "mermaid")
