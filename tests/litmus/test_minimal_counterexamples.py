"""What a person is shown of each racy model: as few requests, steps and context switches as will show the race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toctou.checking.check import check_model
from toctou.declaration.loading import load
from toctou.declaration.model import Model
from toctou.history.item import plain
from toctou.reporting.document import Document, violation_document
from toctou.reporting.findings import ranked

MODELS = {one.model.__name__: one.model for one in load([str(Path(__file__).resolve().parents[2] / "models")])}

MINIMAL: dict[str, tuple[str, ...]] = {
    "ReadModifyWriteCounter": (
        "alice: increment(counter_id='c1')",
        "alice: increment(counter_id='c1')",
        "t1:A.B.B.A:4514",
    ),
    "ReadThenDelete": ("alice: delete_item(item_id='i1')", "alice: transfer(item_id='i1', to='bob')", "t1:A.B.A:e6d1"),
    "ExistenceOnlyDelete": (
        "alice: delete_item(item_id='i1')",
        "alice: transfer(item_id='i1', to='bob')",
        "t1:A.B.A:e6d1",
    ),
    "TwoStepTransfer": (
        "alice: transfer(item_id='i1', to='bob')",
        "bob: transfer(item_id='i1', to='alice')",
        "t1:A.A.B.B.B.A:1539",
    ),
    "CountThenPut": ("alice: create_token(token_id='t2')", "alice: create_token(token_id='t3')", "t1:A.B.B.A:4514"),
    "VersionStartsAgain": (
        "alice: append(document_id='d1', body='!')",
        "alice: replace(document_id='d1', body='new')",
        "t1:A.B.A:e6d1",
    ),
    "NumberedByCount": ("alice: reserve(station_id='s1')", "alice: reserve(station_id='s1')", "t1:A.B.B.A:4514"),
    "StoreWholeSession": (
        "alice: visit(session_id='s1', page='/cart')",
        "alice: log_out(session_id='s1')",
        "t1:A.B.A:e6d1",
    ),
    "ReadThenUpdate": (
        "alice: update_item(item_id='i1', data='edited')",
        "alice: transfer(item_id='i1', to='bob')",
        "t1:A.B.A:e6d1",
    ),
    "UnbumpedVersionUpdate": (
        "alice: update_item(item_id='i1', data='edited')",
        "alice: transfer(item_id='i1', to='bob')",
        "t1:A.B.A:e6d1",
    ),
    "ReadThenAdvance": (
        "worker: advance(pipeline_id='p1', checkpoint=7)",
        "worker: advance(pipeline_id='p1', checkpoint=7)",
        "t1:A.B.B.A:4514",
    ),
    "WeaklyCheckedGet": ("alice: transfer(item_id='i1', to='bob')", "alice: get_item(item_id='i1')", "t1:A.B~1:96f9"),
    "ListedByIndex": ("alice: transfer(item_id='i1', to='bob')", "alice: list_items()", "t1:A.B~1:96f9"),
}


ITEMS = {
    "ReadModifyWriteCounter": ["Counters[c1]"],
    "CountThenPut": ["Tokens[t1]"],
    "VersionStartsAgain": ["Documents[d1]"],
    "NumberedByCount": [],
    "StoreWholeSession": ["Sessions[s1]"],
    "ReadThenAdvance": ["Watermarks[p1]"],
}
"""What is stored at the start, where it is not ``Items[i1]``."""


def shown(name: str, requests: int, model: type[Model] | None = None) -> Document:
    """What a person reads first, if all violations of the model were equally bad and came from one cause."""
    reads = 2 if name in ("WeaklyCheckedGet", "ListedByIndex") else 1
    result = check_model(model or MODELS[name], requests=requests, reads=reads, confirm=False)
    documents = [violation_document(name, one) for one in result.violations]
    for one in documents:
        one["severity"]["score"], one["cause"]["fingerprint"] = 0.0, ""
    return ranked(documents)[0]


def with_more(model: type[Model]) -> type[Model]:
    """The model with a larger value of each argument that is neither a key nor a name, and, unless there are rules on which items
    there may be, with an item more in each table."""
    more = 0 if model.invariants() else 1
    items = {table: [*stored, *map(_another, stored[:more])] for table, stored in model.items.items()}
    handlers = {
        name: replace(handler, pools={argument: _more(argument, pool) for argument, pool in handler.pools.items()})
        for name, handler in model.handlers().items()
    }
    return type(model.__name__, (model,), {"items": items, **handlers, "__doc__": model.__doc__})


def _another(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"another-{value}" if isinstance(value, str) else value for name, value in item.items()}


def _more(argument: str, pool: Sequence[Any]) -> list[Any]:
    larger = {str: lambda value: value * 3, int: lambda value: value * 5}
    fixed = argument.endswith("_id") or argument == "to"
    return [*pool] if fixed else [larger[type(pool[0])](pool[0]), *pool]


def told(document: Document) -> tuple[str, ...]:
    return *(request["text"] for request in document["requests"]), document["schedule"]


def stored(document: Document) -> list[str]:
    keys = ("counter_id", "token_id", "document_id", "session_id", "pipeline_id", "item_id")
    items = [(table, plain(image)) for table, images in document["initial"].items() for image in images]
    return [f"{table}[{next(item[key] for key in keys if key in item)}]" for table, item in items]


@pytest.mark.parametrize("name", MINIMAL)
def test_the_minimal_counterexample(name: str):
    document = shown(name, 2)
    assert told(document) == MINIMAL[name]
    assert stored(document) == ITEMS.get(name, ["Items[i1]"])


@pytest.mark.parametrize("name", MINIMAL)
def test_more_items_and_larger_arguments_change_nothing(name: str):
    """What a model has besides is left out: items, and values of arguments that are larger than others."""
    model = MODELS[name]
    assert shown(name, 2, with_more(model))["requests"] == shown(name, 2)["requests"]
    assert stored(shown(name, 2, with_more(model))) == stored(shown(name, 2))


@pytest.mark.parametrize("name", ["NumberedByCount", "ReadThenAdvance"])
def test_a_larger_scope_does_not_make_it_larger(name: str):
    assert told(shown(name, 3)) == MINIMAL[name]


def test_no_racy_model_is_left_out():
    racy = {name for name, model in MODELS.items() if (model.__doc__ or "").startswith("Racy")}
    assert racy == MINIMAL.keys()
