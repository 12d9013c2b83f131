"""The file behind ``--data``: records, one per line, each with its checksum; added to, and replaced as a whole.

A record is handed to the operating system before ``append`` returns, so no end of this process loses it; a crash of the
machine can lose the last moments, unless the disk is waited for (``sync``), which takes milliseconds for each record.
What such an end can leave behind is a last record
that is not whole: it was never acknowledged, and is cut off when the file is opened again.  Anything else that does not fit
is damage, or not a file of ours: an error, and the file stays as it is.

One process at a time: the file is locked (``flock``), and the lock is on the file that has the name, also after it was
replaced.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from checker.errors import BadInput

HEADER = b"toctou data 1\n"

_CHECKSUM = 8  # hexadecimal digits, then a space


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
        self._write(HEADER, 0)  # a new file, or one whose first moment was cut short
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
                        self._write(b"\n", self.size + len(line))
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
            self._write(line, self.size)
            if self._sync:
                os.fsync(self._descriptor)
        except BaseException:
            self._broken = True
            os.ftruncate(self._descriptor, self.size)
            self._broken = False
            raise
        self.size += len(line)

    def replace(self, documents: Iterable[bytes]) -> None:
        """Put other records in the place of all.

        Raises:
            OSError: that failed; the file is as it was before.
        """
        beside = self.path.with_name(self.path.name + ".compacting")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _check_ours(descriptor, beside)
            os.ftruncate(descriptor, 0)
            _lock(descriptor)
            size = _write_all(descriptor, documents)
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode))
            os.fsync(descriptor)
            beside.rename(self.path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self.size = descriptor, size
        self._settle_name()

    def close(self) -> None:
        """Wait for the disk, and let go of the file."""
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

    def _write(self, data: bytes, offset: int) -> None:
        while data:
            written = os.pwrite(self._descriptor, data, offset)
            data, offset = data[written:], offset + written

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


def _write_all(descriptor: int, documents: Iterable[bytes]) -> int:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(HEADER)
        for document in documents:
            file.write(_line(document))
        return file.tell()


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
