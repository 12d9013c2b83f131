"""Records the requests that tests send through test clients.

A client is one module and one line of :data:`CLIENTS`.  None is imported for that: the method that sends a request is replaced
once the tests, or what they import, have imported the client's module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from toctou.recording.imported_modules import modules_seen
from toctou.recording.recorder import Recorder
from toctou.recording.test_clients import (
    chalice_client,
    django_client,
    httpx_asgi,
    httpx_wsgi,
    starlette_client,
    werkzeug_client,
)
from toctou.recording.test_clients.applications import Applications
from toctou.recording.test_clients.client import Client

CLIENTS: tuple[Client, ...] = (
    werkzeug_client.CLIENT,
    django_client.CLIENT,
    django_client.ASYNC_CLIENT,
    starlette_client.CLIENT,
    httpx_asgi.CLIENT,
    httpx_wsgi.CLIENT,
    chalice_client.GATEWAY,
    chalice_client.FUNCTIONS,
)

_BY_MODULE = {name: [one for one in CLIENTS if one.module == name] for name in {one.module for one in CLIENTS}}


@contextmanager
def clients_recorded(recorder: Recorder) -> Iterator[None]:
    """While inside, the requests of test clients are recorded."""
    applications = Applications()
    replaced: list[tuple[type, str, Any, Any]] = []

    def look(module: ModuleType) -> None:
        for client in _BY_MODULE.get(getattr(module, "__name__", ""), ()):
            kind = getattr(module, client.kind, None)
            if kind is None or client.method not in vars(kind):
                continue  # an earlier or a later version of it
            original = vars(kind)[client.method]
            new = client.wrapped(original, recorder, applications)
            setattr(kind, client.method, new)
            replaced.append((kind, client.method, original, new))

    try:
        with modules_seen(look):
            yield
    finally:
        for kind, method, original, new in replaced:
            if vars(kind)[method] is new:
                setattr(kind, method, original)
        for client in CLIENTS:
            client.ended()
