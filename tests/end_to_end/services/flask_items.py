"""A Flask service over the item table, racy and fixed, and its models."""

from __future__ import annotations

import flask
import item_table

from toctou import App, Table


def create(ways):
    app = flask.Flask(__name__)

    def answered(result):
        status, body = result
        return ("", status) if body is None else (body, status)

    def caller():
        return flask.request.headers["X-User"]

    @app.get("/v1/items/<item_id>")
    def get_item(item_id):
        return answered(item_table.get_item(caller(), item_id))

    @app.put("/v1/items/<item_id>")
    def update_item(item_id):
        return answered(ways.update(caller(), item_id, flask.request.json["text"]))

    @app.delete("/v1/items/<item_id>")
    def delete_item(item_id):
        return answered(ways.delete(caller(), item_id))

    @app.post("/v1/items/<item_id>/transfer")
    def transfer(item_id):
        return answered(item_table.transfer(caller(), item_id, flask.request.json["to"]))

    @app.post("/v1/admin/purge")
    def purge():
        return {"error": "administrators only"}, 403

    return app


class Items(App):
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "ITEM#i1", "owner": "alice", "text": "hers"}]}
    owner = "owner"
    document = "items.openapi.yaml"


class RacyItems(Items):
    """Reads the owner, then writes."""

    app = create(item_table.Racy())


class FixedItems(Items):
    """The writes check the owner themselves."""

    app = create(item_table.Fixed())
