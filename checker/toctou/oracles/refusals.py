"""Decides which rejected requests need no place in a serial order, and which rejections are as good as another.

A request that was rejected without any effect has not happened as far as other clients can tell.  If its status says that it
may be tried again, it needs no place in the order.  Any other rejection needs one at which the request is rejected too, but not
for the same reason: whether a check or the write found out first decides between 403 and 404.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from toctou.history.request import RETRYABLE, Request, Response

REFUSALS = frozenset({403, 404, 409, 410, 412, 423, 429, 503})
"""Statuses with which a server rejects a request because of its state: RFC 9110, RFC 4918 (423), RFC 6585 (429)."""


def _by_default(_: Request, response: Response) -> bool:
    return response.status in RETRYABLE


@dataclass(frozen=True, slots=True)
class Refusals:
    """How rejections without any effect are judged.

    Attributes:
        retryable: whether a request that gave this response may be tried again.
        exact: whether a rejection has to be the same in the serial order.
        redelivered: handlers whose equal requests are deliveries of one event.  Where there is nothing else, no serial order of
            all of them is asked for: :mod:`toctou.oracles.exactly_once` decides what they have to leave.
    """

    retryable: Callable[[Request, Response], bool] = _by_default
    exact: bool = False
    redelivered: Collection[str] = ()

    @classmethod
    def of_statuses(cls, statuses: Collection[int]) -> Refusals:
        """Those that are retryable by their status."""
        return cls(lambda _, response: response.status in statuses)

    def interchangeable(self, response: Response) -> bool:
        """Whether another rejection would do as well."""
        return not self.exact and response.exception is None and response.status in REFUSALS
