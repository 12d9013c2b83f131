"""Decides whether a handler fails because a model lacks what a deployment makes: a table, a secret, a parameter, an object.

That is nothing to say against the handler, and nothing can be concluded of it until the model has it.  What another request of
the scenario writes may be missing in production as well; that is left to the handler.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from toctou.errors import NotSetUp
from toctou.history.footprint import conflicts
from toctou.history.operation import Execution, Operation
from toctou.history.wording import listed

_MISSING = re.compile(r"NotFound|NoSuch|NotExist|NonExist|Nonexist|^404$")
"""Codes of services for what is not there; an object's existence is asked for by HEAD, which has no other than its status."""

_ARN = re.compile(r"arn:aws[\w-]*:secretsmanager:[^:]*:[^:]*:secret:(.*?)(-\w{6})?")


def absent(execution: Execution, index: int) -> NotSetUp | None:
    """What a request has raised for want of; ``None`` if it raised for another reason.

    Args:
        index: of a request that raises with no other request as well.
    """
    raised = execution.responses[index].exception
    call = next((execution.operations[at] for at in reversed(execution.of_request(index))), None)
    if raised is None or call is None or call.error is None or f"({call.error.code})" not in raised.message:
        return None
    if _is_made(execution, call):
        return None
    where = f"\n  {raised.source}" if raised.source is not None else ""
    if "." not in call.action:
        return _table(execution, call, where)
    if not is_missing(call.error.code):
        return None
    service, _, action = call.action.partition(".")
    return NotSetUp(
        f"{action} of {service!r} was answered {call.error.code}: {call.error.message}{where}",
        expected="what a deployment has made beside the handlers to be there",
        cause="the model does not make it",
        remedy=_remedy(call.action, call.parameters, getattr(call.action, "region", "")),
    )


def is_missing(code: str) -> bool:
    """Whether a service's error says that something is not there."""
    return _MISSING.search(code) is not None


def making(action: str, parameters: Mapping[str, Any], region: str = "") -> str:
    """A line of code that makes what a call of a service misses; ``""`` where the call does not say what that is.

    Args:
        action: as :class:`~toctou.history.operation.Operation` has it, such as ``ssm.GetParameter``.
        region: of the client.
    """
    service = action.partition(".")[0]
    name = parameters.get("Name") or parameters.get("SecretId")
    elsewhere = region not in ("", os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    client = f'boto3.client("{service}"{f", region_name={region!r}" if elsewhere else ""})'.replace("'", '"')
    match service:
        case "secretsmanager" if name:
            arn = _ARN.fullmatch(str(name))
            return f'{client}.create_secret(Name="{arn[1] if arn else name}", SecretString="…")'
        case "ssm" if name:
            kind = "SecureString" if parameters.get("WithDecryption") else "String"
            return f'{client}.put_parameter(Name="{name}", Value="…", Type="{kind}")'
        case "s3" if "Key" in parameters:
            return (
                f'{client}.put_object(Bucket="{parameters.get("Bucket", "…")}", Key="{parameters["Key"]}", Body=b"…")'
            )
    return ""


def _remedy(action: str, parameters: Mapping[str, Any], region: str) -> str:
    line = making(action, parameters, region)
    made = (
        f"make it in the model:\ndef setup(self):\n    {line}"
        if line
        else "make it in the model's `setup`, as it is deployed"
    )
    return f'{made}\nor say what is answered:  answers = {{"{action}": {{...}}}}'


def _table(execution: Execution, call: Operation, where: str) -> NotSetUp | None:
    name = str(call.parameters.get("TableName", ""))
    if call.error is None or call.error.code != "ResourceNotFoundException" or name in ("", *execution.initial):
        return None
    return NotSetUp(
        f"the {call.action} is of the table {name}, which the model does not declare{where}",
        expected=f"a table that it declares: {listed(execution.initial)}",
        cause="the table is left out of the model, or the name that the handler uses comes from its environment",
        remedy=f"add {_declaration(call)} to `tables`, or let the handler use one of these",
    )


def _declaration(call: Operation) -> str:
    """The line that declares the table of a call, as far as the call shows its key."""
    keys = call.parameters.get("Key")
    names = ", ".join(f'"{name}"' for name in keys) if isinstance(keys, dict) and keys else '"<its key>"'
    return f'Table("{call.parameters["TableName"]}", {names})'


def _is_made(execution: Execution, call: Operation) -> bool:
    """Whether another request makes it, sooner or later."""
    return any(
        one.footprint.writes_something and one.request != call.request and any(conflicts(one.footprint, call.footprint))
        for one in execution.operations
    )
