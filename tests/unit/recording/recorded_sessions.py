"""A recorded test session with a small table of orders, and its requests performed again, each alone under the checker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from moto import mock_aws

from toctou import Model, Table, handler
from toctou.client.backends import backend_named
from toctou.client.recorded_calls import Called, calls_recorded
from toctou.declaration.scenario import Scenario
from toctou.execution.laboratory import Laboratory
from toctou.history.request import Request, Response
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Requested
from toctou.recording.test_clients import clients_recorded
from toctou.scheduling.control import beginning_at
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies.exhaustive import Exhaustive

ORDERS: Mapping[str, Mapping[str, Any]] = {
    "o1": {"order_id": "o1", "owner": "alice", "state": "open"},
    "o2": {"order_id": "o2", "owner": "bob", "state": "open"},
}


def orders() -> Any:
    return boto3.resource("dynamodb", region_name="eu-west-3").Table("Orders")


@contextmanager
def recorded_session(monkeypatch: Any) -> Iterator[Recorder]:
    """Inside a test that has created the table; its requests begin with what is in :data:`ORDERS`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    recorder = Recorder()
    with mock_aws(), calls_recorded(recorder), recorder.surrounding.watched(), clients_recorded(recorder):
        client = boto3.client("dynamodb", region_name="eu-west-3")
        with suppress(
            client.exceptions.ResourceNotFoundException
        ):  # moto forgets nothing where another test keeps it started
            client.delete_table(TableName="Orders")
        client.create_table(
            TableName="Orders",
            AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for one in ORDERS.values():
            orders().put_item(Item=dict(one))
        recorder.test = "test_orders.py::test_this"
        yield recorder
        recorder.test = ""


def actions(recorder: Recorder, request: Requested | None) -> list[str]:
    """The calls of a request, or of the test itself since its first request."""
    number = None if request is None else request.number
    since = recorder.requests[0].begun if recorder.requests else 0
    return [one.action for one in recorder.log[since:] if isinstance(one, Called) and one.request == number]


def alone(request: Requested, **changed: Any) -> Response:
    """What a recorded request answers when only it runs, with some of its arguments changed."""
    with laboratory_of([{"request": request, "changed": changed}]) as (laboratory, scenario):
        (answer,), _ = laboratory.serial(scenario, [0])
    return answer


def at_once(*requests: Requested) -> set[tuple[int, ...]]:
    """The statuses that recorded requests answer together, in every interleaving of their calls."""
    found, strategy = set(), Exhaustive()
    with laboratory_of([{"request": one, "changed": {}} for one in requests]) as (laboratory, scenario):
        while strategy.begin():
            execution = laboratory.execute(scenario, strategy)
            if execution is not None:
                found.add(tuple(one.status for one in execution.responses))
    return found


@contextmanager
def laboratory_of(performed: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Laboratory, Scenario]]:
    class Recorded(Model):
        principals = ("caller",)
        tables = (Table("Orders", "order_id"),)
        items = {"Orders": [dict(one) for one in ORDERS.values()]}

        @handler(number=list(range(len(performed))))
        def act(self, principal: str, number: int) -> Any:
            request: Requested = performed[number]["request"]
            return request.perform({**request.arguments, **performed[number]["changed"]})

    first = performed[0]["request"]
    requests = tuple(Request("caller", "act", (("number", number),)) for number in range(len(performed)))
    began = int(first.time)  # or a signed cookie would not be valid yet
    with first.surroundings.restored(), beginning_at(began):
        laboratory = Laboratory(Recorded, backend_named("embedded"), Limits())
        with laboratory.opened():
            yield laboratory, Scenario(requests)
