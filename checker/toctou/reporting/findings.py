"""Groups violations into findings: one per cause, most severe first, each with its scenarios and its clearest report.

It works on documents, so that stored violations can be grouped again without the run that found them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from toctou.history.request import size
from toctou.history.schedule import parse_schedule
from toctou.history.wording import listed
from toctou.reporting.causes import FINGERPRINT_LENGTH
from toctou.reporting.document import Document
from toctou.reporting.fixes import fix_document
from toctou.reporting.model_names import identity

_HARMLESS = frozenset({"outdated_answer", "unhandled_refusal"})
"""Names of what only an answer is wrong about."""


def findings(violations: Sequence[Document]) -> list[Document]:
    """One entry per cause; see ``$defs/finding`` of ``reports/run.schema.json``."""
    groups = _groups(violations)
    rules = [_own_rule(group) for group in groups]
    return [
        {**_finding(group), **_way(rules, at), **({} if _whole(groups, at) else {"fingerprint": _of_part(group)})}
        for at, group in enumerate(groups)
    ]


def findings_in(document: Document) -> list[Document]:
    """The findings of any document, most severe first; those of a scan each with the name of its ``operation``."""
    match document["kind"]:
        case "violation":
            return findings([document])
        case "scan":
            found = [{**one, "operation": of["name"]} for of in document["operations"] for one in of["findings"]]
            return sorted(found, key=lambda one: -float(one["severity"]["score"]))
    return list(document["findings"])


def ranked(violations: Sequence[Document]) -> list[Document]:
    """The violations in the order in which a person should read them: most severe cause first, its clearest report first."""
    return [violation for group in _groups(violations) for violation in group]


def flow(violation: Document) -> list[Document]:
    """What happened, in time, for formats that show one place in the code after the other."""
    requests = {request["letter"]: request for request in violation["requests"]}
    return [
        {
            "step": step["name"],
            "request": f"{step['request']} {requests[step['request']]['principal']}: "
            f"{requests[step['request']]['handler']}",
            "summary": step["summary"],
            "witness": step["witness"],
            "source": step["source"],
        }
        for step in violation["steps"]
    ]


def _groups(violations: Sequence[Document]) -> list[list[Document]]:
    groups: dict[object, list[Document]] = {}
    for one in violations:
        groups.setdefault(_raised_alone(one) or (_model(one), one["cause"]["fingerprint"]), []).append(one)
    ordered = [_clearest_first(part) for group in groups.values() for part in _parts(group)]
    return _by_rule(sorted(ordered, key=lambda group: _rank(group[0])))


def _parts(group: Sequence[Document]) -> list[list[Document]]:
    """The violations of one window, those apart that another condition corrects.

    A check of the owner leaves an update lost that has nothing to do with the owner, and would hide it.
    """
    checked = {
        name for one in group if one["finding"]["oracle"] == "ownership" for name in one["explanation"]["decided"]
    }
    lost = [one for one in group if _loses_besides(one, checked)]
    rest = [one for one in group if one not in lost]
    return [part for part in (rest, lost) if part]


def _loses_besides(violation: Document, checked: set[str]) -> bool:
    decided = violation["explanation"]["decided"]
    lost = violation["explanation"]["anomaly"] == "lost_update"
    return lost and bool(checked) and bool(decided) and checked.isdisjoint(decided)


def _whole(groups: Sequence[Sequence[Document]], at: int) -> bool:
    """Whether a group is the first that has its fingerprint."""
    own = groups[at][0]["cause"]["fingerprint"]
    return own not in [group[0]["cause"]["fingerprint"] for group in groups[:at]]


def _of_part(group: Sequence[Document]) -> str:
    text = f"{group[0]['cause']['fingerprint']} {group[0]['explanation']['anomaly']}"
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _own_rule(group: Sequence[Document]) -> tuple[str, str] | None:
    """The rule of the model's own that a cause breaks; ``None`` if it breaks none."""
    clearest = group[0]
    return None if _of_others(clearest) else (_model(clearest), clearest["finding"]["oracle"])


def _by_rule(groups: Sequence[list[Document]]) -> list[list[Document]]:
    """The same, those that break one rule of the model's own next to each other, where the most severe of them stands."""
    found: list[list[Document]] = []
    for group in groups:
        if group not in found:
            rule = _own_rule(group)
            found += [one for one in groups if one is group or (rule is not None and _own_rule(one) == rule)]
    return found


def _way(rules: Sequence[tuple[str, str] | None], at: int) -> Document:
    """Of several ways to break one rule, which one this is."""
    rule = rules[at]
    if rule is None or rules.count(rule) == 1:
        return {}
    return {"way": {"rule": rule[1], "number": rules[:at].count(rule) + 1, "of": rules.count(rule)}}


def _model(violation: Document) -> str:
    """The model, since two may be called the same; all that was recorded from tests counts as one."""
    return violation["model"] if identity(violation["model"]) else ""


def _raised_alone(violation: Document) -> tuple[str, ...] | None:
    """Where, and what, a request raises by itself: one bug, whichever handlers come through it; ``None`` for anything else."""
    lines = violation["explanation"].get("traceback")
    if violation["explanation"]["anomaly"] != "fails_alone" or not lines:
        return None
    raised = [one["exception"] for one in violation["responses"] if one.get("exception")]
    types = {one["type"] for one in raised if one["source"] == lines[-1]}
    return _model(violation), *sorted(types), *map(str, lines[-1].values())


