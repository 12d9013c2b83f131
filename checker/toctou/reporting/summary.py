"""The words for one operation: what it was aimed at, and what came of it, each short enough for a cell.

    GetItem Items[i1] → owner 'alice'
    UpdateItem Items[i1] owner 'alice' → 'bob'
    DeleteItem Items[i1] deleted (owner 'bob')

Attributes that the explanation argues with (the *focus*) come first and push the others out.  Every control or
invisible character is shown as its escape, so that no stored value can move the cursor of a terminal or reverse a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from toctou.history.footprint import ALL, shown_items
from toctou.history.item import Change, Image, ItemId, plain, plain_value
from toctou.history.operation import ErrorResponse, Operation

MAX_ATTRIBUTES = 3
MAX_VALUE = 32

Focus = Mapping[str, frozenset[str]]
"""Text of an item to the names of the attributes that matter in it."""

EDGE_MEANINGS: Mapping[str, str] = {
    "wr": "the later one read what the earlier one wrote",
    "ww": "the later one wrote where the earlier one had written",
    "rw": "the later one changed what the earlier one had already read",
    "po": "the same request did one after the other",
    "rt": "one request had answered before the other began",
}
"""What the kinds of edges say, for people."""

_BACKENDS = {"embedded": "toctou's own DynamoDB engine", "moto": "moto, an independent imitation of AWS"}
SIMULATED = "found by running the handlers under simulated concurrency; no production data"
"""Every report says so."""
_ABSENT = object()


def backend_words(name: str) -> str:
    """A backend as people know it."""
    return _BACKENDS.get(name, name)


def accessed_words(one: Mapping[str, Any]) -> str:
    """What was accessed: ``owner of Items[i1]``."""
    return f"{', '.join(one['attributes'])} of {one['item']}" if one["item"] else "which items exist"


def visible(text: str, keep: str = "") -> str:
    """The text with every unprintable character, except those in ``keep``, as its Python escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else repr(one)[1:-1] for one in text)


def shortened(text: str, width: int = MAX_VALUE) -> str:
    """The text, or its beginning with an ellipsis where it is longer than ``width``."""
    return text if len(text) <= width else text[: width - 1] + "…"


def target(operation: Operation) -> str:
    """What the operation was aimed at: items, a key range of a table or an index, or a table."""
    parameters = operation.parameters
    if isinstance(parts := parameters.get("TransactItems"), list):
        return ", ".join(_part_target(part) for part in parts)
    if operation.footprint.ranges:
        return visible(", ".join(dict.fromkeys(str(one) for one in operation.footprint.ranges)))
    names = sorted(str(item) for item in shown_items(operation.footprint))
    if names:
        return visible(", ".join(names))
    return visible(_keyed(parameters))


def _part_target(part: Mapping[str, Any]) -> str:
    ((verb, content),) = part.items()
    return visible(f"{verb} {_keyed(content)}")


def _keyed(parameters: Mapping[str, Any]) -> str:
    table = str(parameters.get("TableName", ""))
    key = parameters.get("Key")
    if not isinstance(key, Mapping):
        return table
    return f"{table}[{', '.join(value_text(value, str) for value in key.values())}]"


def value_text(value: Any, form: Callable[[Any], str] = repr) -> str:
    """A typed value as plain text; what a handler sent need not be one, and is shown as it is."""
    try:
        return form(plain_value(value))
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        return form(value)


def outcome(operation: Operation, focus: Focus, held: Image | None = None) -> str:
    """What came of the operation: its error, what it changed, what it wrote over the same, or what it read.

    Args:
        held: the only item that it was to write, as it was found and left; ``None`` if it is not there, or not known.
    """
    if operation.error is not None:
        return _failure(operation.error)
    if operation.changes:
        return _changes(operation.changes, focus)
    if held is not None and operation.action in {"PutItem", "UpdateItem"}:
        item = only_written(operation)
        listing = attributes(_written(held, item, operation), item, focus.get(str(item), frozenset()))
        return f"wrote {listing} (unchanged)" if listing else "wrote without changing anything"
    return _read(operation, focus)


def _written(held: Image, item: ItemId | None, operation: Operation) -> Image:
    """The part of an item that an operation was to write."""
    if item is None:
        return held
    footprint = operation.footprint
    names = footprint.writes.get(item, frozenset()) | footprint.increments.get(item, frozenset())
    return held if ALL in names else {name: value for name, value in held.items() if name in names}


def only_written(operation: Operation) -> ItemId | None:
    """The item that an operation was to write, if it is exactly one."""
    written = {*operation.footprint.writes, *operation.footprint.increments}
    return next(iter(written)) if len(written) == 1 else None


