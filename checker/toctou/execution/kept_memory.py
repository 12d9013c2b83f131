"""Keeps the memory of a moment for requests in processes of their own, and decides until when.

Requests that run in the memory of this process may fill caches there, of which the others must know nothing.  So a zygote is
forked before any runs, and forks theirs.  Where a check has separated the requests of a model, they have left something here,
and the next check finds the memory that was kept, unless what is here has been changed since.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from toctou.client import service_descriptions
from toctou.client.other_services import Outcomes
from toctou.declaration.isolation import isolation_of
from toctou.declaration.model import Model
from toctou.execution import earlier_threads, own_process
from toctou.execution.process_memory import ProcessMemory
from toctou.gate.request_process import Begin, RequestProcess
from toctou.gate.zygote import CAN_FORK, Zygote
from toctou.scheduling.runner import Limits

__all__ = [
    "CAN_FORK",
    "forked",
    "give_back",
    "may_separate",
    "memory_kept",
    "remember_separated",
    "separated_before",
    "take_back",
]

_KEPT: dict[type[Model], tuple[Zygote, int]] = {}
"""By model, who has kept its memory, and its place there."""

_SEPARATED: dict[type[Model], str] = {}
"""By model, why its requests were separated."""

_inside: list[Sequence[type[Model]]] = []
"""Models whose memory is kept for whoever is inside :func:`memory_kept`."""

_WAITING: dict[tuple[type[Model], Limits], Served] = {}
"""Processes of requests that wait to serve more, while inside :func:`memory_kept`."""

_LASTING: list[_Lasting] = []
MOST_LASTING = 3
"""Memories that are kept after a check, the latest ones; each is a process that waits."""

if CAN_FORK:  # what is forked from here cannot reach the processes that have kept it
    for kept in (_KEPT, _SEPARATED, _WAITING, _inside, _LASTING):
        os.register_at_fork(after_in_child=kept.clear)

Served = tuple[list[RequestProcess], list[RequestProcess]]
"""Processes that are idle, and others that are told to give up what they serve."""

_NOBODY: Any = SimpleNamespace()  # in the place of an instance of a model


def may_separate(model: type[Model], asked: str) -> bool:
    """Whether requests of a model may get processes of their own; a service has its own anyway.

    Args:
        model: the model.
        asked: what the user has asked for, one of :data:`~toctou.declaration.isolation.ISOLATIONS`.

    Raises:
        BadInput: they should, and processes cannot be forked here.
    """
    return model.service is None and isolation_of(model, asked) != "memory"


@contextmanager
def memory_kept(models: Iterable[type[Model]]) -> Iterator[None]:
    """Keep the memory as it is now for requests of these models, whatever runs here while inside; may be nested."""
    models = list(dict.fromkeys(models))
    if not _inside:  # or its processes may be serving, and what runs here inside changes nothing for them
        # Whoever has changed something since, such as a test that replaces a part, wants to check that.
        for one in [one for one in _LASTING if any(memory.changed() for memory in one.memories)]:
            one.end()
    earlier_threads.note()
    unkept = [model for model in models if model not in _KEPT]
    _inside.append(models)
    try:
        with _kept_from_now(unkept) if unkept and CAN_FORK else nullcontext():
            yield
    finally:
        _inside.pop()
        if not _inside:
            for idle, abandoning in _WAITING.values():
                _end_all([*idle, *abandoning])
            _WAITING.clear()
            for one in _LASTING[:-MOST_LASTING]:
                one.end()


@contextmanager
def _kept_from_now(models: Sequence[type[Model]]) -> Iterator[None]:
    service_descriptions.preload()  # or each process of a handler that makes its client at first use reads them
    kept = _Lasting(Zygote(partial(own_process.serve, models)), models)
    _KEPT.update({model: (kept.zygote, place) for place, model in enumerate(models)})
    try:
        yield
    finally:
        if any(model in _SEPARATED for model in models):
            # Kept a while longer: here, their requests have left something in memory.
            kept.memories = [_looked_at(model) for model in models]
            _LASTING.append(kept)
        else:
            kept.end()


def _looked_at(model: type[Model]) -> ProcessMemory:
    memory = ProcessMemory(model)
    memory.begin(_NOBODY)
    return memory


@dataclass(eq=False)
class _Lasting:
    """Memory of models that is kept, and after a check what theirs was like here at the end of that."""

    zygote: Zygote
    models: Sequence[type[Model]]
    memories: Sequence[ProcessMemory] = ()

    def end(self) -> None:
        if self in _LASTING:
            _LASTING.remove(self)
        for model, limits in list(_WAITING):
            if model in self.models:
                _end_all([one for some in _WAITING.pop((model, limits)) for one in some])
        for model in self.models:
            del _KEPT[model]
            _SEPARATED.pop(model, None)
        self.zygote.close()


def separated_before(model: type[Model]) -> str:
    """Why requests of a model were separated before in this process, so that they are from the start; ``""`` if they were not."""
    return _SEPARATED.get(model, "") if model in _KEPT else ""


def remember_separated(model: type[Model], because: str) -> None:
    """Remember why requests of a model were separated; what they left in memory until then may hide it the next time."""
    _SEPARATED[model] = because


def forked(model: type[Model], limits: Limits, known: Outcomes) -> RequestProcess:
    """A new process for requests of a model, with the memory that is kept for it.

    Args:
        model, limits: see :class:`Begin`.
        known: outcomes of the set-up's calls to other services; moto would take a second for the first ones.

    Raises:
        InternalError: none can be made.
    """
    zygote, place = _KEPT[model]
    process = zygote.fork()
    with suppress(OSError):  # it has ended already, which shows when it is to serve
        try:
            process.channel.send(Begin(place, limits, known))
        except OSError:
            raise
        except Exception:  # an answer of the model's holds what cannot be sent, so it is asked there
            process.channel.send(Begin(place, limits))
    return process


def give_back(model: type[Model], limits: Limits, served: Served) -> None:
    """Keep processes that have left nothing in memory, or would tell; they end at the latest with the memory that is kept."""
    if len(_inside) == 1:  # which is about to end
        _end_all([one for some in served for one in some])
        return
    idle, abandoning = _WAITING.setdefault((model, limits), ([], []))
    idle.extend(served[0])
    abandoning.extend(served[1])


def take_back(model: type[Model], limits: Limits) -> Served:
    """The processes that were kept; to each it is as if it were new."""
    taken: Served = ([], [])
    for into, kept in zip(taken, _WAITING.pop((model, limits), ([], [])), strict=True):
        for process in kept:
            try:
                process.channel.send(Begin(_KEPT[model][1], limits))
                into.append(process)
            except OSError:  # it has ended meanwhile
                process.end()
    return taken


def _end_all(processes: Iterable[RequestProcess]) -> None:
    for process in processes:
        process.end()
