"""Decodes the body of a response."""

from __future__ import annotations

import json
from typing import Any


def decoded(content: bytes, media_type: str) -> Any:
    """JSON as data, anything else as text; ``None`` if it is empty."""
    if not content:
        return None
    # Not "replace": two different binary bodies must not become the same text, or a difference would go unnoticed.
    text = content.decode("utf-8", errors="backslashreplace")
    if "json" in media_type:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
