"""What makes the engine durable: every request that changed something, in a file, performed again at the next start.

Requests and not items are kept, because they also say what tables, indexes and completed transactions there are, and the
engine answers the same requests in the same order the same way.

When the file has doubled, it is replaced by the requests that lead to the same tables and items directly.  What that
forgets is which transactions have completed (``ClientRequestToken``), which counts for ten minutes; so it waits until the
last one is older, unless the file would grow beyond all measure.  What it writes is tried out before it counts.  It goes in
short steps, so that requests are served in between: the items are those of its beginning, and what was stored since then
follows them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from toctou import real_time
from toctou.engine import Engine, Kind, ServiceError, actions_of
from toctou.errors import BadInput, ToctouError
from toctou.history.item import Image
from toctou.server.data_file import DataFile, Steps
from toctou.wire import decoded, encoded

_SMALLEST = 1024 * 1024
_BEYOND_MEASURE = 16
TOKEN_SECONDS = 600.0
"""How long the service remembers a completed transaction by its token."""

_MANAGES = actions_of(Kind.MANAGES)


class _Different(Exception):
    """Requests that do not lead to what is stored."""


class Storage:
    """The file of one engine.

    Args:
        engine: an empty engine; what the file holds is performed on it.
        smallest: bytes below which the file is left to grow.
        sync: whether a request counts as stored only once it is on the disk.

    Raises:
        BadInput: the file cannot be used, or holds a request that the engine refuses.
    """

    def __init__(self, engine: Engine, path: Path, smallest: int = _SMALLEST, *, sync: bool = False) -> None:
        self._engine = engine
        self._smallest = smallest
        self._tables: dict[str, list[bytes]] = {}  # the requests that made each table what it is
        self._last_token = -TOKEN_SECONDS
        self._file = DataFile(path, sync=sync)
        try:
            for document in self._file.records():
                self._perform_again(document)
        except BaseException:
            self._file.close()
            raise
        self._compacted = 0
        self._compacting = False
        for wait in self.compact():
            if wait is not None:
                wait()

    def record(self, action: str, parameters: Mapping[str, Any]) -> None:
        """Store a request that has changed something.

        Raises:
            OSError: it cannot be stored.
        """
        document = _request(action, parameters)
        self._file.append(document)
        self._note(action, parameters, document)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _perform_again(self, document: bytes) -> None:
        try:
            action, parameters = _perform(self._engine, document)
        except (ServiceError, ToctouError, ValueError, KeyError, TypeError) as fault:
            shown = document[:200].decode(errors="replace")
            raise BadInput(
                f"--data {self._file.path}: a request in it cannot be performed again: {fault}\n  {shown}",
                expected="the answer that it had when it was stored",
                cause="the file was written by another version of toctou",
                remedy="use that version; the file was left as it is",
            ) from None
        self._note(action, parameters, document)

    def _note(self, action: str, parameters: Mapping[str, Any], document: bytes) -> None:
        if parameters.get("ClientRequestToken"):
            self._last_token = real_time.seconds()
        if action in _MANAGES:
            name = (parameters.get("TableName") or parameters.get("ResourceArn") or "").rpartition("/")[2]
            self._tables.setdefault(name, []).append(document)
            if not self._engine.has_table(name):
                del self._tables[name]

    @property
    def is_due(self) -> bool:
        """Whether the file should be replaced by a shorter one, and that is not under way."""
        limit = max(self._smallest, 2 * self._compacted)
        if self._compacting or self._file.size <= limit:
            return False
        recent = real_time.seconds() - self._last_token < TOKEN_SECONDS
        return not recent or self._file.size > _BEYOND_MEASURE * limit

    def compact(self) -> Steps:
        """Replace the file by a shorter one if that is due, in steps; a failure is reported and changes nothing."""
        if not self.is_due:
            return
        self._compacting = True
        try:
            yield from self._file.replace(self._shortest(self._engine.snapshot()))
        except Exception as fault:  # everything is stored; only the file stays longer than it need be
            print(f"toctou: the data file was not compacted: {fault}", file=sys.stderr)
        finally:
            self._compacting = False
        self._compacted = self._file.size

    def _shortest(self, items: Mapping[str, Sequence[Image]]) -> Iterator[bytes]:
        """The requests that lead to the tables as they are and to these items, by no detour; each is tried out.

        Raises:
            _Different: they do not lead there.  They do not where an item was stored before an index was made in which it
                does not fit.
        """
        trial = Engine()
        for document in [one for documents in self._tables.values() for one in documents]:
            _perform(trial, document)
            yield document
        if trial.snapshot().keys() != items.keys():
            raise _Different("it would not give the same tables again")
        empty = trial.sequence
        for table, images in items.items():
            for image in images:
                document = _request("PutItem", {"TableName": table, "Item": image})
                with suppress(ServiceError):
                    _perform(trial, document)
                if [change.after for change in trial.changes_since(empty)] != [image]:
                    raise _Different("it would not give the same items again")
                trial.restore(empty)
                yield document


def _request(action: str, parameters: Mapping[str, Any]) -> bytes:
    return encoded({"action": action, "parameters": parameters})


def _perform(engine: Engine, document: bytes) -> tuple[str, Mapping[str, Any]]:
    record = json.loads(document)
    action: str = record["action"]
    parameters = decoded(action, record["parameters"])
    engine.perform(action, parameters)
    return action, parameters
