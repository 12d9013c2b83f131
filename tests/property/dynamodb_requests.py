"""Random requests to DynamoDB, valid and invalid, over given tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dynamodb_schemas import Table
from dynamodb_values import ATTRIBUTES, BAD_VALUES, KEY_CONTENTS, SCALARS, TYPICAL, VALUES
from hypothesis import strategies as st


@dataclass
class Expressions:
    """The placeholders that the expressions of one request share."""

    draw: Any
    table: Table
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def chance(self, of: int) -> bool:
        """True once in so many times; shrinks towards false."""
        return self.draw(st.integers(0, of - 1)) == of - 1

    def pick(self, *options: Any) -> Any:
        """One of these; shrinks towards the first."""
        return options[self.draw(st.integers(0, len(options) - 1))]

    def name(self, name: str) -> str:
        if name == "owner" and not self.chance(20):
            self.names["#owner"] = name
            return "#owner"
        if self.chance(6):
            self.names[f"#x{name}"] = name
            return f"#x{name}"
        return "#undefined" if self.chance(150) else name

    def path(self, *tops: str) -> str:
        top = self.pick(*(tops or (*ATTRIBUTES, "z", *self.table.keys)))
        text = self.name(top)
        if top == "l" or self.chance(15):
            text += self.pick("", "[0]", "[1]", "[5]", ".a")
        if top == "m" or self.chance(15):
            text += self.pick("", ".a", ".b.c", ".b[0]", ".c", "[0]", ".a.b")
        return text

    def value(self, value: Any) -> str:
        if self.chance(150):
            return ":undefined"
        for name, other in self.values.items():
            if other == value:
                return name
        name = f":v{len(self.values)}"
        self.values[name] = value
        return name

    def any_value(self, near: str = "") -> str:
        top = near.lstrip("#x").split(".")[0].split("[")[0]
        if top in TYPICAL and not self.chance(4):
            return self.value(self.draw(TYPICAL[top]))
        return self.value(self.draw(BAD_VALUES if self.chance(60) else VALUES))

    def operand(self, near: str) -> str:
        return self.pick(self.any_value(near), self.path()) if self.chance(4) else self.any_value(near)

    def condition(self, depth: int = 0) -> str:
        kind = self.draw(st.integers(0, 13 if depth < 2 else 9))
        path = self.path()
        match kind:
            case 0:
                return f"attribute_exists({path})"
            case 1:
                return f"attribute_not_exists({path})"
            case 2 | 3:
                return f"{path} {self.pick('=', '<>', '=')} {self.operand(path)}"
            case 4:
                return f"{path} {self.pick('<', '<=', '>', '>=')} {self.operand(path)}"
            case 5:
                return f"{path} BETWEEN {self.operand(path)} AND {self.operand(path)}"
            case 6:
                return f"{path} IN ({', '.join(self.operand(path) for _ in range(self.pick(1, 2, 3)))})"
            case 7:
                function = self.pick("begins_with", "contains", "contains")
                return f"{function}({path}, {self.operand(self.pick(path, 's'))})"
            case 8:
                kinds = self.pick("S", "N", "L", "M", "SS", "Q")
                return f"attribute_type({path}, {self.value({'S': kinds})})"
            case 9:
                return f"size({path}) {self.pick('=', '<', '>')} {self.operand('n')}"
            case 10:
                return f"NOT {self.condition(depth + 1)}"
            case 11:
                return f"({self.condition(depth + 1)})"
            case _:
                operator = self.pick("AND", "OR", "and")
                return f"{self.condition(depth + 1)} {operator} {self.condition(depth + 1)}"

    def set_value(self, target: str) -> str:
        match self.draw(st.integers(0, 8)):
            case 0 | 1 | 2:
                return self.any_value(target)
            case 3:
                return f"{target} {self.pick('+', '-')} {self.any_value('n')}"
            case 4:
                return f"{self.path('n', 'n', 's')} {self.pick('+', '-')} {self.operand('n')}"
            case 5:
                return f"if_not_exists({self.path()}, {self.operand(target)})"
            case 6:
                return f"if_not_exists({target}, {self.any_value('n')}) + {self.any_value('n')}"
            case 7:
                return f"list_append({self.path('l', 'l', 'n')}, {self.any_value('l')})"
            case _:
                return self.path()

    def update(self) -> str:
        sections = []
        for section in self.draw(st.lists(st.sampled_from(("SET", "REMOVE", "ADD", "DELETE")), min_size=1, max_size=2)):
            actions = []
            for _ in range(self.pick(1, 1, 2, 3)):
                if section == "SET":
                    path = self.path(*ATTRIBUTES, "z")
                    actions.append(f"{path} = {self.set_value(path)}")
                elif section == "REMOVE":
                    actions.append(self.path(*ATTRIBUTES, "z"))
                else:
                    path = self.path("n", "t", "m", "z") if section == "ADD" else self.path("t", "t", "m", "z")
                    actions.append(f"{path} {self.any_value(path)}")
            sections.append(f"{section} {', '.join(actions)}")
        return " ".join(sections)

    def projection(self) -> str:
        return ", ".join(self.path() for _ in range(self.pick(1, 2, 3)))

    def damaged(self, text: str) -> str:
        """The text, now and then with a piece cut out or doubled."""
        if not self.chance(40) or not text:
            return text
        start = self.draw(st.integers(0, len(text) - 1))
        end = self.draw(st.integers(start, min(len(text), start + 4)))
        return text[:start] + self.pick("", text[start:end] * 2, "(", " AND ") + text[end:]

    def parameters(self) -> dict[str, Any]:
        """The placeholders as parameters; now and then one too many."""
        if self.chance(80):
            self.names["#unused"] = "z"
        if self.chance(80):
            self.values[":unused"] = {"S": "z"}
        found: dict[str, Any] = {}
        if self.names:
            found["ExpressionAttributeNames"] = self.names
        if self.values:
            found["ExpressionAttributeValues"] = self.values
        return found


def key(make: Expressions) -> dict[str, Any]:
    """A key; now and then not one of the table's."""
    types = make.table.types
    found = {}
    for one in make.table.elements:
        kind = types[one["AttributeName"]]
        found[one["AttributeName"]] = {kind: make.pick(*KEY_CONTENTS[kind])}
    if make.chance(60):
        name = make.pick(*found)
        match make.pick("type", "missing", "extra", "empty", "bad"):
            case "type":
                found[name] = {"BOOL": True}
            case "missing":
                del found[name]
            case "extra":
                found["extra"] = {"S": "x"}
            case "empty":
                found[name] = {"S": ""} if "S" in found[name] else {"B": b""}
            case _:
                found[name] = {"N": "x"}
    return found


