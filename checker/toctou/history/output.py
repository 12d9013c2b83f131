"""What requests wrote to standard output and standard error, and when."""

from __future__ import annotations

from typing import NamedTuple


class Written(NamedTuple):
    """A text that a request wrote, as one piece as far as nothing else came between.

    Attributes:
        request: index of the request in its scenario.
        after: how many operations the request had performed by then.
        stream: ``stdout`` or ``stderr``.
    """

    request: int
    after: int
    stream: str
    text: str
