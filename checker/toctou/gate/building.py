"""Builds a service before its first start, in a folder outside the source tree, and only when its files have changed.

The folder is ``services/NAME-DIGEST`` in ``$TOCTOU_CACHE``, or in ``toctou`` in the user's cache.
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
    """The folder that the service is built in, whether or not it exists yet."""
    home = os.environ.get("TOCTOU_CACHE")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toctou"
    # Lock files are part of the name, so that two versions of the dependencies never share a half-updated folder.
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for name in _LOCK_FILES:
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return cache / "services" / f"{folder.resolve().name}-{digest.hexdigest()[:16]}"


def tool_missing(service: Service) -> ToolMissing | None:
    """The error for the first program that builds or runs the service and is not on the path; ``None`` if all are."""
    for command in (*service.build, service.command):
        program = command[0]
        # A path or a placeholder may name a file that the build has yet to produce.
        if os.sep not in program and "{" not in program and shutil.which(program) is None:
            return ToolMissing(
                f"{program} is not installed, so the service was not checked",
                expected=f"{program} on the path, for: {' '.join(command)}",
                remedy=f"install {program}, or exclude this model from the check",
            )
    return None


def build_service(commands: Sequence[Sequence[str]], folder: Path, cache: Path, seconds: float) -> None:
    """Run the commands, unless they have already run for the current files.

    Raises:
        ModelError: a command fails or exceeds ``seconds``.
    """
    if not commands:
        return
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache):
        source = _digest(folder, commands)
        stamp = cache / _STAMP
        if stamp.is_file() and stamp.read_text() == source:
            return
        stamp.unlink(missing_ok=True)  # before building: an interrupted build must not look like a finished one
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
        raise _not_built(command, f"it took more than {seconds:g} s", "raise the service's build_seconds") from None
    except OSError as fault:
        raise _not_built(command, str(fault), "correct this command in the service's `build`") from None
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN:])
        raise _not_built(
            command,
            f"it ended with status {done.returncode}:\n{output}",
            "run the command by hand in the service's folder and fix it",
        )


def _not_built(command: Sequence[str], why: str, remedy: str) -> ModelError:
    return ModelError(
        f"the service cannot be built: {' '.join(command)}: {why}",
        expected="build commands that exit with status 0",
        remedy=remedy,
    )


def _digest(folder: Path, commands: Sequence[Sequence[str]]) -> str:
    digest = hashlib.sha256(repr([list(command) for command in commands]).encode())
    for file in _sources(folder):
        digest.update(f"{file.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    """Every file of the service except models, build output and hidden files."""
    for entry in sorted(folder.iterdir()):
        # Editing a model must not rebuild its service.
        if entry.name.startswith(".") or entry.name in _NOT_SOURCE or entry.suffix == ".py":
            continue
        if entry.is_dir() and not entry.is_symlink():  # a link may lead in a circle
            yield from _sources(entry)
        elif entry.is_file():
            yield entry


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    # With `--jobs`, several processes open the service, and each would build it.
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        yield
        return
    with (cache / ".lock").open("w") as lock:  # released by the system even if this process is killed
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
