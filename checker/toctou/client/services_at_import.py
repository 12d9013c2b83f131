"""Performs calls to other services than DynamoDB while modules are imported: at once, on moto, in this process.

So a module may read a secret or a parameter when it is imported, if whoever imports it has put it there before.  What moto holds
then it keeps for as long as this process runs; between the calls it is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from toctou.errors import UnsupportedAction

_call_service = getattr(BaseClient, "_make_api_call")  # noqa: B009 - as it is before anything is intercepted; see intercept.py


_performed: dict[tuple[str, str, str], tuple[int, Any]] = {}
"""By service, operation and parameters, in which import a call was performed first, and its result."""

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
    service = client.meta.service_model.service_name
    moto, call = _moto(), (service, operation, repr(parameters))
    moto.start(reset=False)
    try:
        result = _call_service(_client(service, client.meta.region_name or "us-east-1"), operation, dict(parameters))
    except ClientError as refused:
        made_in, result = _performed.get(call, (_current, None))
        if made_in != _current:
            return result
        code = refused.response.get("Error", {}).get("Code", "")
        raise client.exceptions.from_code(code)(refused.response, operation) from None  # type: ignore[operator]
    except NotImplementedError as missing:
        raise _unsupported(service, operation, f"{missing}") from missing
    finally:
        moto.stop(remove_data=False)
    _performed.setdefault(call, (_current, result))
    return result


def is_used() -> bool:
    """Whether moto was asked by modules that were imported, so that it holds what they need."""
    return _moto.cache_info().currsize > 0


@cache
def _client(service: str, region: str) -> BaseClient:
    # After moto was imported, which answers only clients that are made later.
    made: BaseClient = boto3.Session(botocore_session=botocore.session.Session()).client(
        service,  # type: ignore[call-overload] # any service's name
        region_name=region,
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    return made


@cache
def _moto() -> Any:
    from moto import mock_aws  # noqa: PLC0415 - it takes most of a second to import

    return mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}})


def _unsupported(service: str, operation: str, why: str) -> UnsupportedAction:
    return UnsupportedAction(
        f"{operation} of the AWS service {service!r} was called while a module is imported, which moto does not perform: {why}",
        expected="calls that moto performs in this process",
        remedy="replace that client in the model's module, before the import (unittest.mock)",
    )
