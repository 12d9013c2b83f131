"""Shapes of JSON values: what a member of a request may be, and what it becomes in the client's shapes.

Decoding decides types only: JSON of another type is a ``SerializationException``, before anything else is checked.
Checking comes after it, and finds members that are missing or too small, which is a ``ValidationException`` that names all
of them.  What a value means is left to the engine.

Sources: the texts of both errors are those that the service was seen to answer by the authors of dynalite
(https://github.com/architect/dynalite, ``test/helpers.js``: ``assertType``); DynamoDB Local converts silently or fails with
an ``InternalFailure`` instead.  Inferred: integers out of range, and ``null`` as an element of a list or map (Local refuses
it in values, in words that differ by type).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from toctou.engine import ServiceError

_NAMESPACE = "com.amazonaws.dynamodb.v20120810"
_MAP_FOUND = "Start of structure or map found where not expected"
_RANGES = {"Integer": 2**31, "Long": 2**63}
_BOOLEANS = {"TRUE": True, "YES": True, "1": True, "FALSE": False, "NO": False, "0": False}


class Shape(Protocol):
    """What a JSON value may be."""

    java: str
    """The type's name in error texts."""

    def decode(self, value: Any) -> Any:
        """The value in the client's shapes; raises ``ServiceError``.  ``value`` is not ``None``."""

    def faults(self, value: Any, path: str) -> Iterator[str]:
        """What a decoded value lacks, worded as the service does; ``path`` says where it stands."""


def serialization(message: str = "") -> ServiceError:
    """A ``SerializationException``: the body cannot be read."""
    return ServiceError("SerializationException", message)


def too_small(value: object, path: str, what: str, minimum: int) -> str:
    """One fault of a value below its minimum."""
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have {what} {minimum}"


def json_kind(value: object) -> str:
    """What the service calls a scalar of the wrong type."""
    if value.__class__ is bool:
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if value.__class__ is float:
        return "DECIMAL_VALUE"
    return "NUMBER_VALUE" if value.__class__ is int else "STRING_VALUE"


class Scalar:
    """A string, a number, a boolean or bytes.

    Attributes:
        type: the type's name in error texts.
        minimum: the smallest value or length; ``None`` for any.
    """

    def __init__(self, java: str, minimum: int | None = None) -> None:
        self.java = f"class java.lang.{java}"
        self.type = java
        self.minimum = minimum

    def refuse(self, value: object) -> ServiceError:
        """The error for a value of another type."""
        if value.__class__ is dict:
            return serialization(_MAP_FOUND)
        if value.__class__ is list:
            return serialization(f"Unrecognized collection type {self.java}")
        return serialization(f"{json_kind(value)} cannot be converted to {self.type}")

    def decode(self, value: Any) -> Any:
        """See :class:`Shape`."""
        raise NotImplementedError

    def faults(self, value: Any, path: str) -> Iterator[str]:
        """See :class:`Shape`."""
        if self.minimum is not None:
            if value.__class__ is str and len(value) < self.minimum:
                yield too_small(value, path, "length greater than or equal to", self.minimum)
            elif value.__class__ is int and value < self.minimum:
                yield too_small(value, path, "value greater than or equal to", self.minimum)


class Text(Scalar):
    """A string."""

    def __init__(self, minimum: int | None = None) -> None:
        super().__init__("String", minimum)

    def decode(self, value: Any) -> str:
        """See :class:`Shape`."""
        if value.__class__ is not str:
            raise self.refuse(value)
        return value


class Whole(Scalar):
    """A whole number; decimals are rounded down, as the service does."""

    def decode(self, value: Any) -> int:
        """See :class:`Shape`."""
        if value.__class__ not in (int, float):
            raise self.refuse(value)
        limit = _RANGES[self.type]
        if not -limit <= value < limit:
            raise self.refuse(value)
        return math.floor(value)


class Truth(Scalar):
    """A boolean; some strings are taken as one."""

    def __init__(self, minimum: int | None = None) -> None:
        super().__init__("Boolean", minimum)

    def decode(self, value: Any) -> bool:
        """See :class:`Shape`."""
        if value.__class__ is bool:
            return value
        if value.__class__ is not str:
            raise self.refuse(value)
        if value.upper() not in _BOOLEANS:
            raise serialization("Unexpected token received from parser")
        return _BOOLEANS[value.upper()]


