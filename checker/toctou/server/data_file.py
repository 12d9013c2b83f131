"""The file behind ``--data``: records, one per line, each with its checksum; added to, and replaced as a whole.

A record is handed to the operating system before ``append`` returns, so no end of this process loses it; a crash of the
machine can lose the last moments, unless the disk is waited for (``sync``), which takes milliseconds for each record.
What such an end can leave behind is a last record
that is not whole: it was never acknowledged, and is cut off when the file is opened again.  Anything else that does not fit
is damage, or not a file of ours: an error, and the file stays as it is.

It is replaced by a file beside it that takes over its name once it holds all that this one does.  That is written in steps,
between which records may be added.

One process at a time: the file is locked (``flock``), and the lock is on the file that has the name, also after it was
replaced.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toctou.errors import BadInput

HEADER = b"toctou data 1\n"

_CHECKSUM = 8  # hexadecimal digits, then a space
_PIECE = 64 * 1024

Steps = Generator[Callable[[], object] | None, None, None]
"""Long work in short steps; what it yields, if anything, waits for the disk and is to be called before the next step."""


class DataFile:
    """An open, locked data file.

    Attributes:
        path: where it is; links are followed when it is opened.
        size: bytes of whole records, header included.
    """

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        """Open or create a data file; with ``sync``, each record is on the disk before ``append`` returns.

        Raises:
            BadInput: it cannot be opened, is in use, or is not one of ours.
        """
        self.path = path.resolve()
        self._descriptor = _locked(self.path, path)
        self._broken = False
        self._sync = sync
        try:
            self.size = self._begin()
            self._settle_name()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _begin(self) -> int:
        head = os.pread(self._descriptor, len(HEADER), 0)
        if head == HEADER:
            return len(HEADER)
        if not HEADER.startswith(head):
            raise BadInput(
                f"--data {self.path}: this is not a data file of toctou",
                expected=f"a file that begins with {HEADER.decode().strip()!r}, or none",
                cause="the file belongs to another program, or to a version of toctou that writes another format",
                remedy="name another file; this one was left as it is",
            )
        _write(self._descriptor, HEADER, 0)  # a new file, or one whose creation was interrupted
        return len(HEADER)

    def records(self) -> Iterator[bytes]:
        """The records in order; to be exhausted before anything is appended.  A torn last one is cut off.

        Raises:
            BadInput: a record is damaged.
        """
        number = 1
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(len(HEADER))
            for line in file:
                number += 1
                document = _document(line)
                last = not line.endswith(b"\n")
                if document is None and not last:
                    raise self._damaged(number)
                if document is not None:
                    if last:
                        _write(self._descriptor, b"\n", self.size + len(line))
                    self.size += len(_line(document))
                    yield document
                if last:
                    break
        os.ftruncate(self._descriptor, self.size)

    def append(self, document: bytes) -> None:
        """Add a record, which must be without line breaks.

        Raises:
            OSError: it cannot be written; the file is as it was before.
        """
        if self._broken:
            raise OSError(f"{self.path} could not be written to, nor be put back in order; nothing more is stored")
        line = _line(document)
        try:
            _write(self._descriptor, line, self.size)
            if self._sync:
                os.fsync(self._descriptor)
        except BaseException:
            self._broken = True
            os.ftruncate(self._descriptor, self.size)
            self._broken = False
            raise
        self.size += len(line)

    def replace(self, documents: Iterable[bytes]) -> Steps:
        """Put other records in the place of those that there are now, in steps; what is appended meanwhile is kept.

        The last step makes the change.  If it is never taken, or fails, the file has what was appended, and is else as before.

        Raises:
            OSError: that failed.
        """
        done = self.size
        beside = self.path.with_name(self.path.name + ".compacting")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _check_ours(descriptor, beside)
            _lock(descriptor)
            with _removed_on_failure(beside):
                size = yield from _written(descriptor, documents)
                while self.size - done > _PIECE:  # appended meanwhile
                    _copy(self._descriptor, done, descriptor, size, _PIECE)
                    done, size = done + _PIECE, size + _PIECE
                    yield None
                os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode))
                waiting = _WaitingForDisk(descriptor)
                yield waiting
                waiting.check()
                if self.size > done:
                    size += _copy(self._descriptor, done, descriptor, size, self.size - done)
                    if self._sync:
                        os.fsync(descriptor)
                beside.rename(self.path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self.size = descriptor, size
        self._settle_name()

    def close(self) -> None:
        """Wait for the disk, and close the file."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _settle_name(self) -> None:
        """Wait until the file is found by its name after a crash of the machine."""
        if self._sync:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _damaged(self, number: int) -> BadInput:
        return BadInput(
            f"--data {self.path}: line {number} is damaged",
            expected="a checksum and the record that it belongs to",
            cause="the file was edited, or the disk has lost a part of it",
            remedy=f"restore it from a copy, or cut it off before line {number} to keep what came earlier; "
            "it was left as it is",
        )


def _line(document: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(document), document)


def _document(line: bytes) -> bytes | None:
    """The document of a line; ``None`` if the line is not whole.  A missing line break alone does no harm."""
    document = line.removesuffix(b"\n")[_CHECKSUM + 1 :]
    return document if _line(document).removesuffix(b"\n") == line.removesuffix(b"\n") else None


def _write(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _copy(source: int, start: int, target: int, offset: int, size: int) -> int:
    """Copy a part of one file to another; its size."""
    end = start + size
    while start < end:
        data = os.pread(source, min(_PIECE, end - start), start)
        if not data:
            raise OSError("the file has become shorter")
        _write(target, data, offset)
        start, offset = start + len(data), offset + len(data)
    return size


def _written(descriptor: int, documents: Iterable[bytes]) -> Generator[None, None, int]:
    """Write a file of these records, in steps; its size."""
    os.ftruncate(descriptor, 0)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(HEADER)
        for document in documents:
            file.write(_line(document))
            yield None
        return file.tell()


class _WaitingForDisk:
    """Waits, when it is called, until a file is on the disk; on any thread, so that what fails is raised later."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._fault: OSError | None = None

    def __call__(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as fault:
            self._fault = fault

    def check(self) -> None:
        """Raise what failed."""
        if self._fault is not None:
            raise self._fault


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _locked(path: Path, shown: Path) -> int:
    """A descriptor of the file that has this name, locked."""
    try:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                _check_regular(descriptor, path)
                _lock(descriptor)
                if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # it was replaced between opening and locking
    except BlockingIOError:
        raise BadInput(
            f"--data {shown}: another toctou serves from this file",
            expected="one server for each file",
            remedy="stop the other one, or name another file",
        ) from None
    except OSError as fault:
        raise BadInput(f"--data {shown}: {fault.strerror or fault}", expected="a file that can be written") from None


def _check_ours(descriptor: int, path: Path) -> None:
    if not HEADER.startswith(os.pread(descriptor, len(HEADER), 0)):
        raise FileExistsError(f"{path} is in the way")


def _check_regular(descriptor: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(f"{path} is not a regular file")


def _lock(descriptor: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - Windows has none, and does without --data
    except ImportError:
        raise BadInput("--data needs a system that can lock files (flock), such as Linux or macOS") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
