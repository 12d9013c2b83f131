"""What the parts of a stored report must be, and the complaint about a part that is not.

The JSON schemas in ``reports/`` say more and are for others; this is what renderers and ``replay`` rely on, so that none of
them meets a missing field.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toctou.errors import ReportError

AGAIN = "run `toctou check` again and take the report that it writes"

Shape = Any
"""What a part of a document must be: a type; ``[shape]``, a list of such; a mapping of fields that must be there to their
shapes; or a :class:`Maybe`; of a field also a :class:`Missing`."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """Null, or of the shape."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that may be missing, or of the shape; older reports do not have it."""

    shape: Shape


def _texts(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, str)


_SOURCE: Shape = Maybe({**_texts("file", "function", "text"), "line": int})
_SEVERITY: Shape = {**_texts("level", "vector", "meaning"), "score": float}
_SITE: Shape = Maybe(
    {
        **_texts("step", "action"),
        "tables": [str],
        "source": _SOURCE,
        "at": Missing(_SOURCE),
        "stack": Missing([_SOURCE]),
    }
)
_ACCEPTS = Missing([{**_texts("file", "reason"), "line": int, "names": [str]}])
_CAUSE: Shape = {**_texts("fingerprint", "text", "handler"), "read": _SITE, "write": _SITE, "accepts": _ACCEPTS}
_OUTCOME = Missing(
    {"fail_on": str, **dict.fromkeys(("exit_status", "failing", "accepted"), int), "below": [str], "notes": [str]}
)
_EDGE: Shape = {**_texts("kind", "earlier", "later", "item", "reason"), "attributes": [str]}
_STEP: Shape = {
    **_texts("name", "request", "action", "target", "outcome", "summary"),
    "parameters": dict,
    "result": Maybe(dict),
    "error": Maybe(_texts("code", "message")),
    "looked_at": Maybe([{**_texts("item", "by"), "attributes": [str]}]),
    "changes": [{"item": str, "before": Maybe(dict), "after": Maybe(dict)}],
    "source": _SOURCE,
    "stack": Missing([_SOURCE]),
    "witness": bool,
    "wrong": bool,
}
_TRIED: Shape = _texts("outcome", "text")
_REMEDY: Shape = {
    "text": str,
    "edits": [dict],
    "tried": _TRIED,
    "attempts": [{"text": str, "tried": _TRIED}],
}
_EXPLANATION: Shape = {
    **_texts("anomaly", "anomaly_title", "source", "headline", "decision", "remedy", "contradiction"),
    "decided": [str],
    "edges": [_EDGE],
    "witness": [str],
    "cycle": [_EDGE],
    "closest": Maybe({"order": [str], "explained": int, "contradiction": str}),
}
VIOLATION: Shape = {
    **_texts("toctou", "model", "report", "replay", "home", "run", "schedule", "found_on", "difference"),
    "severity": _SEVERITY,
    "cause": _CAUSE,
    "requests": [{**_texts("letter", "principal", "handler", "text"), "arguments": dict}],
    "initial": dict,
    "left_out": dict,
    "steps": [_STEP],
    "responses": [{**_texts("request", "text"), "status": int, "after": int}],
    "final": dict,
    "output": Missing([{**_texts("request", "stream", "text"), "step": Maybe(str)}]),
    "remedy": Missing(_REMEDY),
    "code": Missing([{"file": str, "first": int, "lines": [str], "marks": [{"line": int, "step": str}]}]),
    "finding": _texts("oracle", "statement"),
    "explanation": _EXPLANATION,
    "confirmed_on": Maybe(str),
    "occurrences": int,
}
_FINDING: Shape = {
    **_texts("fingerprint", "model", "handler", "cause", "headline", "decision", "remedy", "anomaly", "anomaly_title"),
    **_texts("report", "replay"),
    "severity": _SEVERITY,
    "handlers": Missing([str]),
    "fix": Missing(_REMEDY),
    "way": Missing({"rule": str, "number": int, "of": int}),
    "anomalies": [str],
    "oracles": [str],
    "confirmed_on": Maybe(str),
    "read": _SITE,
    "write": _SITE,
    "accepts": _ACCEPTS,
    "accepted": Missing(_texts("by", "where", "reason")),
    "flow": [{**_texts("step", "request", "summary"), "witness": bool, "source": _SOURCE}],
    "scenarios": [{**_texts("oracle", "anomaly", "severity", "schedule", "report"), "requests": [str]}],
}
_SCENARIO: Shape = {
    "requests": [str],
    "verdict": str,
    "stop_reason": Maybe(str),
    **dict.fromkeys(("schedules", "interleavings", "stands_for"), int),
    "violations": [_texts("oracle", "anomaly", "severity", "report")],
}
_CALL: Shape = {"action": str, "source": _SOURCE}
_STATED: Shape = [_texts("name", "text")]
_COVERAGE: Shape = {
    "scenarios": dict.fromkeys(("explored", "represented", "total"), int),
    **dict.fromkeys(("requests", "schedules", "redundant", "interleavings", "replayed", "longest"), int),
    "exhaustive": bool,
    "scope": _STATED,
    "assumptions": _STATED,
    "judged": [{**_texts("oracle", "rule"), "handlers": [str]}],
    "unjudged": [{**_texts("kind", "handler", "table", "reason"), "call": Maybe(_CALL), "attributes": [str]}],
    "unguarded": [
        {
            **_texts("handler", "outcome"),
            "read": _CALL,
            "write": _CALL,
            "unchecked": [{"table": str, "attributes": [str]}],
            **{one: [str] for one in ("tables", "condition", "beside", "reasons")},
        }
    ],
    "remaining": [str],
}
RUN: Shape = {
    **_texts("toctou", "backend", "strategy", "reads"),
    "requests": int,
    "seed": int,
    "findings": [_FINDING],
    "stored": Maybe(_texts("file", "written", "text")),
    "faults": [_texts("where", "text")],
    "outcome": _OUTCOME,
    "models": [
        {
            **_texts("model", "title", "verdict", "detail", "covered"),
            "stop_reason": Maybe(str),
            "schedules": int,
            "unreached": [_texts("handler", "reason")],
            "coverage": Missing(Maybe(_COVERAGE)),
            "scenarios": [_SCENARIO],
        }
    ],
}
SCAN: Shape = {
    **_texts("toctou", "model", "backend", "strategy"),
    "document": _texts("name", "openapi"),
    "pairs": {"total": int, "conflicting": int},
    "covered": Missing([str]),
    "operations": [
        {
            **_texts("operation", "name", "verdict", "detail", "unreached"),
            "stop_reason": Maybe(str),
            "security": [str],
            "requests": [{**_texts("request", "answer", "fault"), "members": [str], "explored": bool}],
            "optional": [str],
            "members": {**{one: [[str]] for one in ("explored", "alone", "refused")}, "unsent": [str], "pairs": int},
            "undocumented": [str],
            "accesses": [
                {"action": str, "source": _SOURCE, **{one: [str] for one in ("items", "reads", "conditions", "writes")}}
            ],
            "windows": [{"item": str, "read": int, "write": int, "unchecked": [str], "condition": [str]}],
            "scenarios": int,
            "schedules": int,
            "findings": [{**_FINDING, "weaknesses": [str]}],
        }
    ],
    "unusable": [_texts("operation", "name", "reason")],
    "idle_handlers": [str],
    "outcome": _OUTCOME,
}
_NOUNS = {
    str: "a text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
}


