"""Checks the models over packages of PyPI and over applications, as a user would, and compares with what is true of them.

What is true was stated before the models were run, by reading the code: see README.md beside this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import python_packages

HERE = Path(__file__).parent
CHECKER = HERE.parents[1] / "checker"
MOST_LINES = 30

EXPECTED = {
    "packages/dynamo_dlm_lock.py": {"Waiting": set(), "GivingUp": set()},
    "packages/django_dysession_sessions.py": {"Sessions": {("visit", "resurrection")}},
    "packages/agent_squad_chats.py": {"Chats": {("ask", "lost_update")}},
    "applications/accounts_model.py": {"Unversioned": {("withdraw", "lost_update")}, "Versioned": set()},
    "applications/orders_model.py": {"Orders": {("cancel_order", "toctou")}},
}
"""By file and model: which handlers are racy, and how.  A model of which none is has to be verified."""


def check(file: str, tmp_path: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (_packages(file), CHECKER)))}
    command = [sys.executable, "-m", "toctou.cli", "check", file, "--report", str(tmp_path), "--format", "json"]
    finished = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode in {0, 1, 3}, finished.stderr
    return json.loads(finished.stdout)


def _packages(file: str) -> Path:
    return python_packages.installed(python_packages.APPLICATIONS)


@pytest.mark.parametrize("file", EXPECTED)
def test_a_model_finds_what_is_true_of_the_unmodified_code(file: str, tmp_path: Path) -> None:
    document = check(file, tmp_path)
    found: dict[str, set[tuple[str, str]]] = {}
    for model in document["models"]:
        name = model["model"].partition(":")[2]
        verdict = "VIOLATED" if EXPECTED[file][name] else "VERIFIED"
        assert model["verdict"] == verdict, (model["detail"], model["remarks"])
        found[name] = {
            (one["handler"], one["anomaly"]) for one in document["findings"] if one["model"] == model["model"]
        }
    assert found == EXPECTED[file]


@pytest.mark.parametrize("file", EXPECTED)
def test_a_model_has_less_than_thirty_lines(file: str) -> None:
    lines = [line.strip() for line in (HERE / file).read_text(encoding="utf-8").splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) < MOST_LINES
