"""Backends that are reached through boto3: moto in this process, or any DynamoDB-compatible URL.

They do not report what an operation changed, so the items that a write names are read after it and compared with their state
before.  That is sound because nothing else runs meanwhile, and it makes a second backend independent of the first: images,
results and errors come from other code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from toctou.client.backend import UNASKED, CreateTable, Performed
from toctou.client.embedded import refused_declaration
from toctou.client.seam import call_service
from toctou.client.service_descriptions import shared_loader
from toctou.client.unlogged import unlogged
from toctou.engine import LARGE, Kind, Schema, actions_of, footprint
from toctou.engine.values import item_size
from toctou.errors import TargetError, UnsupportedAction
from toctou.history.item import Change, Image, ItemId
from toctou.history.operation import ErrorResponse
from toctou.scheduling.choices import Choices

_WRITES = actions_of(Kind.WRITES)
_MANAGES = actions_of(Kind.MANAGES)


class EndpointBackend:
    """Performs operations on the DynamoDB at a URL."""

    repeatable = False  # others may use it

    def __init__(self, url: str, client: BaseClient | None = None) -> None:
        """``client``: one that sends to the URL, if there is one."""
        self.name = f"endpoint={url}"
        self._client = client or client_of(url)
        self._schemas: dict[str, Schema] = {}
        self._initial: dict[str, dict[ItemId, Image]] = {}
        self._described: dict[str, Any] = {}  # each table with the initial items
        self._now: dict[ItemId, Image | None] = {}  # items that may differ from the initial ones
        self._loaded: tuple[Sequence[CreateTable], Mapping[str, Sequence[Image]]] = (), {}
        self._managed = False  # whether a handler has created, changed or deleted a table
        # Tables that a handler has created.  Only these and the model's are ever removed: others may use the endpoint too.
        self._created: set[str] = set()

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`; tables of the same name are replaced."""
        self._remove_tables()
        self._schemas = {}
        self._loaded = tables, items
        for table in tables:
            self._replace_table(table)
        for name, images in items.items():
            for image in images:
                self._declare("PutItem", {"TableName": name, "Item": image}, f"item {image!r} of table {name!r}")
        self._initial = {name: self._scan(name) for name in self._schemas}
        self._described = {name: self._call("DescribeTable", {"TableName": name})["Table"] for name in self._schemas}
        self._now = {}

    def restore(self) -> None:
        """See :class:`Backend`."""
        if self._managed:
            self.load(*self._loaded)
        self._now = {}
        for name, initial in self._initial.items():
            now = self._scan(name)
            # Only differences are written: creating the tables again would take far longer.
            for item in now.keys() - initial.keys():
                self._call("DeleteItem", {"TableName": name, "Key": self._key(name, now[item])})
            for item, image in initial.items():
                if now.get(item) != image:
                    self._call("PutItem", {"TableName": name, "Item": image})

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:  # noqa: ARG002
        """See :class:`Backend`."""
        result = error = None
        try:
            result = self._call(action, parameters)
            if action in _MANAGES:
                self._managed = True
                if action == "CreateTable":
                    self._created.add(parameters["TableName"])
            if "Table" in result:  # the service would not count the items again; see EmbeddedBackend
                result["Table"] = self._described.get(result["Table"]["TableName"], result["Table"])
        except ClientError as refused:
            error = _error(refused)
            if error.code in ("UnknownOperationException", "501"):
                raise _unsupported(action, self.name) from refused
        except NotImplementedError as missing:
            raise _unsupported(action, self.name) from missing
        changes = tuple(self._changes(parameters)) if action in _WRITES else ()
        code = error.code if error else None
        touched = footprint(
            action,
            parameters,
            self._schemas,
            result=result,
            error_code=code,
            changes=changes,
            large=self._large,
        )
        return Performed(result, error, touched, changes)

    def _large(self) -> Iterator[tuple[ItemId, Image]]:
        stored = {item: image for images in self._initial.values() for item, image in images.items()} | self._now
        yield from ((item, image) for item, image in stored.items() if image and item_size(image) > LARGE)

    def _changes(self, parameters: Mapping[str, Any]) -> Iterator[Change]:
        for item, key in self._named(parameters):
            before = self._now[item] if item in self._now else self._initial[item.table].get(item)
            after = self._now[item] = self._read(item.table, key)
            if before != after:
                yield Change(item, before, after)

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`."""
        return {name: list(self._scan(name).values()) for name in self._schemas}

    def close(self) -> None:
        """Remove the tables."""
        self._remove_tables()
        self._client.close()

    def _remove_tables(self) -> None:
        for name in self._schemas.keys() | self._created:
            with contextlib.suppress(ClientError):
                self._call("DeleteTable", {"TableName": name})
        self._managed, self._created = False, set()

    def _replace_table(self, table: CreateTable) -> None:
        name = table["TableName"]
        with contextlib.suppress(ClientError):
            self._call("DeleteTable", {"TableName": name})
        self._declare("CreateTable", table, f"table {name!r}")
        self._schemas[name] = Schema.of(table)
        for _ in range(600):
            if self._call("DescribeTable", {"TableName": name})["Table"]["TableStatus"] == "ACTIVE":
                return

    def _declare(self, action: str, parameters: Mapping[str, Any], what: str) -> None:
        try:
            self._call(action, parameters)
        except ClientError as refused:
            error = _error(refused)
            raise refused_declaration(what, error.code, error.message) from None

    def _call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with unlogged():
                response = call_service(self._client, action, dict(parameters))
        except ClientError:
            raise
        except BotoCoreError as unreachable:
            raise TargetError(
                f"the backend {self.name} did not answer: {unreachable}",
                expected="a DynamoDB-compatible service at that address",
                cause="it is not running, or the address is wrong",
                remedy="start it, or use --backend embedded",
            ) from unreachable
        return {name: value for name, value in response.items() if name != "ResponseMetadata"}

    def _scan(self, name: str) -> dict[ItemId, Image]:
        schema, found = self._schemas[name], {}
        request: dict[str, Any] = {"TableName": name, "ConsistentRead": True}
        while True:
            page = self._call("Scan", request)
            found.update({schema.item_id(image): image for image in page.get("Items", ())})
            if "LastEvaluatedKey" not in page:
                return in_order(found)
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _read(self, name: str, key: Mapping[str, Any]) -> Image | None:
        try:
            response = self._call("GetItem", {"TableName": name, "Key": key, "ConsistentRead": True})
        except ClientError:  # the key does not fit the table: the operation itself will be rejected
            return None
        return cast("Image | None", response.get("Item"))

    def _key(self, name: str, image: Image) -> dict[str, Any]:
        return self._schemas[name].key_part(cast("dict[str, Any]", image))

    def _named(self, parameters: Mapping[str, Any]) -> Iterator[tuple[ItemId, dict[str, Any]]]:
        """Name and key of each item that a write names, each once."""
        seen = set()
        for name, key in self._mentions(parameters):
            try:
                item = self._schemas[name].item_id(key)
            except (KeyError, ValueError):  # the operation will be rejected
                continue
            if item not in seen:
                seen.add(item)
                yield item, key

    def _mentions(self, parameters: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        parts = [next(iter(part.values())) for part in parameters.get("TransactItems", ())]
        for name, requests in parameters.get("RequestItems", {}).items():
            if isinstance(requests, list):
                parts += [{"TableName": name, **next(iter(request.values()))} for request in requests]
        for part in (parameters, *parts):
            name = part.get("TableName")
            if name in self._schemas and ("Key" in part or "Item" in part):
                yield name, self._key(name, part.get("Key") or part["Item"])


def in_order(images: Mapping[ItemId, Image]) -> dict[ItemId, Image]:
    """Items of one table, ordered by key."""
    return dict(sorted(images.items(), key=lambda entry: _order(entry[0])))


def _order(item: ItemId) -> tuple[Any, ...]:
    return tuple(Decimal(value) if kind == "N" else value for kind, value in item.key)


def client_of(url: str, region: str = "us-east-1", **config: Any) -> BaseClient:
    """A client that sends to the URL; ``config`` is botocore's."""
    with unlogged():
        session = botocore.session.get_session()
        session.register_component("data_loader", shared_loader())
        return cast(
            "BaseClient",
            boto3.Session(botocore_session=session).client(
                "dynamodb",
                region_name=region,
                aws_access_key_id="toctou",
                aws_secret_access_key="toctou",  # noqa: S106 - no service that checks it is ever called
                endpoint_url=url,
                # No retries: botocore would repeat a write whose reply was lost.
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, **config),
            ),
        )


def _error(refused: ClientError) -> ErrorResponse:
    response = dict(refused.response)
    error = cast("Mapping[str, str]", response.pop("Error", {}))
    fields = {name: value for name, value in response.items() if name in ("Item", "CancellationReasons")}
    return ErrorResponse(error.get("Code", ""), error.get("Message", ""), fields or None)


def _unsupported(action: str, backend: str) -> UnsupportedAction:
    return UnsupportedAction(f"{action} is not performed by the backend {backend}", remedy="use another backend")
