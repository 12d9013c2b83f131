"""Keeps what clients of our own log out of the logs of the user, whose handlers may log everything that botocore does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("botocore")


@contextmanager
def unlogged() -> Iterator[None]:
    """While inside, nothing is logged that is no error."""
    if not _LOGGER.isEnabledFor(logging.INFO):  # as is usual, and changing it takes time
        yield
        return
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
