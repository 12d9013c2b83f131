"""One page of a Query or Scan: which items it examines, in which order, and where it stops.

A page ends at ``Limit`` items or once it holds 1 MB, both counted before the filter; it then says where the next one starts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple
from zlib import crc32

from toctou.engine.expressions.key_conditions import KeyPart
from toctou.engine.indexes import Collection, Entry, Index
from toctou.engine.schema import Key, KeySchema
from toctou.engine.service_error import invalid_parameter, validation
from toctou.engine.tables import Table
from toctou.engine.values import TYPE_NAMES, Item, Value, item_size, normal_value, sortable, type_of
from toctou.errors import InternalError

PAGE_SIZE = 1024 * 1024

_first = itemgetter(0)


class Place(NamedTuple):
    """Where an item stands in a collection: its partition, its entry there, and its key in the table."""

    partition: Any
    entry: Entry
    key: Key


class Source:
    """The table or index that is queried or scanned.

    Attributes:
        index: the index; ``None`` for the table itself.
        collection: the keys in order.
        fetches: whether whole items are fetched from the table, whatever the index holds.
    """

    __slots__ = ("collection", "fetches", "index", "table")

    def __init__(self, table: Table, index_name: str | None) -> None:
        self.table = table
        self.index: Index | None = None
        self.fetches = False
        self.collection: Collection = table.order
        if index_name is not None:
            index = table.indexes.get(index_name)
            if index is None:
                raise validation(f"The table does not have the specified index: {index_name}")
            self.index = self.collection = index

    @property
    def key(self) -> KeySchema:
        """The key schema that is queried."""
        return self.collection.key

    @property
    def key_names(self) -> frozenset[str]:
        """The attributes of the queried key."""
        return frozenset(attribute.name for attribute in self.key.attributes)

    def last_evaluated(self, place: Place) -> Item:
        """The key that the next page starts after."""
        image = self.table.items[place.key]
        key = self.table.schema.key_part(image)
        if self.index is not None:
            for name, kind in self.index.key.attributes:
                key[name] = {kind: image[name][kind]}
        return key

    def start(self, given: Mapping[str, Mapping[str, Any]]) -> Place:
        """The place that an ``ExclusiveStartKey`` names; the item itself need not exist any more.

        Raises:
            ServiceError: it does not match the keys of table and index.
        """
        normal = {name: normal_value(value) for name, value in given.items()}
        attributes = dict((*self.table.schema.key.attributes, *self.key.attributes))
        if normal.keys() != attributes.keys():
            raise validation("The provided starting key is invalid")
        for name, kind in attributes.items():
            if kind not in normal[name]:
                raise validation(
                    "The provided starting key is invalid: The provided key element does not match the schema"
                )
        key = tuple(normal[name][kind] for name, kind in self.table.schema.key.attributes)
        index = self.index
        if index is None:
            return Place(key[0], self.table.entry(key), key)
        found = index.place(normal, key)
        if found is None:
            raise InternalError(f"the starting key {given!r} has no place in {index.schema.name}")
        return Place(*found, key)


def matched_keys(source: Source, parts: Iterable[KeyPart]) -> tuple[Any, KeyPart | None]:
    """The partition that is queried, and what the query asks of the sort key.

    Raises:
        ServiceError: the conditions do not fit the key schema.
    """
    given = {part.name: part for part in parts}
    partition = given.pop(source.key.partition.name, None)
    if partition is None:
        raise validation(f"Query condition missed key schema element: {source.key.partition.name}")
    if partition.operator != "=":
        raise validation("Query key condition not supported")
    sort = None
    if given:
        expected = source.key.sort
        sort = None if expected is None else given.pop(expected.name, None)
        if given or sort is None:
            missed = expected.name if expected is not None else source.key.partition.name
            raise validation(f"Query condition missed key schema element: {missed}")
    for attribute, part in zip(source.key.attributes, (partition, sort), strict=False):
        if part is not None:
            _check_operands(source, attribute.name, attribute.type, part)
    return partition.operands[0][source.key.partition.type], sort


def _check_operands(source: Source, name: str, kind: str, part: KeyPart) -> None:
    index = source.index
    for operand in part.operands:
        if kind not in operand:
            raise invalid_parameter("Condition parameter type does not match schema type")
        if kind != "N" and not operand[kind]:
            where = "" if index is None else "A value specified for a secondary index key is not supported. "
            named = f"Key: {name}" if index is None else f"IndexName: {index.schema.name}, IndexKey: {name}"
            raise validation(
                f"One or more parameter values are not valid. {where}The AttributeValue for a key attribute cannot "
                f"contain an empty {TYPE_NAMES[type_of(operand)].lower()} value. {named}"
            )


def span(entries: list[Entry], kind: str, part: KeyPart | None) -> tuple[int, int]:
    """The positions (start inclusive, end exclusive) of the entries whose sort key meets a condition."""
    if part is None:
        return 0, len(entries)
    bounds = [sortable(kind, operand[kind]) for operand in part.operands]
    low = bounds[0]
    match part.operator:
        case "=":
            return bisect_left(entries, low, key=_first), bisect_right(entries, low, key=_first)
        case "<":
            return 0, bisect_left(entries, low, key=_first)
        case "<=":
            return 0, bisect_right(entries, low, key=_first)
        case ">":
            return bisect_right(entries, low, key=_first), len(entries)
        case ">=":
            return bisect_left(entries, low, key=_first), len(entries)
        case "BETWEEN":
            return bisect_left(entries, low, key=_first), bisect_right(entries, bounds[1], key=_first)
    start = end = bisect_left(entries, low, key=_first)
    while end < len(entries) and entries[end][0].startswith(low):
        end += 1
    return start, end


def query_places(
    source: Source, partition: Any, sort: KeyPart | None, start: Place | None, *, forward: bool
) -> Iterator[Place]:
    """The places that a query examines, in order, after ``start``."""
    entries = source.collection.entries(partition)
    kind = "" if source.key.sort is None else source.key.sort.type
    low, high = span(entries, kind, sort)
    if start is not None:
        if start.partition != partition or not _meets(start, kind, sort):
            raise validation("The provided starting key does not match the range key predicate")
        if forward:
            low = max(low, bisect_right(entries, start.entry))
        else:
            high = min(high, bisect_left(entries, start.entry))
    keys = source.collection.items.get(partition, {})
    chosen = entries[low:high]
    return (Place(partition, entry, keys[entry]) for entry in (chosen if forward else reversed(chosen)))


class Segment(NamedTuple):
    """One of several equal parts of a scan, from 0."""

    number: int
    total: int

    def holds(self, partition: Any) -> bool:
        """Whether a partition lies in this part; which one it is depends on its key alone."""
        return crc32(repr(partition).encode()) % self.total == self.number


WHOLE = Segment(0, 1)


def segment_of(parameters: Mapping[str, Any]) -> Segment:
    """The segment that a scan requests; raises ``ServiceError`` if there is no such segment."""
    number, total = parameters.get("Segment"), parameters.get("TotalSegments")
    if number is None and total is None:
        return WHOLE
    if total is None or number is None:
        lacking, given = (
            ("TotalSegments", "Segment parameter") if total is None else ("Segment", "parameter TotalSegments")
        )
        raise validation(
            f"The {lacking} parameter is required but was not present in the request when {given} is present"
        )
    if number >= total:
        raise validation(
            f"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {number} is "
            f"not less than TotalSegments: {total}"
        )
    return Segment(number, total)


def scan_places(source: Source, start: Place | None, segment: Segment) -> Iterator[Place]:
    """The places that a scan examines, in order of their keys, after ``start``."""
    collection = source.collection
    after = 0 if start is None else collection.rank(start.partition)
    for partition in collection.in_order(after):
        if not segment.holds(partition):
            continue
        entries = collection.entries(partition)
        if start is not None and partition == start.partition:
            entries = entries[bisect_right(entries, start.entry) :]
        keys = collection.items[partition]
        for entry in entries:
            yield Place(partition, entry, keys[entry])


def _meets(start: Place, kind: str, sort: KeyPart | None) -> bool:
    low, high = span([start.entry], kind, sort)
    return low < high


class Page(NamedTuple):
    """What one page found.

    Attributes:
        images: the items that passed the filter, as the table or index holds them.
        scanned: how many were examined.
        size: how many bytes those count; 0 unless it was requested or needed.
        last: the place to go on after; ``None`` at the end.
    """

    images: list[Item]
    scanned: int
    size: int
    last: Place | None


def page(
    source: Source,
    places: Iterable[Place],
    limit: int | None,
    passes: Callable[[Mapping[str, Value]], bool] | None,
    *,
    measured: bool,
) -> Page:
    """Look at places until a page is full.

    Args:
        places: the places in order.
        limit: how many to examine; ``None`` for no limit.
        measured: whether the size is needed for its own sake.
    """
    items, index = source.table.items, None if source.fetches else source.index
    images: list[Item] = []
    scanned = size = 0
    # Measuring is dear, and where there are so few items no page can be full.
    measured = measured or len(items) * source.table.largest > PAGE_SIZE
    for place in places:
        image = items[place.key]
        if index is not None:
            image = index.held(image)
        scanned += 1
        if passes is None or passes(image):
            images.append(image)
        if measured:
            size += item_size(image)
        if scanned == limit or size > PAGE_SIZE:
            return Page(images, scanned, size, place)
    return Page(images, scanned, size, None)
