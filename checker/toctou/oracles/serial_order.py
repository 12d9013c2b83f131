"""Searches a total order of the requests that explains their responses and the items stored in the end.

The order must agree with real time (:meth:`~toctou.history.operation.Execution.precedes`).  :class:`SequentialSemantics` has two
forms: a reference, and the handlers themselves run alone.  The search is the one of Wing and Gong, *Testing and verifying
concurrent objects* (JPDC 17, 1993): extend the order by any request that no remaining one precedes, give up as soon as a
response differs.  The order in which the requests answered is tried first, because it usually fits.  When none fits, the order
that explains most requests is kept, as porcupine does (https://github.com/anishathalye/porcupine).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from toctou.history.finding import SerialOrder
from toctou.history.normal_form import same_body
from toctou.history.operation import Execution
from toctou.history.request import Response
from toctou.history.wording import who
from toctou.oracles.refusals import REFUSALS, Refusals


class SequentialSemantics(Protocol):
    """What requests do when they run one after the other; orders are tuples of indices, never empty for ``answer``."""

    def answer(self, order: tuple[int, ...]) -> Response | int:
        """The response of the last request of the order; an ``int`` is a status whose body is not specified."""

    def fits(self, order: tuple[int, ...], observed: Response) -> bool:
        """Whether the last request of the order may have answered this; exceptions count by their status only."""

    def refuses(self, order: tuple[int, ...]) -> bool:
        """Whether the last request of the order is rejected without any effect."""

    def agrees(self, order: tuple[int, ...]) -> bool:
        """Whether the order leaves what the execution left."""

    def difference(self, order: tuple[int, ...]) -> str:
        """The first difference, as a clause, for an order that does not agree."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A serial order explains the execution."""

    order: tuple[int, ...]


def participants(execution: Execution, refusals: Refusals) -> tuple[int, ...]:
    """The requests that an order must hold, in the order in which they answered; it agrees with real time.

    A request that was rejected, may be tried again, and changed nothing is left out.
    """
    changing = {one.request for one in execution.operations if one.changes}
    acting = {one.request for one in execution.operations}
    endings = execution.endings
    kept = [
        # One that performs nothing is invoked when it answers, after the requests that have ended by then.
        (endings[index], index not in acting, index)
        for index, response in enumerate(execution.responses)
        if index in changing or not refusals.retryable(execution.requests[index], response)
    ]
    kept.sort()
    return tuple([index for _, _, index in kept])


def search(
    execution: Execution, requests: tuple[int, ...], semantics: SequentialSemantics, refusals: Refusals
) -> Explained | SerialOrder:
    """The first order that explains the execution, or the one that comes closest."""
    attempts = _Attempts(execution, semantics, refusals)
    # Most executions are explained by the order of their responses, which needs no table of precedence.
    if attempts.explains(requests):
        return Explained(requests)
    explaining = attempts.extend((), requests)
    if explaining is not None:
        return Explained(explaining)
    if attempts.closest is None:
        return SerialOrder(requests, 0, "")
    order, contradiction = attempts.closest
    rest = tuple(index for index in requests if index not in order)
    text = contradiction.text(execution, order, semantics)
    return SerialOrder(order + _failing_first(contradiction, rest), len(order), text, contradiction.answer())


def best_order(outcome: Explained | SerialOrder) -> SerialOrder:
    """What a search found, as an order; one that explains everything contradicts nothing."""
    return outcome if isinstance(outcome, SerialOrder) else SerialOrder(outcome.order, len(outcome.order), "")


@dataclass(frozen=True, slots=True)
class _Contradiction:
    """Why an order cannot be extended; worded only if it is reported."""

    request: int | None = None  # whose response does not fit; `None` if the stored items do not
    expected: Response | int = 0

    def text(self, execution: Execution, order: tuple[int, ...], semantics: SequentialSemantics) -> str:
        if self.request is None:
            return _stored(execution, order, semantics.difference(order))
        return _answered(execution, (*order, self.request), self.expected)

    def answer(self) -> int | None:
        """The expected status; ``None`` if the stored items do not fit."""
        if self.request is None:
            return None
        return _status(self.expected)


