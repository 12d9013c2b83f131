"""Every renderer there is, by name: a new format is one file beside this one and one line here."""

from __future__ import annotations

from toctou.reporting import detail, github, graph, html, json_report, mermaid, pytest_file, sarif, text
from toctou.reporting.renderer import Renderer


def _named(*renderers: Renderer) -> dict[str, Renderer]:
    return {renderer.name: renderer for renderer in renderers}


RENDERERS: dict[str, Renderer] = _named(
    json_report.RENDERER,
    text.RENDERER,
    html.RENDERER,
)
"""The formats that every run stores."""

FORMATS: dict[str, Renderer] = RENDERERS | _named(
    detail.RENDERER,
    sarif.RENDERER,
    github.RENDERER,
    mermaid.RENDERER,
    graph.DOT,
    graph.GRAPHML,
    pytest_file.RENDERER,
)
"""These, and those that are made of a stored report when somebody asks for them."""
