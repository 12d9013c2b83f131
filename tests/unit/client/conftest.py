"""Open interceptions, in front of the embedded backend and in front of canned answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from unscheduled_calls import Interception, OpenDoor, Scripted

from toctou.client.backend import Backend
from toctou.client.intercept import intercepted


@pytest.fixture
def interception() -> Iterator[Interception]:
    """In front of the embedded backend."""
    found = Interception()
    with intercepted(found.point, found.backend, found.operations.append):
        yield found


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """In front of canned answers."""
    backend = Scripted()
    with intercepted(OpenDoor(), cast("Backend", backend), lambda operation: None):
        yield backend
