"""Which calls to other services do not commute, although their parameters name different things."""

from __future__ import annotations

from typing import Any

import pytest

from toctou.client.service_names import footprint
from toctou.history.footprint import dependent

Call = tuple[str, dict[str, Any]]
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:works"
EVENT = {"Source": "s", "DetailType": "d", "Detail": "{}"}
SENT: Call = "events.PutEvents", {"Entries": [EVENT]}
SENT_TO_ORDERS: Call = "events.PutEvents", {"Entries": [{**EVENT, "EventBusName": "orders"}]}


def conflicting(one: Call, other: Call, *, refused: bool = False) -> bool:
    return dependent(footprint(*one, failed=False), footprint(*other, failed=refused))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("events.RemoveTargets", {"Rule": "r", "Ids": ["1"]}), SENT),
        (("events.DisableRule", {"Name": "r", "EventBusName": "orders"}), SENT_TO_ORDERS),
        (
            ("cognito-idp.SignUp", {"ClientId": "c", "Username": "u", "Password": "p"}),
            ("cognito-idp.AdminGetUser", {"UserPoolId": "p", "Username": "u"}),
        ),
        (("kms.DisableKey", {"KeyId": "1234"}), ("kms.Encrypt", {"KeyId": "alias/mine", "Plaintext": b"x"})),
    ],
    ids=["targets", "rule", "pool", "key"],
)
def test_calls_on_one_thing_by_two_names_conflict(one: Call, other: Call) -> None:
    assert conflicting(one, other)
    assert conflicting(other, one)


def test_rules_of_another_bus_do_not_conflict() -> None:
    assert not conflicting(("events.DisableRule", {"Name": "r", "EventBusName": "orders"}), SENT)


def test_of_two_executions_of_one_name_the_order_matters() -> None:
    first, second = (
        ("stepfunctions.StartExecution", {"stateMachineArn": MACHINE, "name": "o1", "input": one}) for one in "12"
    )
    assert conflicting(first, second, refused=True)
    unnamed: Call = "stepfunctions.StartExecution", {"stateMachineArn": MACHINE, "input": "1"}
    assert not conflicting(unnamed, unnamed)
