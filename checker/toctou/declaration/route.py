"""Handlers of applications, functions and services in one line: method, path and body of the request that they send."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from toctou.declaration.model import Handler
from toctou.declaration.options import meant_instead
from toctou.declaration.placeholders import NAME, filled, names
from toctou.declaration.served import Sends
from toctou.declaration.validation import joined, shown
from toctou.errors import ModelError, nearest
from toctou.gate.service import HttpCall
from toctou.web.api_gateway import segment

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
"""There are more, but none that is nearly one of these."""

_NEVER_IN_PATHS = re.compile(r"<[^<>/]*>?|\{[^{}/]*\}?|[>}]")


@dataclass(frozen=True, slots=True)
class _Route(Sends):
    """Makes the request for a principal and arguments."""

    method: str
    path: str
    body: Any
    form: Mapping[str, Any] | None
    headers: Mapping[str, str]
    function: Callable[..., Any] | None

    @property
    def request(self) -> str:  # type: ignore[override] # a frozen attribute all the same
        """Method and path."""
        return f"{self.method} {self.path}"

    def __call__(self, principal: str, **arguments: Any) -> HttpCall:
        values = {**arguments, "principal": principal}
        headers = {name: str(filled(value, values)) for name, value in self.headers.items()}
        body = filled(self.body, values)
        if self.form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
            body = urlencode(filled(self.form, values), doseq=True)
        template = self.path.partition("?")[0]
        parameters = {name: str(values[name]) for name in NAME.findall(template)}
        return HttpCall(
            self.method, _path(self.path, values), body, headers, template, parameters, function=self.function
        )


def route(
    request: str,
    /,
    *,
    body: Any = None,
    form: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    function: Callable[..., Any] | None = None,
    principals: Sequence[str] | None = None,
    read_only: bool = False,
    changes_owner: bool = False,
    redelivered: bool = False,
    arguments: Mapping[str, Sequence[Any]] | None = None,
    **pools: Sequence[Any],
) -> Handler:
    """Declare a handler that sends a request to the model's application, Lambda function or service.

    For example ``route("PUT /items/{item_id}", body={"data": "{data}"}, item_id=["i1"], data=["new"])``.

    Args:
        request: method and path; ``{name}`` represents an argument, or ``principal``.
        body: sent as JSON, a text as it is; a text that is exactly ``"{name}"`` becomes the argument as it is, at any depth.
        form: sent as a form instead.
        headers: of this request only, besides those of its principal.
        function: the Lambda function of this route, where each has its own; ``None`` for the model's.
        redelivered: equal requests are one that the client has sent again, which has to take effect once: see :func:`event`.
        principals, read_only, changes_owner, arguments, pools: as for :func:`toctou.handler`.

    Raises:
        ModelError: no method and path, or a name without values.
    """
    method, _, path = request.partition(" ") if isinstance(request, str) else ("", "", "")
    values = joined(arguments, pools)
    if not method.isalpha() or not path.startswith("/"):
        raise ModelError(
            f"the route {shown(request)} is not a method and a path",
            expected="both in one text, with a space between them",
            remedy='for example route("DELETE /items/{item_id}", item_id=["i1"])',
        )
    _check_method_and_path(request, method.upper(), path)
    if form is not None and (body is not None or not isinstance(form, Mapping)):
        raise ModelError(
            f"the route {request} has a body beside the form {shown(form)}"
            if body is not None
            else f"the route {request} has the form {shown(form)}",
            expected="`form`, a mapping from names to values, or else `body`",
            remedy="leave one of them out: `body` is sent as JSON, `form` as a form"
            if body is not None
            else f'for example route({request!r}, form={{"to": "bob"}})',
        )
    if not isinstance(headers, Mapping | None) or not all(isinstance(name, str) for name in headers or ()):
        raise ModelError(
            f"the route {request} has the headers {shown(headers)}",
            expected="a mapping from names to texts",
            remedy=f'for example route({request!r}, headers={{"x-user": "{{principal}}"}})',
        )
    named = names([path, body, form, headers or {}])
    missing = [name for name in named if name not in {*values, "principal"}]
    # The principal is no argument: it is filled in whatever values there are.
    if unused := [name for name in values if name not in named or name == "principal"]:
        meant = nearest(unused[0], missing)
        raise ModelError(
            f"the route {request} has values of {unused[0]!r}, which it does not name",
            expected="values for the names in the path, the body and the headers",
            remedy=f"did you mean {meant!r}?"
            if meant
            else meant_instead(route, unused[0]) or f'name it where it is sent, as "{{{unused[0]}}}", or leave it out',
        )
    if missing:
        raise ModelError(
            f"the route {request} names {missing[0]!r}, of which there are no values",
            expected="a pool of values for each name in the path, the body and the headers",
            remedy=f"for example route({request!r}, {missing[0]}=['i1'])",
        )
    sends = _Route(method.upper(), path, body, form, headers or {}, function)
    return Handler(sends, values, principals, read_only, changes_owner, redelivered=redelivered)


def _check_method_and_path(request: str, method: str, path: str) -> None:
    """Tell what would be sent as it stands: a method that is nearly one, and a placeholder as frameworks write it."""
    if method not in _METHODS and (meant := nearest(method, _METHODS)):
        raise ModelError(
            f"the route {request} has the method {method}", expected="a method of HTTP", remedy=f"did you mean {meant}?"
        )
    if found := _NEVER_IN_PATHS.search(NAME.sub("", path)):
        raise ModelError(
            f"the route {request} has {found[0]!r} in its path, which is no placeholder and stands in no path",
            expected="placeholders as names in braces",
            remedy='for example route("DELETE /items/{item_id}", item_id=["i1"])',
        )


def _path(path: str, values: Mapping[str, Any]) -> str:
    before, mark, query = path.partition("?")
    sent = NAME.sub(lambda found: segment(str(values[found[1]])), before)
    return sent + mark + NAME.sub(lambda found: quote(str(values[found[1]]), safe=""), query)
