"""Decides whether the items that a model declares can be stored in its tables.

What only DynamoDB can say (an item that is too large, an empty key) is left to the backend that stores it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from toctou.declaration.table import Table
from toctou.declaration.validation import is_list, shown, wrong
from toctou.errors import ModelError
from toctou.history.item import AttributeValue, Image, image, plain, plain_value

_KEY_TYPES = {"S": "a text", "N": "a number (int or Decimal)", "B": "bytes"}

_API_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("S", "N"), str),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    **dict.fromkeys(("L", "SS", "NS", "BS"), (list, frozenset)),
    "B": bytes,
    "M": dict,
}
"""How the API writes attribute values: ``{"S": "i1"}``."""

_NUMBER = re.compile(r"-?[0-9.]+(E[+-]?[0-9]+)?", re.IGNORECASE)


def initial_images(model: type[Any]) -> dict[str, list[Image]]:
    """The declared items by table, as the API writes them.

    Raises:
        ModelError: `items` is no mapping from tables to lists of items, or a value is none that DynamoDB stores.
    """
    if not isinstance(model.items, Mapping):
        tables = [table.name for table in model.tables] or ["Items"]
        raise wrong(
            model,
            "items",
            "a mapping from the names of tables to lists of items",
            f"for example items = {{{tables[0]!r}: [{{…}}]}}",
        )
    images: dict[str, list[Image]] = {}
    for table, items in model.items.items():
        if not isinstance(table, str) or not is_list(items):
            raise ModelError(
                f"`items` of the model {model.__name__} has {shown(items)} for the table {table!r}",
                expected="the name of a table, and a list of items",
                remedy='for example items = {"Items": [{"item_id": "i1"}]}',
            )
        images[table] = [_image(model, table, item) for item in items]
    return images


def _image(model: type[Any], table: str, item: Any) -> dict[str, AttributeValue]:
    try:
        _check_encodable(found := image(item))
    except RecursionError:
        unsuitable: object = "it holds itself, or is nested too deeply"
    except (TypeError, AttributeError, UnicodeEncodeError) as fault:
        unsuitable = fault if isinstance(item, Mapping) else "it is no mapping"
    else:
        return found
    raise ModelError(
        f"the model {model.__name__} declares the item {shown(item)} of table {table!r}: {unsuitable}",
        expected="a mapping of attribute names to values that DynamoDB stores",
        remedy="use int or Decimal for numbers, bytes for binaries",
    )


def _check_encodable(value: Any) -> None:
    """Raise ``UnicodeEncodeError`` for half of a pair of surrogates, which no service stores."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, Mapping):
        for name, content in value.items():
            name.encode()
            _check_encodable(content)
    elif isinstance(value, list):
        for content in value:
            _check_encodable(content)


def wrong_items(model: type[Any]) -> Iterator[ModelError]:
    """What is wrong between items and tables that are each of the right kind."""
    tables = {table.name: table for table in model.tables}
    for name, images in initial_images(model).items():
        if typed := next((one for one in images if _is_typed(plain(one))), None):
            yield ModelError(
                f"the item {shown(plain(typed))} of table {name!r} in the model {model.__name__} has the types of DynamoDB's API",
                expected="plain values, to which the types are added",
                remedy=f"declare it as {shown(_untyped(plain(typed)))}",
            )
        elif name in tables:
            yield from _wrong_keys(model, tables[name], images)
        elif images:
            meant = get_close_matches(name, tables, 1)
            yield ModelError(
                f"`items` of the model {model.__name__} has items of the table {name!r}, which `tables` does not declare",
                expected=f"tables that are declared: {', '.join(tables) or 'none'}",
                remedy=f"did you mean {meant[0]!r}?"
                if meant
                else f'add Table({name!r}, "…") to `tables`, with its key',
            )


def _is_typed(item: Mapping[str, Any]) -> bool:
    """Whether an item is written as the API writes it: all of it, or a part that no plain item would have."""
    kinds = [_kind(value) for value in item.values()]
    return all(kinds) or not {"N", "BOOL", "NULL"}.isdisjoint(kinds)


def _kind(value: Any) -> str:
    """The type of an attribute value of the API; empty for any other."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return ""
    ((kind, content),) = value.items()
    if kind == "N" and not _NUMBER.fullmatch(str(content)):
        return ""
    return kind if isinstance(content, _API_TYPES.get(kind, ())) else ""


def _untyped(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain_value(value) if _kind(value) else value for name, value in item.items()}


def _wrong_keys(model: type[Any], table: Table, images: Sequence[Image]) -> Iterator[ModelError]:
    """One mistake of each kind, because many items are often made alike."""
    where = f"of table {table.name!r} in the model {model.__name__}"
    types = {one["AttributeName"]: one["AttributeType"] for one in table.parameters.get("AttributeDefinitions", ())}
    names = [one["AttributeName"] for one in table.parameters["KeySchema"]]
    sound = list(images)
    for name in names:
        kind = types.get(name, "S")
        if lacking := [one for one in sound if name not in one]:
            meant = get_close_matches(name, lacking[0], 1)
            yield ModelError(
                f"the item {shown(plain(lacking[0]))} {where} lacks {name!r}, which is a key of the table",
                expected=f"items with {' and '.join(map(repr, names))}",
                remedy=f"did you mean {name!r} by {meant[0]!r}?"
                if meant
                else f"give it {name!r}, or correct the key in `tables`",
            )
        if other := [one for one in sound if name in one and kind not in one[name]]:
            found, item = next(iter(other[0][name])), shown(plain(other[0]))
            declared = f", or declare {name + ':' + found!r}" if found in _KEY_TYPES else ""
            yield ModelError(
                f"the key {name!r} of the item {item} {where} is of type {found}, and of type {kind} in `tables`",
                expected="keys of the type that the table declares",
                remedy=f"give {_KEY_TYPES[kind]}{declared}",
            )
        sound = [one for one in sound if name in one and kind in one[name]]
    keys = Counter(repr([one[name] for name in names]) for one in sound)
    for one in sound:
        if keys.pop(repr([one[name] for name in names]), 0) > 1:
            yield ModelError(
                f"`items` of the model {model.__name__} has two items of table {table.name!r} with the same key: "
                f"{shown(plain(one))}",
                expected="items whose keys differ",
                remedy="leave one of them out, or correct its key",
            )