_STORED_OTHERWISE = _Contradiction()


def _failing_first(contradiction: _Contradiction, rest: tuple[int, ...]) -> tuple[int, ...]:
    if contradiction.request is None:
        return rest
    return (contradiction.request, *(index for index in rest if index != contradiction.request))


class _Attempts:
    """The search of one order."""

    def __init__(self, execution: Execution, semantics: SequentialSemantics, refusals: Refusals) -> None:
        self.closest: tuple[tuple[int, ...], _Contradiction] | None = None  # the first of the longest, and why it ends
        self._execution = execution
        self._responses = execution.responses
        self._semantics = semantics
        self._refusals = refusals

    @cached_property
    def _preceding(self) -> tuple[frozenset[int], ...]:
        return self._execution.preceding()

    @cached_property
    def _refused(self) -> frozenset[int]:
        """The requests that were rejected without effect, if any rejection is as good."""
        changing = {one.request for one in self._execution.operations if one.changes}
        refused = {at for at, one in enumerate(self._responses) if self._refusals.interchangeable(one)}
        return frozenset(refused - changing)

    def explains(self, order: tuple[int, ...]) -> bool:
        """Whether an order that agrees with real time explains the execution."""
        return all(self._fits(order[:count]) for count in range(1, len(order) + 1)) and self._semantics.agrees(order)

    def _fits(self, order: tuple[int, ...]) -> bool:
        semantics, observed = self._semantics, self._responses[order[-1]]
        if semantics.fits(order, observed):
            return True
        # What is said with the same status has to fit.
        return (
            order[-1] in self._refused
            and semantics.refuses(order)
            and not matches(_status(semantics.answer(order)), observed)
        )

    def extend(self, order: tuple[int, ...], remaining: tuple[int, ...]) -> tuple[int, ...] | None:
        """The first order that begins like this and explains the execution; ``None`` if none does."""
        if not remaining:
            if self._semantics.agrees(order):
                return order
            self._fail(order, _STORED_OTHERWISE)
        for index in remaining:
            if not self._preceding[index].isdisjoint(remaining):  # a remaining one ended before this one began
                continue
            longer = (*order, index)
            if not self._fits(longer):
                self._fail(order, _Contradiction(index, self._semantics.answer(longer)))
                continue
            found = self.extend(longer, tuple([other for other in remaining if other != index]))
            if found is not None:
                return found
        return None

    def _fail(self, order: tuple[int, ...], contradiction: _Contradiction) -> None:
        if self.closest is None or len(order) > len(self.closest[0]):
            self.closest = order, contradiction


def matches(expected: Response | int, observed: Response) -> bool:
    """Whether an observed response is the expected one; exceptions count by their status only."""
    if isinstance(expected, int):
        return observed.status == expected
    return (
        observed.status == expected.status
        and observed.headers == expected.headers
        and same_body(observed.body, expected.body)
    )


def _status(response: Response | int) -> int:
    return response if isinstance(response, int) else response.status


def refuses(expected: Response | int) -> bool:
    """Whether a response is a rejection."""
    return _status(expected) in REFUSALS


def _answered(execution: Execution, order: tuple[int, ...], expected: Response | int) -> str:
    *before, last = (_named(execution, index) for index in order)
    observed = execution.responses[order[-1]]
    shown: object = observed
    if isinstance(expected, int):
        shown = observed.status
    elif str(expected) == str(observed):  # texts leave the media type out
        return f"{last} answered with {_listed(observed)}, but {_after(before)} with {_listed(expected)}"
    return f"{last} answered {shown}, but {_after(before)} it would have answered {expected}"


def _listed(response: Response) -> str:
    return ", ".join(f"{name}: {value}" for name, value in response.headers) or "no headers"


def _stored(execution: Execution, order: tuple[int, ...], difference: str) -> str:
    names = [_named(execution, index) for index in order]
    return f"{_after(names) if names else 'without any of them'}, {difference}"


def _after(names: list[str]) -> str:
    return f"after {', then '.join(names)}" if names else "run first"


def _named(execution: Execution, index: int) -> str:
    return f"{who(execution.requests, index)}'s {execution.requests[index].handler}"
