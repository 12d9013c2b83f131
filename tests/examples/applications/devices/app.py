"""A registry of devices: an ASGI application (Starlette) over aioboto3, with one table for devices and one for commands.

A device belongs to whoever has registered it.  Devices report to the registry, and fetch commands from it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import wraps
from typing import Any
from uuid import uuid4

import aioboto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DEVICES = os.environ.get("DEVICES_TABLE", "Devices")
COMMANDS = os.environ.get("COMMANDS_TABLE", "Commands")
REGION = os.environ.get("AWS_REGION", "eu-west-1")
MOST_COMMANDS = 2
KEYS = {"alice": "alice-key", "bob": "bob-key"}  # in production, of a secret store

session = aioboto3.Session(region_name=REGION)

Endpoint = Callable[[Request, str], Awaitable[Response]]


def authenticated(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that also gets the name of the caller, who has to know the key of that name."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        name = request.headers.get("x-user", "")
        if not hmac.compare_digest(request.headers.get("x-api-key", ""), KEYS.get(name, "?")):
            raise HTTPException(401)
        return await endpoint(request, name)

    return checked


async def body(request: Request, *required: str) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError as error:
        raise HTTPException(400, "no JSON") from error
    if not isinstance(given, dict) or any(name not in given for name in required):
        raise HTTPException(400, f"expected {', '.join(required)}")
    return given


def failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}


def shown(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["device_id"],
        "owner": item["owner"],
        "settings": {name: str(value) for name, value in item["settings"].items()},
        "version": int(item["version"]),
    }


async def find(devices: Any, device_id: str) -> dict[str, Any]:
    item = (await devices.get_item(Key={"device_id": device_id}, ConsistentRead=True)).get("Item")
    if item is None:
        raise HTTPException(404)
    return dict(item)


async def find_own(devices: Any, device_id: str, user: str) -> dict[str, Any]:
    item = await find(devices, device_id)
    if item["owner"] != user:
        raise HTTPException(403)
    return item


@authenticated
async def register(request: Request, user: str) -> Response:
    """Guarded: a device is registered once."""
    item = {
        "device_id": request.path_params["device_id"],
        "owner": user,
        "settings": {},
        "version": 1,
    }
    async with session.resource("dynamodb") as dynamodb:
        devices = await dynamodb.Table(DEVICES)
        try:
            await devices.put_item(Item=item, ConditionExpression=Attr("device_id").not_exists())
        except ClientError as error:
            if failed(error):
                raise HTTPException(409) from error
            raise
    return JSONResponse(shown(item), 201)


@authenticated
async def get_device(request: Request, user: str) -> Response:
    async with session.resource("dynamodb") as dynamodb:
        item = await find_own(await dynamodb.Table(DEVICES), request.path_params["device_id"], user)
    return JSONResponse(shown(item))


@authenticated
async def remove(request: Request, user: str) -> Response:
    """Racy: it may be another user's device by the time it is deleted."""
    device_id = request.path_params["device_id"]
    async with session.resource("dynamodb") as dynamodb:
        devices = await dynamodb.Table(DEVICES)
        await find_own(devices, device_id, user)
        await devices.delete_item(Key={"device_id": device_id})
    return Response(status_code=204)


@authenticated
async def hand_over(request: Request, user: str) -> Response:
    """Guarded: only the owner's device is handed over."""
    given = await body(request, "to")
    async with session.resource("dynamodb") as dynamodb:
        devices = await dynamodb.Table(DEVICES)
        try:
            answer = await devices.update_item(
                Key={"device_id": request.path_params["device_id"]},
                UpdateExpression="SET #owner = :to, version = version + :one",
                ConditionExpression=Attr("owner").eq(user),
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":to": given["to"], ":one": Decimal(1)},
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if failed(error):
                raise HTTPException(403) from error
            raise
    return JSONResponse(shown(answer["Attributes"]))


@authenticated
async def change_settings(request: Request, user: str) -> Response:
    """Racy: guarded by the version, which reports and acknowledgements do not count, so that what they store is lost."""
    given = await body(request)
    async with session.resource("dynamodb") as dynamodb:
        devices = await dynamodb.Table(DEVICES)
        item = await find_own(devices, request.path_params["device_id"], user)
        changed = {**item, "settings": {**item["settings"], **given}, "version": item["version"] + 1}
        try:
            await devices.put_item(Item=changed, ConditionExpression=Attr("version").eq(item["version"]))
        except ClientError as error:
            if failed(error):
                raise HTTPException(409) from error
            raise
    return JSONResponse(shown(changed))


@authenticated
async def report(request: Request, user: str) -> Response:
    """Racy: a device that has been removed meanwhile is there again, without an owner."""
    given = await body(request, "battery")
    device_id = request.path_params["device_id"]
    async with session.resource("dynamodb") as dynamodb:
        devices = await dynamodb.Table(DEVICES)
        await find_own(devices, device_id, user)
        await devices.update_item(
            Key={"device_id": device_id},
            UpdateExpression="SET battery = :battery",
            ExpressionAttributeValues={":battery": given["battery"]},
        )
    return Response(status_code=204)


@authenticated
async def send_command(request: Request, user: str) -> Response:
    """Racy: two requests may both find room for one more command."""
    given = await body(request, "command")
    device_id = request.path_params["device_id"]
    async with session.resource("dynamodb") as dynamodb:
        devices, commands = await asyncio.gather(dynamodb.Table(DEVICES), dynamodb.Table(COMMANDS))
        waiting = commands.query(
            KeyConditionExpression=Key("device_id").eq(device_id), ConsistentRead=True, Select="COUNT"
        )
        _, found = await asyncio.gather(find_own(devices, device_id, user), waiting)
        if found["Count"] >= MOST_COMMANDS:
            raise HTTPException(422, "the device has to fetch its commands first")
        command = {"device_id": device_id, "command_id": str(uuid4()), "command": given["command"]}
        await commands.put_item(Item=command, ConditionExpression=Attr("command_id").not_exists())
    return JSONResponse({"command": given["command"]}, 202)


@authenticated
async def acknowledge(request: Request, user: str) -> Response:
    """Guarded by a transaction: a command is done once, and counted once."""
    device_id, command_id = request.path_params["device_id"], request.path_params["command_id"]
    done = {
        "TableName": COMMANDS,
        "Key": {"device_id": {"S": device_id}, "command_id": {"S": command_id}},
        "ConditionExpression": "attribute_exists(command_id)",
    }
    counted = {
        "TableName": DEVICES,
        "Key": {"device_id": {"S": device_id}},
        "UpdateExpression": "ADD commands_done :one",
        "ConditionExpression": "#owner = :user",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":user": {"S": user}},
    }
    async with session.client("dynamodb") as client:
        try:
            await client.transact_write_items(TransactItems=[{"Delete": done}, {"Update": counted}])
        except ClientError as error:
            if failed(error):
                raise HTTPException(404) from error
            raise
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/devices/{device_id}", register, methods=["PUT"]),
        Route("/devices/{device_id}", get_device, methods=["GET"]),
        Route("/devices/{device_id}", remove, methods=["DELETE"]),
        Route("/devices/{device_id}/owner", hand_over, methods=["PUT"]),
        Route("/devices/{device_id}/settings", change_settings, methods=["PATCH"]),
        Route("/devices/{device_id}/report", report, methods=["POST"]),
        Route("/devices/{device_id}/commands", send_command, methods=["POST"]),
        Route("/devices/{device_id}/commands/{command_id}", acknowledge, methods=["DELETE"]),
    ]
)
