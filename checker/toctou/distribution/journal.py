"""Keeps what a run has explored in a file, so that the same command can resume after an interrupt or a crash.

The first line identifies the run: options, models, their code, and the files that were known to matter when it began: modules
that are not installed, and data files that they read.  Each further line is the outcome of one work item, with a checksum and the
files that it has added.  Recording the lines in order restores the work queue.  A last line that was cut short is dropped.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from toctou import real_time
from toctou.declaration.fingerprint import Inputs, fingerprint, modules_of
from toctou.declaration.loading import LoadedModel
from toctou.errors import BadInput
from toctou.gate.zygote import keep_from_children
from toctou.scheduling.data_files import digest, shown
from toctou.search.options import Options
from toctou.search.work_item import Advance
from toctou.verdict import StopReason

FORMAT = 2
SYNC_SECONDS = 2.0

_NOT_FINAL = (StopReason.INTERRUPTED, StopReason.MAX_SECONDS, StopReason.WORKER_LOST, StopReason.INTERNAL_ERROR)
"""Work items that ended for one of these reasons are explored again by the resumed run."""

_CHANGED = "changed meanwhile"
_SHOWN = 3

_PLAIN = {
    "builtins": {"set", "frozenset", "bytearray", "complex", "range", "object"},
    "collections": {"Counter", "OrderedDict"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "random": {"Random"},
    "uuid": {"UUID", "SafeUUID"},
    "boto3.dynamodb.types": {"Binary"},
}


class Journal:
    """What was explored before, and a file for what is explored now; it is created if it does not exist.

    Attributes:
        explored: scenario, work item, and its outcome, in order.
        files: the digests of the files that all of it depends on, by absolute path.
        name: of the file, as it was given.
        written: when the file was last written before this run, in UTC.

    Raises:
        BadInput: the file cannot be opened, is damaged, or belongs to another run.
    """

    def __init__(self, file: Path, models: Sequence[LoadedModel], options: Options) -> None:
        self.explored: list[tuple[int, int, Advance]] = []
        self.files: dict[str, str] = {}
        self.name = str(file)
        self.written = _written(file)
        self._file = file
        self._unwritten: dict[str, str] = {}
        self._full = False
        self._modules = {name for one in models for name in modules_of(one.model)}
        self._synced = real_time.seconds()
        now = Inputs(one.model for one in models).new()
        head = _head(models, options)
        try:
            self._stream = open(file, "a+b")  # noqa: SIM115 - close() closes it
        except OSError as fault:
            raise BadInput(f"--resume {file}: {fault.strerror}", expected="a file that can be written") from None
        try:
            _lock(self._stream, file)
            keep_from_children(self._stream)
            self._stream.seek(0)
            end = self._read(self._stream.read(), head)
            if end:
                self._check_files(now)
            self._stream.truncate(end)
        except BaseException:
            self._stream.close()
            raise
        if not end:
            self.files = dict(now)
            self._append({**head, "files": _portable(now)})

    def depend_on(self, files: Mapping[str, str]) -> None:
        """What is written from now on depends on these files too, by their digests."""
        for path, now in files.items():
            known = self.files.get(path)
            if known is None:
                self.files[path] = self._unwritten[path] = now
            elif known != now:  # no later run may take the earlier outcomes for its own
                self._unwritten[path] = _CHANGED

    def write(self, scenario: int, work_item: int, advance: Advance) -> None:
        """Keep the outcome of a work item.

        Raises:
            BadInput: a value in it cannot be kept.
        """
        if advance.tally.stop_reason in _NOT_FINAL:
            return
        try:
            content = zlib.compress(pickle.dumps(replace(advance, files={}), pickle.HIGHEST_PROTOCOL), 1)
            # A value that cannot be loaded must be found now, and not by the resumed run.
            self._decoded(content)
        except (pickle.PicklingError, TypeError, AttributeError) as fault:
            raise BadInput(
                f"--resume {self._file}: an argument or an answer of a handler cannot be kept: {fault}",
                expected="plain values, or objects of classes in the models' own modules",
                remedy="run without --resume, or let the handlers answer in plain values",
            ) from None
        if self._full:
            return
        line = {"scenario": scenario, "work_item": work_item, "advance": base64.b64encode(content).decode()}
        if self._unwritten:
            line["files"], self._unwritten = _portable(self._unwritten), {}
        self._append({**line, "checksum": _checksum(line)})

    def close(self) -> None:
        """Write everything to the disk."""
        if not self._stream.closed:
            with self._unless_full():
                self._sync()
            with suppress(OSError):  # of a line that could not be written before either
                self._stream.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._unless_full():
            self._stream.write(json.dumps(line).encode() + b"\n")
            self._stream.flush()  # now the line survives this process; after a sync it survives the machine
            if real_time.seconds() - self._synced >= SYNC_SECONDS:
                self._sync()

    @contextmanager
    def _unless_full(self) -> Iterator[None]:
        # The run is worth more than its journal, and a line that is cut short is dropped when it is read.
        try:
            yield
        except OSError as fault:
            if not self._full:
                what = "what is explored from now on is not kept"
                print(f"toctou: --resume {self._file}: {fault.strerror}; {what}", file=sys.stderr)
            self._full = True

    def _sync(self) -> None:
        os.fsync(self._stream.fileno())
        self._synced = real_time.seconds()

    def _read(self, content: bytes, head: Mapping[str, Any]) -> int:
        """Read the lines; returns how many bytes of them are complete."""
        end = 0
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1]):
            try:
                self._read_line(json.loads(line), number, head)
            except (ValueError, KeyError, TypeError, zlib.error, EOFError, pickle.UnpicklingError, AttributeError):
                if number and number == len(lines) - 2:
                    break
                raise BadInput(
                    f"--resume {self._file}: line {number + 1} is damaged, or this is no journal",
                    expected="a file that `toctou check --resume` has written",
                    remedy="give another file name, or delete the file and begin again",
                ) from None
            end += len(line) + 1
        return end

    def _check_files(self, now: Mapping[str, str]) -> None:
        """Check that what was explored depends on the same files as what would be explored now."""
        changed = [path for path, known in self.files.items() if digest(path) != known]
        changed += [path for path in now if path not in self.files]
        if changed:
            names = [shown(path) for path in changed[:_SHOWN]] + ["…"] * (len(changed) > _SHOWN)
            raise BadInput(
                f"--resume {self._file} belongs to another run: {', '.join(names)} changed, or is new",
                expected="the same modules, and the same data files that handlers read, as when its results were stored",
                remedy="give another file name, or delete the file and begin again; its results are not used",
            )

    def _read_line(self, line: Mapping[str, Any], number: int, head: Mapping[str, Any]) -> None:
        if number == 0:
            _compare(self._file, line, head)
        self.files.update({os.path.abspath(path): known for path, known in line.get("files", {}).items()})
        if number == 0:
            return
        if line["checksum"] != _checksum({name: value for name, value in line.items() if name != "checksum"}):
            raise ValueError(number)
        advance = self._decoded(base64.b64decode(line["advance"]))
        self.explored.append((int(line["scenario"]), int(line["work_item"]), advance))

    def _decoded(self, content: bytes) -> Advance:
        advance = _Unpickler(io.BytesIO(zlib.decompress(content)), self._modules).load()
        if not isinstance(advance, Advance):
            raise TypeError(type(advance))
        return advance


class _Unpickler(pickle.Unpickler):
    """Makes objects of known classes only: a journal is data, and a forged one must not run code."""

    def __init__(self, stream: io.BytesIO, modules: Collection[str]) -> None:
        super().__init__(stream)
        self._modules = modules

    def find_class(self, module: str, name: str, /) -> Any:
        """The class of that name, or one of the functions that decide dependence."""
        if name in _PLAIN.get(module, ()):
            return getattr(sys.modules[module] if module in sys.modules else __import__(module, fromlist=[name]), name)
        if (module, name) == ("builtins", "getattr"):  # how Python 3.11.0 to 3.11.3 pickle members of enumerations
            return _member
        if module.startswith("toctou.") or module in self._modules:
            found = vars(sys.modules[module]).get(name) if module in sys.modules else None
            dependence = module.startswith("toctou.") and name in ("dependent", "writes_in_order", "in_order")
            if dependence or (isinstance(found, type) and found.__module__ == module):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no class that a journal may contain")


def _member(enumeration: object, name: str) -> Enum:
    """A member of an enumeration, and nothing else that ``getattr`` would get."""
    if isinstance(enumeration, type) and issubclass(enumeration, Enum):
        return enumeration[name]
    raise pickle.UnpicklingError(f"{name} of {enumeration!r} is no member that a journal may contain")


def _head(models: Sequence[LoadedModel], options: Options) -> dict[str, Any]:
    """What has to be equal in a resumed run."""
    how = asdict(options)
    # Neither changes the outcome of a work item.
    del how["confirm"], how["budget"]["max_seconds"]
    code = {one.name: fingerprint(one.model) for one in models}
    return {"toctou journal": FORMAT, "options": json.loads(json.dumps(how, default=str)), "models": code}


def _compare(file: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if before.get("toctou journal") != FORMAT or not isinstance(before["files"], dict):
        raise ValueError("no journal")
    if {name: before[name] for name in now} == now:
        return
    differences = [
        f"{name} was {before['options'].get(name)!r} and is {now['options'].get(name)!r}"
        for name in sorted({*before["options"], *now["options"]})
        if before["options"].get(name) != now["options"].get(name)
    ]
    if list(before["models"]) != list(now["models"]):
        differences.append(f"the models were {', '.join(before['models'])} and are {', '.join(now['models'])}")
    else:
        changed = [name for name, code in now["models"].items() if before["models"][name] != code]
        if changed:
            differences.append(f"the code of {', '.join(changed)}, of what it imports, or of toctou has changed")
    raise BadInput(
        f"--resume {file} belongs to another run: {'; '.join(differences)}",
        expected="the same command, on the same code",
        remedy="give another file name, or delete the file and begin again",
    )


def _checksum(line: Mapping[str, Any]) -> int:
    files = "".join(f" {path} {known}" for path, known in line.get("files", {}).items())
    return zlib.crc32(f"{line['scenario']} {line['work_item']} {line['advance']}{files}".encode())


def _portable(files: Mapping[str, str]) -> dict[str, str]:
    return {shown(path): known for path, known in files.items()}


def _written(file: Path) -> str:
    try:
        seconds = file.stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _lock(stream: io.BufferedRandom, file: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise BadInput(
            f"--resume {file} is in use by another process",
            expected="one run at a time",
            remedy="wait for the other one, or give another file name",
        ) from None
