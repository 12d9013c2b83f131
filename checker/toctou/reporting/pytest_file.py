"""A violation as a test for pytest that fails while the race is there; :mod:`toctou.reporting.regression` runs it.

The file is made to be committed: it says what was found, and holds the requests and the schedule as plain Python.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from toctou.reporting.document import Document
from toctou.reporting.encoding import decode, holds
from toctou.reporting.load import counterexample
from toctou.reporting.renderer import Renderer
from toctou.reporting.summary import visible
from toctou.reporting.titles import violation_title

_WIDTH = 100


def render(document: Document) -> str:
    """The test file.

    Raises:
        ReportError: an argument cannot be rebuilt from the report.
    """
    counterexample(document)  # raises for what could not be replayed either
    requests = [_request(one) for one in document["requests"]]
    needs_decimal = any(
        holds(decode(value), Decimal) for one in document["requests"] for value in one["arguments"].values()
    )
    lines = [
        '"""Regression test for a race, written by `toctou report --format pytest`."""',
        "",
        *(["from decimal import Decimal", ""] if needs_decimal else []),
        "from toctou import Request, assert_race_is_gone",
        "",
        *_comment(f"{violation_title(document)}."),
        *_comment(document["explanation"]["headline"]),
        *_comment(f"Cause: {document['cause']['text']}."),
        *_comment(f"Severity: {document['severity']['level']}, {document['severity']['vector']}"),
        "",
        "",
        f"def test_{_name(document)}():",
        "    assert_race_is_gone(",
        f"        {_text(document['model'])},",
        "        [",
        *(f"            {request}," for request in requests),
        "        ],",
        f"        schedule={_text(document['schedule'])},",
        f"        oracle={_text(document['finding']['oracle'])},",
        *(['        isolation="processes",'] if document.get("isolation") == "processes" else []),
        "        near=__file__,",
        "    )",
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(visible(text), _WIDTH - 2, break_on_hyphens=False)]


def _request(request: Document) -> str:
    arguments = {name: decode(value) for name, value in request["arguments"].items()}
    return f"Request.of({_text(request['principal'])}, {_text(request['handler'])}, {_literal(arguments)})"


def _literal(value: Any) -> str:
    """Python that gives the value again; ``repr`` but for what would need a name that the file does not import."""
    match value:
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return f"float({_text(str(value))})"
        case Mapping():
            return "{" + ", ".join(f"{_literal(key)}: {_literal(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case tuple():
            return "(" + ", ".join(map(_literal, value)) + ("," if len(value) == 1 else "") + ")"
        case set() | frozenset():
            inner = ", ".join(sorted(map(_literal, value)))
            made = f"{{{inner}}}" if value else "set()"
            return f"frozenset({made})" if isinstance(value, frozenset) else made
        case _:
            return repr(value)


def _text(value: str) -> str:
    """``repr`` with the quotes that formatters leave alone."""
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def _name(document: Document) -> str:
    model = document["model"].rpartition(":")[2]
    words = f"{model} {document['cause']['handler']} {document['explanation']['anomaly']}"
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)
    return re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_") or "race"


RENDERERS = (Renderer("pytest", ".py", {"violation": render}),)
