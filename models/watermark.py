"""Record how far a pipeline has come, which must never go backwards.

The race: workers that have finished 7 and 10 both read the stored watermark, 10 is written, and then a slower 7 is
written over it.  What closes it is a write that is conditional on the stored value being below the new one.

Source: MystenLabs/sui#18945.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, StoredItems, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[str, int]


class Watermarks:
    """What the handlers should do: 200 if the watermark moved up, 204 if it was there already."""

    def state_of(self, items: StoredItems) -> State:
        """Watermark by pipeline id."""
        return {item["pipeline_id"]: item["reached"] for item in items["Watermarks"]}

    def step(self, state: State, request: Request) -> tuple[State, int]:
        """Record one checkpoint."""
        pipeline_id, checkpoint = request.values["pipeline_id"], request.values["checkpoint"]
        if pipeline_id in state and state[pipeline_id] >= checkpoint:
            return state, 204
        return {**state, pipeline_id: checkpoint}, 200


class _OneWatermark(Model):
    """What both have in common."""

    tables = (Table("Watermarks", "pipeline_id"),)
    items = {"Watermarks": [{"pipeline_id": "p1", "reached": 5}]}
    principals = ("worker",)
    reference = Watermarks()


class ReadThenAdvance(_OneWatermark):
    """Racy: compares with the stored watermark, then writes the new one over whatever is there by now."""

    @handler(pipeline_id=["p1"], checkpoint=[7, 10])
    def advance(self, principal: str, pipeline_id: str, checkpoint: int) -> int:
        """Record that everything up to a checkpoint is done."""
        key = {"pipeline_id": {"S": pipeline_id}}
        watermark = dynamodb.get_item(TableName="Watermarks", Key=key, ConsistentRead=True).get("Item")
        if watermark is not None and int(watermark["reached"]["N"]) >= checkpoint:
            return 204
        dynamodb.put_item(TableName="Watermarks", Item={**key, "reached": {"N": str(checkpoint)}})
        return 200


class AdvanceIfAhead(_OneWatermark):
    """Fixed: the write itself compares."""

    @handler(pipeline_id=["p1"], checkpoint=[7, 10])
    def advance(self, principal: str, pipeline_id: str, checkpoint: int) -> int:
        """Record that everything up to a checkpoint is done."""
        try:
            dynamodb.put_item(
                TableName="Watermarks",
                Item={"pipeline_id": {"S": pipeline_id}, "reached": {"N": str(checkpoint)}},
                ConditionExpression="attribute_not_exists(pipeline_id) OR reached < :checkpoint",
                ExpressionAttributeValues={":checkpoint": {"N": str(checkpoint)}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 204
        return 200
