"""The protocol of a reference: an in-memory sequential specification of what handlers are meant to do.

A specification defines the response and the effect of each request when requests run one after the other, independent of
DynamoDB calls, versions and retries.  States are values: :meth:`Specification.step` returns a new one instead of modifying its
argument, and states are compared with ``==``.
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
        """The state represented by stored items (the abstraction function).

        It is applied to the initial and the final items; attributes outside the specification, such as a version number, are
        left out of the state.
        """

    def step(self, state: Any, request: Request) -> tuple[Any, Response | int]:
        """The state after ``request`` ran alone on ``state``, and its response.

        An ``int`` is a status whose body is not specified.  A :class:`Response` is compared with its body, and with its
        headers if it has any.
        """
