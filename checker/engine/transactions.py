"""What a transaction remembers, and how it says why it was cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from checker.engine.service_error import ServiceError

MAXIMUM_ACTIONS = 100
MAXIMUM_SIZE = 4 * 1024 * 1024

_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
}


class Completed(NamedTuple):
    """A completed transaction: what it was asked to do, to tell a repeat from another request."""

    items: object


def cancelled(faults: Sequence[ServiceError | None]) -> ServiceError:
    """The error of a transaction in which some actions failed; one entry for each action, ``None`` if without fault."""
    reasons = [_reason(fault) for fault in faults]
    codes = ", ".join(reason["Code"] for reason in reasons)
    return ServiceError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        {"CancellationReasons": reasons},
    )


def _reason(fault: ServiceError | None) -> Mapping[str, Any]:
    if fault is None:
        return {"Code": "None"}
    reason: dict[str, Any] = {"Code": _CODES.get(fault.code, fault.code), "Message": fault.message}
    if "Item" in fault.fields:
        reason["Item"] = fault.fields["Item"]
    return reason
