"""Which process serves a request, and what becomes of a process that cannot go on."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections import UserDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from process_groups import living, nobody_left

import toctou
from toctou import Model, Request, StopReason, Table, Verdict, handler, real_time
from toctou.checking.check import check
from toctou.client.backends import backend_named
from toctou.declaration.isolation import check_isolation, isolation_of
from toctou.declaration.loading import named
from toctou.declaration.scenario import Scenario
from toctou.errors import BadInput, InternalError, ModelError, ServiceCrashed
from toctou.execution import isolation, own_process
from toctou.execution import kept_memory as module
from toctou.execution import laboratory as laboratory_module
from toctou.execution.kept_memory import may_separate, memory_kept, remember_separated, separated_before
from toctou.execution.laboratory import Laboratory
from toctou.gate.zygote import Zygote
from toctou.history.operation import Execution
from toctou.history.schedule import Choice, Schedule
from toctou.scheduling import data_files
from toctou.scheduling.runner import Limits, Runner
from toctou.scheduling.strategies.replay import Replay
from toctou.scheduling.strategies.strategy import Step
from toctou.search.options import Options

dynamodb = boto3.client("dynamodb", region_name="us-east-1")
NOTE: dict[str, Any] = {"TableName": "Notes", "Key": {"note_id": {"S": "n1"}}}
QUICK = Limits(seconds=1.0)

memory: dict[str, Any] = {}
unseen: UserDict[str, Any] = UserDict()
"""Contents of a library's object are not inspected."""


class OfNotes(Model):
    tables = (Table("Notes", "note_id"),)
    items = {"Notes": [{"note_id": "n1", "n": 0}]}
    principals = ("alice",)


def add() -> None:
    dynamodb.update_item(**NOTE, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})


def read() -> dict[str, Any]:
    item: dict[str, Any] = dynamodb.get_item(**NOTE, ConsistentRead=True)["Item"]
    return item


class Telling(OfNotes):
    """Each handler tells which process it runs in."""

    @handler
    def keep_nothing(self, principal: str) -> tuple[int, int]:
        add()
        return 200, os.getpid()

    @handler
    def keep_something(self, principal: str) -> tuple[int, int]:
        add()
        memory["left"] = memory.get("left", 0) + 1
        return 200, os.getpid()

    @handler
    def call_twice(self, principal: str) -> tuple[int, int]:
        add()
        add()
        return 200, os.getpid()

    @handler
    def ignore_the_end(self, principal: str) -> tuple[int, int]:
        try:
            add()
            add()
        except BaseException:
            time.sleep(0)
        return 200, os.getpid()


@contextmanager
def laboratory_of(
    model: type[Model], isolation: str = "processes", limits: Limits = QUICK, backend: str = "embedded"
) -> Iterator[Laboratory]:
    with closing(backend_named(backend)) as opened, Laboratory(model, opened, limits, isolation).opened() as laboratory:
        yield laboratory


class Until:
    """Gives the execution up after so many steps."""

    fair = False

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def begin(self) -> None:
        """Nothing is kept."""

    def choose(self, enabled: Sequence[int]) -> int | None:
        self._steps -= 1
        return enabled[0] if self._steps >= 0 else None

    def performed(self, chosen: int, step: Step) -> None:
        """Nothing is learned."""

    def pick(self, *_: Any) -> int:
        return 0


def executed(laboratory: Laboratory, handlers: Sequence[str], steps: Iterable[int]) -> Execution:
    """What comes of requests whose steps have this order."""
    strategy = Replay(Schedule(tuple(map(Choice, steps))))
    strategy.begin()
    execution = laboratory.execute(Scenario(tuple(Request("alice", one) for one in handlers)), strategy, afresh=True)
    assert execution is not None
    return execution


def told(execution: Execution) -> list[int]:
    return [int(one.body) for one in execution.responses]


def served_by(laboratory: Laboratory, *handlers: str, calls: int = 1) -> list[int]:
    """The processes of requests that run one after the other, or what else they tell."""
    return told(executed(laboratory, handlers, [at for at in range(len(handlers)) for _ in range(calls)]))


def test_every_request_of_an_execution_has_a_process_of_its_own():
    with laboratory_of(Telling) as laboratory:
        pids = told(executed(laboratory, ["call_twice"] * 2, (0, 1, 0, 1)))
    assert len({os.getpid(), *pids}) == 3


def test_a_process_that_kept_nothing_serves_again():
    with laboratory_of(Telling) as laboratory:
        first = served_by(laboratory, "keep_nothing")
        assert served_by(laboratory, "keep_nothing") == first


