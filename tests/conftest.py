"""What all tests share: how many processes run them, what these keep of compiled code, and what tests that start others need."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As under nohup, or behind the shell's "&".  What is ignored here would be ignored by every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start hundreds of processes, each of which would compile toctou, and have Hypothesis rewritten by pytest, all over.
# This process keeps nothing: a model that a test writes twice within a second would be taken for the first one.
sys.dont_write_bytecode = True
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# pytest-xdist tells its workers how wide the terminal is; what is printed in a test is as wide as where nothing says so.
os.environ.pop("COLUMNS", None)

# Thousands of collected tests are looked at again in each full collection of garbage: a fourteenth of all processor time.
gc.set_threshold(20_000, 20, 20)

MOST = 8
"""Processes: each takes two seconds to start, and from here on that is more than it saves."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Without ``-n``, folders are run by pytest-xdist on all cores; what names files or tests is run here, as with ``--pdb``.

    Decided here and not by ``addopts``, under which ``-p no:xdist`` is an error and a single test waits for workers.
    """
    if config.getoption("numprocesses", default=0) is not None:
        return  # somebody has said how many, or there is no pytest-xdist
    if hasattr(config, "workerinput") or config.getoption("usepdb") or config.getoption("dist") != "no":
        return
    if all(".py" in argument for argument in config.args):
        return
    # Not "auto", which halves the cores of a virtual machine that takes its two for threads of one.
    config.option.numprocesses = "logical"
    config.option.maxprocesses = config.option.maxprocesses or MOST
    # Each worker begins with a run of neighbours, so that what a module sets up (a server, an exploration of all models) is
    # set up once; whoever is done first takes over half of what is left.
    config.option.dist = "worksteal"


@pytest.fixture
def not_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test starts does not take itself for a part of this session of pytest-xdist."""
    for name in ("PYTEST_XDIST_TESTRUNUID", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test of a moto that the user starts is run in a process of its own where another test keeps moto started."""
    moto: Any = sys.modules.get("moto.core.models")
    if pyfuncitem.get_closest_marker("starts_moto") is None or moto is None or not moto.botocore_stubber.enabled:
        return None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", pyfuncitem.nodeid]
    run = subprocess.run(
        command, cwd=pyfuncitem.config.rootpath, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return True
