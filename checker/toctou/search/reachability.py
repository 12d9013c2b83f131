"""Decides whether a pass would be vacuous: every handler, and every value of an argument, has done what it is there for.

A handler that is meant to write has written in some schedule.  Each handler has called DynamoDB, and was accepted, in some
schedule: it answered 2xx, or redirected once it had written, or it is meant to read and has found out that nothing is there
(404, 410).  Each value of an argument that was run has done these two as well.  And the application knows each principal: not
all of its requests are answered 401.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toctou.declaration.model import Model
from toctou.errors import ModelError
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, Response
from toctou.verdict import StopReason

_SHOWN = 3
_NOT_ALLOWED = {401, 403}

Subject = tuple[str, str]
"""A handler, and one of its arguments with its value; ``""`` for whatever it is called with."""


class Seen(NamedTuple):
    """What a request answered, and the actions that it had called until then."""

    request: Request
    response: Response
    actions: tuple[str, ...]


class Vacuous(NamedTuple):
    """What was done in no schedule: by whom (``delete``, ``delete(item_id='i9')``), what, and what was seen instead.

    Attributes:
        instead: as text: errors, or else answers.
        errors: errors of calls that would have written.
        seen: one request for each answer.
    """

    name: str
    reason: StopReason
    instead: str
    errors: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()


_What = dict[str, Seen | None]
"""What was seen, by its text; errors of calls have nothing else."""


class Reachability:
    """Collects over all schedules of a model what its handlers have done."""

    def __init__(self, model: type[Model]) -> None:
        handlers = model.handlers()
        self._read_only = {name for name, handler in handlers.items() if handler.read_only}
        self._missing: dict[str, _What] = {name: {} for name, handler in handlers.items() if not handler.read_only}
        self._instead: dict[Subject, _What] = {(name, ""): {} for name in handlers}
        self._called: set[Subject] = set()
        self._accepted: set[Subject] = set()
        self._statuses: dict[tuple[str, str], set[int]] = {}  # by handler and principal, until one is accepted
        self._looked_up: set[str] = set()  # principals who were answered 401 after an item had been found
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
        if response.status == 401 and any(_found(one) for one in own):
            self._looked_up.add(request.principal)
        for subject in _subjects(request):
            if own:
                self._called.add(subject)
            if accepted:
                self._accepted.add(subject)
            if not (own and accepted):
                self._instead.setdefault(subject, {}).setdefault(f"answered {response}", _seen(request, response, own))
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
                text = f"{operation.action}: {operation.error.code}: {operation.error.message}"
                self._missing[name].setdefault(text, None)
        for index, (request, response) in enumerate(zip(execution.requests, execution.responses, strict=True)):
            known = self._missing.get(request.handler)
            if known is not None and (text := f"answered {response}") not in known:
                own = [one for one in execution.operations if one.request == index]
                known[text] = _seen(request, response, own)

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
        self._looked_up |= later._looked_up

    def unauthenticated(self) -> str:
        """Whose requests were all answered 401, or, of all requests, 401 or 403; ``""`` if nobody's.

        Whoever owns nothing may be answered 403 everywhere, but a 401 says that the application does not know who calls.
        """
        of_all = set().union(*self._statuses.values()) if self._statuses else set()
        if of_all and of_all <= _NOT_ALLOWED:
            return f"every request was answered {' or '.join(map(str, sorted(of_all)))}"
        if handlers := self._without(0):
            return f"{' and '.join(handlers)} answered 401 whoever called"
        if principals := self._unknown():
            return f"every request of {' and '.join(principals)} was answered 401"
        return ""

    def vacuous(self) -> list[Vacuous]:
        """Who has never done what, and what was seen instead: errors, or else answers."""
        found = [_vacuous(name, StopReason.NEVER_WRITES, seen) for name, seen in self._missing.items()]
        for done, reason in ((self._called, StopReason.NEVER_CALLED), (self._accepted, StopReason.NOT_REACHED)):
            for subject, seen in self._instead.items():
                # A handler that has a fault of its own is named once.
                of_handler = {one.name for one in found}
                if subject not in done and not of_handler & {subject[0], _named(subject)}:
                    found.append(_vacuous(_named(subject), reason, seen))
        if not found:  # or it is named by that already
            found += [Vacuous(_whose(one), StopReason.NOT_REACHED, "answered 401") for one in self._unknown()]
        return found

    def answers(self) -> list[Seen]:
        """One request for each answer of each handler, as far as it was not accepted."""
        return [one for what in self._instead.values() for one in what.values() if one is not None]

    def _unknown(self) -> list[str]:
        """Principals whom the application does not know, while it knows others: to some, 401 says that an item is not theirs."""
        return [one for one in self._without(1) if one not in self._looked_up]

    def _without(self, at: int) -> list[str]:
        """Handlers (0), or principals (1), whose requests were all answered 401."""
        known = {who[at] for who, statuses in self._statuses.items() if statuses != {401}}
        return [one for one in dict.fromkeys(who[at] for who in self._statuses) if one not in known]


def _found(operation: Operation) -> bool:
    result = operation.result or {}
    return bool(result.get("Item") or result.get("Items") or result.get("Responses"))


def _seen(request: Request, response: Response, own: Sequence[Operation]) -> Seen:
    return Seen(request, response, tuple(dict.fromkeys(one.action for one in own)))


def _vacuous(name: str, reason: StopReason, what: _What) -> Vacuous:
    errors = tuple(text for text, seen in what.items() if seen is None)
    shown = (errors or tuple(what))[:_SHOWN]
    seen = tuple(one for one in what.values() if one is not None)
    return Vacuous(name, reason, "; ".join(shown) or "it was never called", errors, seen)


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
