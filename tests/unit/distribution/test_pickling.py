"""What an exploration yields can be sent to another process and compared there."""

from __future__ import annotations

import pickle

import pytest

from models.counter import AtomicCounter
from models.delete_item import ReadThenDelete
from models.weak_reads import WeaklyCheckedGet
from toctou.checking.check import check_model
from toctou.client.backends import backend_named
from toctou.declaration.model import Model
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.history.footprint import EMPTY
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.random_walk import RandomWalk


@pytest.mark.parametrize("backend", ["embedded", "moto"])
@pytest.mark.parametrize("model", [ReadThenDelete, AtomicCounter])
def test_an_execution_comes_back_equal(model: type[Model], backend: str):
    store = backend_named(backend)
    laboratory = Laboratory(model, store, Limits())
    try:
        with laboratory.opened():
            strategy = RandomWalk()
            assert strategy.begin()
            execution = laboratory.execute(Scenario(tuple(model.requests()[:2])), strategy)
    finally:
        store.close()
    assert execution is not None
    assert execution.operations
    assert pickle.loads(pickle.dumps(execution)) == execution


def test_a_result_with_violations_comes_back_equal():
    result = check_model(ReadThenDelete, requests=2)
    assert any(scenario.violations for scenario in result.scenarios)
    assert pickle.loads(pickle.dumps(result)) == result


def test_an_empty_footprint_comes_back_equal():
    assert pickle.loads(pickle.dumps(EMPTY)) == EMPTY


def test_what_a_weak_read_missed_is_of_plain_types():
    found = check_model(WeaklyCheckedGet, reads=2).violations
    missed = [one.missed for violation in found for one in violation.execution.operations if one.missed is not None]
    assert missed
    assert {type(one) for one in missed} == {dict}  # a journal makes nothing but plain values and classes of ours
