"""Chalice's test client: requests over HTTP, through Chalice's own imitation of API Gateway, and invocations of functions.

https://aws.github.io/chalice/topics/testing.html.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from toctou.declaration.response import response_of
from toctou.history.request import Response
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Entry
from toctou.recording.test_clients.applications import Applications, name_in_module
from toctou.recording.test_clients.client import Client
from toctou.recording.test_clients.http_arguments import METHOD, PATH, Sent, no_coroutine

_LOCAL = "chalice.local"
_EVENT = "event"
_MEGABYTES = 128
"""What a function has unless it says otherwise."""


def _gateway(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The gateway's method that gets one request; the client has set the environment of the function by then."""

    @functools.wraps(original)
    def handle_request(self: Any, method: str, path: str, headers: dict[str, str], body: bytes | str | None) -> Any:
        application = applications.known(self._app_object)
        send = functools.partial(original, self)
        before, _, query = path.partition("?")
        content = body.encode() if isinstance(body, str) else body or b""
        sent = Sent.of(method, before, query, headers.items(), content)
        entry = application.entry(functools.partial(_performed, send, sent, {name.lower(): name for name in headers}))
        one = None
        try:
            with recorder.requested(entry, sent.arguments) as one:
                returned = send(method=method, path=path, headers=headers, body=body)
                if one is not None:
                    one.returned = response_of(returned, application.name, no_coroutine)
                return returned
        except sys.modules[_LOCAL].LocalGatewayException as refused:
            if one is not None:
                one.raised, one.returned = None, _refusal(refused)
            raise

    return handle_request


def _performed(send: Callable[..., Any], sent: Sent, names: Mapping[str, str], arguments: dict[str, Any]) -> Any:
    request = sent.changed(arguments)
    query = request.path.partition("?")[2]
    path = arguments[PATH]  # the gateway passes it on without decoding it
    headers = {names.get(name, name): value for name, value in request.headers.items()}
    try:
        return send(
            method=arguments[METHOD], path=f"{path}?{query}" if query else path, headers=headers, body=request.body
        )
    except sys.modules[_LOCAL].LocalGatewayException as refused:
        return _refusal(refused)


def _refusal(refused: Any) -> Response:
    """What the gateway answers itself: no such route, or an authorizer has refused."""
    headers = list(refused.headers.items())
    return response_of((refused.CODE, (refused.body or b"").decode(), headers), "gateway", no_coroutine)


def _invoke(original: Callable[..., Any], recorder: Recorder, applications: Applications) -> Callable[..., Any]:
    """The client's method that invokes a function with an event."""

    @functools.wraps(original)
    def invoke(self: Any, function_name: str, payload: Any = None) -> Any:
        function = self._app.handler_map.get(function_name)
        if function is None:
            return original(self, function_name, payload)
        name = name_in_module(function) or f"{applications.known(self._app).name.partition(':')[0]}:{function_name}"
        entry = Entry("lambda", name, functools.partial(_invoked, function, function_name))
        scoped = self._config.scope(self._config.chalice_stage, function_name)
        with (
            self._patched_env_vars(scoped.environment_variables),
            recorder.requested(entry, {_EVENT: {} if payload is None else payload}) as one,
        ):
            response = original(self, function_name, payload)
            if one is not None:
                one.returned = response.payload
            return response

    return invoke


def _invoked(function: Callable[..., Any], name: str, arguments: dict[str, Any]) -> Any:
    return function(arguments[_EVENT], sys.modules[_LOCAL].LambdaContext(name, memory_size=_MEGABYTES))


GATEWAY = Client(_LOCAL, "LocalGateway", "handle_request", _gateway)
FUNCTIONS = Client("chalice.test", "TestLambdaClient", "invoke", _invoke)
