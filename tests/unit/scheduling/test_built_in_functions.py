"""A built-in function is replaced for everybody who has it, or where that cannot be, for those who look it up."""

from __future__ import annotations

import gc
import math
import pickle
import time
from contextlib import contextmanager
from importlib import util
from math import sqrt
from time import monotonic, sleep

import pytest

from toctou.scheduling import built_in_functions
from toctou.scheduling.built_in_functions import OfAttribute, is_known, replacement


def refuse(*_):
    raise LookupError("replaced")


@contextmanager
def replaced(module, name, by):
    one = replacement(module, name, by)
    one.replace()
    try:
        yield one
    finally:
        one.restore()


@pytest.mark.parametrize(
    ("name", "arguments"), [("monotonic", ()), ("sleep", (0.0,)), ("clock_gettime", (time.CLOCK_MONOTONIC,))]
)
def test_whoever_has_imported_it_by_name_calls_the_replacement(name, arguments):
    function = getattr(time, name)
    before = function(*arguments)
    with replaced(time, name, lambda *given: given):
        assert function(*arguments) == getattr(time, name)(*arguments) == arguments
    assert type(function(*arguments)) is type(before)
    assert getattr(time, name) is function


def test_what_it_raises_reaches_the_caller():
    with replaced(time, "sleep", refuse), pytest.raises(LookupError, match="replaced"):
        sleep(0)


def test_nobody_sees_it_from_outside():
    before = repr(monotonic), monotonic.__module__, monotonic.__name__, monotonic.__doc__
    with replaced(time, "monotonic", lambda: 42):
        assert (repr(monotonic), monotonic.__module__, monotonic.__name__, monotonic.__doc__) == before
        assert pickle.loads(pickle.dumps(monotonic)) is monotonic
    assert monotonic.__self__ is time


def test_a_second_instance_of_the_module_keeps_its_own():
    spec = util.find_spec("time")
    second = util.module_from_spec(spec)
    spec.loader.exec_module(second)
    with replaced(time, "monotonic", lambda: 42):
        assert second.monotonic() != monotonic() == 42


def test_replacements_are_nested_and_outlive_their_objects():
    first, second = (replacement(time, "monotonic", by) for by in (lambda: 1, lambda: 2))
    first.replace()
    second.replace()
    assert monotonic() == 2
    second.restore()
    restore = first.restore
    del first, second
    gc.collect()
    assert [monotonic() for _ in range(10_000)] == [1] * 10_000
    restore()
    assert monotonic() != 1


@pytest.mark.parametrize(
    ("module", "function"),
    [(time, lambda: 1), (math, monotonic), (time, [].append), (time, print), (time, len)],
)
def test_what_is_kept_in_another_way_is_not_touched(module, function):
    assert not is_known(module, function)


@pytest.mark.parametrize("platform", ["PyPy", "GraalVM"])
def test_elsewhere_the_attribute_is_replaced(monkeypatch, platform):
    monkeypatch.setattr(built_in_functions.platform, "python_implementation", lambda: platform)
    with replaced(math, "sqrt", lambda _: "another") as one:
        assert isinstance(one, OfAttribute)
        assert (math.sqrt(4), sqrt(4)) == ("another", 2.0)
    assert math.sqrt is sqrt


def test_a_build_without_the_interpreters_lock_is_elsewhere(monkeypatch):
    monkeypatch.setattr(built_in_functions.sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    assert not is_known(time, monotonic)
