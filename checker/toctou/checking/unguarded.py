"""Decides which unguarded writes a finding is about, which are harmless in the scope that was explored, and why.

*Harmless* claims no more than the scope: every scenario with the handler is verified.  The reasons are what was seen: who
writes what was read, whether that came in between, and which other conditions held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toctou.counterexample.violation import Violation
from toctou.declaration.model import Model
from toctou.history.footprint import ALL, EXISTENCE, overlap
from toctou.history.wording import listed
from toctou.search.accesses import Accesses, Call, Guard, Observer, SeenWindow, WindowSite
from toctou.search.coverage import Outcome, UnguardedWrite
from toctou.search.result import ScenarioResult
from toctou.search.windows import Keys, named
from toctou.verdict import Verdict

_RANKS = list(Outcome)


def unguarded_writes(
    accesses: Accesses, model: type[Model], results: Sequence[ScenarioResult], *, complete: bool
) -> list[UnguardedWrite]:
    """The unguarded writes of a model, those of findings first.

    Args:
        accesses: what was seen of its handlers.
        results: its scenarios, concluded.
        complete: whether they are all that there are in the scope.
    """
    violations = [violation for one in results for violation in one.violations]
    blamed = {
        (one.cause.handler, one.cause.write.action, one.cause.write.source) for one in violations if one.cause.write
    }
    shown = _shown(violations, _keys(model))
    found = []
    for site, seen in accesses.windows.items():
        violated = site in shown or (site.handler, *site.write) in blamed
        scenarios = [one for one in results if any(request.handler == site.handler for request in one.requests)]
        unverified = [one for one in scenarios if one.verdict is not Verdict.VERIFIED]
        if violated:
            outcome, reasons = Outcome.VIOLATION, []
        elif unverified or not complete:
            outcome, reasons = Outcome.OPEN, [_open(site.handler, unverified, len(scenarios))]
        else:
            outcome, reasons = Outcome.HARMLESS, []
        reasons += [*_reasons(site, seen, accesses)]
        if outcome is Outcome.HARMLESS and seen.interleaved:
            reasons.append("no oracle objected to any of these")
        found.append(_unguarded(site, seen, outcome, reasons))
    return sorted(found, key=_rank)


def _rank(one: UnguardedWrite) -> tuple[object, ...]:
    sources = [call.source for call in (one.write, one.read)]
    places = [("", 0) if source is None else (source.file, source.line) for source in sources]
    return _RANKS.index(one.outcome), one.handler, places, one.write.action, one.read.action


def _unguarded(site: WindowSite, seen: SeenWindow, outcome: Outcome, reasons: Sequence[str]) -> UnguardedWrite:
    return UnguardedWrite(
        handler=site.handler,
        read=site.read,
        write=site.write,
        unchecked=tuple((table, named(frozenset(names))) for table, names in sorted(seen.read.items())),
        tables=tuple(sorted(seen.written)),
        condition=named(frozenset(seen.condition)),
        distant=seen.distant,
        schedules=seen.schedules,
        interleaved=seen.interleaved,
        beside=tuple(sorted(seen.beside)),
        outcome=outcome,
        reasons=tuple(reasons),
    )


def _keys(model: type[Model]) -> Keys:
    return {one.name: frozenset(key["AttributeName"] for key in one.parameters["KeySchema"]) for one in model.tables}


def _shown(violations: Sequence[Violation], keys: Keys) -> set[WindowSite]:
    """Windows into which another request wrote in a counterexample, whatever it is blamed on."""
    observer = Observer(Accesses(), (), keys)
    for one in violations:
        observer.see(one.execution)
    return {site for site, seen in observer.accesses.windows.items() if seen.interleaved}


def _writers(accesses: Accesses, table: str, *, existing: bool = False) -> dict[str, frozenset[str]]:
    """By handler, the attributes of a table's items that it wrote; ``existing``: that it changed in items that were there."""
    found: dict[str, frozenset[str]] = {}
    for site, write in accesses.writes.items():
        if site.table == table:
            changed = frozenset[str]().union(*(one.attributes for one in write.changes if not one.created))
            written = changed if existing else frozenset(write.attributes)
            found[site.handler] = found.get(site.handler, frozenset()) | written
    return found


def _open(handler: str, unverified: Sequence[ScenarioResult], scenarios: int) -> str:
    if not unverified:
        return "not every scenario was explored"
    violated = sum(one.verdict is Verdict.VIOLATED for one in unverified)
    if violated == len(unverified):
        return f"{violated} of {scenarios} scenarios with {handler} are violated, which is put down to other calls"
    return f"{len(unverified)} of {scenarios} scenarios with {handler} are not verified"


def _reasons(site: WindowSite, seen: SeenWindow, accesses: Accesses) -> Iterator[str]:
    used = accesses.used.get((site.handler, site.read), {})
    for table, attributes in sorted(seen.read.items()):
        read, looked = frozenset(attributes), frozenset(used.get(table, ())) - {EXISTENCE}
        what = f"anything of {table}" if ALL in read else f"{listed(named(read))} of {table}"
        if by := _written_by(site.handler, read, _writers(accesses, table)):
            yield f"{by} writes {what}"
        elif looked and ALL not in looked:
            only = f"alone, {site.handler} looks at {listed(named(looked))} of {table} only"
            if by := _written_by(site.handler, looked, _writers(accesses, table, existing=True)):
                yield f"{only}, which {by} changes in an item that is there"
    if seen.interleaved:
        yield (
            f"in {seen.interleaved:,} of the {seen.schedules:,} schedules with it, {listed(sorted(seen.beside))} wrote what had "
            "been read in between"
        )
    else:
        yield f"in none of the {seen.schedules:,} schedules with it another request wrote what had been read in between"
    if seen.condition:
        yield f"its condition covers {listed(named(frozenset(seen.condition)))}" + (
            " only" if seen.condition == {EXISTENCE} else " instead"
        )
    for guard in sorted(seen.guards or (), key=str):
        yield _guarded(guard, distant=seen.distant)


def _written_by(handler: str, attributes: frozenset[str], writers: Mapping[str, frozenset[str]]) -> str:
    """Who writes any of these, if that is no other handler; ``""`` otherwise."""
    writing = [name for name, written in writers.items() if overlap(attributes, written)]
    if not writing:
        return "no handler of the model"
    return f"only {handler} itself" if writing == [handler] else ""


def _guarded(guard: Guard, *, distant: bool) -> str:
    if guard.earlier:
        return f"its request has made a conditional {guard.call.action} of {guard.table}{_at(guard.call)} before"
    if distant:
        return f"it has a condition, on items of {guard.table}"
    return f"its transaction has a condition on another item, of {guard.table}"


def _at(call: Call) -> str:
    return "" if call.source is None else f" ({_place(call)})"


def _place(call: Call) -> str:
    return call.action if call.source is None else f"{call.source.file}:{call.source.line}"
