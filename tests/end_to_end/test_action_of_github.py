"""The commands of the action of GitHub do what they say, given what GitHub would give them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from printed_examples import ROOT, files

ACTION = ROOT / ".github" / "actions" / "toctou" / "action.yml"


def commands(**given: str) -> list[tuple[str, dict[str, str]]]:
    """The commands of toctou in the action, with the environment that GitHub would give them."""
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()} | given

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)

    steps = [one for one in action["runs"]["steps"] if one.get("run", "").startswith("toctou ")]
    return [(one["run"], {name: filled(value) for name, value in one.get("env", {}).items()}) for one in steps]


def run(folder: Path, command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = f'toctou() {{ "{sys.executable}" -m toctou.cli "$@"; }}\n{command}'
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        ["bash", "-e", "-c", program], cwd=folder, env=own, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        ({}, [1, 0]),
        ({"fail-on": "high", "options": "--requests 2 --jobs 2"}, [1, 0]),
        ({"baseline": "accepted.json"}, [0, 0]),
    ],
    ids=str,
)
def test_the_commands_of_the_action_do_what_they_say(given, statuses, tmp_path):
    for name, text in files(ROOT / "README.md").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if "baseline" in given:
        run(tmp_path, "toctou check orders_model.py || toctou baseline -o accepted.json", {})
    ended = [run(tmp_path, *one) for one in commands(targets="orders_model.py", **given)]
    assert [one.returncode for one in ended] == statuses, [one.stderr for one in ended]
    assert ended[0].stdout.startswith("::error " if statuses[0] else "::notice ")
    log = json.loads((tmp_path / "toctou.sarif").read_text(encoding="utf-8"))
    assert log["runs"][0]["invocations"][0]["exitCode"] == statuses[0]