class Binary(Scalar):
    """Bytes, as base64 in its one canonical form."""

    def __init__(self, minimum: int | None = None) -> None:
        super().__init__("Blob", minimum)
        self.java = "class java.nio.ByteBuffer"

    def decode(self, value: Any) -> bytes:
        """See :class:`Shape`."""
        if value.__class__ in (dict, list):
            raise self.refuse(value)
        if value.__class__ is not str:
            raise serialization("only base-64-encoded strings are convertible to bytes")
        if len(value) % 4:
            raise serialization(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}")
        try:
            content = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            content = None
        if content is None or base64.b64encode(content).decode() != value:
            raise serialization("Invalid last non-pad Base64 character dectected")  # the service spells it like this
        return content


class ListOf:
    """A list of at least ``minimum`` elements; ``None`` for any number."""

    def __init__(self, element: Shape, minimum: int | None = None) -> None:
        self.java = "class java.util.List"
        self.element = element
        self.minimum = minimum

    def decode(self, value: Any) -> list[Any]:
        """See :class:`Shape`."""
        if value.__class__ is not list:
            raise serialization(_MAP_FOUND if value.__class__ is dict else "Unexpected field type")
        decode = self.element.decode
        return [decode(one) if one is not None else absent(self.element) for one in value]

    def faults(self, value: Any, path: str) -> Iterator[str]:
        """See :class:`Shape`."""
        if self.minimum is not None and len(value) < self.minimum:
            yield too_small([], path, "length greater than or equal to", self.minimum)
        for number, one in enumerate(value, start=1):
            yield from self.element.faults(one, f"{path}.{number}.member")


class MapOf:
    """A map from strings.  That it may not be empty, if so described, is worded by the engine."""

    def __init__(self, value: Shape, minimum: int | None = None) -> None:
        java = value.java.removeprefix("class ")
        self.java = f"java.util.Map<java.lang.String, {java}>"
        self.value = value
        self.minimum = minimum

    def decode(self, value: Any) -> dict[str, Any]:
        """See :class:`Shape`."""
        if value.__class__ is not dict:
            raise serialization(
                f"Unrecognized collection type {self.java}" if value.__class__ is list else "Unexpected field type"
            )
        decode = self.value.decode
        return {name: decode(one) if one is not None else absent(self.value) for name, one in value.items()}

    def faults(self, value: Any, path: str) -> Iterator[str]:
        """See :class:`Shape`."""
        for name, one in value.items():
            yield from self.value.faults(one, f"{path}.{name}.member")


class Structure:
    """Named members; a member that is ``null`` is absent, one that is unknown is passed over.

    Attributes:
        name: in the service's description.
        members: the shape of each member; filled in once all structures are there, because some contain each other.
        required: the members that must be there.
        demanded: those of them whose absence the service reports before any other fault.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.java = f"class {_NAMESPACE}.{name}"
        self.members: dict[str, Shape] = {}
        self.required: list[str] = []
        self.demanded: list[str] = []

    def decode(self, value: Any) -> dict[str, Any]:
        """See :class:`Shape`."""
        if value.__class__ is not dict:
            list_found = f"Unrecognized collection type {self.java}"
            raise serialization(list_found if value.__class__ is list else "Unexpected value type in payload")
        members = self.members
        return {name: members[name].decode(one) for name, one in value.items() if one is not None and name in members}

    def faults(self, value: Mapping[str, Any], path: str) -> Iterator[str]:
        """See :class:`Shape`."""
        prefix = f"{path}." if path else ""
        for name in self.required:
            if name not in value:
                place = prefix + lowered(name)
                yield f"Value null at '{place}' failed to satisfy constraint: Member must not be null"
        for name, one in value.items():
            yield from self.members[name].faults(one, prefix + lowered(name))


class AttributeValue(Structure):
    """A typed value, with nothing to check here: what is wrong in a value is worded by the engine."""

    def faults(self, value: Mapping[str, Any], path: str) -> Iterator[str]:  # noqa: ARG002 - see the class
        """See :class:`Shape`."""
        return iter(())


def lowered(name: str) -> str:
    """A member's name as paths in error texts have it."""
    return name[:1].lower() + name[1:]


def absent(shape: Shape) -> Any:
    """What ``null`` is taken as, as an element of a list or map: an empty structure or nothing at all."""
    if isinstance(shape, Structure):
        return {}
    raise ServiceError("ValidationException", "One or more parameter values were invalid: a member must not be null")
