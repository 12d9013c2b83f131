"""Reserve the next free wheelchair of a station; reservations are numbered 1, 2, 3, …

The race: two requests count the reservations, both take the next number, and the second put overwrites the first one's
reservation: both were told that they have the same wheelchair.  What closes it is a put that is conditional on
attribute_not_exists; whoever comes second is told 409.

Source: Brian0615/cne_wheelchair_reservations#249.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, Response, StoredItems, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[tuple[str, int], str]


class NumberedReservations:
    """What the handlers should do: everyone gets a number of their own, without gaps."""

    def state_of(self, items: StoredItems) -> State:
        """Who holds which number at which station."""
        return {(one["station_id"], one["chair"]): one["user_id"] for one in items["Reservations"]}

    def step(self, state: State, request: Request) -> tuple[State, Response]:
        """Make one reservation."""
        station_id = request.values["station_id"]
        chair = sum(station == station_id for station, _ in state) + 1
        return {**state, (station_id, chair): request.principal}, Response(200, chair)


def next_number(station_id: str) -> int:
    """One more than there are reservations."""
    reservations = dynamodb.query(
        TableName="Reservations",
        KeyConditionExpression="station_id = :station",
        ExpressionAttributeValues={":station": {"S": station_id}},
        Select="COUNT",
        ConsistentRead=True,
    )
    return reservations["Count"] + 1


class NumberedByCount(Model):
    """Racy: counts the reservations, then puts under the next number whatever is there by now."""

    tables = (Table("Reservations", "station_id", "chair:N"),)
    owner = "user_id"
    reference = NumberedReservations()

    @handler(station_id=["s1"])
    def reserve(self, principal: str, station_id: str) -> int | tuple[int, int]:
        """Reserve a wheelchair for the caller; the answer is its number."""
        chair = next_number(station_id)
        dynamodb.put_item(
            TableName="Reservations",
            Item={"station_id": {"S": station_id}, "chair": {"N": str(chair)}, "user_id": {"S": principal}},
        )
        return 200, chair


class NumberedIfFree(Model):
    """Fixed: puts under the next number only if nobody has taken it."""

    tables = (Table("Reservations", "station_id", "chair:N"),)
    owner = "user_id"
    reference = NumberedReservations()

    @handler(station_id=["s1"])
    def reserve(self, principal: str, station_id: str) -> int | tuple[int, int]:
        """Reserve a wheelchair for the caller; the answer is its number."""
        chair = next_number(station_id)
        try:
            dynamodb.put_item(
                TableName="Reservations",
                Item={"station_id": {"S": station_id}, "chair": {"N": str(chair)}, "user_id": {"S": principal}},
                ConditionExpression="attribute_not_exists(station_id)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 409
        return 200, chair
