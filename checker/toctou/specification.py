"""The protocol of a reference: an in-memory sequential specification of what handlers are meant to do.

A specification says what each request answers and how it changes the state when requests run one after the other.  It
knows nothing of DynamoDB's calls, of versions or of retries.  States are values: :meth:`Specification.step` returns a
new one and never changes the one it was given, and two states are compared with ``==``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from toctou.history.request import Request, Response

PlainItem = Mapping[str, Any]
"""An item in plain Python: ``{"item_id": "i1", "version": 1}``; numbers are ``int`` or ``Decimal``."""

StoredItems = Mapping[str, Sequence[PlainItem]]
"""Table name to the items stored in it, ordered by key."""


class Specification(Protocol):
    """What the handlers of a model do, one request at a time."""

    def state_of(self, items: StoredItems) -> Any:
        """The state that stored items stand for (the abstraction function).

        It is applied to the initial items and to the items stored at the end; attributes that the specification does
        not speak of, such as a version number, are left out of the state.
        """

    def step(self, state: Any, request: Request) -> tuple[Any, Response | int]:
        """The state after ``request`` ran alone on ``state``, and its response.

        An ``int`` is a status whose body is not specified.  A :class:`Response` is compared with its body.
        """
