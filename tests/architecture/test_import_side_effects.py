"""Importing does nothing: a process looks the same before and after, but for the modules that it has loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


before = look()
load(sys.argv[1])
after = look()
for what in before:
    if before[what] != after[what]:
        print(f"importing {sys.argv[1]} changed {what}")
"""


def complaints(package: str, folder: Path) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    arguments = [sys.executable, "-c", WATCH, package]
    watched = subprocess.run(arguments, cwd=folder, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert watched.returncode == 0, watched.stderr
    assert watched.stderr == ""
    return watched.stdout.strip()


def test_importing_every_module_of_toctou_changes_nothing(tmp_path):
    assert complaints("toctou", tmp_path) == ""


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("from botocore.client import BaseClient\nBaseClient._make_api_call = None", "botocore"),
        ("import logging\nlogging.basicConfig()", "logging"),
        ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "threads"),
        ("import sys\nsys.addaudithook(lambda *event: None)", "audit hooks"),
        ("import os\nos.environ['AWS_DEFAULT_REGION'] = 'us-east-1'", "environment"),
    ],
)
def test_a_side_effect_is_found(tmp_path, text, changed):
    package = tmp_path / "example"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "effect.py").write_text(text)
    assert complaints("example", tmp_path) == f"importing example changed {changed}"
