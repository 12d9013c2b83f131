"""Backends by name."""

from __future__ import annotations

from contextlib import closing

import pytest

from toctou.client.backends import backend_named, is_repeatable


@pytest.mark.parametrize(
    ("name", "window", "repeatable"),
    [("embedded", 1, True), ("embedded", 2, False), ("moto", 1, True), ("endpoint=http://127.0.0.1:1", 1, False)],
)
def test_what_is_said_of_a_backend_is_what_it_is(name: str, window: int, repeatable: bool):
    with closing(backend_named(name, window)) as backend:
        assert backend.repeatable is is_repeatable(name, window) is repeatable
