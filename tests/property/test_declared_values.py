"""Whatever a model declares, checking it ends in a verdict or in bad input that says what to do; never in a fault of ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import boto3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import toctou
from toctou import Model, Table, handler, invariant, route
from toctou.errors import BadInput

notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")


class Notes(Model):
    """A note that is read."""

    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{"note_id": "n1", "owner": "alice"}]}
    principals = ("alice",)

    @handler(read_only=True)
    def read(self, principal: str) -> int:
        """Read it."""
        return 200 if "Item" in notes.get_item(Key={"note_id": "n1"}) else 404


class Odd:
    """An object that cannot be compared."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise KeyError("eq")


TEXTS = st.sampled_from(["", "alice", "owner", "Notes", "note_id", "note_id:N", "memory", "end", "\ud800", "GET /{x}"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 409),
    st.sampled_from([1.5, float("nan"), Decimal("NaN"), b"note_id", object(), Odd(), Odd, len, int, Notes, ...]),
    st.sampled_from([lambda: 1, lambda self: None, lambda *_: True, Table("Notes", "note_id"), iter(["a"])]),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.one_of(TEXTS, st.integers(0, 3)), inner, max_size=3),
        st.sets(TEXTS, max_size=2),
    ),
    max_leaves=5,
)
ATTRIBUTES = sorted(name for name in Model.__annotations__ if not name.startswith("_"))
METHODS = ["owns", "setup", "handlers", "invariants", "scenarios", "requests", "read", "table", "principal", "other"]
OPTIONS = ["principals", "read_only", "changes_owner", "operation", "retryable", "arguments", "note_id"]


def assert_told(declare: Any) -> None:
    """Declare and check; anything but a verdict and bad input passes through and fails."""
    told = None
    try:
        result = toctou.check(declare())
    except BadInput as error:
        told = error
    if told is None:
        assert result.stop_reason != "internal_error", result.detail
    else:
        assert told.observed
        assert told.expected or told.remedy, str(told)


FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZED
@given(declared=st.dictionaries(st.sampled_from([*ATTRIBUTES, *METHODS]), VALUES, min_size=1, max_size=2))
def test_attributes(declared):
    assert_told(lambda: type("Declared", (Notes,), declared))


@FUZZED
@given(options=st.dictionaries(st.sampled_from(OPTIONS), VALUES, min_size=1, max_size=2))
def test_options_of_handlers(options):
    assert_told(lambda: type("Declared", (Notes,), {"read": handler(Notes.handlers()["read"].function, **options)}))


@FUZZED
@given(function=VALUES)
def test_functions_of_handlers_and_invariants(function):
    assert_told(lambda: type("Declared", (Notes,), {"read": handler()(function)}))
    assert_told(lambda: type("Declared", (Notes,), {"rule": invariant(at="end")(function)}))
    assert_told(lambda: type("Declared", (Notes,), {"rule": invariant(Notes.setup, at=function)}))


@FUZZED
@given(positional=st.lists(VALUES, min_size=2, max_size=3), indexes=VALUES, definition=VALUES)
def test_tables(positional, indexes, definition):
    assert_told(lambda: type("Declared", (Notes,), {"items": {}, "tables": [Table(*positional)]}))
    assert_told(lambda: type("Declared", (Notes,), {"tables": [Table("Notes", "note_id", indexes=indexes)]}))
    assert_told(lambda: type("Declared", (Notes,), {"tables": [Table("Notes", "note_id", definition=definition)]}))


@FUZZED
@given(items=st.lists(st.dictionaries(st.sampled_from(["note_id", "owner", ""]), VALUES), max_size=2))
def test_items(items):
    assert_told(lambda: type("Declared", (Notes,), {"items": {"Notes": items}, "owner": "owner"}))


@FUZZED
@given(request=VALUES, options=st.dictionaries(st.sampled_from(["body", "headers", "x", *OPTIONS]), VALUES, max_size=2))
def test_routes(request, options):
    assert_told(lambda: type("Declared", (Notes,), {"other": route(request, **options)}))
