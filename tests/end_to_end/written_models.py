"""Files as users of the command write them, good and bad."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


HEAD = """
import boto3
from toctou import Model, Table, handler

notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")


class OfNotes(Model):
    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{"note_id": "n1", "count": 0}]}
    principals = ("alice",)
"""

FIXED = (
    HEAD
    + '''

class Fixed(OfNotes):
    """Adds within the service."""

    @handler()
    def increment(self, principal):
        notes.update_item(
            Key={"note_id": "n1"},
            UpdateExpression="ADD #count :one",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": 1},
        )
        return 204
'''
)

RACY = (
    HEAD
    + '''

class Racy(OfNotes):
    """Reads, then writes."""

    @handler()
    def increment(self, principal):
        note = notes.get_item(Key={"note_id": "n1"})["Item"]
        notes.put_item(Item={**note, "count": note["count"] + 1})
        return 204
'''
)

NEVER_WRITES = (
    HEAD
    + '''

class NeverWrites(OfNotes):
    """Refuses everybody."""

    @handler()
    def increment(self, principal):
        return 403
'''
)
