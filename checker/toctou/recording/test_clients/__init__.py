"""Records the requests that tests send through test clients.

A client is one module and one line of :data:`CLIENTS`.  None is imported for that: the method that sends a request is replaced
once the tests, or what they import, have imported the client's module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

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

_MODULES = frozenset(one.module for one in CLIENTS)


@contextmanager
def clients_recorded(recorder: Recorder) -> Iterator[None]:
    """While inside, the requests of test clients are recorded."""
    loader: Any = SourceFileLoader
    execute = loader.exec_module
    applications = Applications()
    replaced: list[tuple[type, str, Any, Any]] = []

    def look(name: str) -> None:
        for client in CLIENTS:
            kind = getattr(sys.modules[name], client.kind, None)
            if client.module == name and kind is not None and client.method in vars(kind):
                original = vars(kind)[client.method]
                new = client.wrapped(original, recorder, applications)
                setattr(kind, client.method, new)
                replaced.append((kind, client.method, original, new))

    def executed(self: Any, module: ModuleType) -> None:
        execute(self, module)
        if module.__name__ in _MODULES:
            look(module.__name__)

    loader.exec_module = executed
    for name in _MODULES & sys.modules.keys():
        look(name)
    try:
        yield
    finally:
        if loader.exec_module is executed:  # or something else is in front of it, which stays
            loader.exec_module = execute
        for kind, method, original, new in replaced:
            if vars(kind)[method] is new:
                setattr(kind, method, original)
        for client in CLIENTS:
            client.ended()
