"""Meeting rooms: a Chalice application behind an authorizer of API Gateway, with one table for bookings and one for rooms.

A booking is one slot of one room.  Whoever has made it may change, move, hand over and cancel it; anybody may see it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from chalice import (
    BadRequestError,
    Chalice,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    Response,
    UnauthorizedError,
)

BOOKINGS = os.environ.get("BOOKINGS_TABLE", "Bookings")
ROOMS = os.environ.get("ROOMS_TABLE", "Rooms")
REGION = os.environ.get("AWS_REGION", "eu-west-1")
SLOTS = {"09:00", "10:00", "11:00", "14:00", "15:00"}
MOST_GUESTS = 8

app = Chalice(app_name="bookings")
app.debug = False

_dynamodb: Any = None


def dynamodb() -> Any:
    """One resource for each container, made by its first request."""
    global _dynamodb
    if _dynamodb is None:
        _dynamodb = boto3.resource("dynamodb", region_name=REGION)
    return _dynamodb


def bookings() -> Any:
    return dynamodb().Table(BOOKINGS)


def rooms() -> Any:
    return dynamodb().Table(ROOMS)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def caller() -> str:
    authorizer = app.current_request.context.get("authorizer") or {}
    subject = (authorizer.get("claims") or {}).get("sub")
    if not subject:
        raise UnauthorizedError("who are you?")
    return str(subject)


def body(*required: str) -> dict[str, Any]:
    given = app.current_request.json_body or {}
    missing = [name for name in required if not given.get(name)]
    if missing:
        raise BadRequestError(f"missing: {', '.join(missing)}")
    return dict(given)


def existing_slot(slot: str) -> str:
    slot = slot.replace("%3A", ":")
    if slot not in SLOTS:
        raise BadRequestError(f"no such slot: {slot}")
    return slot


def find(room: str, slot: str) -> dict[str, Any]:
    item = bookings().get_item(Key={"room": room, "slot": slot}, ConsistentRead=True).get("Item")
    if item is None:
        raise NotFoundError(f"{room} is free at {slot}")
    return dict(item)


def find_own(room: str, slot: str) -> dict[str, Any]:
    item = find(room, slot)
    if item["owner"] != caller():
        raise ForbiddenError("not your booking")
    return item


def shown(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "room": item["room"],
        "slot": item["slot"],
        "owner": item["owner"],
        "title": item.get("title", ""),
        "guests": sorted(item.get("guests", [])),
        "version": int(item.get("version", 0)),
    }


def failed(error: ClientError) -> bool:
    """Whether a condition was not met."""
    return error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}


@app.route("/rooms/{room}/bookings", methods=["GET"])
def list_bookings(room: str) -> dict[str, Any]:
    found = bookings().query(KeyConditionExpression=Key("room").eq(room), ConsistentRead=True)["Items"]
    return {"items": [shown(item) for item in found]}


@app.route("/rooms/{room}/bookings/{slot}", methods=["GET"])
def get_booking(room: str, slot: str) -> dict[str, Any]:
    return shown(find(room, existing_slot(slot)))


@app.route("/rooms/{room}/bookings/{slot}", methods=["PUT"])
def book(room: str, slot: str) -> Response:
    """Guarded: the slot is free, or the put fails."""
    given, slot = body("title"), existing_slot(slot)
    item = {
        "room": room,
        "slot": slot,
        "owner": caller(),
        "title": given["title"],
        "guests": [],
        "version": 1,
        "booked_at": now(),
    }
    try:
        bookings().put_item(Item=item, ConditionExpression=Attr("slot").not_exists())
    except ClientError as error:
        if failed(error):
            raise ConflictError(f"{room} is taken at {slot}") from error
        raise
    return Response(shown(item), status_code=201)


@app.route("/rooms/{room}/bookings/{slot}/title", methods=["PUT"])
def rename(room: str, slot: str) -> dict[str, Any]:
    """Racy: the booking may have another owner by the time of the update, or be gone."""
    given, slot = body("title"), existing_slot(slot)
    find_own(room, slot)
    bookings().update_item(
        Key={"room": room, "slot": slot},
        UpdateExpression="SET title = :title, updated_at = :now",
        ExpressionAttributeValues={":title": given["title"], ":now": now()},
    )
    return {"room": room, "slot": slot, "title": given["title"]}


@app.route("/rooms/{room}/bookings/{slot}", methods=["DELETE"])
def cancel(room: str, slot: str) -> Response:
    """Guarded: only the owner's booking is deleted."""
    try:
        bookings().delete_item(
            Key={"room": room, "slot": existing_slot(slot)}, ConditionExpression=Attr("owner").eq(caller())
        )
    except ClientError as error:
        if failed(error):
            raise ForbiddenError("not your booking") from error
        raise
    return Response(None, status_code=204)