def _clearest_first(violations: Sequence[Document]) -> list[Document]:
    """The violations of one cause: first those that break a rule of the model's own, then those of the handlers that show it in
    the fewest operations, the smallest first.
    """
    # by handlers first, because sizes of arguments of different handlers cannot be compared
    of_handlers: dict[tuple[str, ...], list[Document]] = {}
    for one in violations:
        of_handlers.setdefault(_handlers(one), []).append(one)
    shortest = {handlers: min(map(_rank, group)) for handlers, group in of_handlers.items()}
    places = {handlers: place for place, handlers in enumerate(sorted(of_handlers, key=lambda one: shortest[one]))}
    return sorted(
        violations, key=lambda one: (_of_others(one), *_rank(one)[:-1], places[_handlers(one)], *_smallness(one))
    )


def _of_others(violation: Document) -> bool:
    """Whether no rule of the model's own is broken; what its authors wrote down themselves is shown first."""
    return not violation["finding"].get("own", False)


def _handlers(violation: Document) -> tuple[str, ...]:
    return tuple(sorted(request["handler"] for request in violation["requests"]))


def _rank(violation: Document) -> tuple[float, bool, bool, int, int]:
    """Most severe first; of equally severe ones the model's own rules, those that a second backend confirms, the shortest."""
    return (
        -violation["severity"]["score"],
        _of_others(violation),
        violation["confirmed_on"] is None,
        len(violation["requests"]),
        len(violation["steps"]),
    )


def _smallness(violation: Document) -> tuple[Any, ...]:
    """Small arguments, few items, few context switches, no stale results, few operations, in this order."""
    schedule = parse_schedule(violation["schedule"])
    return (
        sum(size(value) for request in violation["requests"] for value in request["arguments"].values()),
        sum(map(len, violation["initial"].values())),
        schedule.context_switches,
        schedule.weight,
        len(violation["steps"]),
    )


def _broken_rules(group: Sequence[Document]) -> list[Document]:
    """For each rule of the model's own, the clearest violation that breaks it."""
    clearest: dict[str, Document] = {}
    for one in group:
        if not _of_others(one):
            clearest.setdefault(one["finding"]["oracle"], one)
    return list(clearest.values())


def _rule(violation: Document) -> Document:
    return {
        "rule": violation["finding"]["oracle"],
        "statement": violation["finding"]["statement"],
        "report": violation["report"],
        "replay": violation["replay"],
    }


def _cause_text(group: Sequence[Document], handlers: Sequence[str]) -> str:
    """The cause of the clearest report, with what the others have besides."""
    clearest = group[0]
    several = len(handlers) > 1
    if several and clearest["explanation"]["anomaly"] == "fails_alone":
        return f"{listed(handlers)} fail at the same line"
    also = list(dict.fromkeys(_other_writes(group)))
    text = str(clearest["cause"]["text"]) + (f"; the same decision leads to its {listed(also)}" if also else "")
    return text + (
        f"; {listed(handlers[1:])} {'does' if len(handlers) == 2 else 'do'} the same there" if several else ""
    )


def _anomalies(group: Sequence[Document]) -> list[str]:
    """What the cause is called, the name of the clearest report first; what is harmless is not named beside what is not."""
    every = list(dict.fromkeys(one["explanation"]["anomaly"] for one in group))
    return [name for name in every if name not in _HARMLESS] or every


def _other_writes(group: Sequence[Document]) -> Iterator[str]:
    shown = group[0]["cause"]["write"]
    for one in group[1:]:
        write = one["cause"]["write"]
        if shown and write and (write["action"], write["tables"]) != (shown["action"], shown["tables"]):
            yield f"{write['action']} of {', '.join(write['tables'])}"


def _finding(group: Sequence[Document]) -> Document:
    clearest = group[0]
    explanation, cause = clearest["explanation"], clearest["cause"]
    handlers = list(dict.fromkeys(one["cause"]["handler"] for one in group))
    return {
        "fingerprint": cause["fingerprint"],
        "model": clearest["model"],
        "handler": cause["handler"],
        **({"handlers": handlers} if len(handlers) > 1 else {}),
        "cause": _cause_text(group, handlers),
        "severity": clearest["severity"],
        "headline": explanation["headline"],
        "decision": explanation["decision"],
        "remedy": explanation["remedy"],
        **fix_document(clearest),
        **({"traceback": explanation["traceback"]} if explanation.get("traceback") else {}),
        "anomaly": explanation["anomaly"],
        "anomaly_title": explanation["anomaly_title"],
        "anomalies": _anomalies(group),
        "oracles": list(dict.fromkeys(one["finding"]["oracle"] for one in group)),
        "confirmed_on": clearest["confirmed_on"],
        "read": cause["read"],
        "write": cause["write"],
        **({"accepts": cause["accepts"]} if cause.get("accepts") else {}),
        "flow": flow(clearest),
        "report": clearest["report"],
        "replay": clearest["replay"],
        "rules": [_rule(one) for one in _broken_rules(group)],
        "scenarios": [
            {
                "requests": [request["text"] for request in one["requests"]],
                "oracle": one["finding"]["oracle"],
                "anomaly": one["explanation"]["anomaly"],
                "severity": one["severity"]["level"],
                "schedule": one["schedule"],
                "report": one["report"],
            }
            for one in group
        ],
    }
