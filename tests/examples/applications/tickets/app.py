"""A support desk: a FastAPI application with one table, in which a ticket, its tasks and its comments share a partition.

A ticket belongs to whoever has opened it, and is worked on by the agent to whom it is assigned.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, Field

TABLE = os.environ.get("TICKETS_TABLE", "Tickets")
client = boto3.client("dynamodb", region_name=os.environ.get("AWS_REGION", "eu-west-1"))
table = boto3.resource("dynamodb", region_name=os.environ.get("AWS_REGION", "eu-west-1")).Table(TABLE)

app = FastAPI(title="Tickets")


class NewTicket(BaseModel):
    subject: str = Field(min_length=1, max_length=120)


class Text(BaseModel):
    text: str = Field(min_length=1, max_length=2000)


class Assignment(BaseModel):
    to: str = Field(min_length=1)


class Ticket(BaseModel):
    number: int
    subject: str
    opened_by: str
    assignee: str | None = None
    state: str = "open"
    version: int = 1

    @classmethod
    def of(cls, item: dict[str, Any]) -> Ticket:
        return cls(
            number=int(item["PK"].partition("#")[2]), **{key: item[key] for key in cls.model_fields if key in item}
        )


def current_user(authorization: Annotated[str | None, Header()] = None) -> str:
    """The user whom the gateway has let in: it replaces what the browser sends by ``User NAME``."""
    kind, _, name = (authorization or "").partition(" ")
    if kind != "User" or not name:
        raise HTTPException(401, "who are you?")
    return name


User = Annotated[str, Depends(current_user)]


def key(number: int, part: str = "TICKET") -> dict[str, str]:
    return {"PK": f"TICKET#{number}", "SK": part}


def find(number: int) -> dict[str, Any]:
    item = table.get_item(Key=key(number), ConsistentRead=True).get("Item")
    if item is None:
        raise HTTPException(404, f"there is no ticket {number}")
    return item


def find_open(number: int) -> dict[str, Any]:
    item = find(number)
    if item["state"] != "open":
        raise HTTPException(409, "the ticket is closed")
    return item


Found = Annotated[dict[str, Any], Depends(find)]
Open = Annotated[dict[str, Any], Depends(find_open)]


def failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}


@app.post("/tickets", status_code=201)
def open_ticket(new: NewTicket, user: User) -> Ticket:
    """Sound: the counter gives every number once."""
    counter = table.update_item(
        Key={"PK": "COUNTER", "SK": "COUNTER"},
        UpdateExpression="ADD #last :one",
        ExpressionAttributeNames={"#last": "last"},
        ExpressionAttributeValues={":one": Decimal(1)},
        ReturnValues="UPDATED_NEW",
    )
    number = int(counter["Attributes"]["last"])
    item = {**key(number), "subject": new.subject, "opened_by": user, "state": "open", "version": 1}
    table.put_item(Item=item, ConditionExpression=Attr("PK").not_exists())
    return Ticket.of(item)


@app.get("/tickets/{number}")
def get_ticket(item: Found) -> Ticket:
    return Ticket.of(item)


@app.get("/tickets/{number}/history")
def get_history(number: int) -> list[dict[str, str]]:
    rows = table.query(KeyConditionExpression=Key("PK").eq(f"TICKET#{number}"), ConsistentRead=True)["Items"]
    return [{"kind": row["SK"].partition("#")[0], "text": row.get("text", "")} for row in rows]


@app.put("/tickets/{number}/subject")
def rename(number: int, new: NewTicket, user: User, if_match: Annotated[int, Header()]) -> Ticket:
    """Guarded by the version that the caller has seen."""
    try:
        item = table.update_item(
            Key=key(number),
            UpdateExpression="SET subject = :subject, version = version + :one",
            ConditionExpression=Attr("version").eq(if_match) & Attr("opened_by").eq(user),
            ExpressionAttributeValues={":subject": new.subject, ":one": Decimal(1)},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if failed(error):
            raise HTTPException(412, "changed meanwhile, or not yours") from error
        raise
    return Ticket.of(item)


@app.post("/tickets/{number}/claim")
def claim(number: int, user: User) -> Ticket:
    """Guarded: a ticket that nobody has claimed."""
    try:
        item = table.update_item(
            Key=key(number),
            UpdateExpression="SET assignee = :user",
            ConditionExpression=Attr("assignee").not_exists() & Attr("state").eq("open"),
            ExpressionAttributeValues={":user": user},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if failed(error):
            raise HTTPException(409, "claimed already, or closed") from error
        raise
    return Ticket.of(item)


@app.put("/tickets/{number}/assignee")
def reassign(number: int, assignment: Assignment, user: User) -> Ticket:
    """Guarded: by the agent to whom it is assigned at that moment."""
    try:
        item = table.update_item(
            Key=key(number),
            UpdateExpression="SET assignee = :to",
            ConditionExpression=Attr("assignee").eq(user),
            ExpressionAttributeValues={":to": assignment.to},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if failed(error):
            raise HTTPException(403, "not assigned to you") from error
        raise
    return Ticket.of(item)


@app.delete("/tickets/{number}/assignee", status_code=204)
def release(number: int, item: Found, user: User) -> Response:
    """Racy: it may be assigned to another agent by the time of the update, who then loses it."""
    if item.get("assignee") != user:
        raise HTTPException(403, "not assigned to you")
    table.update_item(Key=key(number), UpdateExpression="REMOVE assignee")
    return Response(status_code=204)


@app.post("/tickets/{number}/comments", status_code=201)
def comment(number: int, new: Text, user: User) -> dict[str, str]:
    """Guarded by a transaction: a ticket that is open while the comment is stored."""
    comment_id = str(uuid4())
    still_open = {
        "TableName": TABLE,
        "Key": {name: {"S": value} for name, value in key(number).items()},
        "ConditionExpression": "#state = :open",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":open": {"S": "open"}},
    }
    row = {**key(number, f"COMMENT#{comment_id}"), "text": new.text, "by": user}
    stored = {"TableName": TABLE, "Item": {name: {"S": value} for name, value in row.items()}}
    try:
        client.transact_write_items(TransactItems=[{"ConditionCheck": still_open}, {"Put": stored}])
    except ClientError as error:
        if failed(error):
            raise HTTPException(409, "the ticket is closed") from error
        raise
    return {"id": comment_id}


@app.post("/tickets/{number}/tasks", status_code=201)
def add_task(number: int, item: Open, new: Text, user: User) -> dict[str, str]:
    """Racy: the ticket may be closed by the time the task is stored (and is then closed with a task that is not done)."""
    task_id = str(uuid4())
    table.put_item(
        Item={**key(number, f"TASK#{task_id}"), "text": new.text, "by": user},
        ConditionExpression=Attr("PK").not_exists(),
    )
    return {"id": task_id, "of": item["subject"]}


@app.post("/tickets/{number}/close")
def close(number: int, item: Open, user: User) -> Ticket:
    """Racy with new tasks: that there are none is read before, and nothing guards it."""
    if user not in {item["opened_by"], item.get("assignee")}:
        raise HTTPException(403, "neither yours nor assigned to you")
    tasks = table.query(
        KeyConditionExpression=Key("PK").eq(f"TICKET#{number}") & Key("SK").begins_with("TASK#"),
        ConsistentRead=True,
        Select="COUNT",
    )
    if tasks["Count"]:
        raise HTTPException(422, "there are tasks left")
    try:
        closed = table.update_item(
            Key=key(number),
            UpdateExpression="SET #state = :closed, closed_by = :user",
            ConditionExpression=Attr("version").eq(item["version"]) & Attr("state").eq("open"),
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":closed": "closed", ":user": user},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if failed(error):
            raise HTTPException(409, "changed meanwhile") from error
        raise
    return Ticket.of(closed["Attributes"])
