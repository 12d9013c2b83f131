"""Which writes replace what another one stored: decided by document paths, and held against what is stored in the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toctou.analysis.paths import replaced
from toctou.engine.engine import Engine
from toctou.history.item import ItemId
from toctou.history.operation import Operation

TABLE = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"k": {"S": "x"}}
ITEM = ItemId("Items", (("S", "x"),))


def update(expression: str, names: dict[str, str] | None = None) -> Operation:
    """An update with that expression; only what it asks for matters here."""
    parameters = {"TableName": "Items", "Key": KEY, "UpdateExpression": expression}
    if names:
        parameters["ExpressionAttributeNames"] = names
    return Operation(0, 0, "UpdateItem", parameters, {})


def overwrites(later: str, earlier: str, name: str, **names: str) -> bool:
    given = {f"#{one}": value for one, value in names.items()}
    return bool(replaced(update(later, given), update(earlier, given), ITEM, frozenset({name})))


@pytest.mark.parametrize(
    ("later", "earlier", "name"),
    [
        ("SET n = :a", "SET n = :b", "n"),
        ("SET n = :a", "ADD n :b", "n"),
        ("SET n = m + :a", "SET n = :b", "n"),
        ("SET m.a = :a", "SET m.a = :b", "m"),
        ("SET m = :a", "SET m.a = :b", "m"),
        ("SET m.a.b = :a", "SET m.a = :b", "m"),
        ("set #m.#a = :a", "SET m.a = :b", "m"),
        ("REMOVE m.a", "SET m.a = :b", "m"),
        ("SET l[0] = :a", "SET l[0] = :b", "l"),
        ("SET l [ 0 ] = :a", "SET l[0] = :b", "l"),
        ("REMOVE l[0]", "SET l[1] = :b", "l"),
        ("SET n = :a REMOVE m.a", "SET m.a = :b", "m"),
        ("SET l = list_append(:a, :b)", "SET l = list_append(l, :b)", "l"),
    ],
)
def test_what_replaces(later, earlier, name):
    assert overwrites(later, earlier, name, m="m", a="a")


@pytest.mark.parametrize(
    ("later", "earlier", "name"),
    [
        ("SET m.a = :a", "SET m.b = :b", "m"),
        ("SET m.#a = :a", "SET m.b = :b", "m"),
        ("SET m.a.b = :a", "SET m.a.c = :b", "m"),
        ("REMOVE m.a", "SET m.b = :b", "m"),
        ("SET l[0] = :a", "SET l[1] = :b", "l"),
        ("SET l[10] = :a", "SET l[1] = :b", "l"),
        ("ADD s :a", "ADD s :b", "s"),
        ("DELETE s :a", "ADD s :b", "s"),
        ("ADD n :a", "SET n = :b", "n"),
        ("SET n = n + :a", "SET n = :b", "n"),
        ("SET n = n - :a, o = :o", "SET n = :b", "n"),
        ("SET n = if_not_exists(n, :zero) + :a", "SET n = :b", "n"),
        ("SET l = list_append(l, :a)", "SET l = list_append(l, :b)", "l"),
        ("SET o = if_not_exists(p, :a), m.a = :a", "SET m.b = :b", "m"),
    ],
)
def test_what_keeps(later, earlier, name):
    assert not overwrites(later, earlier, name, a="a")


def test_a_write_without_an_expression_replaces_all_that_it_wrote():
    put = Operation(0, 0, "PutItem", {"TableName": "Items", "Item": KEY}, {})
    assert replaced(put, update("SET m.a = :a"), ITEM, frozenset({"m"})) == {"m"}
    assert replaced(update("SET m.a = :a"), put, ITEM, frozenset({"m"})) == {"m"}


PLACES = ("m.a", "m.b", "m.c.d", "m.c.e", "m.c", "m", "l[0]", "l[1]", "l", "n")


@given(st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_an_update_replaces_what_is_not_there_afterwards(earlier, later):
    """Against the engine: each stores a text that nothing else stores; what the first stored stays unless it is replaced."""
    engine = Engine()
    engine.perform("CreateTable", TABLE)
    item = {**KEY, "m": shaped("m", "0"), "l": shaped("l", "0"), "n": shaped("n", "0")}
    engine.perform("PutItem", {"TableName": "Items", "Item": item})
    store(engine, earlier, "first")
    before = count(engine, "first")
    store(engine, later, "second")
    kept = count(engine, "first") == before
    name = earlier.partition(".")[0].partition("[")[0]
    assert kept == (not overwrites(f"SET {later} = :v", f"SET {earlier} = :v", name))


def shaped(place: str, text: str) -> dict[str, Any]:
    """What is stored at a place, with this text at each leaf."""
    leaf = {"S": text}
    inner = {"M": {"d": leaf, "e": leaf}}
    return {"m": {"M": {"a": leaf, "b": leaf, "c": inner}}, "m.c": inner, "l": {"L": [leaf, leaf]}}.get(place, leaf)


def store(engine: Engine, place: str, text: str) -> None:
    values = {":v": shaped(place, text)}
    update = {"UpdateExpression": f"SET {place} = :v", "ExpressionAttributeValues": values}
    engine.perform("UpdateItem", {"TableName": "Items", "Key": KEY, **update})


def count(engine: Engine, text: str) -> int:
    return str(engine.perform("GetItem", {"TableName": "Items", "Key": KEY})["Item"]).count(repr(text))
