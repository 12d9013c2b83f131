"""The test client of Starlette and FastAPI, which runs the application in a thread of its own.

https://starlette.dev/testclient/.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from toctou.recording.recorder import Recorder
from toctou.recording.test_clients import asgi_requests
from toctou.recording.test_clients.applications import Applications
from toctou.recording.test_clients.client import Client
from toctou.recording.test_clients.fastapi_state import plain_again


def _wrapped(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The method that sends one request."""

    @functools.wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        sending = copy.copy(self)
        sending.app = asgi_requests.recorded(recorder, applications.known(self.app))
        return original(sending, request)

    return handle_request


CLIENT = Client("starlette.testclient", "_TestClientTransport", "handle_request", _wrapped, plain_again)
