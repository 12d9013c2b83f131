"""Shopping carts: a Flask application with tables for carts, stock, coupons and orders.

A cart belongs to a user.  Its lines are numbers of pieces by article; what is ordered is taken from stock.
"""

from __future__ import annotations

import os
from decimal import Decimal
from functools import wraps
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError
from flask import Flask, abort, g, jsonify, request

from carts.tokens import InvalidToken, subject_of

CARTS = os.environ.get("CARTS_TABLE", "Carts")
STOCK = os.environ.get("STOCK_TABLE", "Stock")
COUPONS = os.environ.get("COUPONS_TABLE", "Coupons")
ORDERS = os.environ.get("ORDERS_TABLE", "Orders")
MOST_PIECES = 99

dynamodb = boto3.resource("dynamodb", region_name=os.environ.get("AWS_REGION", "eu-central-1"))
carts = dynamodb.Table(CARTS)
stock = dynamodb.Table(STOCK)
coupons = dynamodb.Table(COUPONS)
client = dynamodb.meta.client


def authenticated(view):
    """Let in who has a token, and remember who that is."""

    @wraps(view)
    def checked(*args, **kwargs):
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            abort(401)
        try:
            g.user = subject_of(token)
        except InvalidToken:
            abort(401)
        return view(*args, **kwargs)

    return checked


def find(cart_id: str) -> dict[str, Any]:
    """The caller's cart."""
    cart = carts.get_item(Key={"cart_id": cart_id}, ConsistentRead=True).get("Item")
    if cart is None:
        abort(404)
    if cart["user"] != g.user:
        abort(403)
    return cart


def pieces() -> int:
    """How many pieces the body asks for."""
    number = (request.get_json(silent=True) or {}).get("pieces", 1)
    if not isinstance(number, int) or not 1 <= number <= MOST_PIECES:
        abort(400)
    return number


def condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}


def shown(cart: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": cart["cart_id"],
        "state": cart["state"],
        "lines": {article: int(number) for article, number in sorted(cart["lines"].items())},
        "discount": int(cart.get("discount", 0)),
    }


