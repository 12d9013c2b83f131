"""The faults that the checker tells apart, and what each of them must say.

Three families, because they ask three different people to act:

    ToctouError
    ├── BadInput               the person who typed the command or wrote the model      exit status 2
    │   ├── TargetError        a target that cannot be found, imported, or has no model
    │   ├── ModelError         a model that is incomplete or contradicts itself
    │   ├── ScheduleError      a schedule's text is damaged, or of another version
    │   ├── ScheduleDiverged   a schedule no longer fits the code it was recorded on
    │   ├── ReportError        a report file is damaged, or of another version
    │   └── DocumentError      an OpenAPI document that cannot be read, or that refers to what is not there
    ├── UncontrolledHandler    the author of the handler: nothing can be concluded      exit status 3
    │   ├── NondeterministicHandler
    │   │   └── LateCall       a handler's calls came at once, but further apart than was waited for
    │   ├── OperationLimit
    │   ├── SilentHandler
    │   ├── OutsideControl
    │   ├── ServiceCrashed     a process of the service under test has ended
    │   ├── ToolMissing        what a service is built or run with is not installed
    │   └── UnsupportedAction
    └── InternalError          us

Every error carries what was observed, what was expected, the likely cause and the remedy, so that its text makes the next
step obvious.  The command line prints ``str(error)`` and nothing else.
"""

from __future__ import annotations

from typing import ClassVar


class ToctouError(Exception):
    """Base of every error of ours.

    Args:
        observed: what happened, one sentence.
        expected: what should have been there instead; empty if the observation says it all.
        cause: the likely cause; empty if unknown.
        remedy: what to do next.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, observed: str, *, expected: str = "", cause: str = "", remedy: str = "") -> None:
        super().__init__(observed)
        self.observed = observed
        self.expected = expected
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        rows = [self.observed]
        for label, text in (("expected", self.expected), ("likely cause", self.cause), ("remedy", self.remedy)):
            if text:
                head = f"  {label}: "
                rows.append(head + text.replace("\n", "\n" + " " * len(head)))
        return "\n".join(rows)


class BadInput(ToctouError):
    """The command, a model or a file that was handed in cannot be used."""

    exit_status = 2


class TargetError(BadInput):
    """A target that cannot be found, cannot be imported, or holds no model."""


class ModelError(BadInput):
    """A model that is incomplete or contradicts itself."""


class ScheduleError(BadInput):
    """The text of a schedule is damaged or of another version."""


class ScheduleDiverged(BadInput):
    """A schedule asks for a step that the code, as it is now, does not offer."""


class ReportError(BadInput):
    """A report file is damaged or of another version."""


class DocumentError(BadInput):
    """An OpenAPI document that cannot be read, is too large, or refers to what is not there."""


class UncontrolledHandler(ToctouError):
    """A handler does something that the checker does not control, so that no verdict can stand on the run."""

    exit_status = 3


class NondeterministicHandler(UncontrolledHandler):
    """The same schedule gave two different histories."""


class LateCall(NondeterministicHandler):
    """A call came in while another of the same request was waiting, later than the request was given to make it.

    What has been learned by it is remembered, so that the scenario can be begun again.
    """


class OperationLimit(UncontrolledHandler):
    """A request performed more operations than a request may."""


class SilentHandler(UncontrolledHandler):
    """A request reached no scheduling point in time."""


class OutsideControl(UncontrolledHandler):
    """A handler used a socket, a file, a thread or another service behind the checker's back."""


class ServiceCrashed(UncontrolledHandler):
    """A process of the service under test ended while it was needed."""


class ToolMissing(UncontrolledHandler):
    """What a service is built or run with is not installed, so that nothing was checked."""


class UnsupportedAction(UncontrolledHandler):
    """A handler called a DynamoDB action that the backend does not perform."""


class InternalError(ToctouError):
    """A fault of the checker itself; please report it with the text."""

    exit_status = 70
