"""Decides what counts as an HTTP status: 404, ``HTTPStatus.NOT_FOUND``, ``"404"``, ``"404 Not Found"``."""

from __future__ import annotations

import re
from typing import Any

_TEXT = re.compile(r"([1-9]\d\d)(?: .*)?")


def status_of(value: Any) -> int | None:
    """The status that a value represents, 100 to 999; ``None`` if it represents none."""
    if isinstance(value, str) and (found := _TEXT.fullmatch(value)):
        return int(found[1])
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 999:
        return int(value)
    return None
