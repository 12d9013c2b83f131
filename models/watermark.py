"""Record the progress of a pipeline, which must never decrease.

The race: workers that have finished 7 and 10 both read the stored watermark, 10 is written, and then a slower 7 overwrites
it.  The fix is a write conditional on the stored value being less than the new one.

Source: https://github.com/MystenLabs/sui/issues/18945.
"""

from collections.abc import Mapping

import boto3

from toctou import Model, Request, StoredItems, Table, handler

dynamodb = boto3.client("dynamodb", region_name="us-east-1")

State = Mapping[str, int]


class Watermarks:
    """The specification: 200 if the watermark increased, 204 if it was already reached."""

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
    """The base of both variants."""

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
        # Overwrites a higher watermark that another worker has written since the read.
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
