"""What there is to know of a test client, so that its requests are recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toctou.recording.recorder import Recorder
from toctou.recording.test_clients.applications import Applications


@dataclass(frozen=True, slots=True)
class Client:
    """A test client.

    Attributes:
        module: in which it is.
        kind: its class there.
        method: of that class, which sends one request.
        wrapped: the method, so that its requests are recorded; takes also who records, and which applications are known.
        ended: takes back what else was replaced.
    """

    module: str
    kind: str
    method: str
    wrapped: Callable[[Callable[..., Any], Recorder, Applications], Callable[..., Any]]
    ended: Callable[[], None] = lambda: None
