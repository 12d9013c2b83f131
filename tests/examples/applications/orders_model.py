"""A function on AWS Lambda Powertools behind an HTTP API: its idempotency is sound, its check before a deletion is not."""

from orders.function import lambda_handler

from toctou import Model, Table, claims, route


class Placing(Model):
    """Placing an order is safe to repeat: whoever repeats it gets the same order, or 409 while it is being placed."""

    function = lambda_handler
    api = "http"
    caller = claims("sub")
    tables = [Table("Idempotency", "id"), Table("Orders", "id")]
    items = {"Orders": [{"id": "o1", "owner": "alice", "item": "book"}]}
    owner = "owner"

    place_order = route("POST /orders", body={"item": "book"}, headers={"Idempotency-Key": "{key}"}, key=["k1"])


class Orders(Placing):
    """Cancelling an order is not safe while it is handed over."""

    cancel_order = route("DELETE /orders/{order_id}", order_id=["o1"])
    hand_over = route("PUT /orders/{order_id}/owner", body={"to": "bob"}, order_id=["o1"], principals=["alice"])