class OfASet(OfNotes):
    @handler
    def tell_order(self, principal: str) -> tuple[int, int]:
        add()
        with ThreadPoolExecutor() as workers:
            futures = [workers.submit(int) for _ in range(3)]
            wait(futures)
            order = [futures.index(one) for one in as_completed(futures)]  # which are done, and so come from a set
        return 200, int("".join(map(str, order)))


def test_sets_of_threads_and_futures_are_in_the_same_order_when_a_process_serves_again():
    with laboratory_of(OfASet) as laboratory:
        first = served_by(laboratory, "tell_order")
        assert [served_by(laboratory, "tell_order") for _ in range(3)] == [first] * 3


def test_a_process_that_kept_something_is_replaced():
    with laboratory_of(Telling) as laboratory:
        pids = [served_by(laboratory, "keep_something")[0] for _ in range(3)]
        assert len(set(pids)) == 3
        assert not memory


def test_nobody_serves_twice_once_processes_are_used_once():
    with laboratory_of(Telling) as laboratory:
        before = served_by(laboratory, "keep_nothing")
        assert laboratory.isolate() is True
        assert laboratory.isolate() is False, "it is so already"
        pids = [*served_by(laboratory, "keep_nothing"), *served_by(laboratory, "keep_nothing")]
        assert len({*before, *pids}) == 3


def test_without_processes_there_is_nothing_to_use_once():
    with laboratory_of(Telling, "memory") as laboratory:
        assert laboratory.isolate() is False
        assert laboratory.separate("whatever") is False
        assert served_by(laboratory, "keep_nothing") == [os.getpid()]


def test_requests_that_are_separated_have_the_memory_of_the_beginning():
    memory.clear()
    with laboratory_of(Telling, "auto") as laboratory:
        assert served_by(laboratory, "keep_something") == [os.getpid()]
        assert memory == {"left": 1}
        assert laboratory.separate("it was seen") is True
        assert (laboratory.isolated, laboratory.because) == (True, "it was seen")
        assert laboratory.separate("again") is False
        assert served_by(laboratory, "keep_something") != [os.getpid()]
        assert memory == {"left": 1}
    memory.clear()


def test_executions_that_are_given_up_leave_processes_that_serve():
    scenario = Scenario((Request("alice", "call_twice"), Request("alice", "ignore_the_end")))
    with laboratory_of(Telling) as laboratory:
        before = served_by(laboratory, "call_twice", calls=2)
        for steps in (1, 1, 2, 3):
            assert laboratory.execute(scenario, Until(steps), afresh=True) is None
        assert served_by(laboratory, "call_twice", calls=2) == before, "nothing was left in memory"
        assert len(set(told(executed(laboratory, ["call_twice"] * 2, (0, 1, 0, 1))))) == 2


class SlowToGiveUp(OfNotes):
    @handler
    def clean_up(self, principal: str) -> tuple[int, int]:
        try:
            add()
            add()
        except BaseException:
            real_time.sleep(1.2)
            raise
        return 200, os.getpid()


