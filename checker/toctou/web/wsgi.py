"""Sends one request to a WSGI application (Flask, Django, Bottle, …), in the caller's thread and task.

Source: https://peps.python.org/pep-3333/.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from toctou.history.normal_form import decoded
from toctou.history.request import Response
from toctou.openapi.request import HttpRequest


def answer(application: Any, request: HttpRequest) -> Response:
    """The application's response; its exceptions propagate, and what it logs in ``wsgi.errors`` is output of the request."""
    path, _, query = request.path.partition("?")
    builder = EnvironBuilder(
        path=path,
        query_string=query,
        method=request.method,
        headers=list(request.headers.items()),
        data=request.body or None,
        errors_stream=sys.stderr or io.StringIO(),
    )
    # Buffered, because a generator that is never exhausted would leave its last DynamoDB calls unmade.
    body, status, headers = run_wsgi_app(application, builder.get_environ(), buffered=True)
    content = decoded(b"".join(body), headers.get("Content-Type", ""))
    return Response(int(status.partition(" ")[0]), content, headers=list(headers.items()))
