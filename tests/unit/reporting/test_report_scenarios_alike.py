"""Every report says for how many scenarios the explored ones stand, and says nothing where each stands for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bare_documents import run_document
from sample_reports import make_model, make_run

from toctou.reporting import html, run_text, text_report
from toctou.reporting.run_document import scenario_document
from toctou.search.result import RunResult


@pytest.fixture
def alike() -> RunResult:
    model = make_model()
    (scenario,) = model.scenarios
    return make_run(replace(model, scenarios=(replace(scenario, stands_for=3), scenario)))


def test_json(alike: RunResult):
    document = run_document(alike)
    assert [one["stands_for"] for one in document["models"][0]["scenarios"]] == [3, 1]


def test_text(alike: RunResult):
    printed = text_report.render(run_document(alike))
    assert "  2 of 4  " in printed
    assert "2 of 4 scenarios were explored: the others differ from these only in names." in printed
    first, second = alike.models[0].scenarios
    assert (
        "3 schedules, representing 3 equivalent scenarios"
        in run_text.scenario_line("Model", scenario_document(first)).plain
    )
    assert "equivalent" not in run_text.scenario_line("Model", scenario_document(second)).plain


def test_page(alike: RunResult):
    page = html.render_run(run_document(alike))
    assert "2 of 4 scenarios" in page
    assert page.count("and 2 more that differ only in names") == 1


def test_nothing_is_said_where_each_stands_for_itself(run: RunResult):
    document = run_document(run)
    for rendered in (text_report.render(document), html.render_run(document)):
        assert "names only" not in rendered
        assert " for 2" not in rendered
