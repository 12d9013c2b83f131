"""The default second backend: moto, in this process.

The operations of handlers go through boto3 and all of moto.  What is stored after each of them, and what was stored at first,
is looked up and put back where moto keeps it: asking for it was two calls of three, at three milliseconds a call.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from botocore import UNSIGNED
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import dynamodb_backends

from toctou.client.backend import CreateTable
from toctou.client.endpoint import EndpointBackend, in_order
from toctou.history.item import Image, ItemId

# A region that tests are unlikely to use: moto is global to the process, and may hold tables of theirs with the same names.
_REGION = "il-central-1"
_IMAGES = 10_000
"""So many are remembered at most: a random search may go through items without end."""


class MotoBackend(EndpointBackend):
    """Performs operations on moto's DynamoDB; no socket is opened."""

    repeatable = True

    def __init__(self) -> None:
        self._moto = mock_aws()
        self._moto.start(reset=True)
        # Signing is an eighth of what a call takes, and moto has all calls that are not signed in one account.
        super().__init__(f"https://dynamodb.{_REGION}.amazonaws.com", _REGION, signature_version=UNSIGNED)
        self.name = "moto"
        self._kept: dict[str, Any] = {}  # of each table, what moto keeps for the initial items
        self._images: dict[str, Image] = {}

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`; tables of the same name are replaced."""
        self._kept = {}
        super().load(tables, items)
        self._kept = {name: copy.deepcopy(self._table(name).items) for name in self._initial}

    def restore(self) -> None:
        """See :class:`Backend`."""
        self._now = {}
        for name, kept in self._kept.items():
            self._table(name).items = copy.deepcopy(kept)  # moto updates items in place

    def close(self) -> None:
        """Remove the tables, which moto keeps while other code uses it, and undo its patches."""
        super().close()
        self._moto.stop()

    def _scan(self, name: str) -> dict[ItemId, Image]:
        if name not in self._kept:  # it is being loaded
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
            if len(self._images) == _IMAGES:
                self._images.clear()
            self._images[shown] = image
        return image

    def _table(self, name: str) -> Any:
        return self._store(name).get_table(name)

    def _store(self, name: str) -> Any:
        *_, region, account, _ = self._described[name]["TableArn"].split(":")
        return dynamodb_backends[account][region]
