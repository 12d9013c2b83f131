"""Keeps who is signed in by a session of Django, whose data is in a database that is gone, or out of reach, after the test."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from toctou.recording.requested import Arguments

USER = "user"
"""The argument: who is signed in, by what tells users apart."""

_USER, _FORCED, _SESSION = "_cached_user", "_force_user", "_session_cache"
"""Where a request, the handler of Django REST framework and a session keep what they know of them."""
_TELLS_APART = ("id", "username", "email")


class SignedIn:
    """Of one request; nothing of it is read for that, which would be another query."""

    def __init__(self) -> None:
        self._user: Any = None
        self._session: dict[str, Any] | None = None
        self._accessed = False
        self._data: dict[str, Any] = {}

    def note(self, handler: Any, request: Any) -> None:
        """Keep what the request has read, unless it has changed it."""
        session = vars(request).get("session")
        if session is not None and not getattr(session, "modified", True):
            self._user = vars(request).get(_USER)
            self._session = copy.copy(vars(session).get(_SESSION))
            self._accessed = getattr(session, "accessed", False)
        known = {name: getattr(getattr(handler, _FORCED, None) or self._user, name, None) for name in _TELLS_APART}
        self._data = {name: value for name, value in known.items() if isinstance(value, str | int) and value != ""}

    def add_to(self, arguments: dict[str, Any]) -> None:
        """Say who it is."""
        if self._data:
            arguments[USER] = self._data

    def put_into(self, handler: Any, arguments: Arguments) -> Any:
        """A handler whose requests have it, or another user, as the arguments say."""
        own, user = copy.copy(handler), self._user
        other = {name: value for name, value in arguments.get(USER, {}).items() if value != self._data.get(name)}
        if other and getattr(own, _FORCED, None) is not None:
            setattr(own, _FORCED, _changed(getattr(own, _FORCED), other))
        elif other:
            user = _changed(user, other)
        if user is not None or self._session is not None:
            for name in ("get_response", "get_response_async"):
                setattr(own, name, self._given(getattr(own, name), user))
        return own

    def _given(self, respond: Any, user: Any) -> Any:
        def given(request: Any) -> Any:
            if user is not None:
                setattr(request, _USER, user)
            if self._session is not None:
                request.__class__ = _with_session(type(request), self._session, accessed=self._accessed)
            return respond(request)

        return given


def _changed(user: Any, data: Mapping[str, Any]) -> Any:
    another = copy.copy(user)
    for name, value in data.items():
        setattr(another, name, value)
    return another


def _with_session(kind: type, data: dict[str, Any], *, accessed: bool) -> type:
    """A class of requests whose session has this data as soon as a middleware gives them one."""

    def read(self: Any) -> Any:
        try:
            return vars(self)["session"]
        except KeyError:
            raise AttributeError("session") from None

    def write(self: Any, session: Any) -> None:
        setattr(session, _SESSION, copy.copy(data))
        session.accessed = accessed
        vars(self)["session"] = session

    return type(kind.__name__, (kind,), {"session": property(read, write)})
