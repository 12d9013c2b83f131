"""Random requests that get into each other's way: few keys, few values, indexes, sets, counts, pages and their ends.

Everything is chosen by a :data:`Choose`, so that Hypothesis can shrink a request, and :class:`random.Random` can draw many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Request = tuple[str, dict[str, Any]]
Choose = Callable[[int], int]
"""A number from 0 to below the given one."""


def _index(name: str, keys: Sequence[str], kind: str, *also: str) -> dict[str, Any]:
    schema = [{"AttributeName": key, "KeyType": role} for key, role in zip(keys, ("HASH", "RANGE"), strict=False)]
    projection = {"ProjectionType": kind, **({"NonKeyAttributes": list(also)} if also else {})}
    return {"IndexName": name, "KeySchema": schema, "Projection": projection}


def _table(name: str, keys: Sequence[str], **indexes: Any) -> dict[str, Any]:
    schema = [{"AttributeName": key, "KeyType": role} for key, role in zip(keys, ("HASH", "RANGE"), strict=False)]
    types = [{"AttributeName": key, "AttributeType": "N" if key == "h" else "S"} for key in (*keys, "g", "h")]
    definition = {"TableName": name, "KeySchema": schema, "AttributeDefinitions": types, **indexes}
    return {**definition, "BillingMode": "PAY_PER_REQUEST"}


INDEXES: dict[str, tuple[str, ...]] = {
    "by-g": ("g",),
    "keys": ("g", "h"),
    "some": ("g",),
    "local": ("pk", "h"),
    "local-all": ("pk", "g"),
}
SINGLE = _table(
    "Single",
    ("pk",),
    GlobalSecondaryIndexes=[
        _index("by-g", INDEXES["by-g"], "ALL"),
        _index("keys", INDEXES["keys"], "KEYS_ONLY"),
        _index("some", INDEXES["some"], "INCLUDE", "x"),
    ],
)
SORTED = _table(
    "Sorted",
    ("pk", "sk"),
    GlobalSecondaryIndexes=[
        _index("by-g", INDEXES["by-g"], "ALL"),
        _index("keys", INDEXES["keys"], "KEYS_ONLY"),
        _index("some", INDEXES["some"], "INCLUDE", "x"),
    ],
    LocalSecondaryIndexes=[
        _index("local", INDEXES["local"], "KEYS_ONLY"),
        _index("local-all", INDEXES["local-all"], "ALL"),
    ],
)
TABLES = {table["TableName"]: table for table in (SINGLE, SORTED)}

SIZES = (1, 30_000, 60_000, 130_000, 390_000)
"""Of the attribute that makes items large; they end pages at 1 MB, and items at 400 KB."""

TEXTS = {size: {"S": "x" * size} for size in SIZES}
VALUES: dict[str, tuple[Any, ...]] = {
    "g": ({"S": "a"}, {"S": "b"}),
    "h": ({"N": "1"}, {"N": "2"}),
    "x": ({"S": "u"}, {"S": "v"}),
    "n": ({"N": "1"}, {"N": "2"}, {"N": "-1"}),
    "t": ({"SS": ["a"]}, {"SS": ["b"]}, {"SS": ["a", "b"]}),
    "m": ({"M": {"a": {"N": "1"}}}, {"M": {}}),
}
UPDATES = (
    *("SET g = :g", "REMOVE g", "SET h = :h", "SET x = :x", "SET x = :x, h = :h", "REMOVE x"),
    *("ADD n :n", "ADD n :n", "SET n = n + :n", "SET n = if_not_exists(n, :n) + :n", "SET n = :n"),
    *(
        "ADD t :t",
        "ADD t :t",
        "ADD t :t",
        "DELETE t :t",
        "REMOVE t",
        "ADD m.a :n",
        "SET m = :m",
        "SET d = :d",
        "REMOVE d",
    ),
)
CONDITIONS = ("attribute_exists(pk)", "attribute_not_exists(pk)", "x = :x", "attribute_exists(g)", "size(d) > :n")
PROJECTIONS = ("pk", "x", "n", "pk, x", "t, n", "d")


class Maker:
    """Makes requests about a few items of one table.

    Args:
        sizes: the sizes that items may grow to; empty for small items only.
        sorts: the sort keys.
    """

    def __init__(
        self, choose: Choose, table: Mapping[str, Any], sizes: Sequence[int] = (), sorts: str = "1234"
    ) -> None:
        self.choose = choose
        self.table = table
        self.sizes = sizes
        self.sorts = sorts

    def pick(self, *options: Any) -> Any:
        """One of these."""
        return options[self.choose(len(options))]

    def chance(self, of: int) -> bool:
        """True once in so many times."""
        return self.choose(of) == of - 1

    def key(self) -> dict[str, Any]:
        found = {"pk": {"S": self.pick("p", "p", "p", "q")}}
        if self.table is SORTED:
            found["sk"] = {"S": self.pick(*self.sorts)}
        return found

    def value(self, name: str) -> Any:
        return TEXTS[self.pick(*self.sizes)] if name == "d" else self.pick(*VALUES[name])

    def item(self) -> dict[str, Any]:
        names = [name for name in VALUES if not self.chance(3)]
        if self.sizes and not self.chance(4):
            names.append("d")
        return {**self.key(), **{name: self.value(name) for name in names}}

    def _with_values(self, parameters: dict[str, Any]) -> dict[str, Any]:
        texts = [parameters.get(f"{name}Expression", "") for name in ("Update", "Condition", "Filter", "KeyCondition")]
        words = " ".join(texts).replace(",", " ").replace(")", " ").split()
        used = dict.fromkeys(word for word in words if word.startswith(":"))
        values = {name: self.value(name[1:]) for name in used if name[1:] in VALUES or name == ":d"}
        values |= {name: {"S": self.pick("p", "q")} for name in used if name == ":pk"}
        values |= {name: {"S": self.pick(*self.sorts)} for name in used if name == ":sk"}
        return {**parameters, "ExpressionAttributeValues": values} if values else parameters

    def _conditional(self, parameters: dict[str, Any], *, alone: bool, returned: Sequence[str]) -> dict[str, Any]:
        if self.chance(3):
            parameters["ConditionExpression"] = self.pick(*CONDITIONS)
            if self.chance(3):
                parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if alone and self.chance(4):
            parameters["ReturnValues"] = self.pick(*returned)
        if alone and self.chance(12):
            parameters["ReturnConsumedCapacity"] = "INDEXES"
        return self._with_values(parameters)

    def update(self, *, alone: bool = True) -> dict[str, Any]:
        texts = [text for text in UPDATES if self.sizes or text not in ("SET d = :d", "REMOVE d")]
        parameters = {"TableName": self.table["TableName"], "Key": self.key(), "UpdateExpression": self.pick(*texts)}
        returned = ("ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
        return self._conditional(parameters, alone=alone, returned=returned)

    def grown(self) -> dict[str, Any]:
        """An update of what makes an item large."""
        text = self.pick("SET d = :d", "SET d = :d", "REMOVE d")
        return self._with_values({"TableName": self.table["TableName"], "Key": self.key(), "UpdateExpression": text})

    def put(self, *, alone: bool = True) -> dict[str, Any]:
        parameters = {"TableName": self.table["TableName"], "Item": self.item()}
        return self._conditional(parameters, alone=alone, returned=("ALL_OLD",))

    def delete(self, *, alone: bool = True) -> dict[str, Any]:
        parameters = {"TableName": self.table["TableName"], "Key": self.key()}
        return self._conditional(parameters, alone=alone, returned=("ALL_OLD",))

    def transaction(self) -> dict[str, Any]:
        kinds = [self.pick("Update", "Put", "Delete") for _ in range(self.pick(1, 2))]
        return {"TransactItems": [{kind: getattr(self, kind.lower())(alone=False)} for kind in kinds]}

    def batch(self) -> dict[str, Any]:
        requests = [
            {"PutRequest": {"Item": self.item()}} if self.chance(2) else {"DeleteRequest": {"Key": self.key()}}
            for _ in range(self.pick(1, 2))
        ]
        return {"RequestItems": {self.table["TableName"]: requests}}

    def write(self) -> Request:
        """One write, alone or with others."""
        kind = self.pick("UpdateItem", "UpdateItem", "UpdateItem", "PutItem", "DeleteItem", "Transact", "Batch")
        if kind == "Transact":
            return "TransactWriteItems", self.transaction()
        if kind == "Batch":
            return "BatchWriteItem", self.batch()
        return kind, getattr(self, kind.removesuffix("Item").lower())()

    def get(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {"TableName": self.table["TableName"], "Key": self.key()}
        return {**parameters, "ProjectionExpression": self.pick(*PROJECTIONS)} if self.chance(2) else parameters

    def _keys_of(self, parameters: dict[str, Any]) -> tuple[str, ...]:
        if self.chance(2):
            names = [*INDEXES] if self.table is SORTED else ["by-g", "keys", "some"]
            parameters["IndexName"] = name = self.pick(*names)
            return INDEXES[name]
        return ("pk", "sk") if self.table is SORTED else ("pk",)

    def _narrowed(self, parameters: dict[str, Any], keys: Sequence[str], *, query: bool) -> dict[str, Any]:
        match self.choose(5):
            case 0:
                parameters["Select"] = "COUNT"
            case 1:
                parameters["ProjectionExpression"] = self.pick("pk", *(["x"] if keys[0] == "pk" else ["g"]))
            case 2 if keys == ("pk", "g"):
                parameters["Select"] = "ALL_ATTRIBUTES"
        if self.chance(3) and (keys[0] == "pk" or "by-g" in parameters.values()):
            parameters["FilterExpression"] = self.pick("attribute_exists(x)", "x = :x", "attribute_exists(t)")
            if "local" in parameters.values():
                parameters["FilterExpression"] = "attribute_exists(pk)" if not query else "attribute_exists(sk)"
                del parameters["FilterExpression"]
        if self.chance(3):
            parameters["Limit"] = self.pick(1, 2, 3)
        if self.chance(12):
            parameters["ReturnConsumedCapacity"] = "INDEXES"
        return self._with_values(parameters)

    def query(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {"TableName": self.table["TableName"]}
        keys = self._keys_of(parameters)
        condition = f"{keys[0]} = :{keys[0]}"
        if len(keys) > 1 and self.chance(2):
            condition += f" AND {keys[1]} {self.pick('=', '<', '>=')} :{keys[1]}"
        parameters["KeyConditionExpression"] = condition
        if self.chance(4):
            parameters["ScanIndexForward"] = False
        return self._narrowed(parameters, keys, query=True)

    def scan(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {"TableName": self.table["TableName"]}
        keys = self._keys_of(parameters)
        if self.chance(4):
            parameters |= {"Segment": self.pick(0, 1), "TotalSegments": 2}
        return self._narrowed(parameters, keys, query=False)

    def get_many(self) -> dict[str, Any]:
        keys = {repr(key): key for key in (self.key() for _ in range(self.pick(1, 2, 3)))}
        wanted: dict[str, Any] = {"Keys": [*keys.values()]}
        if self.chance(2):
            wanted["ProjectionExpression"] = self.pick(*PROJECTIONS)
        return {"RequestItems": {self.table["TableName"]: wanted}}

    def read(self) -> Request:
        """One read of one item or of many."""
        match self.pick("Query", "Query", "Query", "Scan", "GetItem", "BatchGetItem", "TransactGetItems"):
            case "Query":
                return "Query", self.query()
            case "Scan":
                return "Scan", self.scan()
            case "GetItem":
                return "GetItem", self.get()
            case "BatchGetItem":
                return "BatchGetItem", self.get_many()
        return "TransactGetItems", {"TransactItems": [{"Get": self.get()} for _ in range(self.pick(1, 2))]}

    def request(self) -> Request:
        """Any of these."""
        return self.read() if self.chance(2) else self.write()


def crowd(choose: Choose) -> tuple[list[Request], Request, Request]:
    """What is stored, and two requests about the same table."""
    if choose(4) == 3:
        return full_page(choose)
    table = (SINGLE, SORTED)[choose(2)]
    maker = Maker(choose, table, SIZES[: (0, 0, 3, 5)[choose(4)]])
    stored: list[Request] = [
        ("PutItem", {"TableName": table["TableName"], "Item": maker.item()}) for _ in range(maker.pick(1, 3, 8, 12))
    ]
    first = maker.request()
    return stored, first, first if maker.chance(8) else maker.request()


def full_page(choose: Choose) -> tuple[list[Request], Request, Request]:
    """Items that fill a page, or nearly, one that reads many of them and one that writes some."""
    count, size = ((2, 4), (3, 4), (7, 3), (8, 3), (15, 2), (17, 2))[choose(6)]
    maker = Maker(choose, SORTED, SIZES, "abcdefghijklmnopqr"[: count + choose(2)])
    index = {"g": {"S": "a"}, "h": {"N": "1"}}
    stored: list[Request] = []
    for sort in maker.sorts:
        item = {"pk": {"S": "p"}, "sk": {"S": sort}, "d": TEXTS[maker.pick(SIZES[size], SIZES[size], 1)], **index}
        stored.append(("PutItem", {"TableName": SORTED["TableName"], "Item": item}))
    reads = ("Query", maker.query) if choose(3) else ("Scan", maker.scan)
    return stored, (reads[0], reads[1]()), maker.write() if choose(2) else ("UpdateItem", maker.grown())


crowds: st.SearchStrategy[tuple[list[Request], Request, Request]] = st.composite(
    lambda draw: crowd(lambda count: draw(st.integers(0, count - 1)))
)()
