"""Decides whether what a model says of who calls, its ``headers`` and its ``caller``, reaches its requests.

It does not if nothing sends a request that has it, or if it holds a placeholder that nothing fills.  The application would then
not know who calls, and reject the requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toctou.declaration.own_code import bases_of, names_used
from toctou.declaration.served import Sends, serves_functions
from toctou.declaration.signatures import mismatch
from toctou.declaration.validation import shown
from toctou.errors import ModelError
from toctou.gate.headers import PRINCIPAL
from toctou.web.callers import Caller

_PLACEHOLDER = re.compile(
    r"\{\{\s*\w+\s*\}\}|\$\{\w+\}|\{\s*[^\W\d]\w*\s*\}|\$principal\b|<principal>|%\(principal\)s|%s"
)
"""Also one with spaces, and those of templates, shells and other formats, which are left as they are."""

_DEFAULT_API = "rest"


def ignored(model: type[Any], handlers: Mapping[str, Any]) -> Iterator[ModelError]:
    """The declarations of who calls, and of what stands before a function, that no request of the model would have."""
    senders = [one.function for one in handlers.values()]
    has_function = serves_functions(model)
    events_only = all(isinstance(one, Sends) and not one.over_http for one in senders)
    no_events = all(not isinstance(one, Sends) or one.over_http for one in senders)
    leave_out = "leave it out"
    served = model.app is not None or model.service is not None or has_function
    if not senders or (not served and any(isinstance(one, Sends) for one in senders)):  # which is told as such
        return
    if not served:
        why = "the handlers are called by the checker, and no request is sent"
        serve = "name what serves the requests (app = shop.app, or function = shop.lambda_handler) and declare routes"
        found = dict.fromkeys(("headers", "caller", "api"), (why, f"{serve}; or {leave_out}"))
    elif events_only:
        found = dict.fromkeys(
            ("headers", "caller", "api"), ("the model has only events, which have no caller", leave_out)
        )
    elif not has_function:
        why = "only the events of a Lambda function have it, and the model has none"
        found = {
            "caller": (
                why,
                'function = shop.lambda_handler; or headers = {"X-User": "{principal}"} for an application',
            ),
            "api": (why, f"function = shop.lambda_handler; or {leave_out}"),
        }
    elif model.app is not None and no_events:
        found = {"function": ("`app` serves all requests", "route(…, function=…) for the routes that it serves")}
    else:
        return
    used = names_used(model)
    for name, (why, remedy) in found.items():
        if name not in used and _is_said_for(model, name, handlers):
            yield ModelError(
                f"`{name}` of the model {model.__name__} is ignored: {why}",
                expected="what a model declares to be of use to it",
                remedy=remedy,
            )


def _is_said_for(model: type[Any], name: str, handlers: Mapping[str, Any]) -> bool:
    """Whether a model says something by this attribute, and not a base class for other models."""
    value = getattr(model, name)
    if (
        value is None
        or (isinstance(value, Mapping) and not value)
        or (isinstance(value, str) and value == _DEFAULT_API)
    ):
        return False
    declaring = next((base for base in bases_of(model) if name in vars(base)), None)
    return declaring is not None and (declaring is model or any(one in handlers for one in vars(declaring)))


def wrong_credentials(model: type[Any]) -> Iterator[ModelError]:
    """The mistakes within ``headers`` and ``caller`` that are each of the right kind."""
    where = f"of the model {model.__name__}"
    for whose, declared in ((where, model.headers), ("of the service", getattr(model.service, "headers", None))):
        for text in _texts(declared):
            yield from _unfilled(f"`headers` {whose}", text, 'def headers(self, principal): return {"X-User": …}')
    callers = [model.caller] if isinstance(model.caller, Caller) else model.caller
    for caller in callers if isinstance(callers, Sequence) else ():
        yield from _of_caller(f"`{caller.kind}` in `caller` {where}", caller) if isinstance(caller, Caller) else ()


def _of_caller(where: str, caller: Caller) -> Iterator[ModelError]:
    for name, value in caller.fields.items():
        if not isinstance(name, str) or PRINCIPAL in name:
            yield ModelError(
                f"{where} has a field by the name {shown(name)}",
                expected="the names of fields as texts, each by itself",
                remedy='for example claims("sub", "username"), or claims(email="{principal}@example.com")',
            )
        if callable(value) and (why := mismatch(value, "alice")):
            yield ModelError(
                f"{where} has a function as {name!r} that cannot be called with a principal: {why}",
                expected="a function that makes the value from the principal",
                remedy=f"for example {name}=lambda principal: …",
            )
        for text in _texts(value):
            yield from _unfilled(where, text, f"{name}=lambda principal: …")


def _unfilled(where: str, text: str, example: str) -> Iterator[ModelError]:
    for found in _PLACEHOLDER.findall(text):
        if found != PRINCIPAL:
            yield ModelError(
                f"{where} has {shown(text)}, in which nothing fills {found}",
                expected=f"{PRINCIPAL}, which is replaced, as the only placeholder",
                remedy=f"write {PRINCIPAL}; what is made of it in another way needs a function: {example}",
            )


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
