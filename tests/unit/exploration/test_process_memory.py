"""What handlers leave behind where their code can reach it is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from checker import Model, Table, handler
from checker.exploration.process_memory import ProcessMemory

SOURCE = """
import boto3
from functools import lru_cache

client = boto3.client("dynamodb", region_name="us-east-1")
number = 0
names = []
table = {"deep": {"deeper": set()}}

class Settings:
    colour = "red"

    def __init__(self):
        self.values = {}

settings = Settings()

@lru_cache
def cached(key):
    return key

def defaulting(key, known={}):
    return known

def enclosing():
    seen = []
    def inner():
        return seen
    return inner

closure = enclosing()

def serve(principal):
    return 200
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> ModuleType:
    """A module of the user's, with a handler."""
    file = tmp_path / "remembering.py"
    file.write_text(SOURCE, encoding="utf-8")
    made = ModuleType("remembering")
    made.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "remembering", made)
    exec(compile(SOURCE, str(file), "exec"), made.__dict__)
    return made


class Memory:
    """Of a model in that module."""

    def __init__(self, module: ModuleType) -> None:
        self.model = type(
            "Remembering",
            (Model,),
            {"tables": (Table("Items", "item_id"),), "__module__": "remembering", "serve": handler(module.serve)},
        )()
        self._memory = ProcessMemory(type(self.model))

    def contents(self) -> Any:
        return self._memory.contents(self.model)

    def differs(self, before: Any) -> bool:
        return self._memory.differs(before, self.model)


CHANGES: dict[str, Callable[[Any], object]] = {
    "a global variable": lambda module: setattr(module, "number", 1),
    "a new one": lambda module: setattr(module, "another", 1),
    "a list": lambda module: module.names.append("alice"),
    "a set in dictionaries": lambda module: module.table["deep"]["deeper"].add(1),
    "an attribute of a class": lambda module: setattr(module.Settings, "colour", "blue"),
    "an object": lambda module: module.settings.values.update(a=1),
    "a cache": lambda module: module.cached(1),
    "an argument's default": lambda module: module.defaulting(1).update(a=1),
    "a closure": lambda module: module.closure().append(1),
    "an attribute of a function": lambda module: setattr(module.serve, "calls", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(module: ModuleType, change: str):
    memory = Memory(module)
    before = memory.contents()
    assert not memory.differs(before)
    CHANGES[change](module)
    assert memory.differs(before)
    assert not memory.differs(memory.contents())


def test_so_is_one_within_what_came_later(module: ModuleType):
    memory = Memory(module)
    before = memory.contents()
    module.names.append({})
    assert memory.differs(before)
    before = memory.contents()
    module.names[0]["a"] = 1
    assert memory.differs(before)


def test_what_is_put_back_is_not(module: ModuleType):
    memory = Memory(module)
    before = memory.contents()
    module.names.append("alice")
    module.names.clear()
    module.number = 0
    assert not memory.differs(before)


def test_what_cannot_be_compared_counts_as_changed(module: ModuleType):
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise TypeError

        __hash__ = None

    module.names.append(Odd())
    memory = Memory(module)
    before = memory.contents()
    module.names[0] = Odd()
    assert memory.differs(before)


def test_the_objects_of_libraries_are_left_alone(module: ModuleType):
    """They would be thousands, and change by themselves."""
    assert len(Memory(module).contents()) < 100


def test_so_is_what_requests_share_in_the_model(module: ModuleType):
    memory = Memory(module)
    memory.model.cache = {}
    before = memory.contents()
    memory.model.cache["a"] = 1
    assert memory.differs(before)
