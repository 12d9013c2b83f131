"""How a model declares a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from toctou.errors import ModelError


class Table:
    """A table: its name and key attributes.

    ``Table("Items", "item_id")`` has a partition key of type string; ``Table("Events", "stream", "position:N")`` a sort key
    that is a number.  The types are ``S``, ``N`` and ``B``.

    Args:
        name: the table's name.
        partition: the partition key, with its type after a colon unless it is a string.
        sort: the sort key, likewise; ``None`` if the table has none.
        indexes: global secondary indexes by name: ``{"by-owner": ("owner",)}`` or ``{"by-owner": ("owner", "item_id")}``;
            they project every attribute.
        definition: parameters of DynamoDB's ``CreateTable`` that are added as they are, for all that is not covered here
            (local indexes, projections, streams).

    Raises:
        ModelError: a key type that DynamoDB does not have, or a name, an index or a definition of another kind.
    """

    def __init__(
        self,
        name: str,
        partition: str,
        sort: str | None = None,
        *,
        indexes: Mapping[str, tuple[str, ...]] | None = None,
        definition: Mapping[str, Any] | None = None,
    ) -> None:
        _check_kinds(name, (partition, *([] if sort is None else [sort])), indexes, definition)
        self.name = name
        types: dict[str, str] = {}
        parameters: dict[str, Any] = {
            "TableName": name,
            "KeySchema": _key_schema(name, (partition, sort) if sort else (partition,), types),
            "BillingMode": "PAY_PER_REQUEST",
        }
        if indexes:
            parameters["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index,
                    "KeySchema": _key_schema(name, keys, types),
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, keys in indexes.items()
            ]
        parameters["AttributeDefinitions"] = [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ]
        self.parameters: Mapping[str, Any] = {**parameters, **(definition or {})}
        if definition:
            _check_definition(name, self.parameters)

    def __repr__(self) -> str:
        keys = ", ".join(repr(key["AttributeName"]) for key in self.parameters["KeySchema"])
        return f"Table({self.name!r}, {keys})"


def _check_kinds(name: Any, keys: tuple[Any, ...], indexes: Any, definition: Any) -> None:
    """Check what is declared, so that a list of keys is not taken for a key, nor a text for a list of keys."""
    for key in (name, *keys):
        if not isinstance(key, str) or not key:
            raise ModelError(
                f"a table is declared with the name or the key {key!r}",
                expected="texts: the name, the partition key and, if there is one, the sort key",
                remedy='for example Table("Items", "item_id"), or Table("Events", "stream", "position:N")',
            )
    if not isinstance(indexes, Mapping | None) or not all(_are_keys(one) for one in (indexes or {}).values()):
        raise ModelError(
            f"table {name!r} is declared with the indexes {indexes!r}",
            expected="for each name of an index, its partition key and, if it has one, its sort key",
            remedy="for example indexes={'by-owner': ('owner',)}",
        )
    for named in (name, *(indexes or {})):
        if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", named):
            raise ModelError(
                f"table {name!r} is declared with the name {named!r}, which DynamoDB does not take",
                expected="3 to 255 letters, digits, '_', '-' or '.', of a table and of an index",
                remedy="give the name as it is in production",
            )
    if not isinstance(definition, Mapping | None):
        raise ModelError(
            f"table {name!r} is declared with the definition {definition!r}",
            expected="a mapping of parameters of CreateTable",
            remedy="for example definition={'LocalSecondaryIndexes': […]}",
        )


def _check_definition(name: str, parameters: Mapping[str, Any]) -> None:
    # Not at the top: botocore takes longer to load than a test session without models should take to begin.
    from toctou.client.parameters import refusal  # noqa: PLC0415

    if fault := refusal("CreateTable", parameters):
        raise ModelError(
            f"table {name!r} has a definition that boto3 rejects: {fault}",
            expected="parameters of CreateTable",
            remedy="see create_table in the documentation of boto3",
        )


def _are_keys(of_index: Any) -> bool:
    return (
        isinstance(of_index, tuple | list) and len(of_index) in (1, 2) and all(isinstance(key, str) for key in of_index)
    )


def _key_schema(table: str, keys: tuple[str, ...], types: dict[str, str]) -> list[dict[str, str]]:
    schema = []
    for key, role in zip(keys, ("HASH", "RANGE"), strict=False):
        attribute, _, kind = key.partition(":")
        if kind not in ("", "S", "N", "B"):
            raise ModelError(
                f"table {table!r}: the key {key!r} has type {kind!r}",
                expected="S (string), N (number) or B (binary)",
                remedy=f"for example {attribute + ':N'!r}",
            )
        if kind or attribute not in types:  # an index may repeat a key without its type
            types[attribute] = kind or "S"
        schema.append({"AttributeName": attribute, "KeyType": role})
    return schema
