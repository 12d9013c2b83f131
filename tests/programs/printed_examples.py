"""Reads what README.md and the guides print, and runs it as a reader would: in an empty folder, with what is printed above.

A comment above a fenced block says what it is:

    <!-- example: shop/orders.py -->                  a file of this name
    <!-- example: files of ../../README.md -->        (without a block) the files that another text prints
    <!-- example: run, exits 1, needs flask -->       commands, one a line, of which the last one ends with that status (0 if none
                                                      is stated; `exits 1 0` states one for each); skipped without Flask
    <!-- example: then, exits 1 -->                   commands in the folder of those above, with the files printed since
    <!-- example: run, serves http://127.0.0.1:8000 -->  commands beside a `toctou serve`, which really has a port of its own
    <!-- example: prints -->                          what the last command above prints, among other lines; … is anything
    <!-- not run: it would install something -->      a block that no test runs, and why

Each block of commands is one test with a folder of its own, together with the blocks that go on in it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from node_packages import SDK, installed

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "checker" / "guide").glob("*.md"))]
BLOCK = re.compile(
    r"^(?:<!-- (?P<kind>example|not run): (?P<what>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"|^<!-- example: files of (?P<other>\S+) -->$",
    re.DOTALL | re.MULTILINE,
)
PROGRAMS = {"node": "apt-get install nodejs npm", "cargo": "curl https://sh.rustup.rs -sSf | sh"}
"""How to have what an example needs, if that is no package of Python."""


@dataclass
class Step:
    """A command, what has to be in its folder by then, and what it should come to."""

    files: dict[str, str]
    command: str
    status: int
    prints: list[str] = field(default_factory=list)


@dataclass
class Example:
    """Commands that a text prints, in one folder."""

    source: Path
    needs: list[str]
    serves: str
    steps: list[Step]

    @property
    def name(self) -> str:
        return f"{self.source.name}: {self.steps[-1].command}"


def blocks(source: Path) -> Iterator[re.Match[str]]:
    return BLOCK.finditer(source.read_text(encoding="utf-8"))


def files(source: Path) -> dict[str, str]:
    """All files that a text prints."""
    return dict(_files(source))


def _files(source: Path) -> Iterator[tuple[str, str]]:
    for block in blocks(source):
        if block["other"]:
            yield from _files((source.parent / block["other"]).resolve())
        elif block["kind"] == "example" and is_file(block["what"]):
            yield block["what"], block["text"]


def is_file(what: str) -> bool:
    return what.partition(",")[0] not in ("run", "then", "prints")


def examples(source: Path) -> list[Example]:
    """The commands of a text, in its order."""
    found: list[Example] = []
    above: dict[str, str] = {}
    for block in blocks(source):
        if block["other"]:
            above |= files((source.parent / block["other"]).resolve())
        elif block["kind"] != "example":
            continue
        elif block["what"] == "prints":
            found[-1].steps[-1].prints.append(block["text"])
        elif is_file(block["what"]):
            above[block["what"]] = block["text"]
        elif block["what"].startswith("then"):
            found[-1].steps.extend(_example(source, block, dict(above)).steps)
        else:
            found.append(_example(source, block, dict(above)))
    return found


def _example(source: Path, block: re.Match[str], above: dict[str, str]) -> Example:
    said = {word: values for word, *values in (part.split() for part in block["what"].split(","))}
    assert said.keys() <= {"run", "then", "exits", "needs", "serves"}, f"{source.name}: {block['what']}"
    lines = block["text"].replace("\\\n", " ").splitlines()
    commands = [line for line in lines if line.strip() and not line.startswith("#")]
    statuses = [int(one) for one in said.get("exits", ["0"])]
    statuses = [0] * (len(commands) - len(statuses)) + statuses if len(statuses) == 1 else statuses
    steps = [Step(above, command, status) for command, status in zip(commands, statuses, strict=True)]
    return Example(source, said.get("needs", []), " ".join(said.get("serves", [])), steps)


def skip_unless_there(example: Example, folder: Path) -> None:
    """Skips the test if something is missing that the example needs."""
    for needed in example.needs:
        if needed in SDK:
            (folder / "node_modules").symlink_to(installed(SDK) / "node_modules")
        elif needed in PROGRAMS:
            if shutil.which(needed) is None:
                pytest.skip(f"needs {needed}: `{PROGRAMS[needed]}`")
        elif importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}: `pip install {needed}`")


def write(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell would in which our commands are installed; errors are in the output."""
    programs = folder / ".programs"
    if not programs.exists():
        programs.mkdir()
        for name, module in {"toctou": "toctou.cli", "pytest": "pytest", "python": ""}.items():
            text = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {f"-m {module}" if module else ""} "$@"\n'
            (programs / name).write_text(text, encoding="utf-8")
            (programs / name).chmod(0o755)
    # A terminal's width, and what this session of pytest was given, are not the reader's.
    left_out = (
        "COLUMNS",
        "LINES",
        "PYTEST_ADDOPTS",
        "PYTEST_CURRENT_TEST",
        "PYTEST_XDIST_WORKER",
        "PYTEST_XDIST_TESTRUNUID",
    )
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', '')}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )


@contextmanager
def serving(folder: Path, example: Example) -> Iterator[str]:
    """The URL of a server that runs meanwhile if the example needs one."""
    if not example.serves:
        yield ""
        return
    command = [sys.executable, "-m", "toctou.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().rpartition(" ")[2].strip()
            yield url
        finally:
            server.terminate()


def pattern(printed: str) -> re.Pattern[str]:
    """What matches an output in which these lines stand, in this order and one below the other; … is anything."""
    lines = [
        ".*" if line.strip() == "…" else " *".join(map(_words, re.split(" +", line.rstrip())))
        for line in printed.splitlines()
    ]
    text = r" *\n".join(lines).replace(r".* *\n", r"(?:.*\n)*?").replace(r" *\n.*", r"(?:\n.*)*?")
    return re.compile(rf"^{text} *$", re.MULTILINE)


def _words(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split("…"))
