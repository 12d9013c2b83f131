"""Services in Rust and JavaScript, built and started unmodified: their races are found and replayed, their fixes verified."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toctou.gate.building import cache_folder

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(),
    reason="/proc lists processes on Linux: `docker run --rm -v .:/toctou -w /toctou python:3 .ci/run`",
)


INSTALL = {"cargo": "curl https://sh.rustup.rs -sSf | sh", "npm": "apt-get install nodejs npm"}


def unless_built(name, tool):
    """Skips if the service cannot be built, or has not been: that takes minutes, and .ci/run does it before the tests."""
    built = cache_folder(ROOT / "models" / name).is_dir()
    return [
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}: `{INSTALL[tool]}`"),
        pytest.mark.skipif(not built, reason=f"not built: `toctou check models/{name}`"),
    ]


SERVICES = [
    pytest.param("axum", "debug/items", marks=unless_built("axum", "cargo")),
    pytest.param("node", "server.cjs", marks=unless_built("node", "npm")),
]


@pytest.fixture
def toctou(monkeypatch):
    """The command in its own process; its services are built once, outside the source tree."""

    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "toctou.cli", *map(str, arguments)],
            cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False, **options,
        )  # fmt: skip

    return run


def processes(of):
    """The ids of the processes whose command contains this text."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if of.encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize(("name", "program"), SERVICES)
def test_a_service_is_built_checked_and_replayed(name, program, toctou, tmp_path):
    folder = Path("models") / name
    done = toctou("check", folder, "--report", tmp_path, "--expect", folder / "expected.json")
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "run.json").read_text())
    racy, fixed = sorted(run["models"], key=lambda model: model["verdict"], reverse=True)
    assert (racy["model"], racy["verdict"]) == (f"models/{name}/items.py:RacyItems", "VIOLATED")
    assert (fixed["model"], fixed["verdict"]) == (f"models/{name}/items.py:FixedItems", "VERIFIED")
    assert len(fixed["scenarios"]) == 65
    assert all(scenario["verdict"] == "VERIFIED" for scenario in fixed["scenarios"])

    found = {finding["handler"]: finding for finding in run["findings"]}
    assert set(found) == {"delete_item", "update_item", "transfer"}
    assert found["delete_item"]["severity"]["level"] == "critical"
    assert {finding["confirmed_on"] for finding in run["findings"]} == {"moto"}
    assert {finding["anomaly"] for finding in run["findings"]} == {"toctou"}

    again = toctou("replay", tmp_path / "items.RacyItems-1.json")
    assert again.returncode == 1, again.stdout + again.stderr
    assert "WHY THIS SHOULD NOT HAVE BEEN POSSIBLE" in again.stdout
    assert not processes(program)


@pytest.mark.parametrize(("name", "program"), SERVICES[:1])
def test_the_surface_of_a_service_is_scanned_from_its_document(name, program, toctou, tmp_path):
    folder = Path("models") / name
    done = toctou("scan", folder / "openapi.yaml", "--model", folder / "items.py:RacyItems", "--report", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    operations = {one["operation"]: one for one in json.loads((tmp_path / "scan.json").read_text())["operations"]}
    verdicts = {one: operation["verdict"] for one, operation in operations.items()}
    assert verdicts == {
        "deleteItem": "VIOLATED",
        "updateItem": "VIOLATED",
        "transfer": "VIOLATED",
        "getItem": "VERIFIED",
    }
    windows = {one: len(operation["windows"]) for one, operation in operations.items()}
    assert windows == {"deleteItem": 1, "updateItem": 1, "transfer": 1, "getItem": 0}
    assert not any(operation["undocumented"] for operation in operations.values())
    assert not processes(program)


@pytest.mark.parametrize(("name", "program"), SERVICES[1:])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_check_leaves_no_process_behind(name, program, number, tmp_path):
    command = [sys.executable, "-m", "toctou.cli", "check", f"models/{name}", "--report", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until = time.monotonic() + 600
        while not processes(program) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    if number is not signal.SIGKILL:
        assert process.returncode == 3, output
        assert "interrupted" in output
    until = time.monotonic() + 10
    while processes(program) and time.monotonic() < until:
        time.sleep(0.05)
    assert not processes(program)


@pytest.mark.parametrize(("name", "program"), SERVICES[1:])
def test_several_processes_leave_none_behind(name, program, toctou, tmp_path):
    done = toctou("check", f"models/{name}/items.py:FixedItems", "--requests", 1, "--jobs", 2, "--report", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    until = time.monotonic() + 10
    while processes(program) and time.monotonic() < until:
        time.sleep(0.05)
    assert not processes(program)


@pytest.mark.parametrize(("name", "program"), SERVICES)
def test_without_the_tool_nothing_is_claimed(name, program, toctou, tmp_path):
    done = toctou("check", f"models/{name}", "--report", tmp_path, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "is not installed, so the service was not checked" in done.stdout
    run = json.loads((tmp_path / "run.json").read_text())
    assert {model["stop_reason"] for model in run["models"]} == {"tool_missing"}


def test_a_folder_above_a_service_says_that_it_does_not_build_it(toctou, tmp_path):
    (tmp_path / "inner").mkdir()
    service = (
        "from toctou import Model, Service, route\n"
        "class Inner(Model):\n"
        "    service = Service(command=['x', '{port}'], build=[['make']])\n"
        "    get = route('GET /')\n"
    )
    (tmp_path / "inner" / "inner_service.py").write_text(service)
    (tmp_path / "plain.py").write_text(
        "from toctou import Model, handler\n"
        "class Plain(Model):\n"
        "    get = handler(lambda principal: 200, read_only=True)\n"
    )
    done = toctou("check", tmp_path, "--report", tmp_path / "reports")
    assert done.returncode == 3, "nothing was raced for in the plain one"
    assert "1 model of a service" in done.stderr
    assert "inner" in done.stderr
    assert "Inner" not in done.stdout
