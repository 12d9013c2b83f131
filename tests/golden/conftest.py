"""The flag that writes the gallery anew."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/golden --refresh-golden``; then look at the difference before committing it."""
    parser.addoption(
        "--refresh-golden",
        action="store_true",
        help="write reports/gallery anew, and take README's picture, instead of comparing with them",
    )
