"""Requests of clients, and their responses."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from toctou.history.literals import body_text, literal
from toctou.history.normal_form import normal_body, normal_headers


@dataclass(frozen=True, slots=True)
class Request:
    """One run of a handler for one principal with given arguments: the unit of serializability."""

    principal: str
    handler: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, principal: str, handler: str, arguments: Mapping[str, Any]) -> Request:
        """A request with a mapping of arguments, whose order is kept."""
        return cls(principal, handler, tuple(arguments.items()))

    @property
    def values(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(self.arguments)

    @property
    def size(self) -> Decimal:
        """The size of its arguments; see :func:`size`."""
        return sum((size(value) for _, value in self.arguments), Decimal(0))

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={literal(value)}" for name, value in self.arguments)
        return f"{self.principal}: {self.handler}({arguments})"


@dataclass(frozen=True, slots=True)
class ThreadOf(Request):
    """A thread of a request, where explanations take it for a request; ``name`` says which of whom."""

    name: str = ""


RETRYABLE = frozenset({409, 412, 423, 429, 503})
"""Statuses of a rejected request that another state would have allowed: RFC 9110, RFC 4918 (423), RFC 6585 (429)."""


class Extent(NamedTuple):
    """The place of an expression in a file: lines from 1, columns in bytes from 0; the end is not included."""

    path: str
    line: int
    column: int
    last_line: int
    last_column: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A place in the handler's code.

    Attributes:
        file: relative to the working directory if possible.
        extent: where exactly the expression is that was being evaluated, if Python knows; no part of what is compared, as it
            differs from machine to machine.
    """

    file: str
    line: int
    function: str
    text: str
    extent: Extent | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}: {self.text.strip()}"


@dataclass(frozen=True, slots=True)
class HandlerException:
    """An exception that left a handler.

    Attributes:
        source: the innermost line that is the user's.
        traceback: the user's lines that it came through, innermost last; none of the checker's.
    """

    type: str
    message: str
    source: SourceLine | None = None
    # The same exception is raised where two executions differ only in the way to it.
    traceback: tuple[SourceLine, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What a request returned, in the normal form of :mod:`toctou.history.normal_form`: equal exactly if all of it is the same.

    Attributes:
        status: HTTP-like status; a handler's exception counts as 500.
        body: what the handler returned besides the status, if anything; plain data.
        exception: set if the handler raised instead of returning.
        headers: names and values.  Where a reference gives none, it says nothing about them.

    Raises:
        ModelError: nothing can be compared of the body, or of a part of it.
    """

    status: int
    body: Any = None
    exception: HandlerException | None = None
    headers: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", normal_body(self.body))
        object.__setattr__(self, "headers", normal_headers(self.headers))

    @property
    def refused(self) -> bool:
        """Whether the status is 4xx or 5xx."""
        return self.status >= 400

    def __str__(self) -> str:
        if self.exception is not None:
            return f"{self.status} ({self.exception.type}: {self.exception.message})"
        shown = str(self.status) if self.body is None else f"{self.status} {body_text(self.body)}"
        headers = [f"{name}: {value}" for name, value in self.headers if name != "content-type"]
        return f"{shown} ({', '.join(headers)})" if headers else shown


Retryable = Collection[int] | Callable[[Any], bool]
"""Statuses that ask a client to try again, or a predicate on the response (with the model before it, if it is a method)."""


def size(value: Any) -> Decimal:
    """The size of an argument, to prefer the simplest among equivalent requests: a number's value, or else the length."""
    match value:
        case None:
            return Decimal(0)
        case bool():
            return Decimal(1)
        case int() | float() | Decimal():
            number = abs(Decimal(value))  # Decimal, because a float cannot hold every integer argument
            return 1 + number if number.is_finite() else Decimal("Infinity")
        case str() | bytes():
            return Decimal(1 + len(value))
        case Mapping():
            return sum(map(size, value.values()), Decimal(1 + len(value)))
        case list() | tuple() | set() | frozenset():
            return sum(map(size, value), Decimal(1))
        case _:
            return Decimal(1)


def label(request: int) -> str:
    """The letter of the request at this index: A, B, … Z, then A1, B1, …"""
    turn, letter = divmod(request, 26)
    return string.ascii_uppercase[letter] + (str(turn) if turn else "")
