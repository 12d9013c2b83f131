"""Reserve the next free wheelchair of a station; reservations are numbered 1, 2, 3, …

The race: two requests count the reservations, both take the next number, and the second put overwrites the first one's
reservation: both users have the same wheelchair.  The fix is a put conditional on attribute_not_exists; the second request
returns 409.

Source: https://github.com/Brian0615/cne_wheelchair_reservations/issues/249.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, Response, StoredItems, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[tuple[str, int], str]


class NumberedReservations:
    """The specification: every reservation gets its own number, without gaps."""

    def state_of(self, items: StoredItems) -> State:
        """The user by station and number."""
        return {(one["station_id"], one["chair"]): one["user_id"] for one in items["Reservations"]}

    def step(self, state: State, request: Request) -> tuple[State, Response]:
        """Make one reservation."""
        station_id = request.values["station_id"]
        chair = sum(station == station_id for station, _ in state) + 1
        return {**state, (station_id, chair): request.principal}, Response(200, chair)


def next_number(station_id: str) -> int:
    """The number of reservations plus one."""
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
        """Reserve a wheelchair for the caller, and return its number."""
        chair = next_number(station_id)
        # Overwrites a reservation made since the count.
        dynamodb.put_item(
            TableName="Reservations",
            Item={"station_id": {"S": station_id}, "chair": {"N": str(chair)}, "user_id": {"S": principal}},
        )
        return 200, chair


class NumberedIfFree(Model):
    """Fixed: puts under the next number only if it is free."""

    tables = (Table("Reservations", "station_id", "chair:N"),)
    owner = "user_id"
    reference = NumberedReservations()

    @handler(station_id=["s1"])
    def reserve(self, principal: str, station_id: str) -> int | tuple[int, int]:
        """Reserve a wheelchair for the caller, and return its number."""
        chair = next_number(station_id)
        try:
            dynamodb.put_item(
                TableName="Reservations",
                Item={"station_id": {"S": station_id}, "chair": {"N": str(chair)}, "user_id": {"S": principal}},
                # Any key attribute will do: it exists exactly if the item with this key does.
                ConditionExpression="attribute_not_exists(station_id)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 409
        return 200, chair