@app.route("/rooms/{room}/bookings/{slot}/owner", methods=["PUT"])
def hand_over(room: str, slot: str) -> dict[str, Any]:
    """Guarded: only the owner's booking is handed over."""
    given, slot = body("to"), existing_slot(slot)
    try:
        bookings().update_item(
            Key={"room": room, "slot": slot},
            UpdateExpression="SET #owner = :to ADD version :one",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": given["to"], ":caller": caller(), ":one": Decimal(1)},
        )
    except ClientError as error:
        if failed(error):
            raise ForbiddenError("not your booking") from error
        raise
    return {"room": room, "slot": slot, "owner": given["to"]}


@app.route("/rooms/{room}/bookings/{slot}/guests", methods=["POST"])
def invite(room: str, slot: str) -> dict[str, Any]:
    """Guarded by the version: whoever comes second is told to try again."""
    given, slot = body("guest"), existing_slot(slot)
    item = find_own(room, slot)
    guests = [*item["guests"], given["guest"]]
    if len(guests) > MOST_GUESTS:
        raise BadRequestError("the room is too small")
    try:
        bookings().update_item(
            Key={"room": room, "slot": slot},
            UpdateExpression="SET guests = :guests, version = :next",
            ConditionExpression=Attr("version").eq(item["version"]),
            ExpressionAttributeValues={":guests": guests, ":next": item["version"] + 1},
        )
    except ClientError as error:
        if failed(error):
            raise ConflictError("changed meanwhile") from error
        raise
    return {"room": room, "slot": slot, "guests": guests}


@app.route("/rooms/{room}/bookings/{slot}/move", methods=["POST"])
def move(room: str, slot: str) -> dict[str, Any]:
    """Racy: guarded by a version, which `rename` and `arrive` do not count, so that what they store meanwhile is lost."""
    given, slot = body("slot"), existing_slot(slot)
    target = existing_slot(given["slot"])
    item = find_own(room, slot)
    moved = {**item, "slot": target, "version": item["version"] + 1}
    table = dynamodb().meta.client
    unchanged = {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": item["version"]},
    }
    free = {"ConditionExpression": "attribute_not_exists(slot)"}
    try:
        table.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": BOOKINGS, "Key": {"room": room, "slot": slot}, **unchanged}},
                {"Put": {"TableName": BOOKINGS, "Item": moved, **free}},
            ]
        )
    except ClientError as error:
        if failed(error):
            raise ConflictError("taken, or changed meanwhile") from error
        raise
    return shown(moved)


@app.route("/rooms/{room}/bookings/{slot}/arrival", methods=["POST"])
def arrive(room: str, slot: str) -> dict[str, Any]:
    """Racy: two arrivals of one booking are both counted for the room."""
    slot = existing_slot(slot)
    item = find_own(room, slot)
    if item.get("arrived_at"):
        raise BadRequestError("you are here already")
    bookings().update_item(
        Key={"room": room, "slot": slot},
        UpdateExpression="SET arrived_at = :now",
        ConditionExpression=Attr("owner").eq(item["owner"]),
        ExpressionAttributeValues={":now": now()},
    )
    answer = rooms().update_item(
        Key={"room": room},
        UpdateExpression="ADD arrivals :one",
        ExpressionAttributeValues={":one": Decimal(1)},
        ReturnValues="UPDATED_NEW",
    )
    return {"room": room, "arrivals": int(answer["Attributes"]["arrivals"])}
