"""Reads the session of a request to Flask out of its signed cookie, and signs another: who calls is often said only there."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from toctou.recording.requested import Arguments
from toctou.recording.test_clients.http_arguments import HEADERS
from toctou.recording.test_clients.plain_values import data_of, with_data
from toctou.recording.test_clients.wsgi_requests import Wsgi

SESSION = "session"
"""The argument: what is in it."""


class FlaskSession:
    """Of the requests of one application."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def add_to(self, arguments: dict[str, Any]) -> None:
        """Say what is in the session of a request, if it has one."""
        data = self._read(arguments)
        if data:
            arguments[SESSION] = data_of(data)

    def again(self, arguments: Arguments) -> Wsgi:
        """The application, which gets the session of the arguments, signed now: a signature of later would not be valid."""
        application: Wsgi = self._application
        data = self._read(arguments)
        if not data:
            return application
        cookies = SimpleCookie(arguments[HEADERS]["cookie"])
        name, serializer = self._signing()
        cookies[name] = serializer.dumps(with_data(data, arguments.get(SESSION, {})))
        header = "; ".join(f"{one.key}={one.coded_value}" for one in cookies.values())
        return lambda environ, start_response: application({**environ, "HTTP_COOKIE": header}, start_response)

    def _read(self, arguments: Arguments) -> dict[str, Any]:
        name, serializer = self._signing()
        cookie = arguments[HEADERS].get("cookie", "")
        if serializer is None or f"{name}=" not in cookie:
            return {}
        try:
            data = serializer.loads(SimpleCookie(cookie)[name].value)
        except Exception:  # what a test has made up, or another kind of session
            return {}
        return data if isinstance(data, dict) else {}

    def _signing(self) -> tuple[str, Any]:
        """The cookie's name, and what signs it; ``None`` where sessions are kept otherwise."""
        interface: Any = getattr(self._application, "session_interface", None)
        make = getattr(interface, "get_signing_serializer", None)
        return ("", None) if make is None else (interface.get_cookie_name(self._application), make(self._application))
