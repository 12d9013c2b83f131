"""Builds a service before it is started, in a folder outside of the tree, and only when something has changed.

The folder is ``services/NAME-DIGEST`` in ``$TOCTOU_CACHE``, or in ``toctou`` in the user's cache.  The digest is of the place of
the service, and of its lock files: other versions of its dependencies get another folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from toctou.errors import ModelError, ToolMissing
from toctou.gate.service import Service

_LOCK_FILES = ("Cargo.lock", "package-lock.json", "go.sum", "pom.xml", "gradle.lockfile", "uv.lock", "poetry.lock")
_NOT_SOURCE = frozenset({"target", "node_modules", "__pycache__", "build", "dist"})
_STAMP = "toctou-built"
_SHOWN = 30


def cache_folder(folder: Path) -> Path:
    """Where the service in this folder is built; it need not be there yet."""
    home = os.environ.get("TOCTOU_CACHE")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toctou"
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for name in _LOCK_FILES:
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return cache / "services" / f"{folder.resolve().name}-{digest.hexdigest()[:16]}"


def tool_missing(service: Service) -> ToolMissing | None:
    """The fault, if a program that builds or runs the service is to be found on the path, and is not there."""
    for command in (*service.build, service.command):
        program = command[0]
        if os.sep not in program and "{" not in program and shutil.which(program) is None:
            return ToolMissing(
                f"{program} is not installed, so the service was not checked",
                expected=f"{program} on the path, for: {' '.join(command)}",
                remedy=f"install {program}, or leave this model out",
            )
    return None


def built(commands: Sequence[Sequence[str]], folder: Path, cache: Path, seconds: float) -> None:
    """Run the commands, unless they have been run for the files as they are.

    Raises:
        ModelError: one of them fails, or takes too long.
    """
    if not commands:
        return
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        source = _digest(folder, commands)
        stamp = cache / _STAMP
        if stamp.is_file() and stamp.read_text() == source:
            return
        stamp.unlink(missing_ok=True)
        for command in commands:
            print(f"toctou: building {folder.name}: {' '.join(command)}", file=sys.stderr, flush=True)
            _run(command, folder, seconds)
        stamp.write_text(source)


def _run(command: Sequence[str], folder: Path, seconds: float) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the model's author says what is run
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _not_built(command, f"it took more than {seconds:g} s", "raise build_seconds of the service") from None
    except OSError as fault:
        raise _not_built(command, str(fault), "check the command") from None
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN:])
        raise _not_built(command, f"it ended with status {done.returncode}:\n{output}", "run it by hand and mend it")


def _not_built(command: Sequence[str], why: str, remedy: str) -> ModelError:
    return ModelError(
        f"the service cannot be built: {' '.join(command)}: {why}", expected="commands that succeed", remedy=remedy
    )


def _digest(folder: Path, commands: Sequence[Sequence[str]]) -> str:
    digest = hashlib.sha256(repr([list(command) for command in commands]).encode())
    for file in _sources(folder):
        digest.update(f"{file.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    """Every file of the service but models, caches and what is hidden."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _NOT_SOURCE or entry.suffix == ".py":
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _sources(entry)
        elif entry.is_file():
            yield entry


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One build at a time in a folder, also among processes."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        yield
        return
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
