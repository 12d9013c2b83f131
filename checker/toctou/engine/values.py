"""Attribute values: which ones are valid, their normal form, how they compare, and how many bytes they count.

A value is kept as the API writes it (``{"S": "alice"}``), in normal form: numbers normalised, sets sorted, binaries as
``bytes``.  Two values are equal exactly when their normal forms are.  Values are never changed once they are stored: what
comes from a client is rebuilt on the way in, and results share what is stored, which is why code that may change them
is given copies (:mod:`toctou.client.intercept`).

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from toctou.engine.number import decimal, normal_number
from toctou.engine.service_error import ServiceError, invalid_parameter, validation

Value = dict[str, Any]
"""One typed value in normal form."""

Item = dict[str, Value]
"""One item in normal form."""

MAXIMUM_DEPTH = 32
"""An attribute may be nested this deep, the item itself counting as the first level."""

MAXIMUM_ITEM_SIZE = 400 * 1024

SETS = frozenset({"SS", "NS", "BS"})
ORDERED = frozenset({"S", "N", "B"})

TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
}
"""The types as the texts of some errors spell them."""


def normal_value(value: Mapping[str, Any], depth: int = 1) -> Value:
    """The normal form of one value as a client writes it.

    Args:
        depth: how many levels it lies below the item.

    Raises:
        ServiceError: the value is not one that DynamoDB stores.
    """
    if len(value) != 1:
        raise validation(
            f"Supplied AttributeValue {'is empty' if not value else 'has more than one datatypes set'}, "
            "must contain exactly one of the supported datatypes"
        )
    for kind, content in value.items():
        if kind == "S":
            if content.__class__ is str:
                return {"S": content}
        elif kind == "N":
            return {"N": normal_number(content)}
        elif (normalise := _NORMALISERS.get(kind)) is not None and content is not None:
            return {kind: normalise(content, depth)}
    raise validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


def normal_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """The normal form of a whole item; raises ``ServiceError`` if a value or a name is invalid."""
    if "" in item:
        raise validation("Empty attribute name")
    return {name: normal_value(value) for name, value in item.items()}


def _binary(content: Any, _: int) -> bytes:
    # bytearray and memoryview can change under us; boto3's Binary wraps bytes.
    return content if content.__class__ is bytes else bytes(getattr(content, "value", content))


def _boolean(content: Any, _: int) -> bool:
    return bool(content)


def _null(content: Any, _: int) -> bool:
    if content is not True:
        raise invalid_parameter("Null attribute value types must have the value of true")
    return True


def _list(content: Iterable[Mapping[str, Any]], depth: int) -> list[Value]:
    _check_depth(depth)
    return [normal_value(element, depth + 1) for element in content]


def _map(content: Mapping[str, Mapping[str, Any]], depth: int) -> Item:
    _check_depth(depth)
    if "" in content:
        raise validation("Empty attribute name")
    return {name: normal_value(value, depth + 1) for name, value in content.items()}


def _check_depth(depth: int) -> None:
    if depth >= MAXIMUM_DEPTH:
        raise validation(
            "Nesting Levels have exceeded supported limits: "
            "Attributes in the item have nested levels beyond supported limit"
        )


def check_depth_of(value: Mapping[str, Any], depth: int = 1) -> None:
    """Refuse a value that lies this many levels below its item and is nested too deep."""
    if "L" in value:
        _check_depth(depth)
        for element in value["L"]:
            check_depth_of(element, depth + 1)
    elif "M" in value:
        _check_depth(depth)
        for member in value["M"].values():
            check_depth_of(member, depth + 1)


def _string_set(content: Iterable[str], _: int) -> list[str]:
    return _distinct("An string set  may not be empty", list(content), "contains duplicates.")


def _number_set(content: Iterable[str], _: int) -> list[str]:
    members = [normal_number(member) for member in content]
    if len(set(members)) != len(members):
        raise validation("Input collection contains duplicates")
    return sorted(_distinct("An number set  may not be empty", members, ""), key=decimal)


def _binary_set(content: Iterable[Any], depth: int) -> list[bytes]:
    members = [_binary(member, depth) for member in content]
    if len(set(members)) != len(members):
        raise invalid_parameter("Input collection of type BS contains duplicates.")
    return _distinct("Binary sets should not be empty", members, "")


def _distinct(empty: str, members: list[Any], duplicated: str) -> list[Any]:
    if not members:
        raise invalid_parameter(empty)
    if len(set(members)) != len(members):
        raise invalid_parameter(f"Input collection [{', '.join(members)}] {duplicated}")
    members.sort()
    return members


_NORMALISERS: dict[str, Callable[[Any, int], Any]] = {
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
}


def type_of(value: Mapping[str, Any]) -> str:
    """The type of a value: ``S``, ``N``, …"""
    for kind in value:
        return kind
    raise AssertionError("a stored value has a type")


def sortable(kind: str, content: Any) -> Any:
    """What orders a value of a key type among others of its type: strings by UTF-8 bytes, numbers by value.

    Python orders strings by code point, which is the order of their UTF-8 bytes.
    """
    return decimal(content) if kind == "N" else content


def ordered_pair(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Two values as Python values that compare as the service compares them; ``None`` if they do not compare."""
    kind = type_of(left)
    if kind not in ORDERED or kind not in right:
        return None
    return sortable(kind, left[kind]), sortable(kind, right[kind])


def value_size(value: Mapping[str, Any]) -> int:
    """How many bytes a value counts towards the size of its item."""
    for kind, content in value.items():
        return _SIZES[kind](content)
    raise AssertionError("a stored value has a type")


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """How many bytes an item counts."""
    size = 0
    for name, value in item.items():
        size += len(name) if name.isascii() else len(name.encode())
        for kind, content in value.items():
            # Strings are most of most items.
            size += len(content) if kind == "S" and content.isascii() else _SIZES[kind](content)
    return size


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


@lru_cache(maxsize=8192)
def _number_size(text: str) -> int:
    digits = text.lstrip("-").replace(".", "").strip("0")
    return 2 + len(digits) // 2 + text.startswith("-")


def _list_size(content: Iterable[Mapping[str, Any]]) -> int:
    return 3 + sum(1 + value_size(element) for element in content)


def _map_size(content: Mapping[str, Mapping[str, Any]]) -> int:
    return 3 + sum(1 + _text_size(name) + value_size(element) for name, element in content.items())


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": _text_size,
    "N": _number_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": _list_size,
    "M": _map_size,
    "SS": lambda content: sum(map(_text_size, content)),
    "NS": lambda content: sum(map(_number_size, content)),
    "BS": lambda content: sum(map(len, content)),
}


def in_context(error: ServiceError, before: str, after: str) -> ServiceError:
    """The same error, saying where the value stood."""
    return ServiceError(error.code, f"{before}{error.message}{after}", error.fields)
