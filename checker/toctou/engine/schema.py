"""A table's key schema and indexes, and what makes a key valid.

A key is kept as the tuple of its contents (``("i1",)`` or ``("p", "7")``), numbers in normal form: the types are the same
for every item of a table, so contents alone distinguish items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from toctou.engine.number import normal_number
from toctou.engine.service_error import ServiceError, invalid_parameter, validation
from toctou.engine.values import TYPE_NAMES, Item, Value, normal_value, type_of
from toctou.history.footprint import IndexKey
from toctou.history.item import ItemId

Key = tuple[Any, ...]

MAXIMUM_PARTITION_KEY = 2048
MAXIMUM_SORT_KEY = 1024


def normal_content(kind: str, content: Any) -> Any:
    """The content of a key attribute in normal form."""
    if kind == "S":
        return content
    return normal_number(content) if kind == "N" else bytes(content)


class KeyAttribute(NamedTuple):
    """One attribute of a key: its name and its type (``S``, ``N`` or ``B``)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KeySchema:
    """The attributes of a primary key or of an index's key."""

    partition: KeyAttribute
    sort: KeyAttribute | None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """Partition key, then the sort key if there is one."""
        return (self.partition,) if self.sort is None else (self.partition, self.sort)

    @classmethod
    def of(cls, elements: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> KeySchema:
        """From ``KeySchema`` and the types in ``AttributeDefinitions``."""
        attributes = [KeyAttribute(one["AttributeName"], types[one["AttributeName"]]) for one in elements]
        return cls(attributes[0], attributes[1] if len(attributes) > 1 else None)


@dataclass(frozen=True, slots=True)
class IndexSchema:
    """One secondary index.

    Attributes:
        is_global: whether it is a global one; a local one shares the table's partition key.
        projected: the attributes it holds; ``None`` for all of them.
    """

    name: str
    key: KeySchema
    is_global: bool
    projected: frozenset[str] | None

    @property
    def named_key(self) -> IndexKey:
        """Its key as footprints have it."""
        return IndexKey(self.name, self.key.attributes)


class Schema:
    """A table's key schema and indexes.

    Attributes:
        indexes: the secondary indexes by name.
        named_keys: their keys, as footprints have them.
        indexed: the attributes of these.
    """

    __slots__ = (
        *("_index_keys", "_kinds", "_single", "_types"),
        *("indexed", "indexes", "key", "key_names", "named_keys", "table"),
    )

    def __init__(self, table: str, key: KeySchema, indexes: Mapping[str, IndexSchema]) -> None:
        self.table = table
        self.key = key
        self.indexes = dict(indexes)
        self.key_names = frozenset(attribute.name for attribute in key.attributes)
        self.named_keys = tuple(index.named_key for index in self.indexes.values())
        self.indexed = frozenset(name for named in self.named_keys for name, _ in named.attributes)
        self._types = key.attributes
        self._kinds = tuple(kind for _, kind in key.attributes)
        self._single = key.partition if key.sort is None else None
        # What a table's own key does not fix already.
        self._index_keys = tuple(
            (index.name, *attribute)
            for index in self.indexes.values()
            for attribute in index.key.attributes
            if attribute.name not in self.key_names
        )

    @classmethod
    def of(cls, create_table: Mapping[str, Any]) -> Schema:
        """From the parameters of ``CreateTable`` (or a description of the table), taken to be valid."""
        types = {one["AttributeName"]: one["AttributeType"] for one in create_table["AttributeDefinitions"]}
        key = KeySchema.of(create_table["KeySchema"], types)
        indexes = {}
        for parameter, is_global in (("GlobalSecondaryIndexes", True), ("LocalSecondaryIndexes", False)):
            for definition in create_table.get(parameter) or ():
                indexes[definition["IndexName"]] = _index(definition, types, key, is_global=is_global)
        return cls(create_table["TableName"], key, indexes)

    def item_id(self, image_or_key: Mapping[str, Mapping[str, Any]]) -> ItemId:
        """The name of the item with this image or key; numbers are normalised.

        Raises:
            KeyError: a key attribute is missing or of the wrong type.
        """
        parts = []
        for name, kind in self._types:
            parts.append((kind, normal_content(kind, image_or_key[name][kind])))
        return ItemId(self.table, tuple(parts))

    def named(self, key: Key) -> ItemId:
        """The name of the item with this key."""
        if len(key) == 1:
            return ItemId(self.table, ((self._kinds[0], key[0]),))
        return ItemId(self.table, tuple(zip(self._kinds, key, strict=True)))

    def key_of(self, key: Mapping[str, Mapping[str, Any]]) -> Key:
        """The key that a request's ``Key`` gives.

        Raises:
            ServiceError: it does not match the key schema, or is too long or empty.
        """
        if len(key) != len(self._types):
            for value in key.values():
                normal_value(value)
            raise _no_match()
        if self._single is not None:
            name, kind = self._single
            given = key.get(name)
            # By far the most frequent key: one non-empty, short string.
            if given is not None and kind == "S" and len(given) == 1 and 0 < len(text := given.get("S", "")) < 512:
                return (text,)
        normal = {name: normal_value(value) for name, value in key.items()}
        if any(name not in normal or kind not in normal[name] for name, kind in self._types):
            raise _no_match()
        return self._checked(normal)

    def key_of_item(self, item: Mapping[str, Value]) -> Key:
        """The key of a whole item in normal form, such as ``PutItem`` gives.

        Raises:
            ServiceError: a key attribute is missing, of the wrong type, too long or empty.
        """
        for name, kind in self._types:
            if name not in item:
                raise _mismatch(f"Missing the key {name} in the item")
            if kind not in item[name]:
                raise _mismatch(f"Type mismatch for key {name} expected: {kind} actual: {type_of(item[name])}")
        if empty := self._empty_index_key(item):
            index, name, kind = empty
            raise validation(
                "One or more parameter values are not valid. A value specified for a secondary index key is not "
                f"supported. The AttributeValue for a key attribute cannot contain an empty {_word(kind)} value. "
                f"IndexName: {index}, IndexKey: {name}"
            )
        return self._checked(item)

    def _empty_index_key(self, item: Mapping[str, Value]) -> tuple[str, str, str] | None:
        """Index, name and type of the first key attribute of an index that is empty.

        Raises:
            SchemaMismatch: one before it has another type.
        """
        for key in self._index_keys:
            index, name, kind = key
            value = item.get(name)
            if value is None:
                continue
            if kind not in value:
                actual = type_of(value)
                raise _mismatch(
                    f"Type mismatch for Index Key {name} Expected: {kind} Actual: {actual} IndexName: {index}"
                )
            if kind != "N" and not value[kind]:
                return key
        return None

    def check_scalars(self, opened: Iterable[str]) -> None:
        """Refuse paths into key attributes, which hold nothing inside; ``opened`` are the paths' first names."""
        for name in opened:
            if name in self.key_names:
                what = "Key"
            elif any(name == attribute.name for index in self.indexes.values() for attribute in index.key.attributes):
                what = "IndexKey"
            else:
                continue
            raise validation(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                f"{what}: {name}"
            )

    def check_update(self, written: Mapping[str, Value]) -> None:
        """Refuse an updated item whose attributes do not fit the indexes' keys."""
        if empty := self._empty_index_key(written):
            raise EmptyIndexKey(empty[2])

    def _checked(self, item: Mapping[str, Value]) -> Key:
        contents = []
        for position, (name, kind) in enumerate(self._types):
            content = item[name][kind]
            if kind != "N":
                _check_key_content(name, kind, content, position)
            contents.append(content)
        return tuple(contents)

    def image_of_key(self, key: Key) -> Item:
        """The key as an item that has nothing else."""
        return {name: {kind: content} for (name, kind), content in zip(self._types, key, strict=True)}

    def key_part(self, image: Mapping[str, Value]) -> Item:
        """The key attributes of an item."""
        return {name: image[name] for name, _ in self._types}


def _index(
    definition: Mapping[str, Any], types: Mapping[str, str], table_key: KeySchema, *, is_global: bool
) -> IndexSchema:
    key = KeySchema.of(definition["KeySchema"], types)
    projection = definition.get("Projection") or {}
    projected: frozenset[str] | None = None
    if projection.get("ProjectionType", "ALL") != "ALL":
        names = {attribute.name for attribute in (*key.attributes, *table_key.attributes)}
        projected = frozenset(names | set(projection.get("NonKeyAttributes") or ()))
    return IndexSchema(definition["IndexName"], key, is_global, projected)


class SchemaMismatch(ServiceError):
    """What a single call is refused with, and what a transaction is cancelled with: it does not fit the table's keys."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class EmptyIndexKey(ServiceError):
    """An update that would make the key of an index empty; also a transaction is refused for it, and not cancelled."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            "ValidationException",
            "One or more parameter values are not valid. The update expression attempted to update a secondary index key "
            "to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty "
            f"{_word(kind)} value.",
        )


def _no_match() -> ServiceError:
    return SchemaMismatch("The provided key element does not match the schema")


def key_update(name: str) -> ServiceError:
    """The error for an update of an attribute of the key."""
    return _mismatch(f"Cannot update attribute {name}. This attribute is part of the key")


def _mismatch(detail: str) -> ServiceError:
    return SchemaMismatch(f"One or more parameter values were invalid: {detail}")


def _word(kind: str) -> str:
    return TYPE_NAMES[kind].lower()


def _check_key_content(name: str, kind: str, content: Any, position: int) -> None:
    if not content:
        raise validation(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {_word(kind)} value. Key: {name}"
        )
    size = len(content) if kind == "B" else len(content.encode())
    if position == 0 and size > MAXIMUM_PARTITION_KEY:
        limit = f"Size of hashkey has exceeded the maximum size limit of{MAXIMUM_PARTITION_KEY} bytes"
    elif position == 1 and size > MAXIMUM_SORT_KEY:
        limit = f"Aggregated size of all range keys has exceeded the size limit of {MAXIMUM_SORT_KEY} bytes"
    else:
        return
    raise invalid_parameter(limit)
