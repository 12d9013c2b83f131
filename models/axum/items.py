"""Items over HTTP, served by Axum and the AWS SDK for Rust: users read, update, delete and transfer their own items.

The service is in ``src``; ``racy.rs`` checks and then acts, ``fixed.rs`` lets DynamoDB check.  It is built with cargo, once.

Source: https://cwe.mitre.org/data/definitions/367.html; the ownership check before a delete, an update and a transfer.
"""

from models.references import OwnedItems, OwnedItemsState
from toctou import Model, Request, Response, Service, Table, route


class ItemsAsJson(OwnedItems):
    """The same items, shown to clients as JSON."""

    def step(self, state: OwnedItemsState, request: Request) -> tuple[OwnedItemsState, Response | int]:
        """Serve one request."""
        after, response = super().step(state, request)
        return after, Response(200, {"data": response.body}) if isinstance(response, Response) else response


def variant(name: str) -> Service:
    """The service in one of its variants."""
    return Service(
        command=["{cache}/debug/items", name, "127.0.0.1:{port}"],
        build=[["cargo", "build", "--locked", "--target-dir", "{cache}"]],
        headers={"Authorization": "Bearer {principal}"},
    )


class RacyItems(Model):
    """Racy: every route reads the item, decides, and acts in a second call."""

    service = variant("racy")
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "i1", "owner": "alice", "data": "draft", "version": 1}]}
    owner = "owner"
    reference = ItemsAsJson()

    get_item = route("GET /items/{item_id}", item_id=["i1"], read_only=True)
    delete_item = route("DELETE /items/{item_id}", item_id=["i1"])
    update_item = route("PUT /items/{item_id}", body={"data": "{data}"}, item_id=["i1"], data=["edited"])
    transfer = route(
        "POST /items/{item_id}/transfer", body={"to": "{to}"}, item_id=["i1"], to=["alice", "bob"], changes_owner=True
    )


class FixedItems(RacyItems):
    """Fixed: the call that acts is conditional on everything its route relies on."""

    service = variant("fixed")
