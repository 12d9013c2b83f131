"""Performs calls to other services than DynamoDB while modules are imported: at once, on moto, in this process.

So a module may read a secret or a parameter when it is imported, if whoever imports it has put it there before.  What moto holds
then it keeps for as long as this process runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from toctou.client.backend import Performed
from toctou.client.other_services import error_of
from toctou.client.service_calls import ServiceMethod
from toctou.history.footprint import EMPTY

_performed: dict[tuple[str, str], tuple[int, Any]] = {}
"""By action and parameters, in which import a call was performed first, and its result."""

_refused: dict[str, tuple[str, Mapping[str, Any]]] = {}

_imports = count()
_current = 0


def begin_import() -> None:
    """The file of another model is imported, which expects to be the only one."""
    global _current  # noqa: PLW0603
    _current = next(_imports)


def perform_on_moto(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> Any:
    """What moto answers, as the client of the caller returns or raises it.

    What another file has made in the same way already (a secret, for the module that both import) counts as made here.

    Raises:
        UnsupportedAction: moto does not know the service, or the action.
    """
    from toctou.client.moto_services import perform_at_once  # noqa: PLC0415 - moto takes most of a second to import

    method = ServiceMethod(client, operation)
    asked, error = method.prepared(dict(parameters)), None
    call = str(method.action), repr(asked)
    try:
        result = perform_at_once(method.action, asked, method.action.region)
        _performed.setdefault(call, (_current, result))
    except ClientError as refused:
        made_in, result = _performed.get(call, (_current, None))
        error = error_of(refused) if made_in == _current else None
        if error is not None:
            _refused[operation] = method.action, asked
    return method.answered(Performed(result if error is None else None, error, EMPTY, ()))


def refused_call(operation: str) -> tuple[str, Mapping[str, Any]] | None:
    """Action and parameters of the last call of this operation that was answered by an error; ``None`` if none was."""
    return _refused.get(operation)
