"""The tables that the differential tests run on: a few fixed ones, and random ones.

Every table takes the same attributes besides its key (``dynamodb_values.TYPICAL``), so that a random index finds items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Table:
    """One table: its name and the parameters of ``CreateTable`` that define it."""

    name: str
    definition: Mapping[str, Any]

    @property
    def elements(self) -> list[dict[str, str]]:
        """Its ``KeySchema``."""
        return self.definition["KeySchema"]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of its key attributes."""
        return tuple(one["AttributeName"] for one in self.elements)

    @property
    def types(self) -> dict[str, str]:
        """The types of the attributes in its key and in those of its indexes."""
        return {one["AttributeName"]: one["AttributeType"] for one in self.definition["AttributeDefinitions"]}

    @property
    def indexes(self) -> list[dict[str, Any]]:
        """Its indexes; the names of those that hold only a part of an item end in ``_part``."""
        return [
            *self.definition.get("GlobalSecondaryIndexes", ()),
            *self.definition.get("LocalSecondaryIndexes", ()),
        ]

    def index(self, name: str | None) -> dict[str, Any] | None:
        """The index of this name, if there is one."""
        return next((index for index in self.indexes if index["IndexName"] == name), None)

    def create(self) -> dict[str, Any]:
        """The parameters that create it."""
        return {"TableName": self.name, "BillingMode": "PAY_PER_REQUEST", **self.definition}


def _schema(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _definitions(types: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


FIXED = (
    Table("plain", {"KeySchema": _schema("pk"), "AttributeDefinitions": _definitions({"pk": "S"})}),
    Table("sorted", {"KeySchema": _schema("pk", "sk"), "AttributeDefinitions": _definitions({"pk": "S", "sk": "N"})}),
    Table("binary", {"KeySchema": _schema("pk", "sk"), "AttributeDefinitions": _definitions({"pk": "N", "sk": "B"})}),
    Table(
        "indexed",
        {
            "KeySchema": _schema("pk", "sk"),
            "AttributeDefinitions": _definitions({"pk": "S", "sk": "S", "s": "S", "n": "N"}),
            "GlobalSecondaryIndexes": [
                {"IndexName": "by_s", "KeySchema": _schema("s", "n"), "Projection": {"ProjectionType": "ALL"}},
                {
                    "IndexName": "by_n_part",
                    "KeySchema": _schema("n"),
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["l"]},
                },
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "local_n_part",
                    "KeySchema": _schema("pk", "n"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                },
            ],
        },
    ),
)

INDEXED = {"n": "N", "s": "S", "b": "B", "owner": "S"}
"""The attributes besides the table's key that a random index may be ordered by."""


@st.composite
def _indexes(draw: Any, name: str, keys: st.SearchStrategy[tuple[str, ...]]) -> dict[str, Any]:
    kind = draw(st.sampled_from(("ALL", "KEYS_ONLY", "INCLUDE")))
    projection: dict[str, Any] = {"ProjectionType": kind}
    if kind == "INCLUDE":
        held = st.lists(st.sampled_from(("l", "m", "t", "z")), min_size=1, max_size=2, unique=True)
        projection["NonKeyAttributes"] = draw(held)
    full_name = name if kind == "ALL" else f"{name}_part"
    return {"IndexName": full_name, "KeySchema": _schema(*draw(keys)), "Projection": projection}


@st.composite
def random_tables(draw: Any, name: str) -> Table:
    """A table with any key, and up to three global and two local indexes."""
    kinds = st.sampled_from("SNB")
    types = {"pk": draw(kinds)}
    if draw(st.booleans()):
        types["sk"] = draw(kinds)
    keys = tuple(types)
    definition: dict[str, Any] = {"KeySchema": _schema(*keys)}
    attributes = st.sampled_from((*INDEXED, *keys))
    anywhere = st.lists(attributes, min_size=1, max_size=2, unique=True).map(tuple)
    parameters = {
        "GlobalSecondaryIndexes": [draw(_indexes(f"by_{i}", anywhere)) for i in range(draw(st.integers(0, 3)))]
    }
    if "sk" in types:
        local = st.sampled_from(tuple(INDEXED)).map(lambda attribute: ("pk", attribute))
        count = draw(st.integers(0, 2))
        parameters["LocalSecondaryIndexes"] = [draw(_indexes(f"local_{i}", local)) for i in range(count)]
    definition.update({parameter: made for parameter, made in parameters.items() if made})
    used = {one["AttributeName"] for made in parameters.values() for index in made for one in index["KeySchema"]}
    types.update({attribute: kind for attribute, kind in INDEXED.items() if attribute in used})
    return Table(name, {**definition, "AttributeDefinitions": _definitions(types)})


def databases() -> st.SearchStrategy[tuple[Table, ...]]:
    """One or two tables; one time in four they are fixed ones."""
    fixed = st.lists(st.sampled_from(FIXED), min_size=1, max_size=2, unique_by=lambda table: table.name).map(tuple)
    random = st.one_of(st.tuples(random_tables("one")), st.tuples(random_tables("one"), random_tables("two")))
    return st.integers(0, 3).flatmap(lambda choice: random if choice else fixed)
