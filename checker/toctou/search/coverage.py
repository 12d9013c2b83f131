"""What a verdict rests on, as data: how much was run, under which assumptions, what was judged, and what is unguarded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toctou.search.accesses import Call


class Outcome(StrEnum):
    """What exploring has shown of an unguarded write."""

    VIOLATION = "violation"  # a finding names it, or it was interleaved in a counterexample
    HARMLESS = "harmless"  # every scenario with its handler is verified
    OPEN = "open"  # neither


@dataclass(frozen=True, slots=True)
class UnguardedWrite:
    """A write whose condition does not cover what its request has read before.

    Attributes:
        handler: its name.
        read, write: the calls.
        unchecked: what was read and is not covered, by table, as readable names of attributes.
        tables: those that are written.
        condition: what the write's condition covers instead, likewise; empty if it has none.
        distant: whether the write is of other items than those that were read.
        schedules: in how many schedules it occurred.
        interleaved: in how many of these, or in equivalent ones, another request wrote, in between, what had been read.
        beside: the handlers of these requests.
        outcome: what exploring has shown.
        reasons: why, as far as that can be said, as sentences.
    """

    handler: str
    read: Call
    write: Call
    unchecked: tuple[tuple[str, tuple[str, ...]], ...]
    tables: tuple[str, ...]
    condition: tuple[str, ...]
    distant: bool
    schedules: int
    interleaved: int
    beside: tuple[str, ...]
    outcome: Outcome
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What an oracle has judged.

    Attributes:
        oracle: its name.
        rule: what it demands, as a sentence.
        handlers: those that it had something of to judge.
    """

    oracle: str
    rule: str
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Something that no rule has judged.

    Attributes:
        kind: ``write``, ``attribute`` (of stored items), ``answer`` (a part of a response), ``table`` or ``handler``.
        handler, table: its handler and its table; ``""`` where there is none.
        call: of a write, where it is made.
        attributes: readable names; empty for all of it.
        reason: why, as a sentence.
    """

    kind: str
    reason: str
    handler: str = ""
    table: str = ""
    call: Call | None = None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """A part of the scope, or an assumption: its name, and what holds of it, as a sentence."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelCoverage:
    """What the verdict of a model rests on.

    Attributes:
        explored: scenarios that were explored.
        represented: how many these represent, themselves included; the others differ by names only.
        scenarios: how many there are in the scope.
        requests: how many ran concurrently at most.
        schedules: executions that ran to their end.
        redundant: executions that were given up because an equivalent one had been run.
        interleavings: how many the schedules represent, in the scenarios that are represented, too.
        exhaustive: whether the strategy runs every class of interleavings, so that ``interleavings`` is the number of all.
        replayed: of the first execution of each scenario and the counterexamples, how many were run again with the same history.
        longest: steps of the longest execution.
        scope: strategy, reads, isolation, faults and clock, in this order.
        assumptions: what else the verdict depends on.
        judged: by oracle.
        unjudged: what no rule has judged.
        unguarded: writes without a condition that covers what was read; those of findings first.
        remaining: what was not explored, as sentences; empty if nothing.
    """

    explored: int
    represented: int
    scenarios: int
    requests: int
    schedules: int
    redundant: int
    interleavings: int
    exhaustive: bool
    replayed: int
    longest: int
    scope: tuple[Stated, ...]
    assumptions: tuple[Stated, ...]
    judged: tuple[Judged, ...]
    unjudged: tuple[Unjudged, ...]
    unguarded: tuple[UnguardedWrite, ...]
    remaining: tuple[str, ...] = ()