def test_a_slow_clean_up_is_no_silence_of_the_next_request(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(laboratory_module, "SHORT_SECONDS", 0.6)
    scenario = Scenario((Request("alice", "clean_up"),))
    with laboratory_of(SlowToGiveUp, "auto") as laboratory:
        assert laboratory.separate("tested")
        assert laboratory.execute(scenario, Until(1), afresh=True) is None  # type: ignore[arg-type]
        assert served_by(laboratory, "clean_up", calls=2)


def test_nobody_is_left_when_the_laboratory_is_closed():
    with laboratory_of(Telling) as laboratory:
        served_by(laboratory, "keep_nothing", "keep_something")
        zygote, _ = module._KEPT[Telling]
        group = os.getpgid(zygote._pid)
        assert group != os.getpgid(0)
        assert laboratory.execute(Scenario((Request("alice", "call_twice"),) * 2), Until(3), afresh=True) is None
        assert len(living(group)) >= 2, "the one that forks, and one that serves"
    assert nobody_left(group)


def model_of(function: Callable[..., Any], **pools: Any) -> type[Model]:
    return type(function.__name__.title(), (OfNotes,), {"fail": handler(**pools)(function), "__module__": __name__})


def exits(principal: str) -> int:
    add()
    os._exit(3)


def loops(principal: str) -> int:
    add()
    while True:
        pass


def ok(principal: str) -> int:
    add()
    return 200


def test_an_argument_that_cannot_be_sent_is_named():
    def use(principal: str, what: Any) -> int:
        add()
        return 200

    model = model_of(use, what=[threading.Lock()])
    result = toctou.check(model, isolation="processes", confirm=False)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "an argument of request A cannot be sent to another process" in result.detail
    assert "--isolation memory" in result.detail
    assert toctou.check(model, isolation="memory", confirm=False).verdict is Verdict.VERIFIED


def test_parameters_that_cannot_be_sent_are_named(monkeypatch: pytest.MonkeyPatch):
    """A client sends plain values only, so that it takes a client that does not."""

    def use(principal: str) -> int:
        monkeypatch.setattr(
            own_process,
            "Waiting",
            lambda *_: SimpleNamespace(held=[SimpleNamespace(action="UpdateItem", parameters=threading.Lock())]),
        )
        add()
        return 200

    result = toctou.check(model_of(use), isolation="processes", confirm=False)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "a parameter of UpdateItem of request A cannot be sent to another process" in result.detail


def test_a_response_that_cannot_be_compared_is_a_fault_of_the_model():
    def use(principal: str) -> tuple[int, Any]:
        add()
        return 200, threading.Lock()

    with pytest.raises(ModelError, match="of which nothing can be compared"):
        toctou.check(model_of(use), isolation="processes", confirm=False)


def test_a_setup_that_fails_is_a_fault_of_the_model():
    def setup(_: Model) -> None:
        raise LookupError("nothing to set up")

    with pytest.raises(ModelError, match="nothing to set up"):
        toctou.check(type("M", (model_of(ok),), {"setup": setup, "__module__": __name__}), isolation="processes")


def test_a_process_that_ends_is_a_doubt_and_the_run_goes_on():
    run = check([named(model_of(exits)), named(model_of(ok))], Options(isolation="processes", confirm=False))
    ended, other = run.models
    assert (ended.verdict, ended.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SERVICE_CRASHED)
    assert "the process of request A has ended before it answered" in ended.detail
    assert other.verdict is Verdict.VERIFIED


def test_an_endless_handler_is_a_doubt_in_time_and_the_run_goes_on():
    options = Options(isolation="processes", confirm=False, limits=QUICK)
    silent, other = check([named(model_of(loops)), named(model_of(ok))], options).models
    assert (silent.verdict, silent.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SILENT_HANDLER)
    assert "reached no scheduling point for 1 s" in silent.detail
    assert "in loops" in silent.detail
    assert other.verdict is Verdict.VERIFIED


def test_a_process_that_does_not_say_that_it_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """Such as one that is stuck in C."""

    us, overdue = os.getpid(), Runner._overdue
    monkeypatch.setattr(Runner, "_overdue", lambda self, frame: os.getpid() == us and overdue(self, frame))

    monkeypatch.setattr(isolation, "_GRACE", 0.5)
    result = toctou.check(model_of(loops), isolation="processes", confirm=False, limits=QUICK)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.SILENT_HANDLER)
    assert "the process of request A neither called DynamoDB nor answered" in result.detail


def remembers_unseen(principal: str) -> int:
    if "looked" not in unseen:
        unseen["looked"] = read()
    add()
    return 200


def test_what_does_not_repeat_is_run_again_in_processes_that_serve_once(monkeypatch: pytest.MonkeyPatch):
    """A cache that cannot be seen lets the second request of a process call less."""
    unseen.clear()
    forked: list[bool] = []
    fork = Zygote.fork
    monkeypatch.setattr(Zygote, "fork", lambda self: forked.append(True) or fork(self))
    result = toctou.check(model_of(remembers_unseen), isolation="processes", confirm=False, every_step=True)
    assert result.verdict is Verdict.VERIFIED, result.detail
    assert {one.longest for one in result.scenarios} == {2, 4}, "every request looks it up for itself"
    assert len(forked) > 4
    assert not unseen


class Remembered(OfNotes):
    @handler
    def tell(self, principal: str) -> tuple[int, int]:
        add()
        return 200, memory.get("left", 0)


class AlsoRemembered(Remembered):
    pass


def test_kept_memory_is_of_the_moment_it_was_kept():
    memory.clear()
    with memory_kept([Remembered]):
        memory["left"] = 7
        with laboratory_of(Remembered) as laboratory:
            assert served_by(laboratory, "tell") == [0]
            with memory_kept([Remembered]):  # which is kept already
                assert served_by(laboratory, "tell") == [0]
            assert served_by(laboratory, "tell") == [0]
    with laboratory_of(Remembered) as laboratory:
        assert served_by(laboratory, "tell") == [7], "it is kept no longer"
    memory.clear()


def test_each_model_finds_the_memory_that_was_kept_for_it():
    memory.clear()
    with memory_kept([Remembered]):
        memory["left"] = 7
        with memory_kept([AlsoRemembered, Remembered]):
            memory["left"] = 8
            for model, expected in ((Remembered, 0), (AlsoRemembered, 7)):
                with laboratory_of(model) as laboratory:
                    assert served_by(laboratory, "tell") == [expected]
        with laboratory_of(AlsoRemembered) as laboratory:
            assert served_by(laboratory, "tell") == [8]
        with laboratory_of(Remembered) as laboratory:
            assert served_by(laboratory, "tell") == [0]
    memory.clear()


