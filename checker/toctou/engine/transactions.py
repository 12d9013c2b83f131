"""What a transaction remembers, and how it says why it was cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from toctou.engine.schema import Key, SchemaMismatch
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.tables import Table

MAXIMUM_SIZE = 4 * 1024 * 1024

_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
}


Prepared = TypeVar("Prepared")


def prepared_each(
    items: Iterable[Mapping[str, Any]], prepare: Callable[[Mapping[str, Any]], Prepared]
) -> list[Prepared | SchemaMismatch]:
    """Every action of a transaction, prepared, or why it does not fit its table: that is a reason to cancel it.

    Raises:
        ServiceError: an action is wrong by itself, or, if none is, a table is not there.
    """
    prepared: list[Prepared | SchemaMismatch] = []
    missing: ServiceError | None = None
    for item in items:
        try:
            prepared.append(prepare(item))
        except SchemaMismatch as fault:
            prepared.append(fault)
        except ServiceError as fault:
            if fault.code != "ResourceNotFoundException":
                raise
            missing = missing or fault
    if missing is not None:
        raise missing
    return prepared


def check_distinct(targets: Iterable[tuple[Table, Key]]) -> None:
    """Refuse a transaction that names an item twice."""
    named = [(table.schema.table, key) for table, key in targets]
    if len(set(named)) < len(named):
        raise validation("Transaction request cannot include multiple operations on one item")


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
