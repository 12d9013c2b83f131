"""The items of models/axum, served by Node and the AWS SDK for JavaScript; a transfer reads two items concurrently.

The order of the two reads is explored too.  npm installs the SDK outside the source tree, once.

Source: https://cwe.mitre.org/data/definitions/367.html; the ownership check before a delete, an update and a transfer.
"""

from models.axum import items
from toctou import Service, Table


def variant(name: str) -> Service:
    """The service in one of its variants."""
    return Service(
        command=["node", "server.cjs", name, "{port}"],
        build=[
            ["cp", "package.json", "package-lock.json", "{cache}"],
            ["npm", "ci", "--prefix", "{cache}", "--ignore-scripts", "--no-audit", "--no-fund"],
        ],
        environment={"NODE_PATH": "{cache}/node_modules"},
        headers={"Authorization": "Bearer {principal}"},
    )


class RacyItems(items.RacyItems):
    """Racy: every route reads the item, decides, and acts in a second call."""

    service = variant("racy")
    tables = [*items.RacyItems.tables, Table("Members", "member_id")]
    items = {**items.RacyItems.items, "Members": [{"member_id": "alice"}, {"member_id": "bob"}]}


class FixedItems(RacyItems):
    """Fixed: the call or transaction that acts is conditional on everything its route relies on."""

    service = variant("fixed")
