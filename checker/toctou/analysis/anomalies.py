"""Decides the name of a violation: a table of anomalies with their sources, and one interpreter.

Every row draws the cycle between requests that it names: the kinds of its first and last edge, seen from the request
that suffers, and tests that the edges have to pass (:mod:`toctou.analysis.patterns`).  The first row that fits any
cycle wins, so the table is in order of specificity.  What no row fits is called ``unnamed`` rather than given a name
that is nearly right.

Sources:

* CWE-367, https://cwe.mitre.org/data/definitions/367.html
* Adya, *Weak consistency: a generalized theory and optimistic implementations for distributed transactions*, MIT 1999
* Berenson et al., *A critique of ANSI SQL isolation levels*, SIGMOD 1995, https://arxiv.org/abs/cs/0701157
* Kingsbury and Alvaro, *Elle: inferring isolation anomalies from experimental observations*, VLDB 2020,
  https://arxiv.org/abs/2003.10554
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toctou.analysis import harmless, overwriting, patterns, repeated
from toctou.analysis.alone import fails_alone
from toctou.analysis.cycles import Cycle
from toctou.analysis.patterns import Scene, Shape
from toctou.analysis.refusals import UNHANDLED_REFUSAL
from toctou.analysis.versions import Versions
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind

RW, WR, WW, RT = (frozenset({kind}) for kind in (EdgeKind.RW, EdgeKind.WR, EdgeKind.WW, EdgeKind.RT))
BACK = WR | WW
ANY = RW | WR | WW | RT


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One row.

    Attributes:
        key: what reports and programs call it.
        source: where it is defined.
        shapes: any of these makes it this anomaly.
    """

    key: str
    title: str
    source: str
    meaning: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A violation with its name; ``cycle`` starts in the request that suffers, and is empty if the name needs none."""

    anomaly: Anomaly
    cycle: Cycle


UNNAMED = Anomaly(
    "unnamed",
    "anomaly without a name",
    "Adya 1999: a cycle in the serialization graph, or an outcome that no graph explains",
    "none of the named anomalies fits",
    (),
)

TOCTOU = Anomaly(
    "toctou",
    "time of check, time of use",
    "CWE-367",
    "a request relied on what it had read, and acted after another request had changed it",
    (Shape(RW, BACK | RW, (patterns.missed_changes, patterns.in_time, patterns.arrives_at_write, patterns.accessed)),),
)

DUPLICATE = Anomaly(
    "duplicate_effect",
    "duplicate effect",
    "Adya 1999, G2-item; CWE-837 (improper enforcement of a single, unique action)",
    "the same write took effect twice, because neither request saw that the other had made it, or neither looked",
    (Shape(RW, ANY, (repeated.effect_twice,)), Shape.without_cycle(repeated.repeated_by_itself)),
)

STALE = Anomaly(
    "stale_read",
    "stale read",
    "Elle 2020, real-time cycles; Amazon DynamoDB Developer Guide, read consistency",
    "an eventually consistent read, of a table or through an index, returned what had been overwritten before the read",
    (Shape(RW, ANY, (patterns.stale,)),),
)

LOST_UPDATE = Anomaly(
    "lost_update",
    "lost update",
    "Berenson et al. 1995, P4; Adya 1999, G-single",
    "a request overwrote a value with one that it had computed from an older value",
    (Shape(RW, WW, (patterns.two_requests, overwriting.overwrites_what_it_missed)),),
)

TABLE: tuple[Anomaly, ...] = (
    # What deliveries of one event did is named after that, whichever way they missed each other; hence this row stands here
    # a first time.
    replace(
        DUPLICATE,
        shapes=(Shape(RW, ANY, (repeated.delivered_twice,)), Shape.without_cycle(repeated.delivered_twice)),
    ),
    # What a request misses of its own writes it misses alone, too, and yet ConsistentRead corrects it; hence a first time.
    replace(STALE, shapes=(Shape(RW, ANY, (harmless.missed_its_own,)),)),
    Anomaly(
        "fails_alone",
        "fails alone, which is no race",
        "CWE-248",
        "a request ended in an exception although it met nothing that another request had changed: it fails by itself",
        (Shape.without_cycle(fails_alone),),
    ),
    STALE,
    Anomaly(
        "partial_effect",
        "partial effect",
        "Haerder and Reuter 1983, atomicity",
        "a request that was rejected, or failed, left some of its writes",
        (Shape.without_cycle(patterns.found_by("no_partial_effect")),),
    ),
    Anomaly(
        "aba",
        "ABA",
        "Michael, ABA prevention using single-word instructions, IBM RC 23089, 2004",
        "a condition held because a value was the same again, although the item had changed in between",
        (Shape(RW, BACK, (patterns.value_came_back,)),),
    ),
    Anomaly(
        "resurrection",
        "resurrection of a deleted item",
        "auth0/nextjs-auth0#2590 is a public case; Berenson et al. 1995, P4 on an item's existence",
        "a request wrote to an item that it had read, and so created it again after another request had deleted it",
        (Shape(RW, BACK, (patterns.deleted_by_first, patterns.created_by_last)),),
    ),
    # A write to what another principal owns is named after the check that should have stopped it, not after the value that
    # it overwrote; hence this row stands here a first time.
    replace(
        TOCTOU,
        shapes=(
            Shape(
                RW, BACK, (patterns.missed_changes, patterns.in_time, patterns.arrives_at_offence, patterns.accessed)
            ),
        ),
    ),
    Anomaly(
        "missing_check",
        "missing check",
        "CWE-862, CWE-639",
        "the request relied on nothing that another request changed: it would do the same if it ran alone",
        (Shape.without_cycle(patterns.found_by("ownership")),),
    ),
    DUPLICATE,
    Anomaly(
        "outdated_answer",
        "answer out of date",
        "Adya 1999, G-single: the answer fits no serial order, and what is stored fits one",
        "a request answered from what it had read, although what it was to delete was gone by then, so that it changed nothing",
        (Shape(RW, BACK, (patterns.in_time, harmless.nothing_left_to_do)),),
    ),
    # Where the item that was overwritten had been found, no other one came or left that would matter more; hence a first time.
    replace(
        LOST_UPDATE,
        shapes=(Shape(RW, WW, (patterns.two_requests, patterns.was_found, overwriting.overwrites_what_it_missed)),),
    ),
    Anomaly(
        "phantom",
        "phantom",
        "Berenson et al. 1995, P3 and A3; Adya 1999, G2",
        "an item appeared in, or left, a range that a request had queried and relied on",
        (Shape(RW, ANY, (patterns.overtaken, patterns.acted, patterns.membership_changed)),),
    ),
    LOST_UPDATE,
    Anomaly(
        "write_skew",
        "write skew",
        "Berenson et al. 1995, A5B; Adya 1999, G2-item",
        "two requests each changed what the other had read, on different items or attributes",
        (Shape(RW, RW, (patterns.two_requests, patterns.missed_changes, patterns.disjoint, patterns.both_decide)),),
    ),
    Anomaly(
        UNHANDLED_REFUSAL,
        "refused write not handled",
        "CWE-755 (improper handling of exceptional conditions); CWE-248",
        "a condition refused the write of a request that had lost a race, as it should, but the handler answered with an error",
        (Shape(RW, ANY, (harmless.refused_unhandled,)), Shape.without_cycle(harmless.refused_unhandled)),
    ),
    Anomaly(
        "dirty_read",
        "dirty or intermediate read",
        "Berenson et al. 1995, P1; Adya 1999, G1a and G1b",
        "a request read what another request had written part-way, or had written and then undone",
        (
            Shape(
                RW, WR, (patterns.two_requests, patterns.missed_changes, patterns.arrives_at_read, patterns.saw_half)
            ),
            Shape.without_cycle(patterns.saw_what_was_undone),
        ),
    ),
    Anomaly(
        "read_skew",
        "read skew (fractured read)",
        "Berenson et al. 1995, A5A; Adya 1999, G-single",
        "a request saw one item before and another after the changes that belong together",
        (
            Shape(
                RW,
                WR,
                (patterns.two_requests, patterns.missed_changes, patterns.arrives_at_read, patterns.different_items),
            ),
        ),
    ),
    Anomaly(
        "non_repeatable_read",
        "non-repeatable read",
        "Berenson et al. 1995, P2 and A2",
        "a request read an item twice, and another changed it in between",
        (Shape(RW, WR, (patterns.overtaken, patterns.missed_changes, patterns.arrives_at_read, patterns.same_item)),),
    ),
    TOCTOU,
    Anomaly(
        "dirty_write",
        "dirty write",
        "Berenson et al. 1995, P0; Adya 1999, G0",
        "two requests overwrote each other, so that neither's writes are all in place",
        (Shape(WW, WW, (overwriting.both_replace,)),),
    ),
    Anomaly(
        "unhandled_exception",
        "unhandled exception",
        "CWE-248",
        "a request ended in an exception that its handler does not catch, instead of an answer",
        (Shape.without_cycle(patterns.found_by("no_exception")),),
    ),
    Anomaly(
        "not_a_race",
        "not a race between these requests",
        "Bernstein, Hadzilacos and Goodman 1987: an acyclic serialization graph has a serial order",
        "the outcome is that of some serial order: the handlers are wrong by themselves, or depend on more than stored items",
        (Shape.without_cycle(patterns.wrong_in_serial_order),),
    ),
)

ANOMALIES: Mapping[str, Anomaly] = {row.key: row for row in (*TABLE, UNNAMED)}
"""The table by key, for look-ups."""


def name(versions: Versions, finding: Finding, cycles: Sequence[Cycle]) -> Named:
    """Give a violation the most specific name that fits.

    Args:
        cycles: between its requests, the most explanatory one first.
    """
    scenes = [
        (first.kind, cycle[index - 1].kind, Scene(versions, finding, cycle[index:] + cycle[:index], cycles_exist=True))
        for cycle in cycles
        for index, first in enumerate(cycle)
    ]
    without = Scene(versions, finding, (), cycles_exist=bool(cycles))
    for anomaly in TABLE:
        for shape in anomaly.shapes:
            if not shape.cyclic and shape.passes(without):
                return Named(anomaly, ())
            for first, last, scene in scenes:
                if first in shape.first and last in shape.last and shape.passes(scene):
                    return Named(anomaly, scene.cycle)
    return Named(UNNAMED, cycles[0] if cycles else ())
