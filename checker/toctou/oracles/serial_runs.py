"""Decides whether an execution equals one of the same requests run one after the other by their own handlers.

For models without a specification: the handlers, run alone in every order, are their own.  That finds every race, but not a
handler that is wrong by itself.  Decided is strict serializability up to equality of all stored attributes, so handlers that
store a time or a random name that depends on the order need a specification, whose ``state_of`` omits such attributes.  See
:mod:`toctou.oracles.linearizability` for the terms; the property, and so the name of the finding, is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toctou.history.item import Image, plain
from toctou.history.operation import Execution, StoredImages
from toctou.history.request import Response
from toctou.oracles.serial_order import SequentialSemantics
from toctou.oracles.serializability import RETRYABLE, Serializability

Serial = Callable[[tuple[int, ...]], tuple[Sequence[Response], StoredImages]]
"""``serial(order)`` runs the requests one after the other, from the scenario's initial items, and returns their responses *in
that order* and the items stored in the end; also for prefixes of orders, the empty one included, and repeatedly."""


class SerialRuns(Serializability):
    """The requests did what their handlers do when they run one at a time, in some order."""

    asks_model = False  # it runs handlers only, whose name independence is checked by running them

    def __init__(self, serial: Serial, retryable: frozenset[int] = RETRYABLE) -> None:
        super().__init__(retryable)
        self._serial = serial

    def semantics(self, execution: Execution) -> SequentialSemantics:
        """The handlers' own sequential runs."""
        return _Runs(self._serial, execution)


class _Runs:
    """Sequential runs as sequential semantics of one execution."""

    def __init__(self, serial: Serial, execution: Execution) -> None:
        self._serial = serial
        self._execution = execution

    def answer(self, order: tuple[int, ...]) -> Response:
        return self._serial(order)[0][-1]

    def agrees(self, order: tuple[int, ...]) -> bool:
        expected, stored = self._serial(order)[1], self._execution.final
        return all(list(expected.get(table, ())) == list(stored.get(table, ())) for table in {*expected, *stored})

    def difference(self, order: tuple[int, ...]) -> str:
        return _images_difference(self._serial(order)[1], self._execution.final)


def _images_difference(expected: StoredImages, stored: StoredImages) -> str:
    for table in sorted({*expected, *stored}):
        would, does = list(expected.get(table, ())), list(stored.get(table, ()))
        missing = [image for image in would if image not in does]
        surplus = [image for image in does if image not in would]
        if missing and surplus:
            return f"{table} would hold {_text(missing[0])}, but it holds {_text(surplus[0])}"
        if missing:
            return f"{table} would hold {_text(missing[0])}, but is missing"
        if surplus:
            return f"{table} would not hold {_text(surplus[0])}, but it does"
    return ""


def _text(image: Image) -> str:
    item: Mapping[str, Any] = plain(image)
    return ", ".join(f"{name}={value!r}" for name, value in item.items())
