"""What a report says of a cause: where it is in the code, which line decides, and the fingerprint by which it is known again.

A fingerprint is made of names and of what the calls say: the model's class and the name of its file, the handler, and for the
read and the write their action, tables, function, and the call itself as Python writes it.  So it is the same on other lines, in
another layout, from another working directory, and for other principals; and another one where another call or handler is at
fault.  What was recorded from tests has no model, so the tests are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from toctou.analysis.cause import Site
from toctou.counterexample.violation import Violation
from toctou.history.operation import Execution
from toctou.history.request import SourceLine
from toctou.reporting.accept_comments import accepting
from toctou.reporting.model_names import file_from, identity
from toctou.reporting.source_code import normal_text
from toctou.reporting.source_document import source_document

Part = dict[str, Any]
"""A part of a document."""

FINGERPRINT_LENGTH = 16
"""Hexadecimal digits; enough for the causes of one project never to meet."""

Stack = Sequence[SourceLine]


def cause_document(model: str, violation: Violation, names: Sequence[str]) -> Part:
    """What a violation's document says of its cause.

    Args:
        model: as the command line names it.
        names: of the operations.
    """
    cause, execution = violation.cause, violation.execution
    read_stack, write_stack = (_stack(execution, at) for at in (cause.read_at, cause.write_at))
    read_at, write_at = deciding(read_stack, write_stack, cause.handler, model)
    comments = accepting([*read_stack, *write_stack])
    return {
        "fingerprint": _digest(_of_exception(model, violation) or _of_window(model, violation)),
        "text": str(cause),
        "handler": cause.handler,
        "read": _site(cause.read, cause.read_at, names, read_stack, read_at),
        "write": _site(cause.write, cause.write_at, names, write_stack, write_at),
        **({"accepts": comments} if comments else {}),
    }


def _stack(execution: Execution, at: int | None) -> Stack:
    if at is None:
        return ()
    operation = execution.operations[at]
    return operation.stack or (() if operation.source is None else (operation.source,))


def _site(
    site: Site | None, at: int | None, names: Sequence[str], stack: Stack, decides: SourceLine | None
) -> Part | None:
    if site is None or at is None:
        return None
    return {
        "step": names[at],
        "action": site.action,
        "tables": list(site.tables),
        "source": source_document(site.source),
        "at": source_document(decides or site.source),
        "stack": [source_document(one) for one in stack],
    }


def deciding(read: Stack, write: Stack, handler: str, model: str) -> tuple[SourceLine | None, SourceLine | None]:
    """The lines of the function that decides from which the read and the write are reached.

    It is the innermost function that is on both stacks, before they part: what is called by it for the read, and for the write,
    may serve other handlers too.  If there is none, or only one of both, it is the handler, or whatever of the user's code begins
    it: a framework may call for a handler what reads.
    """
    at = -1
    for index, (one, other) in enumerate(zip(read, write, strict=False)):
        if (one.file, one.function) != (other.file, other.function):
            break
        at = index
        if one.line != other.line:
            break
    if at >= 0:
        return read[at], write[at]
    return _of_handler(read, handler, model), _of_handler(write, handler, model)


def _of_handler(stack: Stack, handler: str, model: str) -> SourceLine | None:
    declares = Path(model.rpartition(":")[0]).name
    own = [one for one in stack if Path(one.file).name != declares] or list(stack)
    named = [one for one in own if one.function.rpartition(".")[2] == handler]
    return next(iter(named or own), None)


def _digest(whole: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _of_exception(model: str, violation: Violation) -> Sequence[object]:
    """Of what a request raises by itself: where, and what, since it is one bug whichever handlers come through it."""
    lines = violation.explanation.traceback
    if violation.explanation.anomaly != "fails_alone" or not lines:
        return ()
    raised = [one.exception for one in violation.execution.responses if one.exception is not None]
    types = sorted({one.type for one in raised if one.source == lines[-1]})
    return [identity(model), types, _text(lines[-1])]


def _of_window(model: str, violation: Violation) -> Sequence[object]:
    cause, window = violation.cause, violation.cause.window
    stacks = _stack(violation.execution, window.read_at), _stack(violation.execution, window.write_at)
    lines = deciding(*stacks, cause.handler, model)
    places = [
        # The innermost line of the user's own: that of a library may change when it is upgraded.
        site and [site.action, site.tables, [_text(one) for one in _different(at, stack[-1] if stack else site.source)]]
        for site, stack, at in zip((window.read, window.write), stacks, lines, strict=True)
    ]
    # A window within one function is one, whichever handlers call that function.
    files = [
        file_from(model, one.source.extent.path if one.source.extent else one.source.file)
        for one in (window.read, window.write)
        if one and one.source
    ]
    place = files[0] if window.shared and files else cause.handler
    return [identity(model), place, places, cause.other]


def _different(*lines: SourceLine | None) -> Iterable[SourceLine]:
    return dict.fromkeys(one for one in lines if one is not None)


def _text(source: SourceLine) -> list[str]:
    return [source.function, normal_text(source)]
