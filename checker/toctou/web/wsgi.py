"""Asks a WSGI application (Flask, Django, Bottle, …) one request, on the thread and in the task of the caller.

Source: PEP 3333.
"""

from __future__ import annotations

import io
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from toctou.history.request import Response
from toctou.openapi.request import HttpRequest
from toctou.web.content import decoded


def answer(application: Any, request: HttpRequest) -> Response:
    """What the application answers; raises what it raises.  What it logs to ``wsgi.errors`` is not shown."""
    path, _, query = request.path.partition("?")
    builder = EnvironBuilder(
        path=path,
        query_string=query,
        method=request.method,
        headers=list(request.headers.items()),
        data=request.body or None,
        errors_stream=io.StringIO(),
    )
    body, status, headers = run_wsgi_app(application, builder.get_environ(), buffered=True)
    return Response(int(status.partition(" ")[0]), decoded(b"".join(body), headers.get("Content-Type", "")))
