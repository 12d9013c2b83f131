"""The data of an explanation; words are chosen here once, so that every renderer says the same."""

from __future__ import annotations

from dataclasses import dataclass

from toctou.analysis.edits import Remedy
from toctou.history.footprint import EdgeKind
from toctou.history.request import SourceLine


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the happens-before graph between two operations, with the reason why it holds.

    Attributes:
        kind: see :class:`EdgeKind`.
        item: text of the item they meet on, ``""`` for ``po`` and ``rt``.
        attributes: what they share, ready to read (``owner``, ``its existence``, ``every attribute``).
    """

    kind: EdgeKind
    earlier: int
    later: int
    item: str
    attributes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an execution should not have been possible.

    Attributes:
        anomaly: key of the anomaly table (``toctou``, ``lost_update``, …), or ``unnamed``.
        anomaly_title: the same for people (``time of check, time of use``).
        source: where the anomaly is defined.
        headline: one sentence: who did what to whose item, and why it should not have been possible.
        edges: the happens-before graph of the whole execution (transitively reduced where that loses nothing).
        witness: positions of the operations that show the violation, ascending; a subset of the execution.
        cycle: the edges that close a cycle between the requests, in order; empty if the violation needs none.
        contradiction: one sentence that closes the argument.
        decision: what the handler relied on (``owner of Items[i1]``), ``""`` if on nothing.
        decided: the same attributes alone, ready to read.
        remedies: what may fix it, as far as one execution shows, the first to be tried first.
        traceback: the handler's lines that an exception came through, innermost last, if the violation is that exception.
    """

    anomaly: str
    anomaly_title: str
    source: str
    headline: str
    edges: tuple[Edge, ...]
    witness: tuple[int, ...]
    cycle: tuple[Edge, ...]
    contradiction: str
    decision: str
    decided: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    traceback: tuple[SourceLine, ...] = ()

    @property
    def remedy(self) -> str:
        """The first of the remedies in words; ``""`` if there is none."""
        return self.remedies[0].text if self.remedies else ""
