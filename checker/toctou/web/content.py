"""What the body of an answer says."""

from __future__ import annotations

import json
from typing import Any


def decoded(content: bytes, media_type: str) -> Any:
    """JSON as data, anything else as text; ``None`` where there is nothing."""
    if not content:
        return None
    text = content.decode("utf-8", errors="backslashreplace")
    if "json" in media_type:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
