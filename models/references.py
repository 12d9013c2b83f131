"""Specifications that several models share; those of a single file are in that file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from toctou import Request, Response, StoredItems


@dataclass(frozen=True)
class OwnedItem:
    """The part of an item that clients can observe."""

    owner: str
    data: str


OwnedItemsState = Mapping[str, OwnedItem]


class OwnedItems:
    """Items that only their owner may read, update, delete or transfer: 404 if there is none, 403 for other users."""

    def state_of(self, items: StoredItems) -> OwnedItemsState:
        """Owner and data of every item by its id; clients do not see versions."""
        return {item["item_id"]: OwnedItem(item["owner"], item["data"]) for item in items["Items"]}

    def step(self, state: OwnedItemsState, request: Request) -> tuple[OwnedItemsState, Response | int]:
        """Serve one request."""
        if request.handler == "list_items":
            return state, Response(200, [name for name, one in state.items() if one.owner == request.principal])
        item_id = request.values["item_id"]
        item = state.get(item_id)
        if item is None:
            return state, 404
        if item.owner != request.principal:
            return state, 403
        match request.handler:
            case "get_item":
                return state, Response(200, item.data)
            case "delete_item":
                return {other: kept for other, kept in state.items() if other != item_id}, 204
            case "update_item":
                return {**state, item_id: replace(item, data=request.values["data"])}, 200
            case "transfer":
                return {**state, item_id: replace(item, owner=request.values["to"])}, 200
            case unknown:
                raise ValueError(f"OwnedItems specifies no handler {unknown}")


CounterState = Mapping[str, int]


class Counter:
    """Counters that increase by one, and that anyone may read."""

    def state_of(self, items: StoredItems) -> CounterState:
        """Value by counter id."""
        return {item["counter_id"]: item["value"] for item in items["Counters"]}

    def step(self, state: CounterState, request: Request) -> tuple[CounterState, Response | int]:
        """Serve one request."""
        counter_id = request.values["counter_id"]
        if request.handler == "read":
            return state, Response(200, state[counter_id])
        return {**state, counter_id: state[counter_id] + 1}, 204
