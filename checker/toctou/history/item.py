"""Items: their names, and their contents in two notations.

An *image* is an item in the notation of DynamoDB's API, each value tagged with its type (``{"owner": {"S": "alice"}}``,
binaries as ``bytes``).  Images in a history are never modified.  A *plain* item is the same in Python's own types, for reports
and oracles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

AttributeValue = Mapping[str, Any]
"""One typed value: ``{"S": "alice"}``, ``{"N": "1"}``, ``{"L": [...]}``, …"""

Image = Mapping[str, AttributeValue]
"""A whole item in the notation of the API; see the module's docstring."""

TIMES = "times"
"""The attribute that counts equal messages in another service."""

PLACES = "places"
"""The attribute that says where messages are of which the order counts: each its group and its number there."""


class ItemId(NamedTuple):
    """The name of an item: its table and primary key.

    Attributes:
        key: partition key and, where the table has one, sort key; each as ``(type, value)``, for example ``("S", "i1")``.
            Numbers are in DynamoDB's normal form, binaries are ``bytes``.
    """

    table: str
    key: tuple[tuple[str, Any], ...]

    @property
    def service(self) -> str:
        """The AWS service that holds it, if that is another one than DynamoDB; ``""`` otherwise.

        What other services hold is named like items, in tables whose names no table can have: ``s3:docs``.
        """
        service, colon, _ = self.table.partition(":")
        return service if colon else ""

    @property
    def is_thing(self) -> bool:
        """Whether it is something as a whole that another service has, such as a queue; its name is the key then."""
        return self.table.endswith(":")

    def __str__(self) -> str:
        if self.is_thing:
            return f"{self.table}{_key_text(self.key[0][1])}"
        if self.service:  # whose region follows
            return f"{self.table}[{_key_text(self.key[0][1])}]"
        return f"{self.table}[{', '.join(_key_text(value) for _, value in self.key)}]"


class Change(NamedTuple):
    """One item before and after an operation; ``None`` where it did not exist.  ``before == after`` never occurs."""

    item: ItemId
    before: Image | None
    after: Image | None


def _key_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def plain_value(value: AttributeValue) -> Any:
    """One typed value in Python's own types; integral numbers become ``int``, other numbers ``Decimal``."""
    ((kind, content),) = value.items()  # exactly one member, or the image is damaged
    match kind:
        case "N":
            return _number(content)
        case "NULL":
            return None
        case "L":
            return [plain_value(element) for element in content]
        case "M":
            return {name: plain_value(element) for name, element in content.items()}
        case "SS" | "BS":
            return frozenset(content)
        case "NS":
            return frozenset(_number(element) for element in content)
        case _:
            return content


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def plain(image: Image) -> dict[str, Any]:
    """An item in Python's own types, with sorted attributes."""
    return {name: plain_value(image[name]) for name in sorted(image)}


def image(item: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """The inverse of :func:`plain`, for the items declared by a model.

    Raises:
        TypeError: for a value that DynamoDB has no type for, ``float`` among them because it is not exact, or a name that is
            no text.
    """
    if unnamed := [name for name in item if not isinstance(name, str)]:
        raise TypeError(f"{unnamed[0]!r} is no name of an attribute, which is text")
    return {name: typed_value(value) for name, value in item.items()}


def typed_value(value: Any) -> AttributeValue:
    """One Python value with its DynamoDB type; raises ``TypeError`` if there is none."""
    match value:
        case None:
            return {"NULL": True}
        case bool():  # before int, of which bool is a subclass
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes() | bytearray():
            return {"B": bytes(value)}
        case Mapping():
            return {"M": image(value)}
        case list() | tuple():
            return {"L": [typed_value(element) for element in value]}
        case set() | frozenset():
            return _typed_set(value)
        case _:
            raise TypeError(
                f"{value!r} of type {type(value).__name__} has no DynamoDB type; numbers are int or Decimal"
            )


def _typed_set(values: set[Any] | frozenset[Any]) -> AttributeValue:
    if values and all(isinstance(value, str) for value in values):
        return {"SS": sorted(values)}
    if values and all(isinstance(value, bytes) for value in values):
        return {"BS": sorted(values)}
    if values and all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in values):
        return {"NS": [str(value) for value in sorted(values)]}
    raise TypeError(f"{values!r} is not a set of strings, of numbers or of binaries; DynamoDB has no empty set")


def at_path(item: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value of a plain item at a path such as ``meta.owner``; the default if there is none."""
    found: Any = item
    for name in [path] if path in item else path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return default
        found = found[name]
    return found


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from texts_in(one)
