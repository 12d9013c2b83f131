"""Performs the operations of the compact notation on a small store, which yields footprints, images and results.

This is not an engine: it implements just enough of DynamoDB (upsert, whole-item put, equality conditions, all-or-nothing
transactions) to keep a history consistent.  The syntax is documented in :mod:`history_notation`; a syntax error is a
``ValueError`` whose text completes "cannot be read, because …".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toctou.history.footprint import ALL, EMPTY, EXISTENCE, Attributes, Footprint, KeyRange
from toctou.history.item import AttributeValue, Change, Image, ItemId
from toctou.history.operation import ErrorResponse

NOTHING: Attributes = frozenset()
WHOLE: Attributes = frozenset({ALL, EXISTENCE})
_ASSIGNMENT = re.compile(r"(\w+)=('[^']*'|[\w.-]+)")
_ACTIONS = {
    "put": ("PutItem", "Put"),
    "set": ("UpdateItem", "Update"),
    "remove": ("UpdateItem", "Update"),
    "add": ("UpdateItem", "Update"),
    "delete": ("DeleteItem", "Delete"),
    "check": ("", "ConditionCheck"),
}


@dataclass(frozen=True, slots=True)
class Performed:
    """The outcome of an operation; the fields are those of :class:`~toctou.history.operation.Operation`."""

    action: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: ErrorResponse | None = None
    footprint: Footprint = EMPTY
    changes: tuple[Change, ...] = ()
    missed: Mapping[ItemId, int] | None = None


class Store:
    """Tables and every version of their items; version 0 is the initial one."""

    def __init__(self) -> None:
        self._declared: dict[str, tuple[str, ...]] = {}
        self._versions: dict[ItemId, list[Image | None]] = {}

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Table names to the names of their keys, default table first."""
        return self._declared or {"Items": ("item_id",)}

    def declare(self, table: str, keys: tuple[str, ...]) -> None:
        """Add a table."""
        self._declared[table] = keys

    def add(self, name: str, assignments: Iterable[str]) -> None:
        """Store an initial item."""
        item = self.resolve(name)
        self._versions[item] = [self.created(item, _assignments(" ".join(assignments)))]

    def resolve(self, name: str) -> ItemId:
        """The item with this name."""
        table, parts = self.split(name)
        keys = self.tables[table]
        if len(parts) != len(keys) or not all(re.fullmatch(r"[\w-]+", part) for part in parts):
            raise ValueError(f"{name!r} does not name an item of {table}, whose keys are {', '.join(keys)}")
        return ItemId(table, tuple(("S", part) for part in parts))

    def split(self, name: str) -> tuple[str, list[str]]:
        """The table and the keys in a name."""
        first, *rest = name.split("/")
        return (first, rest) if rest and first in self.tables else (next(iter(self.tables)), [first, *rest])

    def current(self, item: ItemId) -> Image | None:
        """The latest version of the item."""
        return self._versions.get(item, [None])[-1]

    def version(self, item: ItemId, number: int) -> Image | None:
        """A version of the item."""
        versions = self._versions.get(item, [None])
        if number >= len(versions):
            raise ValueError(f"{item} has {len(versions)} versions by then, from 0")
        return versions[number]

    def missed(self, item: ItemId, number: int) -> int:
        """How many of the item's last changes a version misses."""
        return len(self._versions.get(item, [None])) - 1 - number

    def commit(self, item: ItemId, after: Image | None) -> Change | None:
        """Store a new version; ``None`` if it equals the previous one."""
        before = self.current(item)
        if before == after:  # still a write in its footprint: DynamoDB cannot know that it changes nothing
            return None
        self._versions.setdefault(item, [None]).append(after)
        return Change(item, before, after)

    def key(self, item: ItemId) -> dict[str, AttributeValue]:
        """The item's key in the notation of the API."""
        return {name: {kind: value} for name, (kind, value) in zip(self.tables[item.table], item.key, strict=True)}

    def created(self, item: ItemId, attributes: Mapping[str, AttributeValue]) -> Image:
        """An image with the item's key and attributes."""
        return {**self.key(item), **attributes}

    def images(self) -> dict[str, tuple[Image, ...]]:
        """All stored items, ordered by key."""
        stored = sorted((item for item in self._versions if self.current(item) is not None), key=lambda item: item.key)
        return {
            table: tuple(image for item in stored if item.table == table and (image := self.current(item)) is not None)
            for table in self.tables
        }

    def within(self, key_range: KeyRange) -> dict[ItemId, Image]:
        """The stored items in a key range, ordered by key."""
        found = {item: self.current(item) for item in sorted(self._versions, key=lambda item: item.key)}
        return {item: image for item, image in found.items() if image is not None and key_range.covers(item)}