def check(path: Path, part: Any, shape: Shape, where: str = "") -> None:
    """Hold a part of a document against a shape.

    Args:
        path: the file it comes from, for the complaint.
        part: what is there.
        shape: what should be there.
        where: the name of the part; ``""`` for the whole document.

    Raises:
        ReportError: a field is missing, or of another type.
    """
    match shape:
        case Maybe():
            if part is not None:
                check(path, part, shape.shape, where)
        case [element]:
            _check_type(path, part, list, where)
            for index, one in enumerate(part):
                check(path, one, element, f"{where}[{index}]")
        case dict():
            _check_type(path, part, dict, where)
            for field, inner in shape.items():
                name = f"{where}.{field}".lstrip(".")
                if isinstance(inner, Missing):
                    if field not in part:
                        continue
                    inner = inner.shape  # noqa: PLW2901
                if field not in part:
                    raise _mismatch(f"{path} has no field {name}", name)
                check(path, part[field], inner, name)
        case _:
            _check_type(path, part, shape, where)


def _check_type(path: Path, part: Any, kind: type, where: str) -> None:
    if not isinstance(part, (int, float) if kind is float else kind):
        raise misfit(path, where, _NOUNS[kind])


def misfit(path: Path, field: str, expected: str) -> ReportError:
    """The error for a field that is not what it should be."""
    return _mismatch(f"{path}: the field {field} is not {expected}", field)


def _mismatch(observed: str, field: str) -> ReportError:
    return ReportError(
        observed,
        expected=f"{field} as described in the JSON schema in reports/",
        cause="the file was edited, or written by something else",
        remedy=f"copy it again, or {AGAIN}",
    )
