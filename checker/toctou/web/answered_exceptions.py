"""Finds the exception behind a 500 that a framework has answered in a handler's place.

Flask and Django answer what a view does not handle, and say so by a signal, so that it can be told from a 500 that was meant:
https://flask.palletsprojects.com/en/stable/signals/ and https://docs.djangoproject.com/en/stable/ref/signals/.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any

# Requests take turns on one thread.  A list, since tasks and threads of a request have copies of its context.
_raised: ContextVar[list[BaseException]] = ContextVar("raised")
_IN_FLASK = "flask.signals"
_IN_DJANGO = "django.core.signals"


def begin() -> None:
    """A request begins; listen to the frameworks that are loaded, which is of no effect the second time."""
    _raised.set([])
    if (flask := sys.modules.get(_IN_FLASK)) is not None:
        flask.got_request_exception.connect(_of_flask)
    if (django := sys.modules.get(_IN_DJANGO)) is not None:
        django.got_request_exception.connect(_of_django, dispatch_uid=__name__)


def taken() -> BaseException | None:
    """What was raised since the beginning; ``None`` if nothing was."""
    raised = _raised.get([])
    return raised[-1] if raised else None


def _of_flask(_sender: object, exception: BaseException | None = None, **_: Any) -> None:
    _note(exception)


def _of_django(**_: Any) -> None:
    _note(sys.exc_info()[1])


def _note(exception: BaseException | None) -> None:
    if exception is not None:
        _raised.get([]).append(exception)
