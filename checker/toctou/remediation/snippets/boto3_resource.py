"""Decides how a remedy reads for a table of boto3's resource, whose values are Python's; transactions take its client."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.remediation.snippets.boto3_client import calls, plain
from toctou.remediation.snippets.parts import Sketch
from toctou.remediation.source_edits.layout import text_literal


def render(sketches: Sequence[Sketch]) -> str:
    """The calls, with what to do when they fail."""
    return calls(sketches, plain, "table", "table.meta.client", lambda request: text_literal(request.table))
