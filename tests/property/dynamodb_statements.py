"""Random PartiQL statements, valid and invalid, over given tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dynamodb_requests import Expressions, Request
from dynamodb_schemas import Table
from dynamodb_values import ATTRIBUTES, KEY_CONTENTS, TYPICAL
from hypothesis import strategies as st

# In what order DynamoDB Local compares numbers written first, as in 2 > sk, is not to be relied on: it does as if they
# stood last.  So attributes come first here.
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


class Statements:
    """Makes the statements of one request; values stand in them as literals or as parameters."""

    def __init__(self, draw: Any, table: Table) -> None:
        self.make = Expressions(draw, table)
        self.table = table
        self.parameters: list[dict[str, Any]] = []

    def name(self, name: str) -> str:
        if self.make.chance(150):
            return self.make.pick("select", '""', "9")
        return name if name not in ("owner", "s") and self.make.chance(3) else f'"{name}"'

    def path(self, *tops: str) -> str:
        top = self.make.pick(*(tops or (*ATTRIBUTES, "z")))
        text = self.name(top)
        if top in self.table.types:
            return text  # what DynamoDB Local says of paths into keys of indexes differs from action to action
        if top == "l" or self.make.chance(20):
            text += self.make.pick("", "[0]", "[1]", "[5]", "[-1]" if self.make.chance(30) else "[0]")
        if top == "m" or self.make.chance(20):
            text += self.make.pick("", ".a", '."b".c', "['a']", ".select" if self.make.chance(30) else ".c")
        return text

    def literal(self, value: Any) -> str:
        """A value as written, or a parameter where it cannot be."""
        ((kind, content),) = value.items()
        match kind:
            case "S":
                text = "'" + content.replace("'", "''") + "'"
            case "N":
                text = content
            case "BOOL":
                text = str(content).lower()
            case "NULL":
                text = "null"
            case "L":
                text = f"[{', '.join(map(self.literal, content))}]"
            case "M":
                text = "{" + ", ".join(f"'{name}': {self.literal(one)}" for name, one in content.items()) + "}"
            case "SS":
                text = "<<" + ", ".join(map(self.literal, ({"S": one} for one in content))) + ">>"
            case "NS":
                # DynamoDB Local takes 3.0 in a literal set for another number than 3, and keeps both.
                text = "<<" + ", ".join(one.removesuffix(".0") for one in content) + ">>"
            case _:
                self.parameters.append(value)
                return "?"
        return text

    def value(self, near: str = "") -> str:
        top = near.strip('"').split('"')[0].split(".")[0].split("[")[0]
        value = self.make.draw(TYPICAL[top if top in TYPICAL else "n"])
        if self.make.chance(4):
            self.parameters.append(value)
            return "?"
        return self.literal(value)

    def key_value(self, name: str) -> str:
        kind = self.table.types[name]
        if self.make.chance(60):
            kind = self.make.pick("S", "N")
        return self.literal({kind: self.make.pick(*KEY_CONTENTS[kind])})

    def key(self) -> str:
        parts = [f"{self.name(name)} = {self.key_value(name)}" for name in self.table.keys]
        if self.make.chance(40):
            parts.pop()
        if self.make.chance(60):
            parts.append(f'"{self.table.keys[0]}" = {self.key_value(self.table.keys[0])}')
        return " AND ".join(parts)

    def condition(self, depth: int = 0) -> str:
        path = self.path()
        match self.make.draw(st.integers(0, 12 if depth < 2 else 8)):
            case 0:
                return f"{path} IS {self.make.pick('MISSING', 'NOT MISSING', 'NULL', 'STRING', 'NOT NUMERIC')}"
            case 1 | 2 | 3:
                return f"{path} {self.make.pick(*_COMPARISONS)} {self.value(path)}"
            case 4:
                return f"{path} {self.make.pick('', 'NOT ')}BETWEEN {self.value(path)} AND {self.value(path)}"
            case 5:
                opening, closing = self.make.pick("()", "[]")
                options = ", ".join(self.value(path) for _ in range(self.make.pick(1, 2, 3)))
                return f"{path} {self.make.pick('', 'NOT ')}IN {opening}{options}{closing}"
            case 6:
                return f"{self.make.pick('begins_with', 'contains')}({path}, {self.value('s')})"
            case 7:
                return f"{self.make.pick('attribute_exists', 'attribute_not_exists')}({path})"
            case 8:
                measured = self.value(path) if self.make.chance(8) else path
                return f"size({measured}) {self.make.pick('=', '<', '>')} {self.value('n')}"
            case 9:
                return f"NOT ({self.condition(depth + 1)})"
            case 10:
                return f"({self.condition(depth + 1)})"
            case _:
                return f"{self.condition(depth + 1)} {self.make.pick('AND', 'OR')} {self.condition(depth + 1)}"

    def _also(self) -> str:
        return f" AND ({self.condition()})" if self.make.chance(3) else ""

    def _returning(self) -> str:
        if not self.make.chance(2):
            return ""
        return f" RETURNING {self.make.pick('ALL', 'MODIFIED')} {self.make.pick('OLD', 'NEW')} *"

    def _source(self) -> str:
        return f'"{self.table.name}"'

    def select(self, *, single: bool) -> str:
        columns = "*" if self.make.chance(2) else ", ".join(self.path() for _ in range(self.make.pick(1, 1, 2)))
        source, where = self._source(), self.key()
        if not single:
            match self.make.draw(st.integers(0, 3)):
                case 0:
                    where = self.condition()
                case 1:
                    where = f'"{self.table.keys[0]}" = {self.key_value(self.table.keys[0])}{self._also()}'
                case 2 if self.table.indexes:
                    index = self.make.pick(*self.table.indexes)
                    name = index["KeySchema"][0]["AttributeName"]
                    source += f'."{index["IndexName"]}"'
                    where = f'"{name}" = {self.key_value(name)}'
                case _:
                    where += self._also()
        order = (
            f' ORDER BY "{self.table.keys[-1]}" {self.make.pick("ASC", "DESC")}'
            if not single and self.make.chance(8)
            else ""
        )
        return f"SELECT {columns} FROM {source} WHERE {where}{order}"

    def insert(self) -> str:
        attributes = {name: self.key_value(name) for name in self.table.keys}
        for name in self.make.draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=3, unique=True)):
            attributes[name] = self.value(name)
        if self.make.chance(40):
            attributes.pop(self.table.keys[0])
        members = ", ".join(f"'{name}': {text}" for name, text in attributes.items())
        return f"INSERT INTO {self._source()} VALUE {{{members}}}"

    def update(self) -> str:
        clauses = []
        for _ in range(self.make.pick(1, 1, 2)):
            path = self.path("n", "s", "l", "m", "t", "z")
            match self.make.draw(st.integers(0, 6)):
                case 0 | 1:
                    clauses.append(f"SET {path} = {self.value(path)}")
                case 2:
                    clauses.append(f"SET {path} = {path} {self.make.pick('+', '-')} {self.value('n')}")
                case 3:
                    clauses.append(f"SET {path} = if_not_exists({path}, {self.value(path)})")
                case 4:
                    clauses.append(f"SET {path} = list_append({self.path('l')}, {self.value('l')})")
                case 5:
                    function = self.make.pick("set_add", "set_delete")
                    clauses.append(f'SET "t" = {function}("t", {self.value("t")})')
                case _:
                    clauses.append(f"REMOVE {path}")
        return f"UPDATE {self._source()} {' '.join(clauses)} WHERE {self.key()}{self._also()}{self._returning()}"

    def delete(self) -> str:
        return f"DELETE FROM {self._source()} WHERE {self.key()}{self._also()}{self._returning()}"

    def statement(self, kind: str, *, single: bool) -> dict[str, Any]:
        self.parameters = []
        text = self.select(single=single) if kind == "select" else getattr(self, kind)()
        if self.make.chance(25):
            text = self.make.damaged(text) if self.make.chance(2) else text + self.make.pick(";", " x", " -- note", ")")
        request: dict[str, Any] = {"Statement": text}
        if self.parameters:
            request["Parameters"] = self.parameters
        return request


WRITES = ("insert", "insert", "update", "update", "delete")


@st.composite
def statements(draw: Any, tables: Sequence[Table]) -> Request:
    """An ``ExecuteStatement``, ``BatchExecuteStatement`` or ``ExecuteTransaction``."""
    table = draw(st.sampled_from(tables))
    made = Statements(draw, table)
    match draw(st.integers(0, 6)):
        case 0 | 1 | 2 | 3:
            request = made.statement(made.make.pick("select", "select", *WRITES), single=False)
            return "ExecuteStatement", {**request, **({"Limit": 2} if made.make.chance(12) else {})}
        case 4:
            kinds = ("select",) if made.make.chance(3) else WRITES
            count = made.make.pick(1, 2, 3)
            several = [made.statement(made.make.pick(*kinds), single=True) for _ in range(count)]
            return "BatchExecuteStatement", {"Statements": several}
        case _:
            kinds = ("select",) if made.make.chance(3) else WRITES
            count = made.make.pick(1, 2, 3)
            several = [made.statement(made.make.pick(*kinds), single=True) for _ in range(count)]
            return "ExecuteTransaction", {"TransactStatements": several}


def shown(request: Request) -> str:
    """A request as one line."""
    return f"{request[0]} {json.dumps(request[1], default=repr)}"
