"""httpx's transport to a WSGI application.

https://www.python-httpx.org/advanced/transports/#wsgi-transport.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from toctou.recording.recorder import Recorder
from toctou.recording.test_clients import wsgi_requests
from toctou.recording.test_clients.applications import Applications
from toctou.recording.test_clients.client import Client


def _wrapped(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The method that sends one request."""

    @functools.wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        sending = copy.copy(self)
        sending.app = wsgi_requests.recorded(recorder, applications.known(self.app))
        return original(sending, request)

    return handle_request


CLIENT = Client("httpx._transports.wsgi", "WSGITransport", "handle_request", _wrapped)
