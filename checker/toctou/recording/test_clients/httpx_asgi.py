"""httpx's transport to an ASGI application, which is called in the test's own task.

https://www.python-httpx.org/advanced/transports/#asgi-transport.
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
    async def handle_async_request(self: Any, request: Any) -> Any:
        sending = copy.copy(self)
        sending.app = asgi_requests.recorded(recorder, applications.known(self.app))
        return await original(sending, request)

    return handle_async_request


CLIENT = Client("httpx._transports.asgi", "ASGITransport", "handle_async_request", _wrapped, plain_again)
