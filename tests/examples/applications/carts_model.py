"""Shopping carts, a Flask application that asks for signed tokens."""

from carts.app import app as carts
from carts.tokens import issue

from toctou import Model, Table, route

KEYS = {"Carts": "cart_id", "Stock": "article", "Coupons": "code", "Orders": "order_id"}
CART = {"state": "open", "lines": {"mug": 1}, "version": 1}


def signed(principal):
    return {"Authorization": f"Bearer {issue(principal)}"}


class Carts(Model):
    """A cart of each user, one mug, and one coupon that is left."""

    app = carts
    headers = signed
    tables = [Table(name, key) for name, key in KEYS.items()]
    items = {
        "Carts": [{"cart_id": "c1", "user": "alice", **CART}, {"cart_id": "c2", "user": "bob", **CART}],
        "Stock": [{"article": "mug", "pieces": 1}],
        "Coupons": [{"code": "MAY", "left": 1, "percent": 10}],
    }
    owner = "user"

    create_cart = route("POST /carts")
    get_cart = route("GET /carts/{cart_id}", cart_id=["c1"], read_only=True)
    add_pieces = route("POST /carts/{cart_id}/lines/mug", cart_id=["c1"])
    set_pieces = route("PUT /carts/{cart_id}/lines/mug", body={"pieces": 2}, cart_id=["c1"])
    discard_cart = route("DELETE /carts/{cart_id}", cart_id=["c1"])
    give_away = route("PUT /carts/{cart_id}/user", body={"to": "bob"}, cart_id=["c1"], principals=["alice"])
    redeem = route("POST /carts/{cart_id}/coupons/MAY", cart_id=["c1", "c2"])
    order = route("POST /carts/{cart_id}/order", cart_id=["c1", "c2"])
