"""Backends by name."""

from __future__ import annotations

import uuid
from contextlib import closing

import boto3
import pytest
from moto.dynamodb.models import dynamodb_backends
from unscheduled_calls import ALICES, EVENTS, ITEMS

from toctou import Model, Table, check, handler
from toctou.client.backends import backend_named, is_repeatable
from toctou.client.endpoint import EndpointBackend
from toctou.errors import UnsupportedAction


@pytest.mark.parametrize(
    ("name", "window", "repeatable"),
    [("embedded", 1, True), ("embedded", 2, False), ("moto", 1, True), ("endpoint=http://127.0.0.1:1", 1, False)],
)
def test_what_is_said_of_a_backend_is_what_it_is(name: str, window: int, repeatable: bool):
    with closing(backend_named(name, window)) as backend:
        assert backend.repeatable is is_repeatable(name, window) is repeatable


@pytest.mark.parametrize("name", ["embedded", "moto"])
@pytest.mark.parametrize(("action", "table"), [("DeleteTable", "Items"), ("CreateTable", "Others")])
def test_tables_that_a_handler_manages_are_as_before_when_the_items_are_restored(name: str, action: str, table: str):
    parameters = {**ITEMS, "TableName": table} if action == "CreateTable" else {"TableName": table}
    with closing(backend_named(name)) as backend:
        backend.load([ITEMS, EVENTS], {"Items": [ALICES]})
        for _ in range(2):
            with pytest.raises(UnsupportedAction, match=f"{action}, which changed tables"):
                backend.perform(action, parameters)
            backend.restore()
            assert backend.stored() == {"Items": [ALICES], "Events": []}
            assert "Others" not in backend.perform("ListTables", {}).result["TableNames"]


def test_moto_is_asked_nothing_for_tables_that_it_has_had_before_and_holds_what_it_did(monkeypatch: pytest.MonkeyPatch):
    image = {**ALICES, "note": {"S": uuid.uuid4().hex}}
    put = {"TableName": "Items", "Item": {**ALICES, "note": {"S": "later"}}}
    read = {"TableName": "Items"}
    calls: list[str] = []
    call = EndpointBackend._call
    monkeypatch.setattr(EndpointBackend, "_call", lambda self, *asked: calls.append(asked[0]) or call(self, *asked))

    def opened() -> list[object]:
        with closing(backend_named("moto")) as backend:
            backend.load([ITEMS, EVENTS], {"Items": [image]})
            calls.append("loaded")
            found = [backend.stored(), *(backend.perform(one, read) for one in ("DescribeTable", "Scan"))]
            changed = backend.perform("PutItem", put)
            return [*found, changed, backend.stored()]

    first, asked_first = opened(), calls[:]
    calls.clear()
    assert opened() == first
    assert calls[0] == "loaded"
    assert "CreateTable" in asked_first
    backend = backend_named("moto")
    backend.close()
    assert not dynamodb_backends["123456789012"]["il-central-1"].tables


def test_a_table_of_others_that_a_handler_changes_is_never_removed():
    """A check against a server must not cost its owner a table."""
    others = {**ITEMS, "TableName": "Others"}
    with closing(backend_named("moto")) as backend:
        backend.load([ITEMS], {"Items": [ALICES]})
        backend._call("CreateTable", others)
        with pytest.raises(UnsupportedAction, match="UpdateTable, which changed tables"):
            backend.perform("UpdateTable", {"TableName": "Others", "BillingMode": "PAY_PER_REQUEST"})
        backend.restore()
        assert set(backend.perform("ListTables", {}).result["TableNames"]) == {"Items", "Others"}
        backend._call("DeleteTable", {"TableName": "Others"})


dynamodb = boto3.client("dynamodb", region_name="us-east-1")
given: list[tuple[str, ...]] = []


def test_a_request_draws_the_same_numbers_on_every_backend():
    """botocore draws some for each call that it really sends."""

    class Numbered(Model):
        tables = (Table("Notes", "note_id"),)
        items = {"Notes": [{"note_id": "n1"}]}
        principals = ("alice",)

        @handler
        def write(self, principal: str) -> int:
            numbers = []
            for _ in range(2):
                numbers.append(str(uuid.uuid4()))
                dynamodb.put_item(TableName="Notes", Item={"note_id": {"S": "n1"}, "mark": {"S": numbers[-1]}})
            given.append((*numbers, str(uuid.uuid4())))
            return 200

    for backend in ("embedded", "moto"):
        check(Numbered, backend=backend, requests=1)
    assert len(set(given)) == 1
    assert len(set(given[0])) == 3
