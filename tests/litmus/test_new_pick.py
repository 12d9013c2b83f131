"""A further kind of pick is a declaration and a place that asks: strategies, texts, replays and minimisation follow."""

from __future__ import annotations

from contextlib import closing

import boto3
import pytest
from botocore.exceptions import ClientError

from toctou import Model, Table, check, handler
from toctou.client.backend import UNASKED, Performed
from toctou.client.backends import BACKENDS, backend_named
from toctou.client.embedded import EmbeddedBackend
from toctou.declaration.scenario import Scenario
from toctou.errors import BadInput
from toctou.execution.laboratory import Laboratory
from toctou.execution.replaying import replayed
from toctou.history import picks
from toctou.history.footprint import EMPTY
from toctou.history.operation import ErrorResponse
from toctou.history.picks.pick_kind import PickKind
from toctou.history.schedule import Choice, Schedule, parse_schedule
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies import STRATEGIES

accounts = boto3.resource("dynamodb", region_name="eu-central-1").Table("Accounts")


class Refusing:
    """The embedded backend, which refuses a call where the schedule says so."""

    name = "refusing"
    repeatable = False  # what is refused depends on the schedule

    def __init__(self, kind: PickKind) -> None:
        self._kind = kind
        self._backend = EmbeddedBackend()
        self.load, self.restore = self._backend.load, self._backend.restore
        self.stored, self.close = self._backend.stored, self._backend.close

    def perform(self, action, parameters, choices=UNASKED):
        if choices.pick(self._kind, 2):
            return Performed(None, ErrorResponse("ThrottlingException", "slow down"), EMPTY, ())
        return self._backend.perform(action, parameters)


class Transfers(Model):
    """Takes from one account and gives to another, without undoing the first if the second is refused."""

    tables = [Table("Accounts", "id")]
    items = {"Accounts": [{"id": "a", "n": 1}, {"id": "b", "n": 0}]}
    principals = ["alice"]

    @handler
    def transfer(self, principal):
        try:
            accounts.get_item(Key={"id": "a"})
        except ClientError:
            accounts.get_item(Key={"id": "b"})  # of no consequence
        try:
            for name, change in (("a", -1), ("b", 1)):
                add = {"UpdateExpression": "ADD n :d", "ExpressionAttributeValues": {":d": change}}
                accounts.update_item(Key={"id": name}, **add)
        except ClientError:
            return 503
        return 200


@pytest.fixture(params=[True, False], ids=["an outcome", "not an outcome"])
def kind(request, monkeypatch):
    """Of an operation, or of something that decides which operation a step performs."""
    refused = PickKind("refused", "!", "ways to end", outcome=request.param, weight=1, unconfirmable="it never refuses")
    monkeypatch.setattr(picks, "KINDS", (*picks.KINDS, refused))
    monkeypatch.setitem(BACKENDS, "refusing", lambda: Refusing(refused))
    return refused


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_answers_it_and_the_counterexample_needs_it_once(kind, strategy):
    result = check(Transfers, backend="refusing", strategy=strategy, requests=1)
    (violation,) = [one for one in result.violations if one.finding.oracle == "no_partial_effect"]
    schedule = violation.execution.schedule
    assert str(schedule).startswith("t1:A.A.A!1:")
    assert (schedule.weight, schedule.largest(kind)) == (1, 1)
    assert violation.difference.endswith("it never refuses")
    assert violation.confirmed_on is None


@pytest.mark.parametrize("strategy", ["dpor", "exhaustive", "delay"])
def test_each_answer_is_explored_once(kind, strategy):
    """Refused or not: the read, and then the first update, or the second, or neither; the read again may be refused too."""
    result = check(Transfers, backend="refusing", strategy=strategy, requests=1, confirm=False)
    assert result.schedules == 3 + 3 + 1


def test_its_text_reads_back_and_replays(kind):
    text = str(Schedule((Choice.of(0), Choice.of(0), Choice.of(0, refused=1))))
    with closing(backend_named("refusing")) as backend:
        laboratory = Laboratory(Transfers, backend, Limits())
        with laboratory.opened():
            (request,) = Transfers.requests()
            execution = replayed(laboratory, Scenario((request,)), parse_schedule(text))
    assert [one.error is not None for one in execution.operations] == [False, False, True]
    assert execution.responses[0].status == 503


def test_a_text_with_a_kind_that_is_not_known_is_named(kind, monkeypatch):
    text = str(Schedule((Choice.of(0, refused=1),)))
    monkeypatch.undo()
    with pytest.raises(BadInput, match="'A!1' is not a choice"):
        parse_schedule(text)
