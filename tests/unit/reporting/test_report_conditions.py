"""What the timeline says of the conditions of a step, whatever a handler sent."""

import pytest

from toctou.reporting.expressions import conditions

ASKS = {
    "ConditionExpression": "#v = :v",
    "ExpressionAttributeNames": {"#v": "version"},
    "ExpressionAttributeValues": {":v": {"N": "1"}},
}
TWO = {"TransactItems": [{"Put": {"TableName": "T"}}, {"Update": ASKS}, {"Delete": ASKS}]}


def refused(code, *reasons):
    return {"code": code, "message": "", "fields": {"CancellationReasons": [{"Code": one} for one in reasons]}}


@pytest.mark.parametrize(
    ("parameters", "error", "told"),
    [
        ({}, None, ""),
        (ASKS, None, "condition: version = 1 held"),
        (ASKS, refused("ConditionalCheckFailedException"), "condition: version = 1 failed"),
        (ASKS, refused("ThrottlingException"), "condition: version = 1"),
        (TWO, None, "conditions: version = 1 held; version = 1 held"),
        (
            TWO,
            refused("TransactionCanceledException", "None", "ConditionalCheckFailed", "None"),
            "conditions: version = 1 failed; version = 1 held",
        ),
        (
            TWO,
            refused("TransactionCanceledException", "None", "TransactionConflict", "None"),
            "conditions: version = 1; version = 1",
        ),
        (TWO, refused("TransactionCanceledException"), "conditions: version = 1; version = 1"),
        ({"ConditionExpression": 5}, None, ""),
        ({"TransactItems": ["x", {"Put": 1}]}, None, ""),
    ],
)
def test_what_a_condition_asked_and_whether_it_held(parameters, error, told):
    assert conditions({"parameters": parameters, "error": error}) == told