def item(make: Expressions) -> dict[str, Any]:
    """An item; now and then not one that the table takes."""
    found = key(make)
    for name in make.draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=5, unique=True)):
        found[name] = make.draw(VALUES if make.chance(12) else TYPICAL[name])
    if make.chance(60):
        found["bad"] = make.draw(BAD_VALUES)
    return found


def _conditional(make: Expressions, parameters: dict[str, Any]) -> None:
    if make.chance(2):
        parameters["ConditionExpression"] = make.damaged(make.condition())
        if make.chance(3):
            parameters["ReturnValuesOnConditionCheckFailure"] = make.pick("ALL_OLD", "NONE")


LEGACY_OPERATORS = (
    "EQ",
    "NE",
    "LT",
    "GE",
    "BETWEEN",
    "IN",
    "BEGINS_WITH",
    "CONTAINS",
    "NOT_CONTAINS",
    "NULL",
    "NOT_NULL",
)
_LEGACY_COUNTS = {"BETWEEN": 2, "IN": 2, "NULL": 0, "NOT_NULL": 0}


def _legacy_value(make: Expressions, name: str) -> dict[str, Any]:
    return make.draw(VALUES if make.chance(6) else TYPICAL.get(name, SCALARS))


def _legacy_condition(make: Expressions, name: str) -> dict[str, Any]:
    comparison = make.pick(*LEGACY_OPERATORS)
    count = _LEGACY_COUNTS.get(comparison, 1) + make.chance(40)
    values = [_legacy_value(make, name) for _ in range(count)]
    return {"ComparisonOperator": comparison, "AttributeValueList": values}


def _legacy_conditions(make: Expressions, parameters: dict[str, Any], parameter: str) -> None:
    names = make.draw(st.lists(st.sampled_from((*ATTRIBUTES, "z")), min_size=1, max_size=2, unique=True))
    conditions = {name: _legacy_condition(make, name) for name in names}
    if parameter == "Expected" and make.chance(2):
        name = names[0]
        absent = {"Exists": False}
        conditions[name] = absent if make.chance(3) else {"Value": _legacy_value(make, name)}
        if make.chance(20):
            conditions[name]["Exists"] = make.pick(True, False)
    parameters[parameter] = conditions
    if len(names) > 1 and make.chance(2):
        parameters["ConditionalOperator"] = make.pick("AND", "OR")


