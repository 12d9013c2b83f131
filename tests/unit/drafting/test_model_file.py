"""A sketch becomes the file that a person would have written: formatted, short, with names that Python and toctou accept."""

from __future__ import annotations

import ast
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toctou.drafting.model_file import model_file
from toctou.drafting.python_text import Call, laid_out
from toctou.drafting.sketch import Code, Declared, Sketch, Table

ORDERS = Sketch(
    "orders-api",
    "Orders, drafted from template.yaml.",
    environment={"TABLE": "Orders"},
    folders=["src"],
    imports=["import app"],
    tables=[
        Table("Orders", "order_id", indexes={"by-owner": ("owner", "at:N")}),
        Table.keyed("Events", ("stream", "at:N")),
    ],
    items={"Orders": [{"order_id": "o1", "owner": "alice", "price": Decimal("1.5")}]},
    owner="owner",
    function=Code("app.lambda_handler"),
    api="http",
    caller=Code('claims("email")'),
    handlers=[
        Declared("cancelOrder", "route", "DELETE /orders/{order_id}", {}, {"order_id": ["o1"]}),
        Declared("jobs", "event", "sqs", {"messages": [{"id": "{id}"}], "redelivered": True}, {"id": ["o1"]}),
    ],
    notes={"": ["TODO: more."], "owner": ["Guessed."], "jobs": ["TODO: what a message says."], "headers": ["None."]},
)

WRITTEN = '''\
import os
import sys
from decimal import Decimal
from pathlib import Path

from toctou import Model, Table, claims, event, route

os.environ.setdefault("TABLE", "Orders")
sys.path.insert(0, str(Path(__file__).parent / "src"))

import app  # noqa: E402


# TODO: more.
class OrdersApi(Model):
    """Orders, drafted from template.yaml."""

    tables = [
        Table("Orders", "order_id", indexes={"by-owner": ("owner", "at:N")}),
        Table("Events", "stream", "at:N"),
    ]
    items = {"Orders": [{"order_id": "o1", "owner": "alice", "price": Decimal("1.5")}]}
    # Guessed.
    owner = "owner"

    function = app.lambda_handler
    api = "http"
    caller = claims("email")
    # None.

    cancel_order = route("DELETE /orders/{order_id}", order_id=["o1"])
    # TODO: what a message says.
    jobs = event("sqs", messages=[{"id": "{id}"}], redelivered=True, id=["o1"])
'''


def body(text: str) -> list[ast.stmt]:
    (found,) = [one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)]
    return found.body


def formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "100", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def test_a_sketch_is_written_as_a_person_would():
    assert model_file(ORDERS) == WRITTEN


def test_what_a_model_says_anyway_is_not_written():
    text = model_file(Sketch("Empty"))
    assert text == "from toctou import Model\n\n\nclass Empty(Model):\n    pass\n"
    assert "api" not in model_file(Sketch("A", api="rest", principals=("alice", "bob"), headers={}, services=()))


def test_a_service_and_a_function_of_the_team_are_declared():
    text = model_file(
        Sketch(
            "shop",
            service={"command": ["node", "server.js"], "environment": {"PORT": "{port}"}},
            handlers=[Declared("cancel", "handler", Code("orders.cancel"), {"read_only": True}, {"order_id": ["o1"]})],
        )
    )
    assert 'service = Service(command=["node", "server.js"], environment={"PORT": "{port}"})' in text
    assert 'cancel = handler(orders.cancel, read_only=True, order_id=["o1"])' in text
    assert "from toctou import Model, Service, handler" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cancel", "cancel"),
        ("cancelOrder", "cancel_order"),
        ("GET_/orders/{id}", "get_orders_id"),
        ("class", "route_class"),
        ("headers", "route_headers"),
        ("app", "route_app"),
        ("1st", "route_1st"),
        ("{}", "route"),
        ("naïve", "naïve"),
    ],
)
def test_a_handler_has_a_name_that_hides_nothing(name, expected):
    text = model_file(Sketch("A", imports=["import app"], handlers=[Declared(name, "route", "GET /x")]))
    assert [one.targets[0].id for one in body(text) if isinstance(one, ast.Assign)] == [expected]


def test_handlers_of_one_name_are_told_apart():
    text = model_file(Sketch("A", handlers=[Declared("x", "route", f"GET /{count}") for count in range(3)]))
    assert [one.targets[0].id for one in body(text)] == ["x", "x_2", "x_3"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("orders-api v2", "OrdersApiV2"), ("3D", "Model3D"), ("", "Drafted"), ("Model", "ModelModel"), ("été", "T")],
)
def test_a_class_has_a_name(name, expected):
    text = model_file(Sketch(name))
    (found,) = [one.name for one in ast.parse(text).body if isinstance(one, ast.ClassDef)]
    assert found == expected


def test_pools_that_are_called_as_an_option_go_elsewhere():
    declared = Declared("x", "route", "POST /{body}/{a}", {}, {"body": ["b"], "a": ["1"]})
    assert 'route("POST /{body}/{a}", a=["1"], arguments={"body": ["b"]})' in model_file(
        Sketch("A", handlers=[declared])
    )
    declared = Declared("x", "event", "s3", {"bucket": "b", "key": "{key}"}, {"key": ["k"]})
    assert 'key="{key}", arguments={"key": ["k"]}' in model_file(Sketch("A", handlers=[declared]))


def test_a_docstring_can_hold_anything():
    for text in ('says "it"', "\\n and \\", 'a """ b', "word " * 60, "x" * 89, "x" * 90, "x" * 91):
        written = model_file(Sketch("A", text, owner="owner"))
        assert formatted(written) == written
        assert ast.get_docstring(ast.parse(written).body[-1])


TEXTS = st.text(st.characters(max_codepoint=0x2FF), max_size=30)  # beyond, some count as two columns
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.binary(max_size=8) | st.decimals(allow_nan=False),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(TEXTS, inside, max_size=4)
        | st.lists(inside, max_size=3).map(tuple)
        | st.builds(
            lambda parts, named: Call("route", parts, named),
            st.lists(inside, max_size=3),
            st.dictionaries(st.sampled_from(["body", "to", "order_id", "read_only"]), inside, max_size=3),
        )
    ),
    max_leaves=12,
)


@settings(max_examples=25, deadline=None, derandomize=True)  # a new case is a matter of looks
@given(st.lists(VALUES, min_size=20, max_size=20))
def test_values_are_laid_out_as_the_formatter_does_it(values: list[Any]):
    text = "".join(f"x = {laid_out(one, 0, 4)}\n" for one in values)
    assert formatted(text) == text


@given(VALUES)
def test_a_value_is_read_back(value: Any):
    made = eval(
        laid_out(value, 0), {"route": lambda *parts, **named: Call("route", list(parts), named), "Decimal": Decimal}
    )
    assert made == value
