"""The engine behind HTTP requests: one call after the other, each all or nothing.

A call that changed something is answered once it is stored.  A call that fails for a reason of our own, or that cannot be
stored, is undone and answered with status 500; the server lives on.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from toctou import real_time
from toctou.engine import Engine
from toctou.errors import UnsupportedAction
from toctou.server.storage import TOKEN_SECONDS, Storage
from toctou.wire import (
    Call,
    HttpRequest,
    HttpResponse,
    answer,
    failed,
    names_this_machine,
    unknown_operation,
    wrong_host,
)

_TURN = 0.002
"""Seconds that compacting takes at a time before requests have their turn."""


class Service:
    """An embedded DynamoDB that answers HTTP requests.

    Args:
        data: the file that it keeps its data in; ``None`` to keep it in memory.
        sync: whether a write is answered only once it is on the disk.
        hosts: names that requests may be for, besides those of this machine; in lower case.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(self, data: Path | None = None, *, sync: bool = False, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset(hosts)
        self._engine = Engine()
        self._storage = None if data is None else Storage(self._engine, data, sync=sync)
        self._compacting: asyncio.Task[None] | None = None  # so that it is not collected as garbage
        now = real_time.seconds()
        self._tokens = deque((now, token) for token in self._engine.tokens)
        self._engine.forget()

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """The response to a request, whatever happens."""
        if not names_this_machine(request.headers, self._hosts):
            return wrong_host(request)
        try:
            return await answer(request, self._perform)
        except Exception:
            print(f"toctou: a fault of ours, please report it:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            return failed(request)

    async def _perform(self, call: Call) -> Mapping[str, Any]:
        # Nothing is awaited in here: that makes the call atomic.
        self._forget_transactions()
        before = self._engine.sequence
        try:
            result = self._engine.perform(call.action, call.parameters)
            if self._storage is not None and self._engine.sequence != before:
                self._storage.record(call.action, call.parameters)
        except UnsupportedAction:
            raise unknown_operation(call.action) from None
        except BaseException:
            self._engine.restore(before)
            raise
        self._forget_versions(call)
        if self._storage is not None and self._storage.is_due and (self._compacting is None or self._compacting.done()):
            self._compacting = asyncio.create_task(self._compact(self._storage))
        return result

    async def _compact(self, storage: Storage) -> None:
        """Make the file shorter while other requests are served: what waits for the disk does so on another thread."""
        with closing(storage.compact()) as steps:
            turn = real_time.seconds() + _TURN
            for wait in steps:
                if wait is not None:
                    await asyncio.to_thread(wait)
                elif real_time.seconds() >= turn:
                    await asyncio.sleep(0)
                else:
                    continue
                turn = real_time.seconds() + _TURN

    def _forget_versions(self, call: Call) -> None:
        """Forget the changes so far: no request can go back to them."""
        token = call.parameters.get("ClientRequestToken")
        if token and self._engine.sequence:
            self._tokens.append((real_time.seconds(), token))
        self._engine.forget()

    def _forget_transactions(self) -> None:
        """Forget the transactions that no request can repeat any more."""
        now = real_time.seconds()
        while self._tokens and now - self._tokens[0][0] > TOKEN_SECONDS:
            self._engine.forget_transaction(self._tokens.popleft()[1])

    def close(self) -> None:
        """Close the data file."""
        if self._storage is not None:
            self._storage.close()