def _legacy_write(make: Expressions, kind: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"TableName": make.table.name}
    if kind == "Put":
        parameters["Item"] = item(make)
    else:
        parameters["Key"] = key(make)
    if kind == "Update":
        updates: dict[str, Any] = {}
        for name in make.draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3, unique=True)):
            # DynamoDB Local does nothing at all without an Action, where PUT is documented.
            updates[name] = {"Action": make.pick("PUT", "ADD", "DELETE")}
            if updates[name]["Action"] != "DELETE" or make.chance(2):
                updates[name]["Value"] = _legacy_value(make, name)
        parameters["AttributeUpdates"] = updates
    if kind != "Update" or make.chance(2):
        _legacy_conditions(make, parameters, "Expected")
    if make.chance(2):
        parameters["ReturnValues"] = make.pick("ALL_OLD", "NONE")
    return parameters


def _write(make: Expressions, kind: str, *, alone: bool) -> dict[str, Any]:
    if alone and make.chance(8):
        return _legacy_write(make, kind)
    parameters: dict[str, Any] = {"TableName": make.table.name}
    returned = ["NONE", "ALL_OLD"]
    if kind == "Put":
        parameters["Item"] = item(make)
    else:
        parameters["Key"] = key(make)
    if kind == "Update" and not make.chance(20):
        parameters["UpdateExpression"] = make.damaged(make.update())
        returned += ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]
    if kind == "ConditionCheck":
        parameters["ConditionExpression"] = make.damaged(make.condition())
    else:
        _conditional(make, parameters)
    if alone and make.chance(2):
        parameters["ReturnValues"] = make.pick(*returned)
    parameters.update(make.parameters())
    return parameters


def _get(make: Expressions) -> dict[str, Any]:
    parameters: dict[str, Any] = {"TableName": make.table.name, "Key": key(make)}
    if make.chance(2):
        parameters["ProjectionExpression"] = make.damaged(make.projection())
    if make.names:
        parameters["ExpressionAttributeNames"] = make.names
    return parameters


def _key_condition(make: Expressions, elements: list[dict[str, str]]) -> str:
    types = make.table.types
    names = [one["AttributeName"] for one in elements]

    def operand(name: str) -> str:
        kind = types[name]
        if name in TYPICAL and make.chance(2):
            return make.value(make.draw(TYPICAL[name]))
        if make.chance(60):
            kind = make.pick("S", "N", "B")
        return make.value({kind: make.pick(*KEY_CONTENTS[kind])})

    parts = [f"{make.name(names[0])} {'<' if make.chance(80) else '='} {operand(names[0])}"]
    if len(names) > 1 and make.chance(2):
        sort = make.name(names[1])
        match make.draw(st.integers(0, 7)):
            case 0 | 1:
                parts.append(f"{sort} = {operand(names[1])}")
            case 2 | 3:
                parts.append(f"{sort} {make.pick('<', '<=', '>', '>=')} {operand(names[1])}")
            case 4 | 5:
                parts.append(f"{sort} BETWEEN {operand(names[1])} AND {operand(names[1])}")
            case 6:
                parts.append(f"begins_with({sort}, {operand(names[1])})")
            case _:
                parts.append(f"{operand(names[1])} <= {sort}")
    if make.chance(60):
        parts.append(make.condition(2))
    if make.chance(6):
        parts.reverse()
    return " AND ".join(parts)


def _looking(make: Expressions, *, query: bool) -> dict[str, Any]:
    parameters: dict[str, Any] = {"TableName": make.table.name}
    elements = make.table.elements
    if make.table.indexes and make.chance(2):
        index = make.pick(*make.table.indexes)
        parameters["IndexName"] = index["IndexName"]
        elements = index["KeySchema"]
    if make.chance(10):
        return _legacy_looking(make, parameters, elements, query=query)
    if query:
        parameters["KeyConditionExpression"] = make.damaged(_key_condition(make, elements))
        if make.chance(3):
            parameters["ScanIndexForward"] = make.pick(False, True)
    if make.chance(3):
        parameters["FilterExpression"] = make.damaged(make.condition())
    if make.chance(4):
        parameters["ProjectionExpression"] = make.damaged(make.projection())
    if make.chance(3):
        parameters["Limit"] = make.pick(1, 2, 3, 10, 10, 0) if make.chance(12) else make.pick(1, 2, 3, 10)
    if not query and make.chance(8):
        parameters["TotalSegments"] = make.pick(1, 3)
    if make.chance(6):
        parameters["Select"] = make.pick("COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES")
    if make.chance(8):
        parameters["ConsistentRead"] = make.pick(True, False)
    parameters.update(make.parameters())
    return parameters


