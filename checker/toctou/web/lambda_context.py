"""Calls a Lambda function as its runtime does: with an event and a context.

The context has what https://docs.aws.amazon.com/lambda/latest/dg/python-context.html lists.  What differs between two requests is
made when it is asked for, out of the request's own random numbers and clock: a function that does not ask stays as it was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"
TIMEOUT = 29.0
"""Seconds that a function has; API Gateway waits no longer: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html."""


def invoke(function: Callable[..., Any], event: Mapping[str, Any]) -> Any:
    """What the function returns for an event; its exceptions propagate."""
    return function(event, LambdaContext(getattr(function, "__name__", "") or "function"))


class LambdaContext:
    """The second argument of a Lambda function.

    Attributes:
        aws_request_id: drawn from the random numbers of the request, when it is first asked for.
    """

    function_version = "$LATEST"
    memory_limit_in_mb = "128"  # a text, as the runtime has it
    client_context = None
    tenant_id = None

    def __init__(self, name: str) -> None:
        self.function_name = name
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)

    @cached_property
    def aws_request_id(self) -> str:
        """The identifier of this invocation."""
        return str(uuid.uuid4())

    @cached_property
    def _deadline(self) -> float:
        return time.time() + TIMEOUT

    def get_remaining_time_in_millis(self) -> int:
        """What is left of :data:`TIMEOUT`, which begins when this is first called."""
        return max(int((self._deadline - time.time()) * 1000), 0)

    def log(self, message: object) -> None:
        """Write to the function's log; the runtime has this for old functions."""
        print(message)
