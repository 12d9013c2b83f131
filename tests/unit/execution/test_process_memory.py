"""What handlers leave behind where their code can reach it is noticed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import flask
import pytest

from toctou import Model, Table, handler
from toctou.execution.process_memory import ProcessMemory

SOURCE = """
import asyncio
import queue as queues
import threading

import boto3
from collections import deque
from functools import cache, lru_cache
from itertools import count
from types import SimpleNamespace

client = boto3.client("dynamodb", region_name="us-east-1")
number = 0
names = []
table = {"deep": {"deeper": set()}}

class Settings:
    colour = "red"

    def __init__(self):
        self.values = {}

    @staticmethod
    def static(known=[]):
        return known

class Slotted:
    __slots__ = ("value",)

settings = Settings()

@lru_cache
def cached(key):
    return key

@cache
def shared():
    return []

@cache
def made(client):
    return client

shared()
queue = deque()
octets = bytearray()
slotted = Slotted()
namespace = SimpleNamespace()
counter = count()
lock, again, semaphore = threading.Lock(), threading.RLock(), threading.Semaphore()
waiting = asyncio.Lock()
jobs = queues.Queue()
later = None

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

    def __init__(self, module: ModuleType, **attributes: Any) -> None:
        names = {"tables": (Table("Items", "item_id"),), "__module__": "remembering", "serve": handler(module.serve)}
        self.kind = type("Remembering", (Model,), {**names, **attributes})
        self.model = self.kind()
        self._memory = ProcessMemory(self.kind)

    def begin(self) -> None:
        self._memory.begin(self.model)

    def changed(self) -> list[str]:
        return self._memory.changed()


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
    "what a cache returned": lambda module: module.shared().append(1),
    "a queue": lambda module: module.queue.append(1),
    "bytes that can be changed": lambda module: module.octets.append(1),
    "an object with slots": lambda module: setattr(module.slotted, "value", 1),
    "a namespace": lambda module: setattr(module.namespace, "value", 1),
    "a counter": lambda module: next(module.counter),
    "a static method's default": lambda module: module.Settings.static().append(1),
    "a lock": lambda module: module.lock.acquire(),
    "a lock that may be taken again": lambda module: module.again.acquire(),
    "a lock of coroutines": lambda module: setattr(module.waiting, "_locked", True),
    "a semaphore": lambda module: module.semaphore.acquire(),
    "a queue between threads": lambda module: module.jobs.put(1),
    "the environment": lambda module: os.environ.update(TOCTOU_TEST="1"),
}


NAMES = {
    "a global variable": "remembering.number",
    "a list": "remembering.names",
    "a set in dictionaries": "remembering.table",
    "an attribute of a class": "remembering.Settings.colour",
    "an object": "remembering.settings.values",
    "a lock": "remembering.lock",
    "the environment": "os.environ",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCTOU_TEST", "0")


@pytest.mark.parametrize("change", NAMES)
def test_what_has_changed_is_named_as_in_the_code(module: ModuleType, change: str):
    memory = Memory(module)
    memory.begin()
    CHANGES[change](module)
    assert memory.changed() == [NAMES[change]]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(module: ModuleType, change: str):
    memory = Memory(module)
    memory.begin()
    assert not memory.changed()
    CHANGES[change](module)
    assert memory.changed()
    memory.begin()
    assert not memory.changed()


def test_so_is_one_within_what_came_later(module: ModuleType):
    memory = Memory(module)
    memory.begin()
    module.names.append({})
    assert memory.changed()
    memory.begin()
    module.names[0]["a"] = 1
    assert memory.changed()


def test_so_is_what_requests_share_in_the_model(module: ModuleType):
    memory = Memory(module)
    memory.model.cache = {}
    memory.model.settings = module.Settings()
    for change in (lambda: memory.model.cache.update(a=1), lambda: memory.model.settings.values.update(a=1)):
        memory.begin()
        assert not memory.changed()
        change()
        assert memory.changed()


def test_what_requests_share_may_lead_back_to_itself(module: ModuleType):
    memory = Memory(module)
    memory.model.settings = module.Settings()
    memory.model.settings.values["model"] = memory.model
    for _ in range(3):
        memory.begin()
        memory.model.settings.values["last"] = object()
        assert memory.changed()
        assert len(memory._memory._of_instance) < 10
        assert len(memory._memory._looks) < 100


def test_so_is_what_a_model_of_a_function_holds(module: ModuleType):
    """As models in test modules often are."""
    calls: list[str] = []

    def serve(self: Model, principal: str, known: dict[str, int] = {}) -> int:  # noqa: B006 - on purpose
        calls.append(principal)
        return len(known)

    serve.__module__ = "remembering"
    for change in (lambda: calls.append("alice"), lambda: serve.__defaults__[0].update(a=1)):
        memory = Memory(module, serve=handler(serve))
        memory.begin()
        assert not memory.changed()
        change()
        assert memory.changed()


def test_what_is_put_back_is_not(module: ModuleType):
    memory = Memory(module)
    memory.begin()
    module.names.append("alice")
    module.names.clear()
    module.number = 0
    assert not memory.changed()


def test_another_type_is_another_value(module: ModuleType):
    memory = Memory(module)
    memory.begin()
    module.number = False
    assert memory.changed()


def test_clients_that_are_made_when_they_are_needed_are_no_memory(module: ModuleType):
    memory = Memory(module)
    memory.begin()
    module.later = module.client
    module.made(module.client)
    assert not memory.changed()
    memory.begin()
    module.later = None
    assert memory.changed()


def test_the_objects_of_libraries_are_left_alone(module: ModuleType):
    """They would be thousands, and change by themselves."""
    memory = Memory(module)
    memory.begin()
    assert len(memory._memory._looks) < 100


@pytest.mark.parametrize(
    ("folder", "looked_at"), [("site-packages", False), ("dist-packages", False), ("shared", True)]
)
def test_wherever_they_are(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, looked_at: bool
):
    """As those of the system or of the user, which a virtual environment may see."""
    file = tmp_path / "usr" / folder / "library.py"
    file.parent.mkdir(parents=True)
    file.write_text("seen = []\n")
    monkeypatch.syspath_prepend(file.parent)
    monkeypatch.setitem(sys.modules, "library", ModuleType("library"))  # forgotten again at the end
    del sys.modules["library"]
    module.library = importlib.import_module("library")
    memory = Memory(module)
    memory.begin()
    module.library.seen.append(1)
    assert bool(memory.changed()) is looked_at


class Odd:
    """Whatever it is asked, it objects."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise TypeError

    def __repr__(self) -> str:
        raise ValueError

    @property
    def __class__(self) -> Any:
        raise LookupError

    __hash__ = None


class Caching:
    def cache_info(self, more: int) -> int:
        return more


ODD: dict[str, Callable[[], Any]] = {
    "objecting": Odd,
    "mock": mock.Mock,
    "magic mock": mock.MagicMock,
    "proxy": lambda: flask.request,
    "another proxy": lambda: flask.g,
    "class": lambda: Caching,
    "object": Caching,
}


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_asked_of_what_is_found(module: ModuleType, name: str):
    """A proxy of what is not there, a mock that makes up answers, a comparison that fails."""
    module.odd = odd = ODD[name]()
    memory = Memory(module)
    memory.model.odd = odd
    memory.begin()
    assert not memory.changed()
    module.names.append(1)
    assert memory.changed()
    if name == "mock":
        assert odd.mock_calls == []
