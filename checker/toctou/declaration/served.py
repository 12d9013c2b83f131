"""Decides whether what serves a model's requests is declared as it has to be: application, function, headers, and callers."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toctou.declaration.signatures import mismatch, returns_nothing, takes_model
from toctou.declaration.validation import is_list, shown
from toctou.errors import ModelError
from toctou.gate.headers import check_headers
from toctou.gate.sending import http_request
from toctou.gate.service import HttpCall
from toctou.web.api_gateway import EVENTS
from toctou.web.callers import Caller


class Sends(ABC):
    """What a handler is that sends a request instead of serving it.

    Attributes:
        request: as text, for errors.
        function: the Lambda function that serves it; ``None`` for what the model names.
        over_http: an application or a service may serve it, too.
    """

    request: str
    function: Callable[..., Any] | None
    over_http = True

    @abstractmethod
    def __call__(self, principal: str, **arguments: Any) -> Any:
        """The request, or the invocation of a function."""


def serves_functions(model: type[Any]) -> bool:
    """Whether a Lambda function serves requests of the model."""
    declared = (value for base in model.__mro__ for value in vars(base).values())
    routes = (getattr(value, "function", None) for value in declared)
    return model.function is not None or any(isinstance(one, Sends) and one.function is not None for one in routes)


def no_function(model: type[Any], request: str) -> ModelError:
    """The error for an event of a model that has no function for it."""
    return ModelError(
        f"the model {model.__name__} sends {request}, but has no Lambda function",
        expected="`function`, of the model or of the event; a `service`, which is another process, gets no events",
        remedy="for example function = worker.handler",
    )


def nobody_serves(model: type[Any], request: str) -> ModelError:
    """The error for a request of a model that has nothing to send it to."""
    return ModelError(
        f"the model {model.__name__} sends {request}, but has nothing that serves it",
        expected="`app`, a WSGI or ASGI application, `function`, a Lambda function, or `service`, a process",
        remedy="for example app = shop.app, or function = shop.lambda_handler",
    )


def check_served(model: type[Any], handlers: Mapping[str, Any]) -> None:
    """Check what serves the requests of a model.

    Args:
        model: whose declaration it is.
        handlers: of the model, by name.

    Raises:
        ModelError: it cannot serve them, or what says who calls is none.
    """
    where = f"the model {model.__name__}"
    if model.service is not None and (model.app is not None or model.function is not None):
        raise ModelError(
            f"{where} has a `service` beside {'an `app`' if model.app is not None else 'a `function`'}",
            expected="one of them: a process serves all requests of a model, or none",
            remedy="make a model of each",
        )
    _check_application(where, model.app)
    functions = [("`function` of " + where, model.function)]
    for name, handler in handlers.items():
        sends = handler.function
        if not isinstance(sends, Sends):
            continue
        functions.append((f"`function` of {'the route' if sends.over_http else 'the event'} {name!r}", sends.function))
        if not sends.over_http:
            if model.service is not None or (model.function is None and sends.function is None):
                raise no_function(model, sends.request)
        elif all(one is None for one in (model.service, model.app, model.function, sends.function)):
            raise nobody_serves(model, sends.request)
        _check_sent(sends, handler.pools, "alice")
    for what, function in functions:
        _check_function(what, function)
    _check_api(where, model)
    principals = dict.fromkeys(
        [
            *(model.principals if is_list(model.principals) else ()),  # which is told as such
            *(one for each in handlers.values() if not each.acts_for_nobody for one in each.principals or ()),
        ]
    )
    _check_function_of_headers(where, model.headers)
    # An operation of a document knows how its caller authenticates, so that an `App` may leave principals out.
    check_headers(where, model.headers, list(principals), all_of_them=not hasattr(model, "document"))


def _check_sent(sends: Sends, pools: Mapping[str, Any], principal: str) -> None:
    """Make what would be sent, with each value of each argument."""
    if not all(isinstance(values, Sequence) and values for values in pools.values()):  # which is told as such
        return
    first = {argument: values[0] for argument, values in pools.items()}
    others = [{**first, argument: value} for argument, values in pools.items() for value in values[1:]]
    for arguments in [first, *others]:
        made = sends(principal, **arguments)
        if isinstance(made, HttpCall):
            http_request(made, {}, principal)


def _check_function_of_headers(where: str, headers: Any) -> None:
    if not callable(headers):
        return
    why = mismatch(headers, *([None] if takes_model(headers) else []), "alice")
    if why or returns_nothing(headers):
        raise ModelError(
            f"`headers` of {where} {f'cannot be called with a principal: {why}' if why else 'never returns anything'}",
            expected="a mapping, or a function or method that makes it from the principal",
            remedy='for example def headers(self, principal): return {"X-User": principal}',
        )


def _check_api(where: str, model: type[Any]) -> None:
    if not isinstance(model.api, str) or model.api not in EVENTS:
        raise ModelError(
            f"`api` of {where} is {shown(model.api)}",
            expected=f"{', '.join(map(repr, EVENTS))}: a REST API, an HTTP API, a function URL, or a load balancer",
            remedy='for example api = "http"',
        )
    caller = model.caller
    if not isinstance(caller, Caller | None) and not (
        isinstance(caller, Sequence) and all(isinstance(one, Caller) for one in caller)
    ):
        raise ModelError(
            f"`caller` of {where} is {shown(caller)}",
            expected="claims(…), authorizer(…) or iam(…), or a list of these",
            remedy='for example caller = claims("sub")',
        )
    if model.api == "alb" and caller is not None:
        raise ModelError(
            f"`caller` of {where} is in no event of a load balancer",
            expected="headers that say who calls",
            remedy='for example headers = {"X-User": "{principal}"}, and leave caller out',
        )


def _check_application(where: str, application: Any) -> None:
    if application is None:
        return
    if not callable(application):
        raise ModelError(
            f"`app` of {where} is {shown(application)}",
            expected="a WSGI or ASGI application",
            remedy="for example app = shop.app; for Django, app = get_wsgi_application()",
        )
    if _parameters(application)[:2] == ["event", "context"]:
        raise ModelError(
            f"`app` of {where} takes (event, context): it is a Lambda function",
            expected="a WSGI or ASGI application",
            remedy="name it function = … instead",
        )


def _check_function(what: str, function: Any) -> None:
    if function is None:
        return
    taken = _parameters(function)
    if not callable(function) or taken[:1] == ["environ"] or taken[:1] == ["scope"]:
        raise ModelError(
            f"{what} is {shown(function)}",
            expected="a Lambda function, which is called with an event and a context",
            remedy="for example function = shop.lambda_handler; a WSGI or ASGI application is app = shop.app",
        )
    if why := mismatch(function, {}, None):
        raise ModelError(
            f"{what} cannot be called with an event and a context: {why}",
            expected="a function that takes both",
            remedy="for example def lambda_handler(event, context); within the model @staticmethod above it",
        )


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
