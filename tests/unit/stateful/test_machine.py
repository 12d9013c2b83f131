"""The machine as run by Hypothesis: what it leaves behind, and when it stops."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import UTC, datetime
from unittest import SkipTest

import pytest
from botocore.client import BaseClient
from hypothesis import Phase, seed, settings
from hypothesis.database import InMemoryExampleDatabase

from models.counter import AtomicCounter, ReadModifyWriteCounter
from models.delete_item import ConditionalDelete
from toctou import Model, StoredItems, Table, handler, invariant
from toctou.errors import BadInput, ModelError, OutsideControl
from toctou.stateful import Abandoned, RaceFound, machine

QUICK = settings(max_examples=10, deadline=None, database=None, phases=[Phase.generate])


class Reaching(Model):
    """Opens a file."""

    tables = (Table("Items", "item_id"),)
    examples = 0

    def setup(self) -> None:
        type(self).examples += 1

    @handler()
    def reach(self, principal: str) -> None:
        with open("reached.txt", "w"):
            pass


def run(test_case: type, configured: settings = QUICK) -> None:
    test_case.settings = configured
    test_case("runTest").runTest()


def surroundings() -> tuple[object, ...]:
    return (
        BaseClient._make_api_call,
        os.urandom,
        time.sleep,
        random.getstate(),
        signal.getsignal(signal.SIGALRM),
        signal.getitimer(signal.ITIMER_REAL),
        os.environ.get("AWS_DEFAULT_REGION"),
        os.environ.get("AWS_EC2_METADATA_DISABLED"),
    )


@pytest.mark.parametrize(
    ("model", "outcome"), [(AtomicCounter, None), (ReadModifyWriteCounter, RaceFound), (Reaching, Abandoned)]
)
def test_nothing_is_left_behind_however_an_example_ends(model, outcome):
    before = surroundings()
    if outcome is None:
        run(machine(model).TestCase)
    else:
        with pytest.raises(outcome):
            run(seed(1)(machine(model)).TestCase)
    assert surroundings() == before
    assert abs(datetime.now(tz=UTC).timestamp() - time.time()) < 5
    assert time.time() > 1_767_225_600 + 60  # not the clock of an execution


def test_a_fault_ends_the_test_immediately():
    Reaching.examples = 0
    with pytest.raises(Abandoned) as ended:
        run(machine(Reaching).TestCase, settings(max_examples=50, deadline=None, database=None))
    assert isinstance(ended.value.fault, OutsideControl)
    assert "the file 'reached.txt'" in str(ended.value)
    assert Reaching.examples <= 3


def test_the_examples_of_a_failure_are_stored():
    database = InMemoryExampleDatabase()
    finding = seed(1)(machine(ReadModifyWriteCounter))
    with pytest.raises(RaceFound):
        run(finding.TestCase, settings(database=database, deadline=None, phases=[Phase.generate]))
    again = machine(ReadModifyWriteCounter)
    with pytest.raises(RaceFound):
        run(again.TestCase, settings(database=database, deadline=None, phases=[Phase.reuse]))
    other = machine(ConditionalDelete)
    with pytest.raises(SkipTest):  # Hypothesis's word for a test without examples
        run(other.TestCase, settings(database=database, deadline=None, phases=[Phase.reuse]))


@pytest.mark.parametrize("number", range(5))
def test_health_checks_pass(number):
    run(seed(number)(machine(ConditionalDelete)).TestCase, settings(max_examples=12, deadline=None, database=None))


def test_settings_are_those_that_were_assigned():
    examples = [0]

    class Counting(machine(AtomicCounter)):
        def teardown(self) -> None:
            examples[0] += 1
            super().teardown()

    run(Counting.TestCase, settings(QUICK, max_examples=7))
    assert 7 <= examples[0] <= 10


def test_a_machine_of_another_backend():
    with pytest.raises(RaceFound) as found:
        run(seed(1)(machine(ReadModifyWriteCounter, backend="moto")).TestCase, settings(QUICK, stateful_step_count=30))
    assert found.value.violation.found_on == "moto"
    assert found.value.confirmed().confirmed_on == "embedded"


def test_one_request_at_a_time_shows_no_race():
    run(machine(ReadModifyWriteCounter, requests=1).TestCase)


def test_requests_that_perform_no_operation_are_judged_when_they_have_answered():
    class Silent(Model):
        tables = (Table("Items", "item_id"),)

        @handler()
        def answer(self, principal: str) -> int:
            return 200

        @invariant
        def never(self, items: StoredItems) -> bool:
            return False

    with pytest.raises(RaceFound) as found:
        run(seed(1)(machine(Silent)).TestCase)
    assert found.value.violation.finding.oracle == "never"


def test_bad_input_is_reported_when_the_machine_is_made():
    with pytest.raises(BadInput, match="0 concurrent requests"):
        machine(AtomicCounter, requests=0)
    with pytest.raises(ModelError, match="has no handlers"):
        machine(Model)


def test_the_text_is_complete_without_a_report():
    with pytest.raises(RaceFound) as found:
        run(seed(1)(machine(ReadModifyWriteCounter)).TestCase)
    text = str(found.value)
    assert text.startswith("VIOLATED  models/counter.py:ReadModifyWriteCounter  linearizability")
    assert f"schedule  {found.value.violation.execution.schedule}" in text
