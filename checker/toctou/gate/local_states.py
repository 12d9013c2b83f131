"""Memoises how many calls a request makes at each local state, so that waiting for concurrent calls costs time only once.

Whether a request is about to make another concurrent call cannot be seen from outside: it takes waiting for a while (the
settling time).  But what a request does next depends only on its input and the responses so far, its *local state*.  So the
number of calls seen at a local state is expected there from then on, and a call that arrives later corrects it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from toctou.history.operation import Operation

LocalState = bytes
"""A digest of a request's input and of the responses to its calls so far."""

_CORRECTIONS = 3
_MORE_PATIENCE = 5  # after three corrections 125 times the settling time, by default 2.5 s


def canonical(value: Any) -> str:
    """A text that is equal for equal parameters or results, independent of the order of their members."""
    return json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, set | frozenset) else repr(value)


def initial_state(request: Any) -> LocalState:
    """The local state before the first response; ``request`` is anything whose ``repr`` identifies the input."""
    return hashlib.blake2b(repr(request).encode(), digest_size=16).digest()


def after(local_state: LocalState, operation: Operation) -> LocalState:
    """The local state after the response to a call."""
    outcome: Any = operation.result if operation.error is None else (operation.error.code, operation.error.message)
    text = f"{operation.action} {canonical(operation.parameters)} {canonical(outcome)}"
    # JSON from a service may hold lone surrogates, which plain UTF-8 rejects.
    return hashlib.blake2b(local_state + text.encode(errors="surrogatepass"), digest_size=16).digest()


RESPONDS = -1
"""In place of a number of calls: the request responds."""


class LocalStates:
    """How many new calls were seen at each local state; 0 where the request waits for earlier calls.

    Keep one instance for as long as the same code serves the requests.
    """

    def __init__(self) -> None:
        self._calls: dict[LocalState, int] = {}
        self._corrections: Counter[LocalState] = Counter()

    def calls(self, local_state: LocalState) -> int | None:
        """How many calls to expect, or ``RESPONDS``; ``None`` if unknown."""
        return self._calls.get(local_state)

    def learn(self, local_state: LocalState, calls: int) -> None:
        """Memoise the number of calls seen within the settling time."""
        self._calls[local_state] = calls

    def patience(self, local_state: LocalState) -> int:
        """By how much to multiply the settling time at this local state."""
        # A late call usually means a busy machine, so the wait grows fivefold with each correction.
        patience: int = _MORE_PATIENCE ** self._corrections[local_state]
        return patience

    def correct(self, local_state: LocalState) -> bool:
        """Forget the number after a late call, so that it is learnt anew; ``False`` if that has failed several times."""
        self._calls.pop(local_state, None)
        self._corrections[local_state] += 1
        return self._corrections[local_state] <= _CORRECTIONS


def call_order(action: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    """Sort key for waiting calls: by content, because their order of arrival does not repeat."""
    return action, canonical(parameters)
