"""Remembers how many calls a request makes at a local state, so that waiting for parallel calls costs time only once.

From outside nobody can tell a request that will make another call at the same time from one that will not: one has to wait
for a while (the settling time).  But what a request does next depends only on what it was asked and what it has been answered
so far, which is called its local state here; so what was seen at a local state with patience is expected there ever after, and is
waited for no longer than it takes to come.  A call that comes later than that corrects the memory.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from toctou.history.operation import Operation

LocalState = bytes
"""What a request was asked and has been answered so far, as a digest."""

_CORRECTIONS = 3
_MORE_PATIENCE = 5


def canonical(value: Any) -> str:
    """A text that is equal for equal parameters or results, whatever the order in which their members were written."""
    return json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, set | frozenset) else repr(value)


def beginning(request: Any) -> LocalState:
    """The local state before anything was answered; ``request`` is anything whose ``repr`` says what was asked."""
    return hashlib.blake2b(repr(request).encode(), digest_size=16).digest()


def after(local_state: LocalState, operation: Operation) -> LocalState:
    """The local state after the answer to a call."""
    told: Any = operation.result if operation.error is None else (operation.error.code, operation.error.message)
    text = f"{operation.action} {canonical(operation.parameters)} {canonical(told)}"
    return hashlib.blake2b(local_state + text.encode(errors="surrogatepass"), digest_size=16).digest()


ANSWERS = -1
"""In place of a number of calls: the request answers."""


class LocalStates:
    """How many new calls were seen at each local state; 0 where the request waits for calls made earlier.

    Keep one for as long as the same code serves the requests.
    """

    def __init__(self) -> None:
        self._calls: dict[LocalState, int] = {}
        self._corrections: Counter[LocalState] = Counter()

    def calls(self, local_state: LocalState) -> int | None:
        """How many calls to expect, or ``ANSWERS``; ``None`` if it is not known yet."""
        return self._calls.get(local_state)

    def learn(self, local_state: LocalState, calls: int) -> None:
        """So many were seen after the settling time."""
        self._calls[local_state] = calls

    def patience(self, local_state: LocalState) -> int:
        """How many times the settling time this local state is to be given: more after each correction."""
        patience: int = _MORE_PATIENCE ** self._corrections[local_state]
        return patience

    def correct(self, local_state: LocalState) -> bool:
        """Another one came later: the next time, have patience again.  ``False`` if that has not helped several times."""
        self._calls.pop(local_state, None)
        self._corrections[local_state] += 1
        return self._corrections[local_state] <= _CORRECTIONS


def call_order(action: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    """Sorts the calls that wait at once by what they are, not by when they came."""
    return action, canonical(parameters)
