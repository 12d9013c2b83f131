"""Random ``CreateTable`` and ``UpdateTable``, valid and invalid."""

from __future__ import annotations

import copy
from typing import Any

from dynamodb_requests import Request
from dynamodb_schemas import Table, random_tables
from hypothesis import strategies as st

SPARE = "spare"
_THROUGHPUT = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
_INDEX = {
    "IndexName": "another",
    "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


@st.composite
def creations(draw: Any) -> Request:
    """A ``CreateTable`` of the spare table, more often than not with something wrong in it."""
    table: Table = draw(random_tables(SPARE))
    parameters = copy.deepcopy(table.create())
    for _ in range(draw(st.integers(0, 2))):
        _spoil(draw, parameters)
    return "CreateTable", parameters


def _spoil(draw: Any, parameters: dict[str, Any]) -> None:  # noqa: C901, PLR0912  a list of things to spoil
    indexes = parameters.get("GlobalSecondaryIndexes", []) + parameters.get("LocalSecondaryIndexes", [])
    keyed = draw(st.sampled_from([parameters, *indexes]))
    match draw(st.integers(0, 14)):
        case 0:
            parameters["TableName"] = draw(st.sampled_from(("ab", "a;b", "x" * 256)))
        case 1:
            keyed["KeySchema"] = keyed["KeySchema"][::-1]
        case 2:
            keyed["KeySchema"].append({"AttributeName": "n", "KeyType": "RANGE"})
        case 3:
            keyed["KeySchema"][0]["AttributeName"] = draw(st.sampled_from(("nowhere", "pk")))
        case 4:
            keyed["KeySchema"][0]["KeyType"] = draw(st.sampled_from(("RANGE", "X")))
        case 5:
            parameters["AttributeDefinitions"].append({"AttributeName": "more", "AttributeType": "S"})
        case 6 if parameters["AttributeDefinitions"]:
            parameters["AttributeDefinitions"].pop()
        case 7 if parameters["AttributeDefinitions"]:
            parameters["AttributeDefinitions"][0]["AttributeType"] = draw(st.sampled_from(("SS", "X")))
        case 8:
            parameters["BillingMode"] = draw(st.sampled_from(("PROVISIONED", "X")))
        case 9:
            parameters["ProvisionedThroughput"] = dict(_THROUGHPUT)
        case 10:
            parameters[draw(st.sampled_from(("GlobalSecondaryIndexes", "LocalSecondaryIndexes")))] = []
        case 11 if indexes:
            draw(st.sampled_from(indexes))["Projection"] = draw(
                st.sampled_from(
                    (
                        {},
                        {"ProjectionType": "X"},
                        {"ProjectionType": "ALL", "NonKeyAttributes": ["z"]},
                        {"ProjectionType": "INCLUDE"},
                    )
                )
            )
        case 12 if indexes:
            draw(st.sampled_from(indexes))["IndexName"] = draw(st.sampled_from(("ab", "a;b", "by_0")))
        case 13 if parameters.get("GlobalSecondaryIndexes"):
            parameters["GlobalSecondaryIndexes"].append(copy.deepcopy(parameters["GlobalSecondaryIndexes"][0]))
        case _:
            parameters["TableName"] = SPARE


def updates() -> st.SearchStrategy[Request]:
    """An ``UpdateTable`` of the spare table: valid ones that DynamoDB Local completes at once, and wrong ones."""
    return st.sampled_from(
        (
            {},
            {"BillingMode": "PROVISIONED"},
            {"BillingMode": "X"},
            {"ProvisionedThroughput": _THROUGHPUT},
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": _THROUGHPUT},
            {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": _THROUGHPUT},
            {"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1}},
            {"GlobalSecondaryIndexUpdates": []},
            {"GlobalSecondaryIndexUpdates": [{}]},
            {"GlobalSecondaryIndexUpdates": [{"Create": _INDEX}]},
            {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "nowhere"}}]},
            {
                "GlobalSecondaryIndexUpdates": [
                    {"Update": {"IndexName": "nowhere", "ProvisionedThroughput": _THROUGHPUT}}
                ]
            },
            {"GlobalSecondaryIndexUpdates": [{"Create": {**_INDEX, "IndexName": "x"}}]},
            {"GlobalSecondaryIndexUpdates": [{"Create": {**_INDEX, "Projection": {}}}]},
        )
    ).map(lambda change: ("UpdateTable", {"TableName": SPARE, **change}))
