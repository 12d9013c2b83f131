"""Django's application, of which there is one in a process: its name, and by which route it serves a request."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from toctou.recording.requested import Arguments
from toctou.recording.test_clients.applications import Application
from toctou.recording.test_clients.http_arguments import METHOD, PATH

_CONVERTER = re.compile(r"<(?:[^<>:]*:)?([^<>]*)>")
_GROUP = re.compile(r"\(\?P<(\w+)>")
_OF_EXPRESSION = re.compile(r"\\[AZz]|[\^$?]|\\(?=\W)")


class DjangoApplication(Application):
    """The application, by the module of its routes.

    Args:
        name: ``shop.urls:urlpatterns``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(None, name)

    @staticmethod
    def present_name() -> str:
        """Of the application whose tests run now."""
        urls = sys.modules["django.conf"].settings.ROOT_URLCONF
        return f"{urls if isinstance(urls, str) else getattr(urls, '__name__', 'django')}:urlpatterns"

    def template(self, arguments: Arguments) -> str:
        """``METHOD /path/{parameter}`` of a request; empty if no route serves it."""
        urls: Any = sys.modules["django.urls"]
        try:
            route = urls.resolve(arguments[PATH], self.name.partition(":")[0]).route
        except Exception:  # there is none, or it cannot be imported any more
            return ""
        return f"{arguments[METHOD]} /{''.join(_plain(route))}"


def _plain(route: str) -> Iterator[str]:
    """A route without what is an expression in it; a group has the name of its parameter."""
    at = 0
    while (group := _GROUP.search(route, at)) is not None:
        yield _simple(route[at : group.start()])
        yield f"{{{group[1]}}}"
        at = _end_of_group(route, group.end())
    yield _simple(route[at:])


def _simple(text: str) -> str:
    return _OF_EXPRESSION.sub("", _CONVERTER.sub(r"{\1}", text))


def _end_of_group(route: str, at: int) -> int:
    depth = 1
    while depth and at < len(route):
        if route[at] == "\\":
            at += 1
        elif route[at] == "[":
            at = max(route.find("]", at + 2), at)
        depth += {"(": 1, ")": -1}.get(route[at], 0)
        at += 1
    return at
