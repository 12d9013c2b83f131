"""Keeps what one request writes, up to a limit."""

from __future__ import annotations

from typing import NamedTuple

LEFT_OUT = "… more was left out"
"""Stands at the end of what a request wrote, if that was more than is kept."""


class Piece(NamedTuple):
    """A text that a request wrote; see :class:`toctou.history.output.Written`."""

    after: int
    stream: str
    text: str


class Output:
    """What one request has written.

    Args:
        most: characters that are kept.
    """

    def __init__(self, most: int) -> None:
        self._left = most or -1
        self._pieces: list[tuple[int, str, list[str]]] = []

    def write(self, after: int, stream: str, text: str) -> None:
        """Keep a text, or the part of it for which there is room."""
        if self._left < 0 or not text:
            return
        self._left -= len(text)
        if self._left < 0:
            text = text[: self._left] + LEFT_OUT
        if self._pieces and self._pieces[-1][:2] == (after, stream):
            self._pieces[-1][2].append(text)
        else:
            self._pieces.append((after, stream, [text]))

    def pieces(self) -> list[Piece]:
        """What is kept, in the order in which it was written."""
        return [Piece(after, stream, "".join(parts)) for after, stream, parts in self._pieces]

    def taken(self) -> tuple[Piece, ...]:
        """What was kept since the last call; it is kept no longer."""
        found = tuple(self.pieces())
        self._pieces.clear()
        return found
