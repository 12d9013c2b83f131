"""The references answer as the issue's table of statuses says, and never change a state that they were given."""

from __future__ import annotations

from typing import Any

import pytest

from models.owner_scoped_key import ScopedItems
from models.quota import LimitedTokens
from models.recreated_item import Documents
from models.references import Counter, OwnedItem, OwnedItems
from models.reservation import NumberedReservations
from models.session import Sessions
from models.watermark import Watermarks
from toctou import Request, Response

ALICES = {"i1": OwnedItem("alice", "draft")}


def request(principal: str, handler: str, **arguments: Any) -> Request:
    return Request.of(principal, handler, arguments)


@pytest.mark.parametrize(
    ("reference", "state", "asked", "answer", "after"),
    [
        (OwnedItems(), ALICES, request("alice", "get_item", item_id="i1"), Response(200, "draft"), ALICES),
        (OwnedItems(), ALICES, request("bob", "get_item", item_id="i1"), 403, ALICES),
        (OwnedItems(), ALICES, request("alice", "delete_item", item_id="i2"), 404, ALICES),
        (OwnedItems(), ALICES, request("alice", "delete_item", item_id="i1"), 204, {}),
        (OwnedItems(), ALICES, request("bob", "delete_item", item_id="i1"), 403, ALICES),
        (
            OwnedItems(),
            ALICES,
            request("alice", "update_item", item_id="i1", data="new"),
            200,
            {"i1": OwnedItem("alice", "new")},
        ),
        (
            OwnedItems(),
            ALICES,
            request("alice", "transfer", item_id="i1", to="bob"),
            200,
            {"i1": OwnedItem("bob", "draft")},
        ),
        (Counter(), {"c1": 4}, request("alice", "read", counter_id="c1"), Response(200, 4), {"c1": 4}),
        (Counter(), {"c1": 4}, request("alice", "increment", counter_id="c1"), 204, {"c1": 5}),
        (
            ScopedItems(),
            {("alice", "i1"): "draft"},
            request("alice", "transfer", item_id="i1", to="bob"),
            200,
            {("bob", "i1"): "draft"},
        ),
        (
            ScopedItems(),
            {("alice", "i1"): "draft"},
            request("alice", "transfer", item_id="i1", to="alice"),
            400,
            {("alice", "i1"): "draft"},
        ),
        (
            ScopedItems(),
            {("alice", "i1"): "draft"},
            request("bob", "update_item", item_id="i1", data="new"),
            404,
            {("alice", "i1"): "draft"},
        ),
        (
            LimitedTokens(),
            {("alice", "t1")},
            request("alice", "create_token", token_id="t2"),
            200,
            {("alice", "t1"), ("alice", "t2")},
        ),
        (LimitedTokens(), {("alice", "t1")}, request("alice", "create_token", token_id="t1"), 409, {("alice", "t1")}),
        (
            LimitedTokens(),
            {("alice", "t1"), ("alice", "t2")},
            request("alice", "create_token", token_id="t3"),
            403,
            {("alice", "t1"), ("alice", "t2")},
        ),
        (Documents(), {"d1": "old"}, request("alice", "append", document_id="d1", body="!"), 200, {"d1": "old!"}),
        (Documents(), {}, request("alice", "append", document_id="d1", body="!"), 404, {}),
        (Documents(), {"d1": "old"}, request("alice", "replace", document_id="d1", body="new"), 200, {"d1": "new"}),
        (
            NumberedReservations(),
            {("s1", 1): "alice"},
            request("bob", "reserve", station_id="s1"),
            Response(200, 2),
            {("s1", 1): "alice", ("s1", 2): "bob"},
        ),
        (Sessions(), {"s1": "/"}, request("alice", "visit", session_id="s1", page="/cart"), 200, {"s1": "/cart"}),
        (Sessions(), {"s1": "/"}, request("alice", "log_out", session_id="s1"), 204, {}),
        (Sessions(), {}, request("alice", "visit", session_id="s1", page="/cart"), 404, {}),
        (Sessions(), {}, request("alice", "log_out", session_id="s1"), 204, {}),
        (Watermarks(), {"p1": 5}, request("worker", "advance", pipeline_id="p1", checkpoint=7), 200, {"p1": 7}),
        (Watermarks(), {"p1": 7}, request("worker", "advance", pipeline_id="p1", checkpoint=7), 204, {"p1": 7}),
    ],
    ids=lambda value: str(value) if isinstance(value, Request) else type(value).__name__,
)
def test_one_request(reference: Any, state: Any, asked: Request, answer: Response | int, after: Any) -> None:
    before = type(state)(state)
    assert reference.step(state, asked) == (after, answer)
    assert state == before


def test_the_version_is_not_part_of_what_a_client_can_know() -> None:
    item = {"item_id": "i1", "owner": "alice", "data": "draft"}
    assert OwnedItems().state_of({"Items": [{**item, "version": 1}]}) == OwnedItems().state_of(
        {"Items": [{**item, "version": 2}]}
    )