def memory_that_lasts() -> None:
    """Let the memory of a model be kept after a check."""
    memory.clear()
    with memory_kept([Remembered]):
        remember_separated(Remembered, "tested")


def test_memory_that_lasts_is_not_given_up_while_it_is_used():
    memory_that_lasts()
    with laboratory_of(Remembered) as laboratory:
        memory["left"] = 7
        with laboratory_of(Remembered) as other:
            assert served_by(other, "tell") == [0]
        assert served_by(laboratory, "tell") == [0]
    assert separated_before(Remembered)
    with laboratory_of(Remembered) as laboratory:
        assert not separated_before(Remembered), "what has changed in between is to be checked"
        assert served_by(laboratory, "tell") == [7]
    memory.clear()


def test_memory_that_lasts_is_not_that_of_a_process_which_is_forked():
    memory_that_lasts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads may run
        child = os.fork()
    if child == 0:
        status = 1
        with suppress(Exception), laboratory_of(Remembered) as laboratory:
            status = 0 if served_by(laboratory, "tell") == [0] else 2
        os._exit(status)
    assert os.waitpid(child, 0) == (child, 0)
    with laboratory_of(Remembered) as laboratory:
        assert separated_before(Remembered)
        assert served_by(laboratory, "tell") == [0]


def test_what_was_explored_in_memory_is_confirmed_without_its_leftovers():
    """A cache that the first requests have filled, in the process that later forks those that confirm."""
    memory.clear()
    result = toctou.check(model_of(adds_to_cached))
    assert result.verdict is Verdict.VIOLATED
    violations = [each for one in result.scenarios for each in one.violations]
    assert {each.confirmed_on for each in violations} == {"moto"}
    assert all(each.execution.isolated for each in violations)
    memory.clear()


def adds_to_cached(principal: str) -> int:
    if "note" not in memory:
        memory["note"] = read()
    count = int(memory["note"]["n"]["N"])
    dynamodb.put_item(TableName="Notes", Item={"note_id": {"S": "n1"}, "n": {"N": str(count + 1)}})
    return 200


def test_files_that_a_process_reads_are_noted_here(tmp_path: Path):
    path = tmp_path / "limit.txt"
    path.write_text("3")

    def reads(principal: str) -> int:
        add()
        return 200 if path.read_text() == "3" else 409

    with laboratory_of(model_of(reads)) as laboratory:
        assert str(path) not in data_files.noted()
        executed(laboratory, ["fail"], [0])
        assert data_files.noted()[str(path)] == data_files.digest(str(path))


@pytest.mark.parametrize(
    ("declared", "asked", "chosen"),
    [
        ("auto", "auto", "auto"),
        ("auto", "memory", "memory"),
        ("auto", "processes", "processes"),
        ("memory", "auto", "memory"),
        ("memory", "processes", "processes"),
        ("processes", "auto", "processes"),
        ("processes", "memory", "memory"),
    ],
)
def test_what_is_asked_for_counts_more_than_what_is_declared(declared: Any, asked: str, chosen: str):
    model = type("M", (OfNotes,), {"isolation": declared})
    assert isolation_of(model, asked) == chosen
    assert may_separate(model, asked) is (chosen != "memory")


def test_where_nothing_can_be_forked_processes_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "fork")
    assert isolation_of(OfNotes, "auto") == "auto"
    with pytest.raises(BadInput, match="processes cannot be forked here"):
        isolation_of(OfNotes, "processes")


def test_where_nothing_can_be_forked_requests_stay_in_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CAN_FORK", False)
    monkeypatch.setattr("toctou.execution.laboratory.CAN_FORK", False)
    with memory_kept([Telling]), laboratory_of(Telling, "auto") as laboratory:
        assert served_by(laboratory, "keep_nothing") == [os.getpid()]
        assert laboratory.separate("it was seen") is False


@pytest.mark.parametrize("wrong", ["process", "", "MEMORY"])
def test_another_isolation_is_refused(wrong: str):
    with pytest.raises(BadInput, match="one of auto, memory, processes"):
        check_isolation(wrong)
    with pytest.raises(BadInput, match="one of auto, memory, processes"):
        Options(isolation=wrong)
    with pytest.raises(ModelError, match="isolation"):
        toctou.check(type("M", (Telling,), {"isolation": wrong, "__module__": __name__}))


def test_a_zygote_that_was_killed_is_a_fault_that_is_told():
    with laboratory_of(Telling) as laboratory:
        zygote, _ = module._KEPT[Telling]
        os.kill(zygote._pid, signal.SIGKILL)
        with pytest.raises((InternalError, ServiceCrashed)):
            [served_by(laboratory, "keep_something") for _ in range(5)]  # it is gone by the first one, or soon after