def perform(store: Store, verb: str, inside: str, *, failed: bool) -> Performed:
    """Perform one operation; ``inside`` is the text in its parentheses."""
    if verb in _READS:
        if failed:
            raise ValueError(f"a {verb} has no condition that could fail")
        return _READS[verb](store, inside)
    if verb == "transact":
        return _transact(store, [_write(store, *_verb_first(part)) for part in inside.split(";")], failed=failed)
    if verb not in _ACTIONS or verb == "check":
        raise ValueError(f"there is no operation {verb!r}")
    return _alone(store, _write(store, verb, inside), failed=failed)


def _verb_first(part: str) -> tuple[str, str]:
    verb, _, rest = part.strip().partition(" ")
    if verb not in _ACTIONS:
        raise ValueError(f"{verb!r} cannot be a part of a transaction")
    return verb, rest


# Reads


def _get(store: Store, inside: str) -> Performed:
    item, parameters, found, attributes = _read(store, inside)
    _, stale, version = inside.partition("@")
    missed = {item: store.missed(item, int(version))} if stale else None
    return Performed("GetItem", parameters, found, footprint=Footprint(reads={item: attributes}), missed=missed)


def _transact_get(store: Store, inside: str) -> Performed:
    parts = [_read(store, part.strip()) for part in inside.split(";")]
    return Performed(
        "TransactGetItems",
        {"TransactItems": [{"Get": parameters} for _, parameters, _, _ in parts]},
        {"Responses": [found for _, _, found, _ in parts]},
        footprint=Footprint(reads={item: attributes for item, _, _, attributes in parts}),
    )


def _read(store: Store, text: str) -> tuple[ItemId, dict[str, Any], dict[str, Any], Attributes]:
    match = re.fullmatch(r"([\w/-]+)(?:\.([\w,]+))?(?:@(\d+))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not an item to read, such as x, x.owner or x@0")
    item = store.resolve(match[1])
    image = store.current(item) if match[3] is None else store.version(item, int(match[3]))
    names = match[2].split(",") if match[2] else None
    parameters: dict[str, Any] = {"TableName": item.table, "Key": store.key(item), "ConsistentRead": match[3] is None}
    if names is not None:
        parameters["ProjectionExpression"] = ", ".join(names)
    shown = None if image is None else {k: v for k, v in image.items() if names is None or k in names}
    attributes = WHOLE if names is None else frozenset({*names, EXISTENCE})
    return item, parameters, {} if shown is None else {"Item": shown}, attributes


def _query(store: Store, inside: str) -> Performed:
    where, *stale = inside.split()
    table, parts = store.split(where)
    if len(parts) != 1 or not re.fullmatch(r"\*|[\w-]+", parts[0]):
        raise ValueError(f"{where!r} is neither * nor a partition key")
    partition = None if parts == ["*"] else ("S", parts[0])
    key_range = KeyRange(table, partition)
    found: dict[ItemId, Image | None] = {**store.within(key_range)}
    missed = {}
    for name, _, version in (one.partition("@") for one in stale):
        item = store.resolve(name)
        found[item] = store.version(item, int(version or 0))
        missed[item] = store.missed(item, int(version or 0))
    key = store.tables[table][0]
    condition = {} if partition is None else {"KeyConditionExpression": f"{key} = :{key}"}
    shown = [image for image in found.values() if image is not None]
    return Performed(
        "Query",
        {"TableName": table, **condition},
        {"Items": shown, "Count": len(shown)},
        footprint=Footprint(reads=dict.fromkeys(found, WHOLE), ranges=(key_range,)),
        missed=missed or None,
    )


