"""What a verdict rests on, in a run's document and in words.

Pages and terminal say the same: counts first, then what is unguarded, then what no rule has judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from toctou.history.wording import listed
from toctou.reporting.document import Document
from toctou.reporting.source_document import source_document
from toctou.search.accesses import Call
from toctou.search.coverage import ModelCoverage, Stated, UnguardedWrite

_EXACT = 1_000_000
"""Numbers from here on are rounded for reading; documents have all digits."""

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_OUTCOMES = {
    "violation": "of a finding",
    "harmless": "harmless in this scope",
    "open": "undecided",
}
_MOST_PLACES = 3


def coverage_document(coverage: ModelCoverage | None) -> Document | None:
    """What the document of a run says about it."""
    if coverage is None:
        return None
    return {
        "scenarios": {
            "explored": coverage.explored,
            "represented": coverage.represented,
            "total": coverage.scenarios,
        },
        "requests": coverage.requests,
        "schedules": coverage.schedules,
        "redundant": coverage.redundant,
        "interleavings": coverage.interleavings,
        "exhaustive": coverage.exhaustive,
        "replayed": coverage.replayed,
        "longest": coverage.longest,
        "scope": [_stated(one) for one in coverage.scope],
        "assumptions": [_stated(one) for one in coverage.assumptions],
        "judged": [{"oracle": one.oracle, "rule": one.rule, "handlers": list(one.handlers)} for one in coverage.judged],
        "unjudged": [
            {
                "kind": one.kind,
                "handler": one.handler,
                "table": one.table,
                "call": one.call and _call(one.call),
                "attributes": list(one.attributes),
                "reason": one.reason,
            }
            for one in coverage.unjudged
        ],
        "unguarded": [_unguarded(one) for one in coverage.unguarded],
        "remaining": list(coverage.remaining),
    }


def _stated(one: Stated) -> Document:
    return {"name": one.name, "text": one.text}


def _call(call: Call) -> Document:
    return {"action": call.action, "source": source_document(call.source)}


def _unguarded(one: UnguardedWrite) -> Document:
    return {
        "handler": one.handler,
        "read": _call(one.read),
        "write": _call(one.write),
        "unchecked": [{"table": table, "attributes": list(names)} for table, names in one.unchecked],
        "tables": list(one.tables),
        "condition": list(one.condition),
        "distant": one.distant,
        "schedules": one.schedules,
        "interleaved": one.interleaved,
        "beside": list(one.beside),
        "outcome": str(one.outcome),
        "reasons": list(one.reasons),
    }


def number_words(number: int) -> str:
    """A number for reading: ``12,345`` or, from a million on, ``1.2 × 10⁹``."""
    if number < _EXACT:
        return f"{number:,}"
    digits = str(number)
    exponent = len(digits) - 1
    tenths = round(int(digits[:3]) / 10)
    if tenths == 100:  # 9.96 is 10.0
        tenths, exponent = 10, exponent + 1
    return f"{tenths // 10}.{tenths % 10} × 10{str(exponent).translate(_SUPERSCRIPT)}"


def counts_words(coverage: Document) -> str:
    """How much was run, as one sentence without a stop."""
    scenarios = coverage["scenarios"]
    explored, represented = scenarios["explored"], scenarios["represented"]
    alike = "" if represented == explored else f", which represent {represented:,}"
    total = "" if represented == scenarios["total"] else f" of {scenarios['total']:,}"
    redundant = f" and {coverage['redundant']:,} redundant ones" if coverage["redundant"] else ""
    schedules = _counted(coverage["schedules"], "schedule")
    stood_for = number_words(coverage["interleavings"])
    represents = f", which represent {stood_for} interleavings" if coverage["exhaustive"] else ""
    return (
        f"{_counted(explored, 'scenario')}{alike}{total}, of up to {_counted(coverage['requests'], 'request')} at once; "
        f"{schedules} run{redundant}{represents}"
    )


def place_words(call: Document) -> str:
    """Where a call is made: ``app.py:31 UpdateItem``."""
    source = call["source"]
    return f"{source['file']}:{source['line']} {call['action']}" if source else call["action"]


def unguarded_words(one: Document) -> str:
    """What an unguarded write is."""
    read = "; ".join(f"{listed(part['attributes'])} of {part['table']}" for part in one["unchecked"])
    return f"{place_words(one['write'])} of {listed(one['tables'])}, after {place_words(one['read'])}: no condition covers {read}"


def unjudged_words(one: Document) -> str:
    """What no rule has judged, and why."""
    if one["call"]:
        attributes = listed(one["attributes"])
        return f"{one['handler']}: {place_words(one['call'])} of {one['table']} ({attributes}): {one['reason']}"
    about = f"the table {one['table']}" if one["table"] else one["handler"]
    return f"{about}: {one['reason']}" if about else str(one["reason"])


def outcome_words(outcome: str) -> str:
    """What exploring has shown of an unguarded write."""
    return _OUTCOMES.get(outcome, outcome)


def notable(coverage: Document) -> str:
    """What a reader of a verdict should know of it, in a line; ``""`` for nothing."""
    parts = []
    for outcome in ("harmless", "open"):
        found = [one for one in coverage["unguarded"] if one["outcome"] == outcome]
        if found:
            places = list(dict.fromkeys(_line(one["write"]) for one in found))
            more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
            parts.append(
                f"{_counted(len(places), 'unguarded write')} {'is' if len(places) == 1 else 'are'} {_OUTCOMES[outcome]} "
                f"({', '.join(places[:_MOST_PLACES])}{more})"
            )
    writes = {(one["handler"], _line(one["call"]), one["table"]) for one in coverage["unjudged"] if one["call"]}
    if writes:
        parts.append(f"{_counted(len(writes), 'write')} judged by no rule, or in part only")
    parts += coverage["remaining"]
    return "; ".join(parts)


def coverage_lines(coverage: Document) -> Iterator[tuple[str, str]]:
    """All of it, as heads and sentences."""
    yield "covered", counts_words(coverage)
    for one in coverage["remaining"]:
        yield "remaining", one
    for one in coverage["scope"]:
        yield one["name"], one["text"]
    for one in coverage["assumptions"]:
        yield "assumed", one["text"]
    for one in coverage["judged"]:
        yield "judged", f"{one['oracle']}: {listed(one['handlers']) if one['handlers'] else 'no handler'}"
    for one in coverage["unjudged"]:
        yield "not judged", unjudged_words(one)
    for one in coverage["unguarded"]:
        reasons = "; ".join([outcome_words(one["outcome"]), *one["reasons"]])
        yield "unguarded", f"{one['handler']}: {unguarded_words(one)}: {reasons}"


def total_words(models: Sequence[Document]) -> str:
    """How much of all models was run, and in which scope; ``""`` if nothing is known."""
    known: list[Document] = [one["coverage"] for one in models if one.get("coverage")]
    if not known:
        return ""
    whole: dict[str, Any] = {
        "scenarios": {
            name: sum(one["scenarios"][name] for one in known) for name in ("explored", "represented", "total")
        },
        **{name: sum(one[name] for one in known) for name in ("schedules", "redundant", "interleavings")},
        "requests": max(one["requests"] for one in known),
        "exhaustive": all(one["exhaustive"] for one in known),
    }
    return counts_words(whole)


def _line(call: Document) -> str:
    source = call["source"]
    return f"{source['file']}:{source['line']}" if source else str(call["action"])


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
