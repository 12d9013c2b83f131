"""Decides by which route a function's framework serves a path, where the function has a table of its routes.

API Gateway tells a function the template of the route, and Chalice looks its view up by that and by nothing else
(https://aws.github.io/chalice/topics/routing.html).  A deployment makes API Gateway's routes of the same table, so the template
is the framework's own, whatever a model writes out, and whatever it calls a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")


def route_of(function: Any, path: str) -> tuple[str, dict[str, str]] | None:
    """The template and the parameters of a path, as sent; ``None`` if there is no table, or nothing in it fits.

    Of several templates API Gateway takes the one that is literal for longest.
    """
    fitting = [(template, found) for template in _templates(function) if (found := _parameters(template, path))]
    if not fitting:
        return None
    template, found = min(fitting, key=lambda one: [part.startswith("{") for part in one[0].split("/")])
    return template, {name: unquote(value) for name, value in found.groupdict().items()}


def _templates(function: Any) -> Iterable[str]:
    for one in (function, getattr(function, "__self__", None)):
        routes = getattr(one, "routes", None)  # of Chalice: methods by template
        if isinstance(routes, Mapping):
            return [name for name in routes if isinstance(name, str) and name.startswith("/")]
    return []


def _parameters(template: str, path: str) -> re.Match[str] | None:
    pattern, at = "", 0
    for one in _PARAMETER.finditer(template):
        pattern += re.escape(template[at : one.start()]) + f"(?P<{one[1]}>{'.+' if one[2] else '[^/]+'})"
        at = one.end()
    return re.fullmatch(pattern + re.escape(template[at:]), path)
