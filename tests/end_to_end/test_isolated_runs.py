"""Runs of the command whose requests have processes of their own, from the option to the test that is written of a finding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from interrupted_runs import timeless, wait_for_lines, wait_until
from process_groups import descendants, ended
from written_models import HEAD, Ended

Command = Callable[..., Ended]

SCHEMAS = Path(__file__).parents[2] / "reports"
CHECKER = Path(__file__).parents[2] / "checker"

GUARDED = (
    HEAD.replace("import boto3", "import threading\n\nimport boto3")
    + '''
busy = threading.Lock()


def count():
    return notes.get_item(Key={"note_id": "n1"}, ConsistentRead=True)["Item"]["count"]


class Guarded(OfNotes):
    """Loses updates of other processes only."""

    @handler()
    def increment(self, principal):
        if not busy.acquire(blocking=False):
            return 429
        try:
            notes.put_item(Item={"note_id": "n1", "count": count() + 1})
            return 204
        finally:
            busy.release()


class Declared(Guarded):
    isolation = "processes"


class Waits(OfNotes):
    """The second request waits for the first one, in one process."""

    @handler()
    def increment(self, principal):
        with busy:
            notes.put_item(Item={"note_id": "n1", "count": count() + 1})
        return 204

'''
)
FIXED_GUARD = GUARDED.replace(
    'notes.put_item(Item={"note_id": "n1", "count": count() + 1})',
    'notes.update_item(Key={"note_id": "n1"}, UpdateExpression="ADD #c :one", ExpressionAttributeNames={"#c": "count"},'
    ' ExpressionAttributeValues={":one": 1})',
)

SLOW = (
    HEAD
    + '''

class Slow(OfNotes):
    """Takes a while, so that there is something to interrupt."""

    @handler(at=range(4))
    def increment(self, principal, at):
        count = notes.get_item(Key={"note_id": "n1"}, ConsistentRead=True)["Item"]["count"]
        notes.put_item(Item={"note_id": "n1", "count": count + at})
        notes.update_item(
            Key={"note_id": "n2"}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1}
        )
        return 204
'''
)
"""In a file of its own, or every test of a whole file would take as long."""


@pytest.fixture
def written(folder: Path) -> Path:
    path = folder / "guarded.py"
    path.write_text(GUARDED)
    return path


@pytest.fixture
def slow(folder: Path) -> str:
    (folder / "slow.py").write_text(SLOW)
    return "slow.py:Slow"


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


def run_of(done: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.out)
    jsonschema.validate(found, schema("run"))
    return found


@pytest.mark.parametrize(
    ("how", "verdict", "isolation"),
    [
        ("Guarded", "VIOLATED", "processes"),
        ("Guarded --isolation auto", "VIOLATED", "processes"),
        ("Guarded --isolation processes", "VIOLATED", "processes"),
        ("Guarded --isolation memory", "INCONCLUSIVE", "memory"),
        ("Declared", "VIOLATED", "processes"),
        ("Declared --isolation memory", "INCONCLUSIVE", "memory"),
        ("Waits --max-step-seconds 2", "VIOLATED", "processes"),
        ("Waits --max-step-seconds 2 --isolation memory", "INCONCLUSIVE", "memory"),
    ],
)
@pytest.mark.usefixtures("written")
def test_where_requests_run_is_asked_for_declared_or_found_out(
    command: Command, how: str, verdict: str, isolation: str
):
    target, *options = how.split()
    done = command("check", f"guarded.py:{target}", "--format", "json", *options)
    (model,) = run_of(done)["models"]
    assert (model["isolation"], model["verdict"]) == (isolation, verdict)


def test_the_covered_scope_and_a_remark_say_where_requests_ran(written: Path, command: Command):
    (model,) = run_of(command("check", "guarded.py:Guarded", "--format", "json"))["models"]
    assert "each request with its own clock and in a process of its own" in model["covered"]
    (remark,) = model["remarks"]
    assert "in a process of its own: " in remark
    assert "`guarded.busy`" in remark
    (in_memory,) = run_of(command("check", "guarded.py:Guarded", "--format", "json", "--isolation", "memory"))["models"]
    assert "process of its own" not in in_memory["covered"]
    assert not in_memory["remarks"]


@pytest.mark.parametrize("wrong", ["process", "forked", ""])
@pytest.mark.parametrize("subcommand", [["check", "guarded.py:Guarded"], ["scan", "--model", "guarded.py:Guarded"]])
def test_another_value_is_bad_input(written: Path, command: Command, subcommand: list[str], wrong: str):
    done = command(*subcommand, "--isolation", wrong)
    assert done.status == 2
    assert "one of auto, memory, processes" in done.err
    assert "Traceback" not in done.err


def test_another_value_in_a_model_is_bad_input(written: Path, command: Command):
    written.write_text(GUARDED.replace('isolation = "processes"', 'isolation = "process"'))
    done = command("check", "guarded.py:Declared")
    assert done.status == 2
    assert "isolation" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("options", [(), ("--isolation", "processes"), ("--isolation", "memory")], ids=str)
def test_two_jobs_find_what_one_does(written: Path, command: Command, options: Sequence[str]):
    """Which is what the test of each model above says."""
    alone, together = (
        run_of(command("check", "guarded.py", "--format", "json", "--jobs", jobs, "--max-step-seconds", "2", *options))
        for jobs in ("1", "2")
    )
    assert timeless(alone) == timeless(together)


@pytest.mark.parametrize("options", [(), ("--isolation", "processes")], ids=str)
def test_a_counterexample_is_replayed_where_it_was_found(written: Path, command: Command, options: Sequence[str]):
    assert command("check", "guarded.py:Guarded", "--report", "reports", *options).status == 1
    (report,) = [one for one in Path("reports").glob("*.json") if one.name != "run.json"]
    document = json.loads(report.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema("violation"))
    assert document["isolation"] == "processes"
    assert document["confirmed_on"] == "moto"
    replayed = command("replay", report)
    assert replayed.status == 1, replayed.out + replayed.err
    assert "each request in a process of its own" in " ".join(replayed.out.split())
    written.write_text(FIXED_GUARD)
    del sys.modules["guarded"]
    gone = command("replay", report)
    assert (gone.status, gone.out) == (2, "")
    assert "after 2 steps every request has answered" in gone.err, "an increment is one call now"


def test_a_counterexample_of_an_older_version_ran_in_memory(written: Path, command: Command):
    assert command("check", "guarded.py:Guarded", "--report", "reports").status == 1
    (report,) = [one for one in Path("reports").glob("*.json") if one.name != "run.json"]
    document = json.loads(report.read_text(encoding="utf-8"))
    del document["isolation"]
    report.write_text(json.dumps(document), encoding="utf-8")
    jsonschema.validate(document, schema("violation"))
    replayed = command("replay", report)
    assert replayed.status == 2
    assert "B answers 429" in replayed.err, "in one process the guard holds"


def test_the_test_that_is_written_of_a_finding_runs_it_in_processes(written: Path, command: Command):
    assert command("check", "guarded.py:Guarded", "--report", "reports").status == 1
    (report,) = [one for one in Path("reports").glob("*.json") if one.name != "run.json"]
    test = command("report", report, "--format", "pytest").out
    assert 'isolation="processes",' in test
    Path("test_guarded.py").write_text(test)
    failed = pytest_run()
    assert failed.returncode == 1, failed.stdout
    assert "RaceIsBack" in failed.stdout
    written.write_text(FIXED_GUARD)
    passed = pytest_run()
    assert passed.returncode == 0, passed.stdout
    assert "1 passed" in passed.stdout


def pytest_run() -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKER)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_guarded.py"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def begun(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "toctou.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(CHECKER)},
    )


def test_a_run_that_was_killed_goes_on(slow: str, command: Command):
    how = ["check", slow, "--requests", "2", "--isolation", "processes", "--format", "json"]
    journal = Path("journal")
    killed = begun(*how, "--resume", str(journal))
    # A head, the four requests alone, and the first of their ten pairs.
    wait_for_lines(journal, 6, killed)
    started = descendants(killed.pid)
    killed.kill()
    killed.communicate()
    assert ended(started)
    kept = journal.read_bytes()
    whole = run_of(command(*how))
    resumed = run_of(command(*how, "--resume", journal))
    assert journal.read_bytes().startswith(kept[: kept.rindex(b"\n") + 1]), "what was kept was explored again"
    schedules = sum(one["schedules"] for one in whole["models"])
    assert 0 < resumed["stored"]["schedules"] < schedules
    stored = run_of(command(*how, "--resume", journal))
    assert stored["stored"]["schedules"] == schedules
    assert whole["stored"] is None
    for one in (resumed, stored):
        assert timeless({**one, "stored": None}) == timeless(whole)


def test_what_had_begun_again_in_processes_goes_on_there(written: Path, command: Command):
    """The journal holds that requests were separated, and why."""
    how = ["check", "guarded.py:Guarded", "--resume", "journal", "--format", "json"]
    whole = run_of(command(*how))
    lines = Path("journal").read_bytes().splitlines(keepends=True)
    for count in range(1, len(lines)):
        Path("journal").write_bytes(b"".join(lines[:count]))
        resumed = run_of(command(*how))
        assert timeless({**resumed, "stored": None}) == timeless({**whole, "stored": None}), count


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_nobody_is_left_of_a_run_that_is_stopped(slow: str, number: signal.Signals, jobs: str):
    run = begun("check", slow, "--requests", "3", "--isolation", "processes", "--jobs", jobs)
    wait_until(lambda: len(descendants(run.pid)) >= 3, run)
    started = descendants(run.pid)
    os.killpg(run.pid, number)
    run.communicate(timeout=60)
    assert ended(started)


@pytest.mark.parametrize("isolation", ["memory", "processes", "auto"])
@pytest.mark.parametrize("library", ["flask", "fastapi"])
def test_applications_are_scanned_wherever_they_run(
    library: str, isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
):
    pytest.importorskip(library, reason=f"no {library}: `pip install {library}`")
    services = Path(__file__).parent / "services"
    monkeypatch.chdir(services)
    monkeypatch.syspath_prepend(str(services))
    report = tmp_path / "report"
    options = ("--isolation", isolation, "--report", report)
    done = command("scan", *options, "--model", f"{library}_items.py:RacyItems")
    for name in (f"{library}_items", "item_table"):
        sys.modules.pop(name, None)
    assert done.status == 1, done.err
    document = json.loads((report / "scan.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema("scan"))
    verdicts = {one["operation"]: one["verdict"] for one in document["operations"]}
    assert verdicts["getItem"] == "VERIFIED"
    assert verdicts["deleteItem"] == verdicts["updateItem"] == "VIOLATED"


def test_a_machine_finds_in_processes_what_memory_guards(written: Path, folder: Path):
    (folder / "test_machine.py").write_text(
        "from hypothesis import Phase, settings\n"
        "from guarded import Guarded, Declared\n"
        "from toctou.stateful import machine\n"
        'TestProcesses = machine(Guarded, requests=2, isolation="processes").TestCase\n'
        "TestDeclared = machine(Declared, requests=2).TestCase\n"
        'TestMemory = machine(Declared, requests=2, isolation="memory").TestCase\n'
        "TestAuto = machine(Guarded, requests=2).TestCase\n"
        "for one in (TestProcesses, TestDeclared, TestMemory, TestAuto):\n"
        "    one.settings = settings(max_examples=30, database=None, derandomize=True, phases=[Phase.generate])\n"
        "del one\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_machine.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKER)},
        check=False,
    )
    assert "4 failed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("INCONCLUSIVE  ") >= 1  # in memory
    assert "lost update" in done.stdout
    assert "process of its own, because requests share memory of their process: `" in done.stdout
