"""Decides which exceptions are answers: those by which an HTTP framework lets a handler answer with a status.

They are recognised by the package and the name of one of their classes, so that no framework is imported or needed.  How a
request is answered makes no difference to any oracle: ``raise InternalServerError()`` counts as ``return 500`` does, which is
an answer that no sequential run may give, and not an unhandled exception.  Every other exception is one, such as an error of
the AWS SDK or of an HTTP client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toctou.declaration.framework_response import Run, header_pairs, sent
from toctou.declaration.statuses import status_of
from toctou.history.request import Response

Answer = Callable[[Any, type, Run], Response | None]
"""The answer of an exception, given the class by which it was recognised."""


def answered_by(raised: BaseException, run: Run) -> Response | None:
    """What a client is answered for this exception; ``None`` if no framework answers it."""
    for base in type(raised).__mro__:
        answer = _ANSWERS.get((base.__module__.partition(".")[0], base.__name__))
        if answer is not None:
            return answer(raised, base, run)
    return None


def _of_werkzeug(raised: Any, base: type, run: Run) -> Response | None:
    if raised.response is not None:  # abort(response)
        return sent(raised.response, run)
    found = sent(raised, run)
    own_page = any(getattr(type(raised), name) is not getattr(base, name) for name in ("get_body", "get_response"))
    if found is None or own_page:
        return found
    # The page that Werkzeug makes says nothing but status and description.
    return Response(found.status, raised.description, headers=found.headers)


def _of_aiohttp(raised: Any, _base: type, run: Run) -> Response | None:
    return sent(raised, run)


def _of_starlette(raised: Any, _base: type, _run: Run) -> Response:
    bodiless = raised.status_code in (204, 304)
    body = None if bodiless else {"detail": raised.detail}
    return Response(raised.status_code, body, headers=list(header_pairs(raised.headers or {})))


def _of_chalice(raised: Any, _base: type, _run: Run) -> Response:
    return Response(raised.STATUS_CODE, {"Code": type(raised).__name__, "Message": str(raised)})


def _of_powertools(raised: Any, _base: type, _run: Run) -> Response | None:
    status = status_of(raised.status_code)
    return None if status is None else Response(status, {"statusCode": status, "message": raised.msg})


def _always(status: int) -> Answer:
    """The answer of Django, whose pages get the exception's text."""

    def answer(raised: Any, _base: type, _run: Run) -> Response:
        return Response(status, str(raised) or None)

    return answer


_ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("werkzeug", "HTTPException"): _of_werkzeug,  # and Flask's
    ("starlette", "HTTPException"): _of_starlette,  # and FastAPI's
    ("aiohttp", "HTTPException"): _of_aiohttp,
    ("chalice", "ChaliceViewError"): _of_chalice,
    ("aws_lambda_powertools", "ServiceError"): _of_powertools,
    ("rest_framework", "APIException"): lambda raised, _base, _run: Response(raised.status_code, raised.detail),
    # https://docs.djangoproject.com/en/5.2/ref/exceptions/ and …/ref/views/#error-views
    ("django", "Http404"): _always(404),
    ("django", "PermissionDenied"): _always(403),
    ("django", "SuspiciousOperation"): _always(400),
    ("django", "BadRequest"): _always(400),
}
"""By top package and name of a class."""
