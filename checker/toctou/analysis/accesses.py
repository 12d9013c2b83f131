"""Decides what an operation's handler, or its own condition, accessed: the evidence for what was relied on.

What a handler accessed in a result is recorded when a counterexample is run once more to be explained
(:attr:`toctou.history.operation.Operation.accessed`); what a condition or a filter reads is in the parameters.  Where
accesses were not recorded, nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toctou.analysis.cause import READS
from toctou.analysis.dependencies import Dependency
from toctou.history.footprint import ALL, EXISTENCE, Attributes
from toctou.history.item import ItemId
from toctou.history.operation import Operation

_TOKEN = re.compile(r":\w+|[.\]]\s*#?\w+|#?[A-Za-z_]\w*\s*\(?")
_WORDS = frozenset({"and", "or", "not", "between", "in"})
_CONDITIONS = ("ConditionExpression", "FilterExpression")
_LEGACY_CONDITIONS = ("Expected", "QueryFilter", "ScanFilter")


@dataclass(frozen=True, slots=True)
class Accessed:
    """Attributes of one item that were accessed.

    Attributes:
        item: the item; ``None`` for the result as a whole, where it says which items exist.
        attributes: by name; ``EXISTENCE`` and ``ALL`` among them.
        by: ``handler`` or ``condition``.
    """

    item: ItemId | None
    attributes: Attributes
    by: str


def accessed(operation: Operation) -> Iterator[Accessed]:
    """Everything that is known to have been accessed, the handler's accesses first."""
    for item, attributes in (operation.accessed or {}).items():
        if item is None and not operation.footprint.ranges:
            continue  # that the item exists is recorded under its name
        yield Accessed(item, attributes, "handler")
    for item, attributes in conditions(operation).items():
        yield Accessed(item, attributes, "condition")


def decisive(operation: Operation, item: ItemId | None) -> Attributes | None:
    """What of an item a read was used for; ``None`` if accesses were not recorded, so that it may be anything."""
    if operation.accessed is None or operation.action not in READS:
        return None
    found = [one.attributes for one in accessed(operation) if one.item == item]
    if item is not None and item not in operation.footprint.items():
        # the item entered or left the queried range: that shows in which items exist
        found += [one.attributes for one in accessed(operation) if one.item is None]
    return frozenset().union(*found)


def conditions(operation: Operation) -> Mapping[ItemId | None, Attributes]:
    """By item, the attributes that conditions of an operation read; a filter of a ``Query`` reads them of all that it finds."""
    found: dict[ItemId | None, Attributes] = {}
    for part in parts(operation.parameters):
        attributes = compared(part)
        if not attributes:
            continue
        for item in _items(operation, part):
            found[item] = found.get(item, frozenset()) | attributes
    return found


def parts(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The writes that an operation is made of: those of a transaction, or the operation itself; none in another service."""
    listed = parameters.get("TransactItems")
    if not isinstance(listed, list):
        return [parameters] if "TableName" in parameters else []  # elsewhere a Key may be anything, as it is in S3
    return [part for entry in listed for part in entry.values()]


def compared(part: Mapping[str, Any]) -> Attributes:
    """The attributes that the conditions of one write, or the filters of one read, compare."""
    names: Mapping[str, str] = part.get("ExpressionAttributeNames") or {}
    found: set[str] = set()
    for field in _CONDITIONS:
        if isinstance(part.get(field), str):
            found.update(names.get(name, name) for name in _mentioned(part[field]))
    for field in _LEGACY_CONDITIONS:
        found.update(part.get(field) or ())
    return frozenset(found)


def _mentioned(expression: str) -> Iterator[str]:
    for match in _TOKEN.finditer(expression):
        token = match[0].strip()
        if not token.startswith((":", ".", "]")) and not token.endswith("(") and token.lower() not in _WORDS:
            yield token


def _items(operation: Operation, part: Mapping[str, Any]) -> list[ItemId | None]:
    items = [item for item in operation.footprint.items() if item.table == part.get("TableName")]
    if operation.footprint.ranges:
        return [None, *items]
    values = list({**(part.get("Item") or {}), **(part.get("Key") or {})}.values())
    if not values:  # a query whose condition fixes the key
        return [*items]
    return [item for item in items if all({kind: value} in values for kind, value in item.key)]


def decided(operation: Operation, one: Dependency, about: Collection[str] = ()) -> Attributes:
    """The attributes that another request changed and that the reader is known, or must be assumed, to have accessed.

    Args:
        operation: the earlier one of the dependency.
        one: an anti-dependency: what was read, and then changed.
        about: the attributes that the violated property reads, which are named alone if any of them is among it.
    """
    changed = one.changed or one.attributes
    seen = decisive(operation, one.item)
    known = changed if seen is None else covers(seen, changed)
    return known & frozenset(about) or known


def covers(attributes: Attributes, wanted: Attributes) -> Attributes:
    """Those of ``wanted`` that ``attributes`` cover, ``ALL`` standing for everything but existence."""
    return wanted - {EXISTENCE} | (wanted & attributes) if ALL in attributes else wanted & attributes
