"""A Lambda function behind an HTTP API: orders that are placed once per idempotency key, cancelled, and handed over."""

from uuid import uuid4

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

orders = boto3.resource("dynamodb", region_name="us-east-1").Table("Orders")
idempotency = IdempotencyConfig(expires_after_seconds=3600)
app = APIGatewayHttpResolver()


def caller():
    return app.current_event.request_context.authorizer.jwt_claim["sub"]


@idempotent_function(
    data_keyword_argument="key", persistence_store=DynamoDBPersistenceLayer("Idempotency"), config=idempotency
)
def place(*, key, owner, item):
    order = {"id": str(uuid4()), "owner": owner, "item": item}
    orders.put_item(Item=order)
    return order


@app.post("/orders")
def place_order():
    event = app.current_event
    try:
        key = f"{caller()}/{event.headers['idempotency-key']}"
        return place(key=key, owner=caller(), item=event.json_body["item"]), 201
    except IdempotencyAlreadyInProgressError:
        return {"message": "this order is being placed"}, 409


@app.delete("/orders/<order_id>")
def cancel_order(order_id):
    order = orders.get_item(Key={"id": order_id}, ConsistentRead=True).get("Item")
    if order is None:
        return Response(404)
    if order["owner"] != caller():
        return Response(403)
    orders.delete_item(Key={"id": order_id})
    return Response(204)


@app.put("/orders/<order_id>/owner")
def hand_over(order_id):
    try:
        orders.update_item(
            Key={"id": order_id},
            UpdateExpression="SET #owner = :to",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": app.current_event.json_body["to"], ":caller": caller()},
        )
    except orders.meta.client.exceptions.ConditionalCheckFailedException:
        return Response(403)
    return Response(204)


def lambda_handler(event, context):
    idempotency.register_lambda_context(context)
    return app.resolve(event, context)
