"""The same API as a service in another process, which is asked over HTTP."""

from __future__ import annotations

import sys

from toctou import App, Service, Table


def variant(name: str) -> Service:
    return Service(command=[sys.executable, "flask_service.py", name, "{port}"])


class RacyService(App):
    """Reads the owner, then writes."""

    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "ITEM#i1", "owner": "alice", "text": "hers"}]}
    owner = "owner"
    document = "items.openapi.yaml"
    service = variant("RacyItems")


class FixedService(RacyService):
    """The writes check the owner themselves."""

    service = variant("FixedItems")
