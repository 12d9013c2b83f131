"""Decides whether a pass would be vacuous: every handler, and every value of an argument, has done what it is there for.

A handler that is meant to write has written in some schedule.  Each handler has called DynamoDB, and was accepted, in some
schedule: it answered 2xx, or redirected once it had written, or it is meant to read and has found out that nothing is there
(404, 410).  Each value of an argument that was run has done these two as well.  And the application knows each principal: not
all of its requests are answered 401.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from toctou.declaration.model import Model
from toctou.errors import ModelError
from toctou.history.operation import Execution
from toctou.history.request import Request, Response
from toctou.verdict import StopReason

_SHOWN = 3
_NOT_ALLOWED = {401, 403}
_NO_ROUTE = {403, 404, 405}
"""What frameworks, and API Gateway, answer where they have no such route."""

Subject = tuple[str, str]
"""A handler, and one of its arguments with its value; ``""`` for whatever it is called with."""


class Vacuous(NamedTuple):
    """What was done in no schedule: by whom (``delete``, ``delete(item_id='i9')``), what, and what was seen instead."""

    name: str
    reason: StopReason
    instead: str


class Reachability:
    """Collects over all schedules of a model what its handlers have done."""

    def __init__(self, model: type[Model]) -> None:
        handlers = model.handlers()
        self._read_only = {name for name, handler in handlers.items() if handler.read_only}
        self._missing = {name: dict[str, None]() for name, handler in handlers.items() if not handler.read_only}
        self._instead: dict[Subject, dict[str, None]] = {(name, ""): {} for name in handlers}
        self._called: set[Subject] = set()
        self._accepted: set[Subject] = set()
        self._statuses: dict[tuple[str, str], set[int]] = {}  # by handler and principal, until one is accepted
        self._done: dict[int, Request] = {}  # by identity, for speed: requests of which nothing more can be learned

    def see(self, execution: Execution) -> None:
        """Record what one execution made handlers do.

        Raises:
            ModelError: a handler that is declared read-only has written.
        """
        for index, request in enumerate(execution.requests):
            if id(request) not in self._done:
                self._see_request(execution, index, request)
        if self._missing or self._read_only:
            self._see_writes(execution)

    def _see_request(self, execution: Execution, index: int, request: Request) -> None:
        own = [one for one in execution.operations if one.request == index]
        response = execution.responses[index]
        reads = request.handler in self._read_only and bool(own)
        accepted = _accepted(response, wrote=any(one.changes for one in own), reads=reads)
        self._statuses.setdefault((request.handler, request.principal), set()).add(response.status)
        for subject in _subjects(request):
            if own:
                self._called.add(subject)
            if accepted:
                self._accepted.add(subject)
            if not (own and accepted):
                self._instead.setdefault(subject, {}).setdefault(f"answered {response}")
        if own and accepted:
            self._done[id(request)] = request

    def _see_writes(self, execution: Execution) -> None:
        for operation in execution.operations:
            name = execution.requests[operation.request].handler
            if operation.changes and name in self._read_only:
                raise ModelError(
                    f"the handler {name!r} is declared read-only, but its {operation.action} changed "
                    f"{operation.changes[0].item}",
                    expected="read_only=True for handlers that never write",
                    remedy="leave read_only=True out of its declaration",
                )
            if name not in self._missing:
                continue
            if operation.changes:
                del self._missing[name]
            elif operation.error is not None:
                self._missing[name].setdefault(f"{operation.action}: {operation.error.code}: {operation.error.message}")
        for request, response in zip(execution.requests, execution.responses, strict=True):
            if request.handler in self._missing:
                self._missing[request.handler].setdefault(f"answered {response}")

    def add(self, later: Reachability) -> None:
        """Merge what was seen of later executions."""
        # What was done in either part has been done.
        for name in list(self._missing):
            if name in later._missing:
                self._missing[name].update(later._missing[name])
            else:
                del self._missing[name]
        self._called |= later._called
        self._accepted |= later._accepted
        for subject, instead in later._instead.items():
            self._instead.setdefault(subject, {}).update(instead)
        for who, statuses in later._statuses.items():
            self._statuses.setdefault(who, set()).update(statuses)

    def unauthenticated(self) -> str:
        """Whose requests were all answered 401, or, of all requests, 401 or 403; ``""`` if nobody's.

        Whoever owns nothing may be answered 403 everywhere, but a 401 says that the application does not know who calls.
        """
        of_all = set().union(*self._statuses.values()) if self._statuses else set()
        if of_all and of_all <= _NOT_ALLOWED:
            return f"every request was answered {' or '.join(map(str, sorted(of_all)))}"
        if handlers := self._without(0):
            return f"{' and '.join(handlers)} answered 401 whoever called"
        if principals := self._without(1):
            return f"every request of {' and '.join(principals)} was answered 401"
        return ""

    def unrouted(self) -> list[str]:
        """Handlers that never called DynamoDB and were only answered as where there is no such path or method."""
        statuses: dict[str, set[int]] = {}
        for (handler, _), answered in self._statuses.items():
            statuses.setdefault(handler, set()).update(answered)
        return [one for one, answered in statuses.items() if (one, "") not in self._called and answered <= _NO_ROUTE]

    def vacuous(self) -> list[Vacuous]:
        """Who has never done what, and what was seen instead: errors, or else answers."""
        found = [Vacuous(name, StopReason.NEVER_WRITES, _reasons(list(seen))) for name, seen in self._missing.items()]
        for done, reason in ((self._called, StopReason.NEVER_CALLED), (self._accepted, StopReason.NOT_REACHED)):
            for subject, seen in self._instead.items():
                # A handler that has a fault of its own is named once.
                of_handler = {one.name for one in found}
                if subject not in done and not of_handler & {subject[0], _named(subject)}:
                    found.append(Vacuous(_named(subject), reason, _reasons(list(seen))))
        if not found:  # or it is named by that already
            found += [Vacuous(_whose(one), StopReason.NOT_REACHED, "answered 401") for one in self._without(1)]
        return found

    def _without(self, at: int) -> list[str]:
        """Handlers (0), or principals (1), whose requests were all answered 401."""
        known = {who[at] for who, statuses in self._statuses.items() if statuses != {401}}
        return [one for one in dict.fromkeys(who[at] for who in self._statuses) if one not in known]


def _accepted(response: Response, *, wrote: bool, reads: bool) -> bool:
    # A redirect alone may be the way to a login page.
    return (
        200 <= response.status < 300 or (wrote and response.status < 400) or (reads and response.status in (404, 410))
    )


def _subjects(request: Request) -> Iterator[Subject]:
    yield request.handler, ""
    for name, value in request.arguments:
        yield request.handler, f"{name}={value!r}"


def names_of(request: Request) -> list[str]:
    """What :class:`Vacuous` may call a request."""
    return [*(_named(one) for one in _subjects(request)), _whose(request.principal)]


def _named(subject: Subject) -> str:
    return f"{subject[0]}({subject[1]})" if subject[1] else subject[0]


def _whose(principal: str) -> str:
    return f"every request of {principal}"


def _reasons(seen: list[str]) -> str:
    errors = [one for one in seen if not one.startswith("answered")]
    shown = (errors or seen)[:_SHOWN]
    return "; ".join(shown) if shown else "it was never called"
