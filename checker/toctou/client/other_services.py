"""Performs calls to AWS services other than DynamoDB: answered by the model, or on moto in this process.

What a call does is decided by what was asked of these services before it, so that outcomes are remembered by that, and moto is
asked only once.  Messages that are sent in another order come to the same state.  An answer of the model counts as the call that
it represents: what was sent is kept, as it is where moto performs it.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from toctou.client.backend import Performed
from toctou.client.copying import copied
from toctou.client.declared_answers import misfits
from toctou.client.missing_things import Call, deletes_thing
from toctou.client.no_effect import NoEffect
from toctou.client.service_effects import Left, noted
from toctou.client.service_kinds import SHOWN, UNHEEDED, Kind, kind_of, shows_wholly, split
from toctou.client.service_names import (
    ServiceCall,
    as_text,
    changes_between,
    contents,
    footprint,
    objects_of,
    region_of,
    settings,
    things,
)
from toctou.client.users_moto import used_at_import, users_moto_is_active
from toctou.errors import ModelError, ToctouError, UndeclaredService, message_of
from toctou.history.footprint import EMPTY
from toctou.history.item import Image, ItemId
from toctou.history.operation import ErrorResponse

if TYPE_CHECKING:
    from toctou.client.moto_services import MotoServices

RAISES = "raises"
"""The field of an error that holds an exception which is no error of a service."""

_MOST = 10_000
"""Outcomes that are remembered at most."""


def is_service_call(action: str) -> bool:
    """Whether an action is one of another service than DynamoDB."""
    return "." in action


_NOTHING: Mapping[Any, Any] = {}  # a plain dictionary, because states travel between processes


class _Asked(NamedTuple):
    """A call that was made.

    Attributes:
        text: the call as one text.
        sends: whether it only adds to what others add.
        call, parameters: of the call.
        seed: of the identifiers that moto has made up for it.
    """

    text: str
    sends: bool
    call: ServiceCall
    parameters: Mapping[str, Any]
    seed: int


class _State:
    """What the services have come to.

    Attributes:
        asked: what was asked since the start, in an order that is the same for all that come to the same.
        contents: what is stored of what is looked at in moto.
        left: what other calls have left.
        rows: all of it.
    """

    __slots__ = ("asked", "contents", "left", "rows")

    def __init__(
        self,
        asked: tuple[_Asked, ...] = (),
        stored: Mapping[ItemId, Image] = _NOTHING,
        left: Mapping[ItemId, Left] = _NOTHING,
    ) -> None:
        self.asked, self.contents, self.left = asked, stored, left
        self.rows = {**stored, **{item: one.image for item, one in left.items()}}

    @property
    def key(self) -> tuple[str, ...]:
        return tuple([one.text for one in self.asked])


Outcomes = dict[tuple[tuple[str, ...], str], tuple[Performed, _State]]
"""By what was asked before, and by the call."""


class OtherServices:
    """Performs calls to services that a model lists or answers for.

    Args:
        services: names as boto3 has them, performed on moto; ``None`` for all, because the user has started moto.
        answers: by action (``sqs.SendMessage``), or for a whole service (``cloudwatch.*``): what is returned, or a function of
            the parameters that returns it or raises.
        known: outcomes of others with the same services and answers, where nobody has anything in moto at first.

    Attributes:
        set_up: outcomes of the calls that have made the initial state.
    """

    def __init__(
        self, services: Sequence[str] | None, answers: Mapping[str, Any], known: Outcomes | None = None
    ) -> None:
        self.in_use = services is None or bool(services or answers)
        self._services = services
        self._answers = answers
        self._moto: MotoServices | None = None
        self._state = self._first = self._begin = _State()
        self._held: _State | None = self._state  # by moto
        self._known: Outcomes = {} if known is None else known
        self.set_up: Outcomes = {}
        self._in_setup = False
        self._drawn = 0

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        """While inside, moto makes up other identifiers, but for what is set up; ``0`` for those as ever."""
        before, self._drawn = self._drawn, seed
        try:
            yield
        finally:
            self._drawn = before

    @property
    def _seed(self) -> int:
        return 0 if self._in_setup else self._drawn

    def open(self) -> None:
        """Begin; what moto holds now is the initial state."""
        if self._services is None or (self.in_use and used_at_import()):
            self._first = _State(stored=self._started().rows())
        self._state = self._held = self._begin = self._first

    def _started(self) -> MotoServices:
        if self._moto is None:
            from toctou.client.moto_services import MotoServices  # noqa: PLC0415 - moto takes most of a second to import

            self._moto = MotoServices()
            self._moto.start()
        return self._moto

    def close(self) -> None:
        """Leave moto as it was."""
        if self._moto is not None:
            self._moto.stop()
            self._moto = None

    def restore(self) -> None:
        """Restore the initial state, with what was set up."""
        self._state = self._begin

    @contextmanager
    def setup(self) -> Iterator[None]:
        """While inside, calls make the initial state; what an earlier set-up has made is forgotten."""
        self._state = self._begin = self._first
        self.set_up, self._in_setup = {}, True
        try:
            yield
        finally:
            self._begin, self._in_setup = self._state, False

    def perform(self, service: str, action: str, parameters: Mapping[str, Any], region: str | None = None) -> Performed:
        """Perform a call of a client; see :meth:`performed`."""
        return self.performed(ServiceCall(f"{service}.{action}", region or "us-east-1"), parameters)

    def performed(self, call: str, parameters: Mapping[str, Any]) -> Performed:
        """Perform a call.

        Raises:
            UndeclaredService: the model neither lists nor answers it.
            UnsupportedAction: moto does not perform it.
            ToolMissing: moto needs a package that is not installed.
            ModelError: the answer is not one.
        """
        made = call if isinstance(call, ServiceCall) else ServiceCall(call)
        text = f"{made} {made.region} {as_text(parameters)}" + (f" {self._seed}" if self._seed else "")
        key = self._state.key, text
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = self._performed(made, parameters, text)
        if self._in_setup:
            self.set_up[key] = known
        performed, self._state = known
        return performed

    def stored(self) -> dict[str, list[Image]]:
        """What was sent and is stored, by thing."""
        found: dict[str, list[Image]] = {}
        for item, image in sorted(self._state.rows.items()):
            found.setdefault(item.table, []).append(image)
        return found

    def _performed(self, call: ServiceCall, parameters: Mapping[str, Any], text: str) -> tuple[Performed, _State]:
        kind, state = kind_of(call, parameters), self._state
        service, _ = split(call)
        answer = self._answer(call)
        if answer is not None and isinstance(answer[0], NoEffect):
            kind, answer = Kind.OBSERVES, (answer[0].answer,)
        result = error = None
        asked_moto = was_there = False
        try:
            if answer is not None:
                result = _answered(call, answer[0], parameters)
            elif self._services is None or service in self._services:
                asked_moto = True
                moto = self._hold(state)
                self._held = None  # should the call fail halfway
                was_there = moto.has(call, parameters, region_of(call, parameters))
                result = moto.perform(call, parameters, call.region, _of_things(state, call, parameters), self._seed)
            else:
                raise undeclared(call, moto_is_late=not self._services and users_moto_is_active())
        except ClientError as refused:
            error = error_of(refused)
        except BotoCoreError as raised:
            error = ErrorResponse(type(raised).__name__, message_of(raised), {RAISES: raised})
        writes = kind in (Kind.SENDS, Kind.WRITES) and error is None
        stored = self._started().rows() if asked_moto and kind is not Kind.READS else state.contents
        left, looked = state.left, asked_moto and service in SHOWN
        if writes and not was_there and not (looked and shows_wholly(call, parameters)):
            table = (settings if looked else contents)(service, ",".join(things(call, parameters)))
            left = noted(left, table, call, parameters, result, performed=asked_moto)
        then = _State(state.asked, stored, left)
        changes = changes_between(state.rows, then.rows)
        if changes or writes or (asked_moto and kind in (Kind.OBSERVES, Kind.OPENS)):
            one = _Asked(text, kind in _COMMUTING, call, copied(dict(parameters)), self._seed)
            then = _State(_with(state.asked, one), stored, left)
        else:
            then = state
        if asked_moto and (then is not state or not self._started().has_created):
            self._held = then
        reached = self._reached(service) if asked_moto else ()
        touched = (
            EMPTY
            if kind is Kind.OBSERVES and not reached
            else footprint(
                call, parameters, failed=error is not None, changes=changes, reached=reached, identified=asked_moto
            )
        )
        return Performed(result, error, touched, changes), then

    def _reached(self, service: str) -> Sequence[str]:
        """Services to which this one has turned meanwhile, as far as handlers can call them and anybody minds."""
        others = self._started().reached - UNHEEDED - {service}
        return sorted(others if self._services is None else others.intersection(self._services))

    def _answer(self, call: str) -> tuple[Any] | None:
        for name in (call, f"{split(call)[0]}.*"):
            if name in self._answers:
                return (self._answers[name],)
        return None

    def _hold(self, state: _State) -> MotoServices:
        """Bring moto to a state."""
        moto = self._started()
        if self._held is state and moto.undisturbed:
            return moto
        missing = None if self._held is None or not moto.undisturbed else _beyond(self._held, state)
        if missing is None:
            moto.restore()
            missing = frozenset(range(len(state.asked)))
        self._held = None  # should a call fail halfway
        so_far = _State()
        for at, one in enumerate(state.asked):
            if at in missing and self._answer(one.call) is None:
                before = _of_things(so_far, one.call, one.parameters)
                with suppress(ClientError):
                    moto.perform(one.call, one.parameters, one.call.region, before, one.seed)
            so_far = _State((*so_far.asked, one))
        self._held = state
        return moto


def _beyond(held: _State, state: _State) -> frozenset[int] | None:
    """Places of the calls that lead from one state to another; ``None`` if they do not."""
    missing, at = list[int](), 0
    for place, one in enumerate(state.asked):
        if at < len(held.asked) and held.asked[at].text == one.text:
            at += 1
        elif (one.sends and all(other.sends for other in held.asked[at:])) or at == len(held.asked):
            missing.append(place)  # it is last, or nothing but sends comes after it, whose order makes no difference
        else:
            return None
    return frozenset(missing) if at == len(held.asked) else None


def _with(asked: tuple[_Asked, ...], one: _Asked) -> tuple[_Asked, ...]:
    """With another call; of calls that only send, the order makes no difference."""
    at = len(asked)
    while one.sends and at and asked[at - 1].sends:
        at -= 1
    sent = list(asked[at:])
    insort(sent, one, key=lambda each: each.text)
    return (*asked[:at], *sent)


_COMMUTING = (Kind.SENDS, Kind.OPENS)


def _of_things(state: _State, call: str, parameters: Mapping[str, Any]) -> list[Call]:
    """What decides identifiers that moto makes up: calls that were made of the same things or, if they commute, equal ones."""
    service, named = split(call)[0], {*things(call, parameters)}
    kind, objects = kind_of(call, parameters), objects_of(call, parameters)
    return [
        (one.call, one.parameters)
        for one in state.asked
        if split(one.call)[0] == service
        and (not named or named & {*things(one.call, one.parameters)})
        and (
            kind not in _COMMUTING
            or deletes_thing(one.call)
            or (kind is Kind.SENDS and one.call == call and one.parameters == parameters)
        )
        and (not objects or objects & (found := objects_of(one.call, one.parameters)) or not found)
    ]


def _answered(call: str, answer: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = answer(copied(dict(parameters))) if callable(answer) else copied(answer)
    except (ClientError, BotoCoreError, ToctouError):
        raise
    except Exception as failed:
        raise ModelError(
            f"the answer to {call} failed: {type(failed).__name__}: {message_of(failed)}",
            expected="a function of the parameters (a mapping) that returns a response, or raises botocore's ClientError",
            remedy=f'correct answers["{call}"] of the model',
        ) from failed
    if isinstance(found, ClientError | BotoCoreError):
        raise found
    if not isinstance(found, Mapping):
        raise ModelError(
            f"the answer to {call} is {found!r}",
            expected="a response as boto3 has it: a dictionary",
            remedy=f'for example answers = {{"{call}": {{}}}}',
        )
    for fault, remedy in misfits(call, found):
        raise ModelError(
            f"the answer to {call} has {fault}",
            expected="members that the operation returns",
            remedy=f'correct answers["{call}"] of the model: {remedy}',
        )
    return {name: _content(value) for name, value in found.items()}


def _content(value: Any) -> Any:
    """What is in a stream, which can be read once only, while an answer is given many times; other values as they are."""
    stream = getattr(value, "_raw_stream", value)  # of botocore's StreamingBody, which cannot go back
    if not hasattr(stream, "read"):
        return value
    if hasattr(stream, "seekable") and stream.seekable():
        stream.seek(0)
    return stream.read()


def error_of(refused: ClientError) -> ErrorResponse:
    """What a client raises for a service's error, as an operation has it."""
    response: dict[str, Any] = dict(refused.response)
    error: Mapping[str, Any] = response.pop("Error", {})
    status = response.pop("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    more = {name: value for name, value in error.items() if name not in ("Code", "Message")}
    fields = {**response, **({"Error": more} if more else {}), "ResponseMetadata": {"HTTPStatusCode": status}}
    return ErrorResponse(str(error.get("Code", "")), str(error.get("Message", "")), fields)


def undeclared(call: str, *, moto_is_late: bool = False) -> UndeclaredService:
    """The fault of a call to a service that the model says nothing of, and whether moto was not active when it began."""
    service, action = split(call)
    cause = "the handler also uses that service; nothing leaves this machine"
    if moto_is_late:
        cause = "moto was started by the model's `setup`, which is too late: start it at the top of the model's file"
    return UndeclaredService(
        f"a handler called {action} of the AWS service {service!r}{_OF_WHICH}",
        expected="handlers that call DynamoDB, and services that the model lists or answers for",
        cause=cause,
        remedy=f'add to the model:  services = ["{service}"]  to have it performed in this process, or\n'
        f'answers = {{"{call}": {{...}}}}  to say what it returns',
    )


_OF_WHICH = ", of which the model says nothing"
_UNDECLARED = re.compile(rf"a handler called \w+ of the AWS service '([^']+)'{_OF_WHICH}")


def undeclared_service(text: str) -> str:
    """The service that a text of :func:`undeclared` is about; ``""`` for any other text."""
    found = _UNDECLARED.match(text)
    return found[1] if found else ""
