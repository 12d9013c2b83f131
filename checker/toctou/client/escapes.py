"""AWS clients that are not intercepted: what shows of them before they open a socket, and calls while models are imported."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.httpsession import URLLib3Session

from toctou.errors import OutsideControl, TargetError
from toctou.scheduling.origin import described, is_of_the_handler, library, sites, sites_of

_NOT_CONFIGURED = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError, ProfileNotFound)
"""An intercepted client needs no credentials, so whoever looks for them is another one, or a profile is missing here."""


def escaped(raised: BaseException) -> OutsideControl | None:
    """The fault behind an exception that left a handler, if it says only that AWS is not configured here."""
    if not isinstance(raised, _NOT_CONFIGURED):
        return None
    called = sites_of(traceback.walk_tb(raised.__traceback__))[::-1]
    through = library(called)
    return OutsideControl(
        f"an AWS client of a handler raised {type(raised).__name__}: {raised}"
        + (f", through {through}" if through else "")
        + f"\n{described(called)}",
        expected="handlers that call DynamoDB by clients of boto3, which need no credentials under a check",
        cause="a profile or credentials that this machine does not have, or a client that is not intercepted",
        remedy="replace that client in the model (a stub, unittest.mock, boto3 for DynamoDB), or name no profile",
    )


class Answered(NamedTuple):
    """An error that a call of an AWS client was answered by: the name of the operation, and the error's code."""

    operation: str
    code: str


def error_of_aws(raised: BaseException) -> Answered | None:
    """What a client has raised; ``None`` if it was no client."""
    if not isinstance(raised, ClientError):
        return None
    return Answered(raised.operation_name, str(raised.response.get("Error", {}).get("Code", "")))


@contextmanager
def calls_at_import_refused() -> Iterator[None]:
    """While inside, AWS clients send nothing, not even those that are not intercepted; what moto answers is not sent."""
    original = URLLib3Session.send
    URLLib3Session.send = _refuse  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        URLLib3Session.send = original  # type: ignore[method-assign]


def _refuse(_session: URLLib3Session, request: Any) -> NoReturn:
    place = next((f"\n  {site}" for site in sites(sys._getframe(1)) if is_of_the_handler(site)), "")
    raise TargetError(
        f"AWS is called while a model is imported, at {request.url}{place}",
        expected="calls of boto3's clients that moto performs in this process",
        cause="a service that moto does not know, or a client that is not intercepted",
        remedy="replace that call in the model's module, before the import (unittest.mock, moto), or make it when first needed",
    )