def _failure(error: ErrorResponse) -> str:
    reasons = (error.fields or {}).get("CancellationReasons")
    codes = [str(one.get("Code", "None")) for one in reasons] if isinstance(reasons, list) else []
    return visible(f"failed: {error.code}" + (f" [{', '.join(codes)}]" if codes else ""))


def _changes(changes: tuple[Change, ...], focus: Focus) -> str:
    if len(changes) == 1:
        return _change(changes[0], focus)
    return "; ".join(f"{visible(str(change.item))} {_change(change, focus)}" for change in changes)


def _change(change: Change, focus: Focus) -> str:
    wanted = focus.get(str(change.item), frozenset())
    if change.after is None:
        listing = attributes(change.before or {}, change.item, wanted)
        return f"deleted ({listing})" if listing else "deleted"
    if change.before is None and change.item.service and "times" in change.after:
        return "added"
    if change.before is None:
        return f"created {attributes(change.after, change.item, wanted)}".rstrip()
    before, after = plain(change.before), plain(change.after)
    differing = [name for name in sorted({*before, *after}) if before.get(name, _ABSENT) != after.get(name, _ABSENT)]
    pieces = [
        f"{visible(name)} {_value(before, name)} → {_value(after, name)}" for name in _foremost(differing, wanted)
    ]
    same = sorted(name for name in wanted if name in after and name not in differing)
    return ", ".join(
        [_listed(pieces, len(differing)), *(f"{visible(name)} still {_value(after, name)}" for name in same)]
    )


def _value(item: Mapping[str, Any], name: str) -> str:
    return shortened(visible(repr(item[name]))) if name in item else "nothing"


def attributes(image: Image, item: ItemId | None, wanted: frozenset[str]) -> str:
    """An item's attributes: the wanted ones if it has any of them, else the first few that are not its key."""
    key = set() if item is None else {(kind, str(value)) for kind, value in item.key}
    contents = plain(image)
    names = [name for name in contents if name in wanted]
    if not names:
        names = [name for name in contents if next((kind, str(one)) for kind, one in image[name].items()) not in key]
    chosen = _foremost(names, wanted)
    return _listed([f"{visible(name)} {_value(contents, name)}" for name in chosen], len(names))


def _foremost(names: Iterable[str], wanted: frozenset[str]) -> list[str]:
    return sorted(names, key=lambda name: (name not in wanted, name))[:MAX_ATTRIBUTES]


def _listed(pieces: list[str], total: int) -> str:
    return ", ".join([*pieces, "…"] if total > len(pieces) else pieces)


def _read(operation: Operation, focus: Focus) -> str:
    result = operation.result or {}
    if "." in operation.action:
        return _of_service(result)
    items = sorted(operation.footprint.items(), key=str)
    if isinstance(result.get("Items"), list):
        count = len(result["Items"])
        return "→ nothing" if count == 0 else f"→ {count} item{'s' if count > 1 else ''}"
    if "Count" in result:
        return f"→ count {result['Count']}"
    if operation.action == "BatchGetItem" and len(items) == 1:
        found, *_ = *chain.from_iterable((result.get("Responses") or {}).values()), None
        return "→ " + _one_read(found, items[0], focus.get(str(items[0]), frozenset()))
    if isinstance(result.get("Responses"), list):
        found = [_one_read(part.get("Item"), None, frozenset()) for part in result["Responses"]]
        return "→ " + "; ".join(found)
    if operation.action == "GetItem":
        item = items[0] if items else None
        return "→ " + _one_read(result.get("Item"), item, focus.get(str(item), frozenset()))
    return "changed nothing" if not operation.action.startswith(("Batch", "Describe", "List")) else ""


_TOLD = ("Body", "SecretString", "Messages", "Contents", "Parameter", "Parameters", "Payload")
"""Members of results of other services that say what was asked for."""


def _of_service(result: Mapping[str, Any]) -> str:
    found = next((result[name] for name in _TOLD if name in result), None)
    if found is None:
        return ""
    if isinstance(found, list):
        return f"→ {len(found)} {'message' if 'Messages' in result else 'entries'}"
    text = found.decode(errors="replace") if isinstance(found, bytes) else found
    return f"→ {shortened(visible(repr(text)))}"


def _one_read(image: Image | None, item: ItemId | None, wanted: frozenset[str]) -> str:
    return "no item" if image is None else attributes(image, item, wanted) or "an item with no other attributes"


def call(step: Mapping[str, Any]) -> str:
    """What a step of a document calls, and on what; by which thread, where its request has several: ``GetItem Items[x]``."""
    thread = step.get("thread")
    by = "" if thread is None else f"thread {thread}: " if thread else "main thread: "
    return f"{by}{step['action']} {step['target']}"
