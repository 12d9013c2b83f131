"""Decides what a recorded request was answered, and what it answers when it is performed again.

Lambda functions and applications answer as they do in any model.  A function of a service layer returns values, of which none is
a status, and refuses by raising: an exception that the tests have seen from it, or a condition that failed, is its way to refuse.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from toctou.declaration.response import response_of
from toctou.declaration.statuses import status_of
from toctou.errors import ModelError, message_of
from toctou.history.request import Response
from toctou.recording.requested import Requested

REFUSED, CONFLICT = 400, 409
_CONFLICTS = frozenset(
    {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}
)
_DEPTH = 12


def answer_of(request: Requested, raises: Collection[str] = ()) -> Response | None:
    """What the request was answered; ``None`` if nothing can be compared of it.

    Args:
        request: as it was recorded.
        raises: names of exceptions that count as refusals.
    """
    if request.raised is not None:
        exception = request.raised.exception
        if refuses_by_raising(request) and exception is not None and exception.type in raises:
            return Response(REFUSED, {exception.type: exception.message})
        return request.raised
    if request.entry.kind == "function" and not is_proxy_answer(request.returned):
        return Response(200, as_plain(request.returned))
    try:
        return response_of(request.returned, request.entry.name, _no_coroutine)
    except (ModelError, RuntimeError):
        return None


def is_proxy_answer(returned: Any) -> bool:
    """Whether a function has answered as API Gateway has it."""
    return isinstance(returned, Mapping) and status_of(returned.get("statusCode")) is not None


def refuses_by_raising(request: Requested) -> bool:
    """Whether nothing makes a status of what it raises: of a function, or a Lambda function that no API calls."""
    return request.entry.kind == "function" or (
        request.entry.kind == "lambda" and "/" not in request.entry.route(request.arguments)
    )


def refusal(raised: BaseException, raises: Collection[str]) -> Response | None:
    """What a function refuses by raising; ``None`` if it has failed."""
    for one in _with_causes(raised):
        code = getattr(one, "response", None)
        code = code.get("Error", {}).get("Code", "") if isinstance(code, Mapping) else ""
        if code in _CONFLICTS:
            return Response(CONFLICT, {code: ""})
    if type(raised).__name__ in raises:
        return Response(REFUSED, {type(raised).__name__: message_of(raised)})
    return None


def _with_causes(raised: BaseException) -> list[BaseException]:
    """It, and what it was raised from, which libraries wrap."""
    found: list[BaseException] = []
    one: Any = raised
    while isinstance(one, BaseException) and one not in found and len(found) < _DEPTH:
        found.append(one)
        one = one.__cause__ or getattr(one, "cause", None)
    return found


def as_plain(value: Any, depth: int = _DEPTH) -> Any:
    """Plain data that says the same; of objects of which nothing is known, their class."""
    if value is None or isinstance(value, str | int | float | Decimal | bytes | bool):
        return value
    if depth == 0:
        return type(value).__name__
    if isinstance(value, Mapping):
        return {str(name): as_plain(one, depth - 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one, depth - 1) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((as_plain(one, depth - 1) for one in value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name), depth - 1) for one in dataclasses.fields(value)}
    for name in ("model_dump", "dict", "to_dict", "_asdict"):
        dump: Callable[[], Any] | None = getattr(value, name, None)
        if callable(dump) and not isinstance(value, type):
            try:
                return as_plain(dump(), depth - 1)
            except TypeError:
                continue
    text = str(value)
    return type(value).__name__ if " at 0x" in text or text.startswith("<") else text


def _no_coroutine(coroutine: Any) -> Any:
    coroutine.close()
    raise RuntimeError("a coroutine outside of its loop")
