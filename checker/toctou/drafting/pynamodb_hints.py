"""Decides what a class of PynamoDB says: its table, its keys, and its attributes with values of their types.

Source: https://pynamodb.readthedocs.io/en/stable/attributes.html.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from toctou.drafting.framework_hints import text_of, texts

_VALUES: dict[str, Any] = {
    "UnicodeAttribute": None,
    "NumberAttribute": 10,
    "VersionAttribute": 1,
    "BooleanAttribute": False,
    "UTCDateTimeAttribute": "2026-01-01T00:00:00.000000+0000",
    "TTLAttribute": 4_000_000_000,
    "JSONAttribute": "{}",
    "ListAttribute": [],
}
"""Classes of attributes, and a value as it is stored; ``None`` for a text that follows from the name."""


@dataclass(slots=True)
class Stored:
    """What a class stores: the expression of its table's name, its keys, and its attributes."""

    table: ast.expr
    keys: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


def stored_by(tree: ast.Module) -> Iterator[Stored]:
    """The classes of a module that store items."""
    for one in ast.walk(tree):
        if not isinstance(one, ast.ClassDef):
            continue
        for inside in one.body:
            if isinstance(inside, ast.ClassDef) and inside.name == "Meta":
                for name, value in _assigned(inside):
                    if name == "table_name":
                        yield _stored(one, value)


def _stored(declared: ast.ClassDef, table: ast.expr) -> Stored:
    found, roles = Stored(table), dict[str, str]()
    for name, value in _assigned(declared):
        kind = text_of(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
        if isinstance(value, ast.Call) and kind in _VALUES:
            given = {one.arg: one.value for one in value.keywords}
            stored = next(iter(texts(given["attr_name"])), name) if "attr_name" in given else name
            roles |= {role: stored for role in ("hash_key", "range_key") if text_of(given.get(role)) == "True"}
            found.attributes[stored] = _VALUES[kind]
    found.keys = tuple(_typed(roles[role], found.attributes) for role in ("hash_key", "range_key") if role in roles)
    return found


def _typed(name: str, attributes: dict[str, Any]) -> str:
    return f"{name}:N" if isinstance(attributes[name], int) else name


def _assigned(declared: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for one in declared.body:
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
