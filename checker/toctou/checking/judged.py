"""Decides what of a model's writes and answers each oracle has judged, and what no rule has.

A *rule* is what the model says: who owns an item, an invariant, a reference, that an event takes effect once.  Comparing with
the requests one after the other is none: it finds races, and takes for right what a handler does alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from toctou.declaration.model import Model
from toctou.errors import InternalError
from toctou.execution.judging import oracles_of
from toctou.history.footprint import ALL, EXISTENCE, Attributes
from toctou.history.wording import attribute_words
from toctou.oracles.exactly_once import ExactlyOnce
from toctou.oracles.ignored import BODY
from toctou.oracles.invariant import Invariant
from toctou.oracles.linearizability import Linearizability
from toctou.oracles.no_exception import NoException
from toctou.oracles.no_partial_effect import NoPartialEffect
from toctou.oracles.oracle import Oracle
from toctou.oracles.overwrites import Overwrites
from toctou.oracles.ownership import Ownership
from toctou.oracles.serial_runs import SerialRuns
from toctou.search.accesses import Accesses, Changed, Write, WriteSite
from toctou.search.coverage import Judged, Unjudged

_NOTHING: Attributes = frozenset()


def judged_by(accesses: Accesses, model: type[Model], handlers: Sequence[str]) -> list[Judged]:
    """By oracle of the model, which of these handlers it had something of to judge."""
    return [_judged(one, accesses, model, handlers) for one in _oracles(model)]


def unjudged(accesses: Accesses, model: type[Model], handlers: Sequence[str]) -> list[Unjudged]:
    """What no rule of the model has judged; ``handlers`` are those that were explored."""
    found = [one for site, write in accesses.writes.items() for one in _of_write(site, write, accesses, model)]
    found.sort(key=_rank)
    found += [
        Unjudged("answer", f"`ignore` leaves {name} out of the body of responses", attributes=(name,))
        for name in model.ignore.get(BODY, ())
    ]
    found += [
        Unjudged("answer", f"{one} varies with clock or random numbers, and was left out")
        for one in sorted(accesses.varying)
    ]
    found += [
        Unjudged("table", "no request has read or written it", table=one.name)
        for one in model.tables
        if one.name not in accesses.tables
    ]
    found += [
        Unjudged("handler", "no schedule with it was run", handler=name)
        for name in model.handlers()
        if name not in handlers
    ]
    return found


def _rank(one: Unjudged) -> tuple[object, ...]:
    source = one.call.source if one.call else None
    place = ("", 0) if source is None else (source.file, source.line)
    return one.kind != "write", one.handler, place, str(one.call), one.table, one.reason


def _oracles(model: type[Model]) -> list[Oracle]:
    def serial(order: tuple[int, ...]) -> NoReturn:
        raise InternalError(f"an oracle has run the requests {order} where there was nothing to judge")

    return oracles_of(model, serial)


def _judged(oracle: Oracle, accesses: Accesses, model: type[Model], handlers: Sequence[str]) -> Judged:
    match oracle:
        case NoPartialEffect():
            found = {one for one in handlers if one in accesses.refused}
        case SerialRuns() | Linearizability() | NoException() | Overwrites():
            found = {*handlers}
        case _:
            found = {
                site.handler
                for site, write in accesses.writes.items()
                if any(_attributes(oracle.name, site.table, change, accesses) for change in write.changes)
            }
    return Judged(oracle.name, _rule(oracle, model), tuple(one for one in handlers if one in found))


def _rule(oracle: Oracle, model: type[Model]) -> str:
    match oracle:
        case Ownership():
            by_attribute = model.owner is not None and model.owns is Model.owns
            who = f"its attribute {model.owner} names" if by_attribute else "`owns` of the model allows"
            return f"an item is changed only for a principal whom {who} at that moment"
        case Linearizability():
            return "answers and stored items are those of the reference, one request at a time"
        case SerialRuns():
            return "answers and stored items are those of some order of the same requests one after the other"
        case ExactlyOnce():
            return "an event that is delivered again takes effect once"
        case NoPartialEffect():
            return "a request that is refused, or fails, leaves no write"
        case NoException():
            return "no handler lets an exception out"
        case Overwrites():
            only = "" if model.overwrites == "violation" else " (noted only)"
            return f"no unconditional write replaces, unread, what another request was answered 2xx for{only}"
        case Invariant():
            return oracle.meaning or f"the model's invariant {oracle.name}"
    return ""


def _attributes(oracle: str, table: str, change: Changed, accesses: Accesses) -> Attributes:
    """Of what was changed, what an oracle judges, as far as a function of the model looks at it."""
    judged = dict(change.judged).get(oracle, _NOTHING)
    if oracle not in accesses.looked:
        return judged
    looked = accesses.looked[oracle].get(table, set())
    return judged if ALL in looked else judged & looked


def _of_write(site: WriteSite, write: Write, accesses: Accesses, model: type[Model]) -> Iterator[Unjudged]:
    """At most one entry for each reason."""
    comparison = "linearizability" if model.reference is None else ""
    found: dict[tuple[str, str], set[str]] = {}
    for change in write.changes:
        by_rules = _NOTHING.union(
            *(_attributes(name, site.table, change, accesses) for name, _ in change.judged if name != comparison)
        )
        compared = dict(change.judged).get(comparison, _NOTHING)
        if EXISTENCE in change.attributes and not change.created and EXISTENCE in by_rules:
            continue  # with the item, whatever it had is gone
        if ignored := change.attributes - compared - by_rules:
            why = (
                "`ignore` leaves it out of comparisons"
                if comparison
                else "neither the reference nor a rule looks at it"
            )
            found.setdefault(("attribute", why), set()).update(ignored)
        if left := (change.attributes & compared) - by_rules:
            why = f"{_without_rule(site.table, change, model)}: only compared with the requests one after the other"
            found.setdefault(("write", why), set()).update(left)
    for (kind, why), attributes in sorted(found.items()):
        yield Unjudged(kind, why, site.handler, site.table, site.call, attribute_words(attributes))


def _without_rule(table: str, change: Changed, model: type[Model]) -> str:
    """Why no rule judges a change."""
    if ":" in table:
        return "it is in another service, and no invariant looks there"
    if model.owner is None and model.owns is Model.owns:
        return (
            "the model names no owner, and no invariant looks at it" if model.invariants() else "the model has no rule"
        )
    if change.created:
        return "an item that is created has no owner yet"
    return f"the item has no {model.owner}, so that any principal may change it" if model.owner else "it has no owner"
