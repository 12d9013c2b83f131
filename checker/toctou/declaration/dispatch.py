"""Decides who serves the request that a handler has returned: the model's application, its Lambda function, or its service.

What a handler returns that is no request is its answer, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from toctou.declaration.model import Model, bound
from toctou.declaration.served import no_function, nobody_serves
from toctou.declaration.validation import shown
from toctou.errors import ModelError
from toctou.gate.headers import headers_of
from toctou.gate.sending import http_request
from toctou.gate.service import HttpCall
from toctou.openapi.request import HttpRequest
from toctou.web import api_gateway, asgi, event_sources, wsgi
from toctou.web.lambda_context import invoke
from toctou.web.route_tables import route_of


def dispatched(model: Model, principal: str, returned: Any) -> Any:
    """What the request that a handler returned is answered, or a coroutine that returns it; for a service, the request to send.

    Raises:
        ModelError: there is nobody to serve it, or it cannot be sent.
    """
    cls = type(model)
    if isinstance(returned, event_sources.Invocation):
        invoked = returned.function or cls.function
        if invoked is None:
            raise no_function(cls, "an event")
        return event_sources.answer(invoke(invoked, returned.event))
    if not isinstance(returned, HttpCall):
        return returned
    call = (
        returned
        if returned.says_who
        else replace(returned, headers={**own_headers(model, principal), **returned.headers})
    )
    if cls.service is not None:
        return call
    if cls.app is None and cls.function is None and call.function is None:
        raise nobody_serves(cls, f"{call.method} {call.path}")
    sent = http_request(call, {}, principal)
    request = HttpRequest(sent.method, sent.target, sent.headers, sent.body)
    function: Callable[..., Any] | None = call.function or (cls.function if cls.app is None else None)
    if function is not None:
        known = api_gateway.known_of(principal, cls.caller)
        own = route_of(function, request.path.partition("?")[0])
        template, parameters = own or (call.template, call.parameters)
        event = api_gateway.EVENTS[cls.api](api_gateway.Sent(request, template, parameters, known))
        return _answered(cls, invoke(function, event))
    if asgi.is_asgi(cls.app):
        return asgi.answer(cls.app, request, asgi.state_of(cls.app))
    return wsgi.answer(cls.app, request)


def own_headers(model: Model, principal: str) -> dict[str, str]:
    """The headers that the model declares for a principal."""
    declared: Any = type(model).headers
    declared = bound(declared, model) if callable(declared) else declared
    return headers_of(f"the model {type(model).__name__}", declared, principal)


def _answered(cls: type[Model], returned: Any) -> Any:
    if isinstance(returned, Mapping) and "statusCode" in returned:
        return returned
    if cls.api in api_gateway.BARE_ANSWERS:
        return api_gateway.bare(returned)
    raise ModelError(
        f"the function of the model {cls.__name__} returned {shown(returned)}",
        expected="a dictionary with statusCode: a REST API of API Gateway answers anything else with 502",
        cause="a function behind an HTTP API or a function URL, which the model does not say; or a fault of the function",
        remedy='set api = "http" (or "url") in the model, or return {"statusCode": …}',
    )
