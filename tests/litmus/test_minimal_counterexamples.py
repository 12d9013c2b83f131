"""What a person is shown of each racy model: as few requests, steps and context switches as will show the race."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.exploration.check import check_model
from checker.exploration.loading import load
from checker.exploration.result import Violation
from checker.exploration.tally import clarity

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
        "alice: update_item(item_id='i1', data='edited')",
        "t1:A.A.B.A:abc6",
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


def clearest(violations: tuple[Violation, ...]) -> Violation:
    return min(
        violations, key=lambda one: (len(one.execution.requests), clarity(one.execution)[1], clarity(one.execution))
    )


def shown(name: str, requests: int) -> tuple[str, ...]:
    reads = 2 if name in ("WeaklyCheckedGet", "ListedByIndex") else 1
    execution = clearest(check_model(MODELS[name], requests=requests, reads=reads, confirm=False).violations).execution
    return *map(str, execution.requests), str(execution.schedule)


@pytest.mark.parametrize("name", MINIMAL)
def test_the_minimal_counterexample(name: str):
    assert shown(name, 2) == MINIMAL[name]


@pytest.mark.parametrize("name", ["NumberedByCount", "ReadThenAdvance"])
def test_a_larger_scope_does_not_make_it_larger(name: str):
    assert shown(name, 3) == MINIMAL[name]


def test_no_racy_model_is_left_out():
    racy = {name for name, model in MODELS.items() if (model.__doc__ or "").startswith("Racy")}
    assert racy == MINIMAL.keys()
