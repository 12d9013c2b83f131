"""Flask's and Werkzeug's test client: each request to the application, also those by which it follows redirects.

https://werkzeug.palletsprojects.com/en/stable/test/ and https://flask.palletsprojects.com/en/stable/testing/.
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
from toctou.recording.test_clients.flask_session import FlaskSession


def _wrapped(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The method that sends one request, having put the client's cookies into it."""

    @functools.wraps(original)
    def run_wsgi_app(self: Any, *arguments: Any, **keywords: Any) -> Any:
        # Its cookies are the same dictionary.
        sending = copy.copy(self)
        session = FlaskSession(self.application)
        sending.application = wsgi_requests.recorded(
            recorder, applications.known(self.application), None, session.again, session.add_to
        )
        return original(sending, *arguments, **keywords)

    return run_wsgi_app


CLIENT = Client("werkzeug.test", "Client", "run_wsgi_app", _wrapped)
