"""Performs calls that modules make while they are imported, before it is known which tables a model declares.

What has been written then is written again after the items that a model declares, for each model that can reach the module by
name: those items were there, and then the module was imported, as in production.

What the models declare that are about to be defined is learned at the first call of each import (``learn``).  If none of them
declares the table of a call, and no call has created it, it counts as empty, and the verdict says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from toctou.client.backend import Performed
from toctou.client.intercept import performed_at_once
from toctou.client.outside import NOTHING, Call, OwnDynamoDB, Stored, after
from toctou.client.services_at_import import begin_import, perform_on_moto
from toctou.client.users_moto import users_moto_is_active
from toctou.engine import Kind, actions_of
from toctou.history.footprint import EMPTY
from toctou.scheduling.origin import Site, is_of_the_handler, sites
from toctou.scheduling.thread_starts import announced

_READS = actions_of(Kind.READS)
_OF_TABLES = actions_of(Kind.DESCRIBES, Kind.MANAGES)

_SOME_KEY = {"id": {"S": ""}}


class Note(NamedTuple):
    """A call that was answered without knowing the table.

    Attributes:
        modules: that were being imported.
        text: what a reader of the verdict should know, as a sentence.
        declaration: what a model would say, as far as the call shows its key: ``Table("Config", "pk")``.
    """

    modules: frozenset[str]
    text: str
    declaration: str = ""


@dataclass
class Imported:
    """What was called while modules were imported, in this process.

    Attributes:
        calls: those that may have changed something, in their order, with the modules that were being imported.
        notes: on calls to tables that no model declares.
        threads: that were started then, where, and with the modules that were being imported.
    """

    calls: list[tuple[frozenset[str], Call]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    threads: WeakKeyDictionary[Thread, tuple[Site | None, frozenset[str]]] = field(default_factory=WeakKeyDictionary)

    def calls_of(self, modules: Mapping[str, Any]) -> list[Call]:
        """The calls that were made while one of these modules was imported."""
        return [call for names, call in self.calls if not names.isdisjoint(modules)]

    def notes_of(self, modules: Mapping[str, Any]) -> list[str]:
        """The notes on calls that were made while one of these modules was imported."""
        return list(dict.fromkeys(note.text for note in self.notes if not note.modules.isdisjoint(modules)))


IMPORTED = Imported()
"""Modules are imported once in a process."""

Learn = Callable[[], Stored]
"""Returns what the models declare that are about to be defined."""


@contextmanager
def performed_while_importing(learn: Learn, anything: Callable[[], Any]) -> Iterator[None]:
    """While inside, calls are performed at once.

    Args:
        learn: is asked at the first call of DynamoDB.
        anything: the item that a read finds in a table that nobody has created; ``None`` for none.
    """
    begin_import()
    with performed_at_once(_Performing(learn, anything).perform, perform_on_moto), announced(_note_thread):
        yield


class _Performing:
    def __init__(self, learn: Learn, anything: Callable[[], Any]) -> None:
        self._learn = learn
        self._anything = anything
        self._own: OwnDynamoDB | None = None
        self._created: set[str] = set()
        self._unknown = OwnDynamoDB(NOTHING)  # tables that nobody has created

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Performed:
        if self._own is None:
            declared = self._learn()
            self._own = OwnDynamoDB(after(declared, [call for _, call in IMPORTED.calls]))
        missing = [one for one in _tables(parameters) if not self._own.has_table(one)]
        if missing and action not in _OF_TABLES:
            return self._answered_as_empty(action, parameters, missing)
        if missing and action != "CreateTable" and self._anything() is not None:
            return self._performed_on_unknown(action, parameters, missing[0], _SOME_KEY)
        before = len(self._own.calls)
        performed = self._own.perform(action, parameters)
        if action == "CreateTable" and self._is_first(parameters["TableName"]) and performed.error is not None:
            described = self._own.perform("DescribeTable", {"TableName": parameters["TableName"]}).result or {}
            performed = Performed({"TableDescription": described["Table"]}, None, EMPTY, ())
        IMPORTED.calls += [(_being_imported(), call) for call in self._own.calls[before:]]
        item = self._anything()
        if item is not None and action in _READS and not _found(performed):  # in a table that the import has created
            return Performed(_all_of([item], parameters, _tables(parameters)), None, EMPTY, ())
        return performed

    def _is_first(self, table: str) -> bool:
        """Whether a table, even a declared one, is new to a moto that a module has started."""
        first = table not in self._created
        self._created.add(table)
        return first and users_moto_is_active()

    def _answered_as_empty(self, action: str, parameters: Mapping[str, Any], missing: Sequence[str]) -> Performed:
        item = self._anything()
        if item is not None and action in _READS:
            return Performed(_all_of([item], parameters, missing), None, EMPTY, ())
        place = next((site for site in sites(sys._getframe(1)) if is_of_the_handler(site)), None)
        text = (
            f"{action} of {', '.join(missing)} while importing"
            + (f" {_shown(place)}" if place else "")
            + ": no model declares that table; answered as empty, and nothing is stored"
        )
        key = parameters.get("Key")
        names = ", ".join(f'"{one}"' for one in key) if isinstance(key, Mapping) else '"<its key>"'
        IMPORTED.notes.append(Note(_being_imported(), text, f'Table("{missing[0]}", {names})'))
        name = parameters.get("TableName")
        if isinstance(name, str) and "Key" in parameters:
            return self._performed_on_unknown(action, parameters, name, parameters["Key"])
        return Performed(_all_of([], parameters, missing), None, EMPTY, ())

    def _performed_on_unknown(
        self, action: str, parameters: Mapping[str, Any], name: str, key: Mapping[str, Any]
    ) -> Performed:
        if not self._unknown.has_table(name):
            self._unknown.perform("CreateTable", _table_with(name, key))
        return self._unknown.perform(action, parameters)


def _note_thread(function: Callable[..., Any]) -> None:
    if isinstance(thread := getattr(function, "__self__", None), Thread):
        place = next((site for site in sites(sys._getframe(1)) if is_of_the_handler(site)), None)
        IMPORTED.threads[thread] = place, _being_imported()


def _found(performed: Performed) -> bool:
    result = performed.result or {}
    batches = result.get("Responses") or ()
    found = batches.values() if isinstance(batches, Mapping) else batches
    return performed.error is not None or bool(result.get("Item") or result.get("Items") or any(found))


def _all_of(items: Sequence[Any], parameters: Mapping[str, Any], tables: Sequence[str]) -> dict[str, Any]:
    """What says of every kind of call that these items are in the tables; a caller reads what is of its own."""
    each = {"Item": items[0]} if items else {}
    of_transaction = [each for _ in parameters.get("TransactItems") or ()]
    return {
        **each,
        "Items": list(items),
        "Count": len(items),
        "ScannedCount": len(items),
        "Responses": of_transaction or {one: list(items) for one in tables},
        "UnprocessedItems": {},
        "UnprocessedKeys": {},
    }


def _table_with(name: str, key: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "TableName": name,
        "AttributeDefinitions": [
            {"AttributeName": one, "AttributeType": next(iter(value))} for one, value in key.items()
        ],
        "KeySchema": [
            {"AttributeName": one, "KeyType": kind} for one, kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def _tables(parameters: Mapping[str, Any]) -> list[str]:
    """The names of the tables that a call is about."""
    named = [parameters.get("TableName"), *(parameters.get("RequestItems") or ())]
    named += [next(iter(one.values())).get("TableName") for one in parameters.get("TransactItems") or ()]
    return list(dict.fromkeys(one.rpartition("/")[2] for one in named if isinstance(one, str)))


def _being_imported() -> frozenset[str]:
    """The modules whose code is being executed for the first time."""
    names: set[str] = set()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            names.add(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return frozenset(names)


def _shown(place: Site) -> str:
    return f"{os.path.relpath(place.file)}:{place.line}"