def create_app() -> Flask:
    app = Flask("carts")

    @app.errorhandler(400)
    @app.errorhandler(401)
    @app.errorhandler(403)
    @app.errorhandler(404)
    @app.errorhandler(409)
    def answer(error):
        return jsonify(error=error.name), error.code

    @app.post("/carts")
    @authenticated
    def create_cart():
        """Sound: nobody else knows the identifier."""
        cart = {"cart_id": str(uuid4()), "user": g.user, "state": "open", "lines": {}, "version": 1}
        carts.put_item(Item=cart)
        return jsonify(shown(cart)), 201

    @app.get("/carts/<cart_id>")
    @authenticated
    def get_cart(cart_id):
        return jsonify(shown(find(cart_id)))

    @app.post("/carts/<cart_id>/lines/<article>")
    @authenticated
    def add_pieces(cart_id, article):
        """Racy: all lines are written back, so that what another request has added meanwhile is lost."""
        number = pieces()
        cart = find(cart_id)
        if cart["state"] != "open":
            abort(409)
        lines = dict(cart["lines"])
        lines[article] = lines.get(article, 0) + number
        carts.update_item(
            Key={"cart_id": cart_id},
            UpdateExpression="SET #lines = :lines",
            ConditionExpression="attribute_exists(cart_id)",
            ExpressionAttributeNames={"#lines": "lines"},
            ExpressionAttributeValues={":lines": lines},
        )
        return jsonify(shown({**cart, "lines": lines}))

    @app.put("/carts/<cart_id>/lines/<article>")
    @authenticated
    def set_pieces(cart_id, article):
        """Guarded: one line of an open cart that is still the caller's."""
        number = pieces()
        try:
            cart = carts.update_item(
                Key={"cart_id": cart_id},
                UpdateExpression="SET #lines.#article = :number",
                ConditionExpression="#user = :user AND #state = :open",
                ExpressionAttributeNames={
                    "#lines": "lines",
                    "#article": article,
                    "#user": "user",
                    "#state": "state",
                },
                ExpressionAttributeValues={":number": number, ":user": g.user, ":open": "open"},
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except ClientError as error:
            if condition_failed(error):
                abort(409)
            raise
        return jsonify(shown(cart))

    @app.delete("/carts/<cart_id>")
    @authenticated
    def discard_cart(cart_id):
        """Racy: the cart may be another user's by the time it is deleted, or ordered."""
        if find(cart_id)["state"] != "open":
            abort(409)
        carts.delete_item(Key={"cart_id": cart_id})
        return "", 204

    @app.put("/carts/<cart_id>/user")
    @authenticated
    def give_away(cart_id):
        """Guarded: the cart is the caller's while it is given away."""
        to = (request.get_json(silent=True) or {}).get("to")
        if not to:
            abort(400)
        try:
            carts.update_item(
                Key={"cart_id": cart_id},
                UpdateExpression="SET #user = :to",
                ConditionExpression="#user = :user",
                ExpressionAttributeNames={"#user": "user"},
                ExpressionAttributeValues={":to": to, ":user": g.user},
            )
        except ClientError as error:
            if condition_failed(error):
                abort(403)
            raise
        return "", 204

    @app.post("/carts/<cart_id>/coupons/<code>")
    @authenticated
    def redeem(cart_id, code):
        """Racy: a coupon that is left once may be redeemed twice, since how many are left is read before."""
        cart = find(cart_id)
        coupon = coupons.get_item(Key={"code": code}, ConsistentRead=True).get("Item")
        if coupon is None:
            abort(404)
        if coupon["left"] < 1 or "discount" in cart:
            abort(409)
        coupons.update_item(
            Key={"code": code},
            UpdateExpression="SET #left = #left - :one",
            ExpressionAttributeNames={"#left": "left"},
            ExpressionAttributeValues={":one": Decimal(1)},
        )
        try:
            carts.update_item(
                Key={"cart_id": cart_id},
                UpdateExpression="SET discount = :percent",
                ConditionExpression="#user = :user AND attribute_not_exists(discount)",
                ExpressionAttributeNames={"#user": "user"},
                ExpressionAttributeValues={":percent": coupon["percent"], ":user": g.user},
            )
        except ClientError as error:
            if condition_failed(error):
                abort(409)
            raise
        return jsonify(discount=int(coupon["percent"]))

    @app.post("/carts/<cart_id>/order")
    @authenticated
    def order(cart_id):
        """Guarded by a transaction: the lines that were read become an order, and are taken from stock, once."""
        cart = find(cart_id)
        if cart["state"] != "open" or not cart["lines"]:
            abort(409)
        order_id = f"order-of-{cart_id}"
        ordered = {"order_id": order_id, "user": g.user, "lines": cart["lines"]}
        same = "#user = :user AND #state = :open AND #lines = :lines"
        closed = {
            "TableName": CARTS,
            "Key": {"cart_id": cart_id},
            "UpdateExpression": "SET #state = :ordered",
            "ConditionExpression": same,
            "ExpressionAttributeNames": {"#user": "user", "#state": "state", "#lines": "lines"},
            "ExpressionAttributeValues": {
                ":user": g.user,
                ":open": "open",
                ":ordered": "ordered",
                ":lines": cart["lines"],
            },
        }
        taken = [
            {
                "Update": {
                    "TableName": STOCK,
                    "Key": {"article": article},
                    "UpdateExpression": "SET pieces = pieces - :number",
                    "ConditionExpression": "pieces >= :number",
                    "ExpressionAttributeValues": {":number": number},
                }
            }
            for article, number in cart["lines"].items()
        ]
        try:
            client.transact_write_items(
                TransactItems=[{"Update": closed}, {"Put": {"TableName": ORDERS, "Item": ordered}}, *taken]
            )
        except ClientError as error:
            if condition_failed(error):
                abort(409)
            raise
        return jsonify(id=order_id), 201

    return app


app = create_app()