_READS: Mapping[str, Callable[[Store, str], Performed]] = {"get": _get, "transact_get": _transact_get, "query": _query}


# Writes


@dataclass(frozen=True, slots=True)
class _Write:
    """One write, or one part of a transaction, before its condition is evaluated."""

    action: str
    part: str
    item: ItemId
    parameters: Mapping[str, Any]
    after: Image | None
    unconditional_reads: Attributes
    writes: Attributes
    increments: Attributes
    condition: _Condition

    @property
    def reads(self) -> Attributes:
        """What it reads, whether its condition holds or not."""
        return self.unconditional_reads | self.condition.reads


@dataclass(frozen=True, slots=True)
class _Condition:
    """Conjunction of ``exists``, ``absent``, ``no`` attribute, and equalities; always true without terms."""

    text: str = ""
    exists: bool | None = None
    equal: Mapping[str, AttributeValue] = field(default_factory=dict)
    missing: Attributes = NOTHING

    @property
    def reads(self) -> Attributes:
        return frozenset(self.equal) | self.missing | (frozenset() if self.exists is None else {EXISTENCE})

    def holds(self, image: Image | None) -> bool:
        if self.exists is not None and self.exists != (image is not None):
            return False
        if image is not None and not self.missing.isdisjoint(image):
            return False
        return all(image is not None and image.get(name) == value for name, value in self.equal.items())


def _write(store: Store, verb: str, inside: str) -> _Write:
    body, _, condition = inside.strip().partition(" if ")
    name, text = _target(verb, body.strip())
    item = store.resolve(name)
    before = store.current(item)
    parameters: dict[str, Any] = {"TableName": item.table}
    reads, writes, increments, after = NOTHING, NOTHING, NOTHING, before
    created = frozenset({EXISTENCE}) if before is None else NOTHING
    match verb:
        case "put":
            after = store.created(item, _assignments(text))
            writes = frozenset({ALL}) | created  # over an existing item, a put leaves existence unchanged
            parameters["Item"] = after
        case "delete":
            after = None
            # Deleting a missing item changes nothing, so it must not count as a write: it commutes with other deletes.
            reads, writes = frozenset({EXISTENCE}), NOTHING if before is None else WHOLE
        case "check":
            pass
        case _:
            after, names = _updated(store, verb, item, text)
            reads = frozenset({EXISTENCE})
            # Two increments commute, so `add` writes nothing but the existence of a new item.
            writes, increments = (created, names) if verb == "add" else (names | created, increments)
            parameters["UpdateExpression"] = f"{verb.upper()} {text}"
    if verb != "put":
        parameters["Key"] = store.key(item)
    if condition:
        parameters["ConditionExpression"] = _expression(condition, store.tables[item.table][0])
    action, part = _ACTIONS[verb]
    return _Write(action, part, item, parameters, after, reads, writes, increments, _condition(condition))


def _expression(condition: str, key: str) -> str:
    """A condition as DynamoDB has it; ``key`` is the partition key's name."""
    asked = {"absent": f"attribute_not_exists({key})", "exists": f"attribute_exists({key})"}
    text = re.sub(r"\b(absent|exists)\b", lambda found: asked[found[0]], condition.strip())
    return re.sub(r"\bno (\w+)", r"attribute_not_exists(\1)", text)


def _target(verb: str, body: str) -> tuple[str, str]:
    separator = {"put": r"\s+", "delete": "$", "check": "$"}.get(verb, r"\.")
    name, *rest = re.split(separator, body, maxsplit=1)
    text = rest[0] if rest else ""
    if separator == r"\." and not text:
        raise ValueError(
            f"{verb} needs an item and its attributes, such as x.owner" + ("=bob" if verb != "remove" else "")
        )
    return name, text


