"""Keeps who is signed in by a session of Django, whose data is in a database that is gone, or out of reach, after the test."""

from __future__ import annotations

import copy
from typing import Any

_USER, _SESSION = "_cached_user", "_session_cache"
"""Where Django keeps, in a request and in a session, what it has read of them."""


class SignedIn:
    """Of one request; nothing of it is read for that, which would be another query."""

    def __init__(self) -> None:
        self._user: Any = None
        self._session: dict[str, Any] | None = None
        self._accessed = False

    def note(self, request: Any) -> None:
        """Keep what the request has read, unless it has changed it."""
        session = vars(request).get("session")
        if session is not None and not session.modified:
            self._user = vars(request).get(_USER)
            self._session = copy.copy(vars(session).get(_SESSION))
            self._accessed = session.accessed

    def put_into(self, handler: Any) -> Any:
        """A handler whose requests have it."""
        if self._user is None and self._session is None:
            return handler
        own = copy.copy(handler)
        for name in ("get_response", "get_response_async"):
            setattr(own, name, self._given(getattr(handler, name)))
        return own

    def _given(self, respond: Any) -> Any:
        def given(request: Any) -> Any:
            if self._user is not None:
                setattr(request, _USER, self._user)
            if self._session is not None:
                request.__class__ = _with_session(type(request), self._session, accessed=self._accessed)
            return respond(request)

        return given


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
