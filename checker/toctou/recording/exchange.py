"""Brings the requests of all workers of pytest-xdist together in the last one that ends.

Each worker stores what it has recorded in a folder of their session.  An entry is found again by its name, in the process that
needs it; an application, which a test may have made, by a request of this process to the same one.  Patches of a test are objects
of the process that it ran in, so that its requests are not replayed in another one.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from toctou.recording.leaves import leaves
from toctou.recording.reconstruction import Reconstructed
from toctou.recording.requested import Entry
from toctou.recording.surroundings import Surroundings

_NOT_HERE = "it was recorded in another process (pytest-xdist), where its test had replaced parts"


class Exchange:
    """The exchange of one session.

    Args:
        session: its name, the same in all workers.
        workers: how many there are.
    """

    def __init__(self, session: str, workers: int) -> None:
        name = "".join(one for one in session if one.isalnum())
        self._folder = Path(tempfile.gettempdir(), f"toctou-{os.getuid()}-{name}")
        self._workers = workers

    def join(self, own: Sequence[Reconstructed], known: Mapping[str, Entry]) -> list[Reconstructed] | None:
        """The requests of all workers, if this is the last of them to end; ``None`` otherwise.

        Args:
            own: what this worker has recorded.
            known: entries of this process by name.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with open(self._folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            others = sorted(self._folder.glob("*.pickle"))
            if len(others) + 1 < self._workers:
                (self._folder / f"{os.getpid()}.pickle").write_bytes(pickle.dumps([_portable(one) for one in own]))
                return None
        stored = [one for file in others for one in pickle.loads(file.read_bytes())]  # noqa: S301 - of our own session
        shutil.rmtree(self._folder, ignore_errors=True)
        found = [*own, *(_here(one, known, own) for one in stored)]
        found.sort(key=lambda one: (one.requested.test, one.requested.number))
        for number, one in enumerate(found):
            one.requested.number = number
        return found


def _portable(one: Reconstructed) -> Reconstructed:
    """The same without what another process cannot have."""
    requested = one.requested
    patched = not all(patch.everywhere for patch in requested.surroundings.patches)
    entry = Entry(requested.entry.kind, requested.entry.name, _unknown)
    plain = replace(
        requested,
        entry=entry,
        surroundings=Surroundings(requested.surroundings.environment, (), requested.surroundings.folder),
        returned=None,
        arguments={name: _plain(value) for name, value in requested.arguments.items()},
    )
    services = tuple(call._replace(result=None) for call in one.services)
    portable = replace(one, requested=plain, services=services, doubt=one.doubt or (_NOT_HERE if patched else ""))
    try:
        pickle.dumps(portable)
    except Exception as odd:
        return replace(
            portable, requested=replace(plain, arguments={}), services=(), doubt=f"it cannot leave its process: {odd}"
        )
    return portable


def _plain(value: Any) -> Any:
    try:
        pickle.dumps(value)
    except Exception:
        return _Attributes(
            {name: one for name, one in vars(value).items() if isinstance(one, str | int | float | bool | type(None))}
            if hasattr(value, "__dict__")
            else {}
        )
    return value


class _Attributes:
    """An object of which only simple attributes are known."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.__dict__.update(attributes)


def _unknown(_: dict[str, Any]) -> Any:
    raise LookupError("the entry is not known in this process")


def _here(one: Reconstructed, known: Mapping[str, Entry], own: Sequence[Reconstructed]) -> Reconstructed:
    """A request of another worker with the entry of this process."""
    name = one.requested.entry.name
    if one.requested.entry.kind == "http" and (alike := _most_alike(one, own)) is not None:
        one.requested.entry = alike.requested.entry
        patches = tuple(patch for patch in alike.requested.surroundings.patches if patch.everywhere)
        one.requested.surroundings = replace(one.requested.surroundings, patches=patches)
        return one
    entry = known.get(name)
    if entry is None:
        module, _, _ = name.partition(":")
        with suppress(Exception), one.requested.surroundings.restored():  # whatever an import may raise
            importlib.import_module(module)
        entry = known.get(name)
    if entry is None:
        return replace(one, doubt=one.doubt or f"{name} cannot be found in this process (pytest-xdist)")
    one.requested.entry = entry
    return one


def _most_alike(one: Reconstructed, own: Sequence[Reconstructed]) -> Reconstructed | None:
    """The request of this process to the same application that says as much of its caller in the same places.

    An application may have been made by a test, and has no other way in than that of a test client.
    """
    places = {place for place, _ in leaves(one.requested.arguments)}
    same = [other for other in own if other.requested.entry == one.requested.entry]
    return max(
        same, key=lambda other: -len(places ^ {place for place, _ in leaves(other.requested.arguments)}), default=None
    )
