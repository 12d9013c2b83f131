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
shapes; or a :class:`Maybe`."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """Null, or of the shape."""

    shape: Shape


_SOURCE: Shape = Maybe({"file": str, "line": int, "function": str, "text": str})
_SEVERITY: Shape = {"level": str, "score": float, "vector": str, "meaning": str}
_SITE: Shape = Maybe({"step": str, "action": str, "tables": [str], "source": _SOURCE})
_CAUSE: Shape = {"fingerprint": str, "text": str, "handler": str, "read": _SITE, "write": _SITE}
_EDGE: Shape = {"kind": str, "earlier": str, "later": str, "item": str, "attributes": [str], "reason": str}
_STEP: Shape = {
    "name": str,
    "request": str,
    "action": str,
    "target": str,
    "outcome": str,
    "summary": str,
    "parameters": dict,
    "result": Maybe(dict),
    "error": Maybe({"code": str, "message": str}),
    "looked_at": Maybe([{"item": str, "attributes": [str], "by": str}]),
    "changes": [{"item": str, "before": Maybe(dict), "after": Maybe(dict)}],
    "source": _SOURCE,
    "witness": bool,
    "wrong": bool,
}
_EXPLANATION: Shape = {
    "anomaly": str,
    "anomaly_title": str,
    "source": str,
    "headline": str,
    "decision": str,
    "decided": [str],
    "remedy": str,
    "edges": [_EDGE],
    "witness": [str],
    "cycle": [_EDGE],
    "contradiction": str,
    "closest": Maybe({"order": [str], "explained": int, "contradiction": str}),
}
VIOLATION: Shape = {
    "toctou": str,
    "model": str,
    "report": str,
    "replay": str,
    "home": str,
    "run": str,
    "severity": _SEVERITY,
    "cause": _CAUSE,
    "requests": [{"letter": str, "principal": str, "handler": str, "arguments": dict, "text": str}],
    "initial": dict,
    "left_out": dict,
    "schedule": str,
    "steps": [_STEP],
    "responses": [{"request": str, "status": int, "text": str, "after": int}],
    "final": dict,
    "finding": {"oracle": str, "statement": str},
    "explanation": _EXPLANATION,
    "found_on": str,
    "confirmed_on": Maybe(str),
    "difference": str,
    "occurrences": int,
}
_FINDING: Shape = {
    "fingerprint": str,
    "model": str,
    "handler": str,
    "cause": str,
    "severity": _SEVERITY,
    "headline": str,
    "decision": str,
    "remedy": str,
    "anomaly": str,
    "anomaly_title": str,
    "anomalies": [str],
    "oracles": [str],
    "confirmed_on": Maybe(str),
    "read": _SITE,
    "write": _SITE,
    "flow": [{"step": str, "request": str, "summary": str, "witness": bool, "source": _SOURCE}],
    "report": str,
    "replay": str,
    "scenarios": [{"requests": [str], "oracle": str, "anomaly": str, "severity": str, "schedule": str, "report": str}],
}
RUN: Shape = {
    "toctou": str,
    "backend": str,
    "strategy": str,
    "reads": str,
    "requests": int,
    "seed": int,
    "findings": [_FINDING],
    "models": [
        {
            "model": str,
            "title": str,
            "verdict": str,
            "stop_reason": Maybe(str),
            "detail": str,
            "covered": str,
            "schedules": int,
            "unreached": [{"handler": str, "reason": str}],
            "scenarios": [
                {
                    "requests": [str],
                    "verdict": str,
                    "stop_reason": Maybe(str),
                    "schedules": int,
                    "interleavings": int,
                    "stands_for": int,
                    "violations": [{"oracle": str, "anomaly": str, "severity": str, "report": str}],
                }
            ],
        }
    ],
}
_ACCESS: Shape = {
    "action": str,
    "items": [str],
    "reads": [str],
    "conditions": [str],
    "writes": [str],
    "source": _SOURCE,
}
SCAN: Shape = {
    "toctou": str,
    "document": {"name": str, "openapi": str},
    "model": str,
    "backend": str,
    "strategy": str,
    "pairs": {"total": int, "conflicting": int},
    "operations": [
        {
            "operation": str,
            "name": str,
            "security": [str],
            "requests": [{"request": str, "answer": str, "fault": str}],
            "undocumented": [str],
            "accesses": [_ACCESS],
            "windows": [{"item": str, "read": int, "write": int, "unchecked": [str], "condition": [str]}],
            "verdict": str,
            "stop_reason": Maybe(str),
            "detail": str,
            "scenarios": int,
            "schedules": int,
            "unreached": str,
            "findings": [{**_FINDING, "weaknesses": [str]}],
        }
    ],
    "unusable": [{"operation": str, "name": str, "reason": str}],
    "idle_handlers": [str],
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
                if field not in part:
                    raise ReportError(
                        f"{path} has no field {name}",
                        expected=f"{name}, as described in the JSON schema in reports/",
                        cause="the file was edited, or written by something else",
                        remedy=f"copy it again, or {AGAIN}",
                    )
                check(path, part[field], inner, name)
        case _:
            _check_type(path, part, shape, where)


def _check_type(path: Path, part: Any, kind: type, where: str) -> None:
    if not isinstance(part, (int, float) if kind is float else kind):
        raise misfit(path, where, _NOUNS[kind])


def misfit(path: Path, field: str, expected: str) -> ReportError:
    """The error for a field that is not what it should be."""
    return ReportError(
        f"{path}: the field {field} is not {expected}",
        expected=f"{field} as described in the JSON schema in reports/",
        cause="the file was edited, or written by something else",
        remedy=f"copy it again, or {AGAIN}",
    )