def _legacy_looking(
    make: Expressions, parameters: dict[str, Any], elements: list[dict[str, str]], *, query: bool
) -> dict[str, Any]:
    types = make.table.types
    if query:
        conditions = {}
        for element in elements[: make.pick(1, 2)]:
            name = element["AttributeName"]
            comparison = "EQ" if not conditions else make.pick("EQ", "LT", "GE", "BETWEEN", "BEGINS_WITH")
            values = [
                {types[name]: make.pick(*KEY_CONTENTS[types[name]])} for _ in range(1 + (comparison == "BETWEEN"))
            ]
            conditions[name] = {"ComparisonOperator": comparison, "AttributeValueList": values}
        parameters["KeyConditions"] = conditions
    if make.chance(2):
        _legacy_conditions(make, parameters, "QueryFilter" if query else "ScanFilter")
    if make.chance(2):
        parameters["AttributesToGet"] = make.draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=2))
    return parameters


Request = tuple[str, dict[str, Any]]


@st.composite
def full_items(draw: Any, tables: Sequence[Table]) -> Request:
    """A put of a valid item with every attribute, so that later requests find something to work on."""
    table = draw(st.sampled_from(tables))
    image = {name: draw(TYPICAL[name]) for name in ATTRIBUTES}
    if image["b"] == {"B": b""} and "b" in table.types:
        image["b"] = {"B": b"a"}
    for name in table.keys:
        kind = table.types[name]
        image[name] = {kind: draw(st.sampled_from(KEY_CONTENTS[kind]))}
    return "PutItem", {"TableName": table.name, "Item": image}


def _batch(draw: Any, table: Table, tables: Sequence[Table], part: Any) -> dict[str, Any]:
    others = draw(st.lists(st.sampled_from(tables), max_size=1))
    chosen = {one.name: one for one in (table, *others)}
    return {name: part(Expressions(draw, one)) for name, one in chosen.items()}


def _batch_gets(make: Expressions) -> dict[str, Any]:
    found: dict[str, Any] = {"Keys": [key(make) for _ in range(make.pick(1, 2, 3))]}
    if make.chance(2):
        found["ProjectionExpression"] = make.projection()
    if make.names:
        found["ExpressionAttributeNames"] = make.names
    return found


def _batch_writes(make: Expressions) -> list[dict[str, Any]]:
    return [
        {"DeleteRequest": {"Key": key(make)}} if make.chance(3) else {"PutRequest": {"Item": item(make)}}
        for _ in range(make.pick(1, 2, 3))
    ]


@st.composite
def requests(draw: Any, actions: Sequence[str], tables: Sequence[Table]) -> Request:
    """One request: the action and its parameters."""
    action = draw(st.sampled_from(actions))
    table = draw(st.sampled_from(tables))
    make = Expressions(draw, table)
    match action:
        case "GetItem":
            return action, _get(make)
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return action, _write(make, action.removesuffix("Item"), alone=True)
        case "Query" | "Scan":
            return action, _looking(make, query=action == "Query")
        case "BatchGetItem":
            return action, {"RequestItems": _batch(draw, table, tables, _batch_gets)}
        case "BatchWriteItem":
            return action, {"RequestItems": _batch(draw, table, tables, _batch_writes)}
        case "TransactGetItems":
            count = draw(st.integers(1, 3))
            return action, {"TransactItems": [{"Get": _get(Expressions(draw, table))} for _ in range(count)]}
        case _:
            kinds = draw(
                st.lists(st.sampled_from(("Put", "Update", "Delete", "ConditionCheck")), min_size=1, max_size=3)
            )
            parts = [{kind: _write(Expressions(draw, table), kind, alone=False)} for kind in kinds]
            return "TransactWriteItems", {"TransactItems": parts}
