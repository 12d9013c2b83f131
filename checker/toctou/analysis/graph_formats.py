"""Writes a happens-before graph for graph tools: GraphML through networkx, and DOT.

It takes plain nodes and edges, so that a stored report can be converted as well as an execution.

Sources: GraphML, http://graphml.graphdrawing.org/primer/graphml-primer.html; DOT, https://graphviz.org/doc/info/lang.html.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

Attributes = Mapping[str, str | int | bool]
"""What is said about a node or an edge; texts hold printable characters only."""

DOT_STYLES: Mapping[str, str] = {
    "wr": "color=darkgreen",
    "ww": "color=orange3",
    "rw": "color=red3",
    "po": "color=gray50, style=dotted",
    "rt": "color=blue3, style=dashed",
}


@dataclass(frozen=True, slots=True)
class Graph:
    """Operations and the edges between them.

    Attributes:
        nodes: name to attributes; ``label`` is shown, ``request`` names the group that it is drawn in.
        edges: names of both ends, and attributes; ``kind`` is one of wr, ww, rw, po and rt, ``cycle`` makes it stand out.
    """

    title: str
    nodes: Mapping[str, Attributes]
    edges: Sequence[tuple[str, str, Attributes]]


def graphml(graph: Graph) -> str:
    """The graph as GraphML, ending in a newline."""
    built = nx.MultiDiGraph(name=graph.title)
    for name, attributes in graph.nodes.items():
        built.add_node(name, **attributes)
    for number, (earlier, later, attributes) in enumerate(graph.edges):
        built.add_edge(earlier, later, key=str(number), **attributes)
    stream = io.BytesIO()
    nx.write_graphml_xml(built, stream)  # the writer that does not depend on whether lxml is there
    return stream.getvalue().decode().rstrip() + "\n"


def dot(graph: Graph) -> str:
    """The graph as DOT, one cluster per request, ending in a newline."""
    lines = ["digraph violation {", f"  label={_quoted(graph.title)};", "  node [shape=box];"]
    requests = dict.fromkeys(str(attributes["request"]) for attributes in graph.nodes.values())
    for number, request in enumerate(requests):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(request)};"]
        lines += [
            f"    {_quoted(name)} [label={_quoted(str(attributes['label']))}{_weight(attributes, 'witness')}];"
            for name, attributes in graph.nodes.items()
            if attributes["request"] == request
        ]
        lines.append("  }")
    for earlier, later, attributes in graph.edges:
        kind = str(attributes["kind"])
        style = ", ".join(filter(None, [f"label={_quoted(kind)}", DOT_STYLES.get(kind, "")]))
        tip = f", tooltip={_quoted(str(attributes['reason']))}" if attributes.get("reason") else ""
        lines.append(f"  {_quoted(earlier)} -> {_quoted(later)} [{style}{_weight(attributes, 'cycle')}{tip}];")
    return "\n".join([*lines, "}"]) + "\n"


def _weight(attributes: Attributes, name: str) -> str:
    return ", penwidth=3" if attributes.get(name) else ""


def _quoted(text: str) -> str:
    # in a quoted string of DOT only the quote itself is special, but labels give meaning to backslashes
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
