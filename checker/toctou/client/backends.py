"""Backends by the name they have on the command line; a new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable

from toctou.client.backend import Backend
from toctou.client.embedded import EmbeddedBackend
from toctou.client.endpoint import EndpointBackend
from toctou.client.stale_reads import UNBOUNDED, StaleReads
from toctou.errors import BadInput
from toctou.history.picks.staleness import STALENESS
from toctou.history.schedule import Schedule


def _moto() -> Backend:
    from toctou.client.moto_backend import MotoBackend  # noqa: PLC0415 - moto takes most of a second to import

    return MotoBackend()


BACKENDS: dict[str, Callable[[], Backend]] = {"embedded": EmbeddedBackend, "moto": _moto}


def backend_named(name: str, window: int = 1) -> Backend:
    """The backend for ``embedded``, ``moto`` or ``endpoint=URL``.

    ``window`` is as in :class:`StaleReads`; 1 for strongly consistent reads.

    Raises:
        BadInput: for any other name, or for a window on a backend without stale reads.
    """
    if window > 1:
        if name != "embedded":
            raise BadInput(
                f"the backend {name} with eventually consistent reads",
                expected="--backend embedded",
                cause="no other backend returns stale results",
                remedy="leave out --backend, or --reads",
            )
        return StaleReads(window)
    kind, _, url = name.partition("=")
    if kind == "endpoint" and url.startswith(("http://", "https://")):
        return EndpointBackend(url)
    if name in BACKENDS:
        return BACKENDS[name]()
    raise BadInput(
        f"there is no backend {name!r}",
        expected="embedded, moto, or endpoint=URL with a URL that begins with http:// or https://",
        remedy="for DynamoDB Local: --backend endpoint=http://127.0.0.1:8000",
    )


def is_repeatable(name: str, window: int = 1) -> bool:
    """Whether the backend of this name and window is ``repeatable``: those that nobody else can reach, without stale reads."""
    return name in BACKENDS and window == 1


def backend_replaying(name: str, schedule: Schedule) -> Backend:
    """The backend on which a schedule can be run again: with stale reads if the schedule has any.

    Raises:
        BadInput: see :func:`backend_named`.
    """
    return backend_named(name, UNBOUNDED if schedule.largest(STALENESS) else 1)
