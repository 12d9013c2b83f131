"""The errors of the checker, and what each must say.

Three families, by who has to act:

    ToctouError
    ├── BadInput               the author of the command or the model      exit status 2
    │   ├── TargetError        a target that cannot be found or imported, or has no model
    │   ├── ModelError         an incomplete or contradictory model
    │   ├── ScheduleError      the text of a schedule is damaged, or of another version
    │   ├── ScheduleDiverged   a schedule no longer fits the code it was recorded on
    │   ├── ReportError        a report file is damaged, or of another version
    │   └── DocumentError      an OpenAPI document that cannot be read, or has broken references
    ├── UncontrolledHandler    the author of the handler: nothing can be concluded      exit status 3
    │   ├── NondeterministicHandler
    │   │   └── LateCall       concurrent calls of a handler came further apart than the settling time
    │   ├── SharedMemory       requests share more than DynamoDB
    │   ├── OperationLimit
    │   ├── SilentHandler
    │   ├── NotSetUp           a table, a secret, … that the model has not made
    │   ├── OutsideControl
    │   │   ├── UndeclaredService  an AWS service of which the model says nothing
    │   │   └── ThreadStarted  threads of a request that runs in the memory of the checker
    │   ├── ServiceCrashed     a process of the service under test has ended
    │   ├── ToolMissing        a program that builds or runs a service is not installed
    │   └── UnsupportedAction
    └── InternalError          the authors of toctou

Every error says what was observed, what was expected, the likely cause and the remedy, so that its text makes the next step
obvious.  The command line prints ``str(error)`` and nothing else.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, TypeVar

Made = TypeVar("Made")

_STEPS = 8
"""Innermost calls that are named with a fault of ours."""


class ToctouError(Exception):
    """Base of all errors of the checker.

    Args:
        observed: what happened, one sentence.
        expected: what should have happened instead; empty if that is obvious.
        cause: the likely cause; empty if unknown.
        remedy: what to do next.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, observed: str, *, expected: str = "", cause: str = "", remedy: str = "") -> None:
        # One argument only: unpickling in another process calls `__init__(*args)`, and restores the fields as attributes.
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
    """A command, model or file that cannot be used."""

    exit_status = 2


class TargetError(BadInput):
    """A target that cannot be found or imported, or contains no model."""


class ModelError(BadInput):
    """An incomplete or contradictory model."""


class ScheduleError(BadInput):
    """The text of a schedule is damaged or of another version."""


class ScheduleDiverged(BadInput):
    """A schedule with a step that the current code does not take."""


class ReportError(BadInput):
    """A report file is damaged or of another version."""


class DocumentError(BadInput):
    """An OpenAPI document that cannot be read, is too large, or has broken references."""


class UncontrolledHandler(ToctouError):
    """A handler does something the checker does not control, so its execution supports no verdict."""

    exit_status = 3


class NondeterministicHandler(UncontrolledHandler):
    """The same schedule gave two different histories."""


class LateCall(NondeterministicHandler):
    """A concurrent call arrived after the settling time; the longer time is memoised, and the scenario restarted."""


class SharedMemory(UncontrolledHandler):
    """Requests share memory of their process, so that a race between processes may be hidden."""


class OperationLimit(UncontrolledHandler):
    """A request exceeded its limit of operations."""


class SilentHandler(UncontrolledHandler):
    """A request did not reach a scheduling point in time."""


class NotSetUp(UncontrolledHandler):
    """A handler fails for want of a table, a secret, a parameter, … that the model has not made."""


class OutsideControl(UncontrolledHandler):
    """A handler used a socket, a file, a thread or another service outside the checker's control."""


class UndeclaredService(OutsideControl):
    """A handler called an AWS service that its model neither lists nor answers for."""

    def called_at(self, source: object) -> UndeclaredService:
        """The same fault, with the line of the handler."""
        return (
            self
            if source is None
            else type(self)(
                f"{self.observed}\n  {source}", expected=self.expected, cause=self.cause, remedy=self.remedy
            )
        )


class ThreadStarted(OutsideControl):
    """A handler starts threads, which are controlled only where its request has a process of its own."""


class ServiceCrashed(UncontrolledHandler):
    """A process of the service under test ended unexpectedly."""


class ToolMissing(UncontrolledHandler):
    """A program that builds or runs a service is not installed, so nothing was checked."""


class UnsupportedAction(UncontrolledHandler):
    """A handler called a DynamoDB action that the backend does not support."""


class InternalError(ToctouError):
    """A bug of the checker itself; please report it with its text."""

    exit_status = 70  # EX_SOFTWARE of sysexits.h

    @classmethod
    def of(cls, what: str, fault: Exception) -> InternalError:
        """The error for a part that a fault has kept from being made, with the way to the fault."""
        if isinstance(fault, InternalError):
            return cls(f"{what} failed: {fault.observed}", cause=fault.cause, remedy=fault.remedy)
        steps = traceback.extract_tb(fault.__traceback__)[-_STEPS:]
        way = [f"{'/'.join(Path(step.filename).parts[-3:])}:{step.lineno} in {step.name}" for step in steps]
        return cls(
            f"{what} failed: {type(fault).__name__}: {_text(fault)}",
            cause="a fault of toctou itself",
            remedy="\n".join(["please report this text; it happened in", *way]),
        )


def _text(fault: Exception) -> str:
    try:
        return str(fault)
    except Exception as worse:  # an exception of a handler's own that cannot be shown
        return f"(its text cannot be made: {type(worse).__name__})"


def contained(what: str, make: Callable[[], Made], instead: Made, faults: list[str]) -> Made:
    """What ``make`` makes; ``instead`` if a fault of ours keeps it from being made, whose text is then added to ``faults``.

    The one place that decides which exceptions are faults of ours.  All others pass: errors of the input or of a handler, an
    interrupt, and a reader of our output who has seen enough.
    """
    try:
        return make()
    except InternalError as fault:
        found: Exception = fault
    except (ToctouError, BrokenPipeError):
        raise
    except Exception as fault:
        found = fault
    faults.append(str(InternalError.of(what, found)))
    return instead


def message_of(error: BaseException) -> str:
    """What an exception says of itself; exceptions of the user's own may fail at that."""
    try:
        return str(error)
    except Exception as failed:
        return f"(its text cannot be made: {type(failed).__name__})"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant by one that is not known, whatever its case and its separators."""
    by_letters = {letters(one): one for one in known}
    found = get_close_matches(letters(name), by_letters, 1, 0.7)
    return by_letters[found[0]] if found else None


def letters(name: str) -> str:
    """A name without case and separators."""
    return "".join(one for one in name.lower() if one.isalnum())
