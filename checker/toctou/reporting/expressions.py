"""The expressions of an operation with their placeholders filled in, and whether its conditions held.

What a handler sent need not be well formed, so nothing here relies on its shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from toctou.reporting.encoding import decode
from toctou.reporting.summary import value_text

_PLACEHOLDER = re.compile(r"[#:][A-Za-z0-9_]+")
_EXPRESSIONS = (
    "KeyConditionExpression",
    "FilterExpression",
    "ConditionExpression",
    "UpdateExpression",
    "ProjectionExpression",
)
_FAILED = {"ConditionalCheckFailedException", "ConditionalCheckFailed"}


def expressions(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every expression of an operation, and of the parts of a transaction: its name without *Expression*, and its text."""
    found = [
        (name.removesuffix("Expression"), _filled_in(parameters[name], parameters))
        for name in _EXPRESSIONS
        if isinstance(parameters.get(name), str)
    ]
    for part in listing(parameters.get("TransactItems")):
        for verb, content in mapping(part).items():
            found += [(f"{verb} · {name}", text) for name, text in expressions(mapping(content))]
    return found


def conditions(step: Mapping[str, Any]) -> str:
    """The conditions of a step and what came of them: ``condition: version = 1 held``; ``""`` if it has none."""
    parameters, error = decode(step["parameters"]), step["error"] or {}
    parts = [content for part in listing(parameters.get("TransactItems")) for content in mapping(part).values()]
    reasons = listing(mapping(error.get("fields")).get("CancellationReasons"))
    codes = [mapping(one).get("Code") for one in reasons] if parts else [error.get("code")]
    judged = not error or (parts and codes and all(code in {None, "None", *_FAILED} for code in codes))
    texts = []
    for at, part in enumerate(parts or [parameters]):
        code = codes[at] if at < len(codes) else None
        text = dict(expressions(mapping(part))).get("Condition")
        if text is not None:
            texts.append(f"{text}{_result(code, judged=bool(judged))}")
    return f"condition{'s' if len(texts) > 1 else ''}: {'; '.join(texts)}" if texts else ""


def _result(code: object, *, judged: bool) -> str:
    """What came of a condition; ``""`` where the call failed for another reason, perhaps before the condition was evaluated."""
    return " failed" if code in _FAILED else " held" if judged else ""


def _filled_in(expression: str, parameters: Mapping[str, Any]) -> str:
    names = mapping(parameters.get("ExpressionAttributeNames"))
    values = mapping(parameters.get("ExpressionAttributeValues"))

    def fill(match: re.Match[str]) -> str:
        token = match[0]
        if token in values:
            return value_text(values[token])
        return str(names.get(token, token))

    return _PLACEHOLDER.sub(fill, expression)


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
