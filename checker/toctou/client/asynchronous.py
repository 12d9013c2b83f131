"""Routes calls of clients whose calls are awaited (aiobotocore, aioboto3) to the same backend as all others.

Such a client is a subclass of botocore's own, and overrides by a coroutine what :mod:`toctou.client.intercept` replaces.  It is
found by that: among the subclasses that there are, and among those that are made while inside, so that a library which a handler
imports when it runs is intercepted, and none is imported here.  Listeners to its events may be coroutines.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient

Coroutine = Callable[..., Any]
Replacing = Callable[[Coroutine], Coroutine]
"""Makes what is called instead of a coroutine function that is given."""


@contextmanager
def replaced(seam: str, replacing: Replacing) -> Iterator[None]:
    """While inside, this method of classes of clients is replaced where it is a coroutine of theirs."""
    owns: list[tuple[type[BaseClient], Coroutine]] = []

    def replace(kind: type[BaseClient]) -> None:
        own = vars(kind).get(seam)
        if inspect.iscoroutinefunction(own):
            owns.append((kind, own))
            setattr(kind, seam, replacing(own))

    def made(kind: type[Any], /, **keywords: Any) -> None:
        super(BaseClient, kind).__init_subclass__(**keywords)
        replace(kind)

    for kind in BaseClient.__subclasses__():
        replace(kind)
    before = vars(BaseClient).get("__init_subclass__")
    setattr(BaseClient, "__init_subclass__", classmethod(made))  # noqa: B010 - the class declares no such attribute
    try:
        yield
    finally:
        if before is None:
            delattr(BaseClient, "__init_subclass__")
        else:
            setattr(BaseClient, "__init_subclass__", before)  # noqa: B010
        for kind, own in owns:
            setattr(kind, seam, own)


async def done(steps: Any) -> Any:
    """What a generator returns that yields what listeners are to be notified of, once they have been."""
    notified: Any = None
    while True:
        try:
            emitted = steps.send(notified)
        except StopIteration as end:
            return end.value
        notified = await emitted if inspect.isawaitable(emitted) else emitted


def streaming_body(client: BaseClient, content: bytes) -> Any:
    """What such a client returns for what a service streams; ``None`` for a client whose calls are not awaited."""
    response: Any = sys.modules.get("aiobotocore.response")
    if response is None or not inspect.iscoroutinefunction(getattr(client, "_make_api_call", None)):
        return None
    kind = getattr(response, "AioStreamingBody", None) or response.StreamingBody  # its name since 3.0, and before
    return kind(_Received(content), len(content))


class _Received:
    """A response of aiohttp, as far as the body of one reads it."""

    def __init__(self, content: bytes) -> None:
        self.content = self
        self._content = io.BytesIO(content)

    async def read(self, size: int = -1) -> bytes:
        return self._content.read(size)

    async def readline(self) -> bytes:
        return self._content.readline()

    def at_eof(self) -> bool:
        return self._content.tell() == len(self._content.getbuffer())

    def close(self) -> None:
        self._content.close()

    async def __aenter__(self) -> _Received:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