def _updated(store: Store, verb: str, item: ItemId, text: str) -> tuple[Image, Attributes]:
    before = store.current(item) or store.created(item, {})
    if verb == "remove":
        names = frozenset(re.split(r"\s*,\s*", text))
        return {name: value for name, value in before.items() if name not in names}, names
    assigned = _assignments(text)
    if verb == "add":
        assigned = {name: _sum(before.get(name, {"N": "0"}), value) for name, value in assigned.items()}
    return {**before, **assigned}, frozenset(assigned)


def _sum(left: AttributeValue, right: AttributeValue) -> AttributeValue:
    if "N" not in left or "N" not in right:
        raise ValueError("only numbers can be added")
    return {"N": str(int(left["N"]) + int(right["N"]))}


def _alone(store: Store, write: _Write, *, failed: bool) -> Performed:
    _check_outcome(write.condition.holds(store.current(write.item)), [write], failed=failed)
    if failed:
        error = ErrorResponse("ConditionalCheckFailedException", "The conditional request failed")
        return Performed(write.action, write.parameters, None, error, _failed_footprint([write]))
    changes = _commit(store, [write])
    return Performed(write.action, write.parameters, {}, None, _footprint([write]), changes)


def _transact(store: Store, writes: list[_Write], *, failed: bool) -> Performed:
    parameters = {"TransactItems": [{write.part: write.parameters} for write in writes]}
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html has the same rule.
    if len({write.item for write in writes}) < len(writes):
        raise ValueError("a transaction names an item once")
    _check_outcome(all(write.condition.holds(store.current(write.item)) for write in writes), writes, failed=failed)
    if failed:
        error = ErrorResponse("TransactionCanceledException", "Transaction cancelled")
        return Performed("TransactWriteItems", parameters, None, error, _failed_footprint(writes))
    return Performed("TransactWriteItems", parameters, {}, None, _footprint(writes), _commit(store, writes))


def _check_outcome(holds: bool, writes: list[_Write], *, failed: bool) -> None:
    stated = [f"{write.item} if {write.condition.text}" for write in writes if write.condition.text]
    if failed and stated and holds:
        raise ValueError(f"it is written as failed, but its condition holds ({'; '.join(stated)})")
    if not failed and not holds:
        raise ValueError(f"its condition does not hold ({'; '.join(stated)}); write ! after it if it is to fail")


def _commit(store: Store, writes: list[_Write]) -> tuple[Change, ...]:
    done = [store.commit(write.item, write.after) for write in writes if write.part != "ConditionCheck"]
    return tuple(change for change in done if change is not None)


def _footprint(writes: list[_Write]) -> Footprint:
    return Footprint(
        reads={write.item: write.reads for write in writes if write.reads},
        writes={write.item: write.writes for write in writes if write.writes},
        increments={write.item: write.increments for write in writes if write.increments},
    )


def _failed_footprint(writes: list[_Write]) -> Footprint:
    # A failure without a stated condition may depend on anything in the item.
    stated = any(write.condition.text for write in writes)
    return Footprint(
        reads={write.item: write.reads if stated else WHOLE for write in writes if write.reads or not stated}
    )


def _assignments(text: str) -> dict[str, AttributeValue]:
    found = _ASSIGNMENT.findall(text)
    if re.sub(r"[\s,]", "", _ASSIGNMENT.sub("", text)):
        raise ValueError(f"{text!r} is not a list of name=value")
    return {name: _value(value) for name, value in found}


def _value(text: str) -> AttributeValue:
    return {"N": text} if re.fullmatch(r"-?\d+", text) else {"S": text.strip("'")}


def _condition(text: str) -> _Condition:
    exists: bool | None = None
    equal: dict[str, AttributeValue] = {}
    missing: set[str] = set()
    for term in re.split(r"\s+and\s+", text.strip()) if text.strip() else ():
        if term in {"exists", "absent"}:
            exists = term == "exists"
        elif term.startswith("no "):
            missing.add(term.removeprefix("no ").strip())
        elif (match := _ASSIGNMENT.fullmatch(term)) is not None:
            equal[match[1]] = _value(match[2])
        else:
            raise ValueError(f"{term!r} is not a condition; there are exists, absent, no name and name=value")
    return _Condition(text.strip(), exists, equal, frozenset(missing))
