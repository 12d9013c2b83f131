"""The happens-before graph of a violation as DOT and as GraphML; :mod:`toctou.analysis.graph_formats` writes both."""

from __future__ import annotations

from toctou.analysis.graph_formats import Attributes, Graph, dot, graphml
from toctou.reporting.document import Document
from toctou.reporting.page_content import edges
from toctou.reporting.renderer import Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import violation_title


def render_dot(document: Document) -> str:
    """The graph as DOT."""
    return dot(graph_of(document))


def render_graphml(document: Document) -> str:
    """The graph as GraphML."""
    return graphml(graph_of(document))


def graph_of(document: Document) -> Graph:
    """Operations as nodes; each edge once, with whether it belongs to the cycle."""
    requests = {one["letter"]: f"{one['letter']} {one['principal']}: {one['handler']}" for one in document["requests"]}
    nodes: dict[str, Attributes] = {
        step["name"]: {
            "label": visible(f"{step['name']} {step['summary']}"),
            "request": visible(requests[step["request"]]),
            "action": visible(step["action"]),
            "order": order,
            "witness": step["witness"],
            "wrong": step["wrong"],
        }
        for order, step in enumerate(document["steps"], 1)
    }
    drawn: list[tuple[str, str, Attributes]] = [
        (
            one["earlier"],
            one["later"],
            {name: visible(one[name]) for name in ("kind", "item", "reason")} | {"cycle": one["in_cycle"]},
        )
        for one in edges(document)
    ]
    return Graph(visible(violation_title(document)), nodes, drawn)


RENDERERS = (
    Renderer("dot", ".dot", {"violation": render_dot}),
    Renderer("graphml", ".graphml", {"violation": render_graphml}),
)
