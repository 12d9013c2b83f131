"""Decides whether a request ended in an error because a condition refused its write, and what to do about that.

A guard that holds refuses the write of the request that lost a race.  A handler that does not expect that answers with an error,
which is to be corrected, but nothing is lost.
"""

from __future__ import annotations

from toctou.history.finding import Finding
from toctou.history.operation import Execution, Operation

UNHANDLED_REFUSAL = "unhandled_refusal"
_OF_ANSWERS = frozenset({"linearizability", "no_exception"})
_CODES = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
_MISTAKES = frozenset({"AttributeError", "IndexError", "KeyError", "NameError", "TypeError", "ZeroDivisionError"})
"""Exceptions that say that the code is wrong, whatever came before."""
_ERROR = 500


def refused_last(execution: Execution, finding: Finding) -> int | None:
    """The position of the refused write after which a request made no call, and ended in an error; ``None`` if there is none."""
    if finding.oracle not in _OF_ANSWERS:
        return None
    for request in finding.requests:
        response, own = execution.responses[request], execution.of_request(request)
        last = next((at for at in reversed(own) if "." not in execution.operations[at].action), None)
        raised = response.exception
        failed = response.status >= _ERROR if raised is None else raised.type not in _MISTAKES
        if failed and last is not None and _refused(execution.operations[last]):
            return last
    return None


def _refused(operation: Operation) -> bool:
    """Whether a condition did not hold."""
    error = operation.error
    if error is None or error.code not in _CODES:
        return False
    reasons = (error.fields or {}).get("CancellationReasons")
    codes = {one.get("Code") for one in reasons if isinstance(one, dict)} if isinstance(reasons, list) else set()
    return codes <= {"ConditionalCheckFailed", "None", None}


def remedy_of_refusal(execution: Execution, finding: Finding) -> str:
    """What to do: the data needs nothing."""
    at = refused_last(execution, finding)
    if at is None:
        return ""
    write = execution.operations[at]
    code = write.error.code if write.error is not None else ""
    raised = execution.responses[write.request].exception
    other = f", which ends as {raised.type}" if raised is not None and raised.type != code else ""
    return (
        f"keep the condition of the {write.action}, which did what it is for, and handle {code}{other}: another request won the "
        "race, so re-read and retry, or answer 409"
    )
