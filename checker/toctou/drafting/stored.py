"""Decides what a drafted model stores at the start: an item for each table, and the identifiers by which a request means it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toctou.drafting.names import OWNERS, holds, identifier, is_generic, is_owner, singular, value_of
from toctou.drafting.openapi_document import attributes
from toctou.drafting.sketch import Table
from toctou.drafting.source_hints import Hints
from toctou.errors import letters
from toctou.openapi.references import Place

_MOST = 12
"""Attributes of an item besides its keys: a person would not write more before the first run."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Items by table, the attribute that names the owner, and notes by the attribute of the model that they are about."""

    tables: Sequence[Table]
    items: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    owner: str | None = None
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def identifies(self, name: str, segments: Sequence[str]) -> Any:
        """The value of a parameter or a member by which a request means a stored item; ``None`` if it means none.

        Args:
            name: of the parameter.
            segments: of the path it is in, before it.
        """
        fitting = [one for one in self.tables if one.name in self.items]
        fitting.sort(key=lambda table: not holds(table.name, segments[-1:]))
        for table in fitting:
            item = self.items[table.name][0]
            keys = [key.partition(":")[0] for key in table.keys]
            nouns = (f"{singular(table.name)}id", singular(table.name))
            for key in keys:
                if letters(key) == letters(name) or (letters(key) == "id" and letters(name) in nouns):
                    return item[key]
            is_plain = letters(name) in ("id", "key", "uuid") or letters(name) in (
                f"{singular(one)}id" for one in segments[-1:]
            )
            if is_plain and (len(fitting) == 1 or holds(table.name, segments[-1:])):
                own = [key for key in keys if not is_owner(key)]
                return item[(own or keys)[-1]]
        return None


def stored(
    tables: Sequence[Table], hints: Hints, collections: Sequence[str], schemas: Mapping[str, Place] | None = None
) -> Stored:
    """What is stored in these tables.

    Args:
        hints: from the code of the handlers.
        collections: the segments of the paths of the API, by which a table is known that requests are about.
        schemas: of an OpenAPI document, by name.
    """
    items = dict[str, list[dict[str, Any]]]()
    notes = dict[str, list[str]]()
    for table in tables:
        if any(is_generic(key.partition(":")[0]) for key in table.keys):
            keys = ", ".join(table.keys)
            notes.setdefault("items", []).append(
                f"TODO: an item of {table.name}; its keys ({keys}) are made by the handlers in a way of their own."
            )
            continue
        described = len(tables) == 1 or holds(table.name, collections)
        noun = next((one for one in collections if holds(table.name, [one])), "") or (
            collections[0] if len(tables) == 1 and collections else table.name
        )
        alike = [one for name, one in (schemas or {}).items() if letters(name) == singular(noun)]
        told = attributes(alike[0]) if alike else {}
        items[table.name] = [_item(table, singular(noun), {**(hints.attributes if described else {}), **told})]
    owner = _owner(tables, items)
    if owner is None:
        notes["owner"] = ['TODO: owner = "…", the attribute that names who owns an item, if items have owners.']
    elif not any(owner in table.keys for table in tables):
        notes["owner"] = ["Guessed by its name: only this principal may change the item."]
    return Stored(tables, items, owner, notes)


def _item(table: Table, noun: str, others: Mapping[str, Any]) -> dict[str, Any]:
    item = {key.partition(":")[0]: identifier(key, noun) for key in table.keys}
    for keys in table.indexes.values():
        for key in keys:
            name, _, kind = key.partition(":")
            item.setdefault(name, 1 if kind == "N" else b"1" if kind == "B" else _text(value_of(name)))
    for name, known in list(others.items())[:_MOST]:
        if name.isidentifier():
            item.setdefault(name, value_of(name) if known is None or is_owner(name) else known)
    return item


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _owner(tables: Sequence[Table], items: Mapping[str, Sequence[Mapping[str, Any]]]) -> str | None:
    """The attribute that names the owner, where it is not all that an item is found by."""
    keys = {table.keys[0].partition(":")[0] for table in tables if table.sort is None}
    names = {name for listed in items.values() for one in listed for name in one if name not in keys and is_owner(name)}
    return min(names, key=lambda name: OWNERS.index(letters(name)), default=None)
