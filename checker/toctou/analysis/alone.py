"""Decides whether a request that raised fails alone, and what to do about that: it is no race, and no condition will help.

Up to its end the request has read, and met, nothing that another request had changed.  So all of its calls were answered as
they are when it runs with no other request, and it raises then as well.  Or it has met something, but was seen to raise the same
where it ran with no other request.
"""

from __future__ import annotations

from collections.abc import Sequence

from toctou.analysis.patterns import Scene
from toctou.analysis.wording import Words
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind, conflicts
from toctou.history.operation import Execution, Operation
from toctou.history.request import HandlerException, SourceLine
from toctou.history.wording import listed

_OF_EXCEPTIONS = ("no_exception", "no_partial_effect")
_WRONG_CALL = ("ValidationException", "ParamValidationError", "ClientError")


def fails_alone(scene: Scene) -> bool:
    """The exception, or what was written before it, does not depend on another request."""
    execution, finding = scene.execution, scene.finding
    return raised_by(execution, finding) is not None and (
        finding.alone or not any(_influenced(execution, one) for one in finding.requests)
    )


def _influenced(execution: Execution, request: int) -> bool:
    """Whether the request met a change of another one, in an item or in a query; earlier overwriting is no influence."""
    operations = execution.operations
    return any(
        _refused_after(operations[earlier], operations[at])
        or any(
            conflict.kind is EdgeKind.WR
            for conflict in conflicts(operations[earlier].footprint, operations[at].footprint)
            if operations[earlier].changes
        )
        for at in execution.of_request(request)
        for earlier in range(at)
        if operations[earlier].request != request
    )


def _refused_after(earlier: Operation, call: Operation) -> bool:
    """Whether another service refused a call after one that wrote there: a queue that is gone is no change of what is stored."""
    among_services = "." in earlier.action and "." in call.action  # as `client.other_services` names them
    return among_services and call.error is not None and earlier.footprint.writes_something


def raised_by(execution: Execution, finding: Finding) -> HandlerException | None:
    """The exception that a finding is about."""
    found = [execution.responses[request].exception for request in finding.requests]
    return next((one for one in found if one is not None), None) if finding.oracle in _OF_EXCEPTIONS else None


def traceback_of(execution: Execution, finding: Finding) -> tuple[SourceLine, ...]:
    """The handler's lines that the exception came through, innermost last."""
    raised = raised_by(execution, finding)
    return () if raised is None else tuple(raised.traceback)


def remedy_alone(words: Words, finding: Finding) -> str:
    """What to correct, in the model or in the code that it calls."""
    execution = words.execution
    raised = raised_by(execution, finding)
    calls = [execution.operations[at] for request in finding.requests for at in execution.of_request(request)]
    last = calls[-1] if calls else None
    if last is not None and last.error and raised is not None and raised.type in _WRONG_CALL:
        keys = last.parameters.get("Key")
        used = f" uses the key {listed(keys)}" if isinstance(keys, dict) and keys else " is not valid"
        return (
            f"the {last.action} of {last.parameters.get('TableName', 'the handler')}{used}: {last.error.message}. Declare the "
            "table in `tables` as it is in production, or correct the call"
        )
    return _where(words, finding, raised.traceback if raised is not None else ())


def _where(words: Words, finding: Finding, lines: Sequence[SourceLine]) -> str:
    handler = words.execution.requests[finding.requests[0]].handler
    alone = "it fails with no other request, so this is no race"
    if lines and lines[-1].function != lines[0].function:
        innermost = lines[-1]
        return (
            f"{alone}: correct {innermost.function} in {innermost.file}, or what {lines[0].function} in {lines[0].file} "
            "calls it with"
        )
    if lines:
        return f"{alone}: correct {lines[0].function} itself, for example what it passes to the code that it calls"
    return f"{alone}: correct {handler}, or give it arguments and items with which it works"
