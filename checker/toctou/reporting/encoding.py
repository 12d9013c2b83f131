"""How values that JSON has no notation for are written into a document, and read back.

What JSON can say is written as it is.  Everything else becomes an object with a single key that starts with ``$``:

====================  =====================================================
``$bytes``            binary, in base64
``$decimal``          ``Decimal``, as its text
``$float``            ``nan``, ``inf`` or ``-inf``
``$tuple``            tuple, as a list
``$set``              set, as a list in a stable order
``$frozenset``        frozenset, likewise
``$map``              mapping whose keys are not all text, or one of whose keys starts with ``$``, as a list of pairs
``$repr``             any other object, as its ``repr`` without memory addresses: for people, it cannot be read back
====================  =====================================================

``decode(encode(value)) == value`` for everything but ``$repr``, which decodes to :class:`Opaque`.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that was written as its ``repr``, which it shows again."""

    text: str

    def __repr__(self) -> str:
        return self.text


def encode(value: Any) -> Any:
    """A value of Python as JSON can hold it; see the module's table."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else {"$float": str(value)}
        case Decimal():
            return {"$decimal": str(value)}
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(value).decode()}
        case tuple():
            return {"$tuple": [encode(element) for element in value]}
        case list():
            return [encode(element) for element in value]
        case frozenset():
            return {"$frozenset": _in_stable_order(value)}
        case set():
            return {"$set": _in_stable_order(value)}
        case Mapping():
            return _encode_mapping(value)
        case Opaque():
            return {"$repr": value.text}
        case _:
            return {"$repr": _ADDRESS.sub("", repr(value))}


def _encode_mapping(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(element) for key, element in value.items()}
    return {"$map": [[encode(key), encode(element)] for key, element in value.items()]}


def _in_stable_order(values: Iterable[Any]) -> list[Any]:
    return sorted((encode(element) for element in values), key=lambda one: json.dumps(one, sort_keys=True))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$bytes": base64.b64decode,
    "$decimal": Decimal,
    "$float": float,
    "$tuple": lambda content: tuple(decode(element) for element in content),
    "$set": lambda content: {decode(element) for element in content},
    "$frozenset": lambda content: frozenset(decode(element) for element in content),
    "$map": lambda content: {decode(key): decode(element) for key, element in content},
    "$repr": Opaque,
}


def holds(value: Any, kind: type) -> bool:
    """Whether a decoded value is of a type, or has something in it that is."""
    match value:
        case Mapping():
            return any(holds(one, kind) for pair in value.items() for one in pair)
        case list() | tuple() | set() | frozenset():
            return any(holds(one, kind) for one in value)
        case _:
            return isinstance(value, kind)


def decode(value: Any) -> Any:
    """The inverse of :func:`encode`; raises ``ValueError`` for a tag that it does not know."""
    match value:
        case dict():
            tag = next(iter(value), "")
            if len(value) == 1 and tag.startswith("$"):
                if tag not in _DECODERS:
                    raise ValueError(f"{tag} is not a notation of this version")
                return _DECODERS[tag](value[tag])
            return {key: decode(element) for key, element in value.items()}
        case list():
            return [decode(element) for element in value]
        case _:
            return value
