"""The default second backend: moto, in this process.

The operations of handlers go through boto3 and all of moto, at five milliseconds a call, and each only once from the same items:
schedules have most of their calls in common, and moto's answer depends on nothing else.  What is stored is looked up, and put
back, where moto keeps it.  So are whole tables, which are created by calls only the first time that a model declares them: a
laboratory is opened for each test of a model, and for each violation that is confirmed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from botocore import UNSIGNED
from botocore.client import BaseClient
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import dynamodb_backends

from toctou.client.backend import UNASKED, CreateTable, Performed
from toctou.client.endpoint import EndpointBackend, client_of, in_order
from toctou.client.users_moto import begins, ends, used_at_import
from toctou.engine import Kind, Schema, actions_of
from toctou.history.item import Image, ItemId
from toctou.scheduling.choices import Choices

# A region that tests are unlikely to use: moto is global to the process, and may hold tables of theirs with the same names.
_REGION = "il-central-1"
_MOST = 10_000
"""Images and outcomes are remembered at most: a random search may go through items without end."""
_ASKED_ONCE = actions_of(Kind.READS, Kind.WRITES, Kind.DESCRIBES)


class _State(NamedTuple):
    """What is stored: ``shown`` differs whenever ``items``, as moto keeps them by table, differ in anything."""

    shown: str
    items: Mapping[str, Any]
    now: Mapping[ItemId, Image | None]


class _Loaded(NamedTuple):
    """Tables and items as they were once loaded: as moto keeps them, and as it has answered for them."""

    tables: Mapping[str, Any]
    schemas: Mapping[str, Schema]
    initial: Mapping[str, dict[ItemId, Image]]
    described: Mapping[str, Any]


_LOADED: dict[str, _Loaded] = {}
_MOST_LOADED = 32
_URL = f"https://dynamodb.{_REGION}.amazonaws.com"


@cache
def _client() -> BaseClient:
    # Signing is an eighth of what a call takes, and moto has all calls that are not signed in one account.
    return client_of(_URL, _REGION, signature_version=UNSIGNED)


class MotoBackend(EndpointBackend):
    """Performs operations on moto's DynamoDB; no socket is opened."""

    repeatable = True

    def __init__(self) -> None:
        begins()
        self._moto = mock_aws()
        self._moto.start(reset=not used_at_import())
        super().__init__(_URL, _client())
        self.name = "moto"
        self._images: dict[str, Image] = {}
        self._outcomes: dict[tuple[str, str, str], tuple[Performed, _State]] = {}
        self._first = self._state = _State("", {}, {})
        self._held: _State | None = None  # by moto; other than the state wherever outcomes were remembered

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`; tables of the same name are replaced."""
        self._first = _State("", {}, {})
        declared = repr((tables, items))
        if (known := _LOADED.get(declared)) is not None:
            self._put_back(known)
            self._loaded = tables, items
        else:
            super().load(tables, items)
            if len(_LOADED) >= _MOST_LOADED:
                _LOADED.clear()
            kept = {name: copy.deepcopy(self._table(name)) for name in self._schemas}
            _LOADED[declared] = _Loaded(kept, dict(self._schemas), dict(self._initial), copy.deepcopy(self._described))
        self._outcomes = {}
        self._first = self._state = self._held = self._stored_now()

    def restore(self) -> None:
        """See :class:`Backend`."""
        if self._managed:
            self.load(*self._loaded)
        self._state = self._first

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """See :class:`Backend`."""
        call = self._state.shown, action, repr(parameters)
        known = self._outcomes.get(call)
        if known is None:
            self._hold(self._state)
            self._held = None  # should the call fail halfway
            performed = super().perform(action, parameters, choices)
            self._held = self._stored_now()
            known = performed, self._held
            if action in _ASKED_ONCE:
                if len(self._outcomes) == _MOST:
                    self._outcomes.clear()
                self._outcomes[call] = known
        performed, self._state = known
        return performed

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`."""
        self._hold(self._state)
        return super().stored()

    def close(self) -> None:
        """Remove the tables, which moto keeps while other code uses it, and undo its patches."""
        self._remove_tables()
        self._moto.stop(remove_data=not used_at_import())
        ends()

    def _put_back(self, known: _Loaded) -> None:
        self._remove_tables()
        self._schemas, self._initial = dict(known.schemas), dict(known.initial)
        self._described, self._now = copy.deepcopy(dict(known.described)), {}
        for name, table in known.tables.items():
            self._store(name).tables[name] = copy.deepcopy(table)

    def _remove_tables(self) -> None:
        for name in self._schemas.keys() & self._described.keys():
            self._store(name).tables.pop(name, None)
            del self._schemas[name]
        super()._remove_tables()  # those that handlers have created, or of which not all could be loaded

    def _hold(self, state: _State) -> None:
        if self._held is not state:
            for name, kept in state.items.items():
                self._table(name).items = copy.deepcopy(kept)  # moto updates items in place
            self._now, self._held = dict(state.now), state

    def _stored_now(self) -> _State:
        items = {name: copy.deepcopy(self._table(name).items) for name in self._initial}
        return _State(repr(items), items, dict(self._now))

    def _scan(self, name: str) -> dict[ItemId, Image]:
        if name not in self._first.items:  # it is being loaded
            return super()._scan(name)
        schema, found = self._schemas[name], {}
        for kept in self._table(name).all_items():
            image = self._image(name, {one: kept.attrs[one].to_regular_json() for one in schema.key_names}, kept)
            found[schema.item_id(image)] = image
        return in_order(found)

    def _read(self, name: str, key: Mapping[str, Any]) -> Image | None:
        if any("B" in value for value in key.values()):
            return super()._read(name, key)  # before moto 5.2 it was kept in base64
        try:
            kept = self._store(name).get_item(name, key)
        except JsonRESTError:  # the key does not fit the table: the operation itself will be rejected
            return None
        return None if kept is None else self._image(name, key, kept)

    def _image(self, name: str, key: Mapping[str, Any], kept: Any) -> Image:
        """What moto answers for an item: asked once, and remembered for all that is kept in the same way."""
        shown = f"{name} {kept!r}"
        image = self._images.get(shown)
        if image is None:
            image = super()._read(name, key)
            assert image is not None  # noqa: S101 - the key is that of what is kept
            if len(self._images) == _MOST:
                self._images.clear()
            self._images[shown] = image
        return image

    def _table(self, name: str) -> Any:
        return self._store(name).get_table(name)

    def _store(self, name: str) -> Any:
        *_, region, account, _ = self._described[name]["TableArn"].split(":")
        return dynamodb_backends[account][region]
