"""A function on AWS Lambda Powertools: its idempotency is sound, and its check before a deletion is not."""

import json
from types import SimpleNamespace

from orders import function

from toctou import Model, Table, handler


def call(method, path, caller, body=None, **headers):
    """What an HTTP API sends to the function."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 3000)
    request = {
        "stage": "$default",
        "http": {"method": method, "path": path},
        "authorizer": {"jwt": {"claims": {"sub": caller}}},
    }
    event = {"version": "2.0", "rawPath": path, "headers": headers, "requestContext": request, "body": json.dumps(body)}
    return function.lambda_handler(event, context)


class Orders(Model):
    """Placing an order is safe to repeat; cancelling one is not safe while it is handed over."""

    tables = [Table("Idempotency", "id"), Table("Orders", "id")]
    items = {"Orders": [{"id": "o1", "owner": "alice", "item": "book"}]}
    owner = "owner"

    @handler(key=["k1"])
    def place_order(self, principal, key):
        return call("POST", "/orders", principal, {"item": "book"}, **{"idempotency-key": key})

    @handler(order_id=["o1"])
    def cancel_order(self, principal, order_id):
        return call("DELETE", f"/orders/{order_id}", principal)

    @handler(order_id=["o1"], to=["bob"], principals=["alice"])
    def hand_over(self, principal, order_id, to):
        return call("PUT", f"/orders/{order_id}/owner", principal, {"to": to})
