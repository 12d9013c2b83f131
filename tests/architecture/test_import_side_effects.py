"""Importing does nothing: a process looks the same before and after, but for the modules that it has loaded.

One process imports everything, looking around before and after each package: what one has changed does not hide what the next
does.  It begins with the libraries, which takes it longer than all that is looked at here.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WATCH = """
import sys

hooks = []
sys.addaudithook(lambda event, arguments: hooks.append(event) if event == "sys.addaudithook" else None)

import importlib, logging, os, pkgutil, random, signal, threading, time, warnings

# What libraries do to the process when they are loaded is theirs; it is done before the first look.
import boto3, botocore.client, greenlet, hypothesis, jinja2, moto, networkx, pytest, rich.console, rich.progress, time_machine
import hypothesis.stateful


def look():
    return {
        "botocore": {name: id(value) for name, value in vars(botocore.client.BaseClient).items()},
        "boto3's default session": id(boto3.DEFAULT_SESSION),
        "logging": (logging.root.level, list(logging.root.handlers), logging.getLogger("boto3").level,
                    logging.raiseExceptions, logging.root.manager.disable),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "audit hooks": len(hooks),
        "signals": [signal.getsignal(one) for one in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)],
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "environment": dict(os.environ),
        "sys.path": list(sys.path),
        "hooks of sys": (sys.excepthook, threading.excepthook, sys.unraisablehook, list(sys.meta_path), sys.gettrace()),
        "warnings": list(warnings.filters),
        "random numbers": (random.getstate(), os.urandom, random._urandom),
        "clock": (time.time, time.sleep),
        "working directory": os.getcwd(),
        "recursion limit": sys.getrecursionlimit(),
    }


def load(package):
    module = importlib.import_module(package)
    for one in pkgutil.walk_packages(getattr(module, "__path__", []), package + "."):
        if one.name.rpartition(".")[2] == "dask_executor" and importlib.util.find_spec("dask") is None:
            continue  # an optional dependency
        importlib.import_module(one.name)


for package in sys.argv[1:]:
    before = look()
    load(package)
    after = look()
    changed = [what for what in before if before[what] != after[what]]
    print(package, *changed, sep="; ")
"""

EFFECTS = {
    "botocore": "from botocore.client import BaseClient\nBaseClient._make_api_call = None",
    "logging": "import logging\nlogging.basicConfig()",
    "threads": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "audit hooks": "import sys\nsys.addaudithook(lambda *event: None)",
    "environment": "import os\nos.environ['AWS_DEFAULT_REGION'] = 'us-east-1'",
}
"""What is changed, by a module of this text."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What importing each package has changed: toctou, and for each effect one with a module that has it."""
    folder = tmp_path_factory.mktemp("packages")
    packages = {what: f"with_{what.replace(' ', '_')}" for what in EFFECTS}
    for what, package in packages.items():
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("")
        (folder / package / "effect.py").write_text(EFFECTS[what])
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-c", WATCH, "toctou", *packages.values()]
    watched = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert watched.returncode == 0, watched.stderr
    assert watched.stderr == ""
    lines = [line.split("; ") for line in watched.stdout.splitlines()]
    return {package: effects for package, *effects in lines}


def test_importing_every_module_of_toctou_changes_nothing(changed):
    assert changed["toctou"] == []


@pytest.mark.parametrize("what", EFFECTS)
def test_a_side_effect_is_found(changed, what):
    assert changed[f"with_{what.replace(' ', '_')}"] == [what]
