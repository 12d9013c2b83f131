"""Models: tables, initial items, principals, and handlers with the arguments that they may be called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import product
from typing import Any, ClassVar, Literal, TypeVar, overload

from toctou.declaration.credentials import ignored, wrong_credentials
from toctou.declaration.isolation import ISOLATIONS, Isolation
from toctou.declaration.mistakes import Check, collected, mistakes_of, refuse
from toctou.declaration.options import meant_instead
from toctou.declaration.principals import unknown_principals, wrong_owners
from toctou.declaration.scenario import Scenario, scenarios
from toctou.declaration.served import Sends, check_served
from toctou.declaration.signatures import answers_later, mismatch, parameters, returns_nothing, takes, takes_model
from toctou.declaration.table import Table
from toctou.declaration.validation import check_members, check_pools, check_principals, joined, kept, shown
from toctou.errors import ModelError, ToctouError, message_of
from toctou.gate.headers import Headers
from toctou.gate.service import Service
from toctou.history.item import at_path
from toctou.history.request import RETRYABLE, Request, Retryable
from toctou.specification import Specification, StoredItems
from toctou.web import asgi
from toctou.web.callers import Caller

T = TypeVar("T")
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler of a model; :func:`handler` declares one.

    Attributes:
        function: called as ``function(principal, **arguments)``, with the model before that if its first parameter is
            named ``self``.
        pools: the values of each argument; every combination is a request.
        principals: the principals that may call it; ``None`` for every principal of the model.
        read_only: it is not expected to write.  Any other handler that never commits a write keeps its model from being
            verified, because its guard was never tested.
        changes_owner: it gives an item to another principal (the stateful machine has a rule for such requests).
        retryable: see :class:`Model`; ``None`` for the model's.
        operation: of an OpenAPI document, by ``operationId`` or as ``METHOD /path``; empty for the one of its name.
        redelivered: equal requests are one that was sent, or delivered, again: see :func:`toctou.event`.
    """

    function: Function
    pools: Mapping[str, Sequence[Any]]
    principals: Sequence[str] | None = None
    read_only: bool = False
    changes_owner: bool = False
    operation: str = ""
    retryable: Retryable | None = None
    redelivered: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ModelError(
                f"{shown(self.function)} is declared as a handler",
                expected="a function, and the values of its arguments by name",
                remedy="it is one already: leave out the handler(…) around it"
                if isinstance(self.function, Handler)
                else "for example @handler(item_id=['i1'])",
            )
        if isinstance(self.pools, Mapping):
            object.__setattr__(self, "pools", {name: kept(values) for name, values in self.pools.items()})

    @property
    def acts_for_nobody(self) -> Sequence[str]:
        """The principals of an event, which stand for its source and not for a caller."""
        is_event = isinstance(self.function, Sends) and not self.function.over_http
        return self.principals or () if is_event else ()

    def requests(self, name: str, principals: Sequence[str]) -> Iterable[Request]:
        """Every request that this handler can be given."""
        for principal in self.principals if self.principals is not None else principals:
            for values in product(*self.pools.values()):
                yield Request(principal, name, tuple(zip(self.pools, values, strict=True)))

    def call(self, model: Model, request: Request) -> Any:
        """Run the handler for one request; returns or raises whatever it does."""
        if takes_model(self.function):
            return self.function(model, request.principal, **request.values)
        return self.function(request.principal, **request.values)


@dataclass(frozen=True, slots=True)
class InvariantRule:
    """A predicate on stored items, declared in a model by :func:`invariant`."""

    predicate: Callable[[Any, StoredItems], Any]
    at: Literal["end", "every_step"] = "end"


class Model:
    """Base of all models; subclass it and declare handlers with :func:`handler`.

    Attributes:
        tables: created before each schedule.
        items: initial items: table name to plain Python items (numbers are ``int`` or ``Decimal``).
        principals: the principals of requests.
        owner: the attribute that names the principal who owns an item, or the path to it (``meta.owner``); ``None`` for no
            ownership rule.
        reference: the sequential specification; without one, the handlers are compared with their own sequential runs.
        retryable: statuses that ask a client to try again, or a predicate on the response, as a method or a function.  A request
            that answered so without any effect is left out of the serial order.
        refusals: ``exact`` if a request that was rejected without effect has to be rejected in the same way in the serial order;
            ``any`` if 403 is as good as 404.
        ignore: attributes of a table's items, and keys of the ``body`` of responses, that are left out where an execution is
            compared with serial runs: ``{"Items": ["meta.updated_at"], "body": ["request_id"]}``.  What varies with clock or
            random numbers is found out without that.
        overwrites: ``violation`` if an unconditional write may not replace, unread, what another request was answered 2xx for;
            ``note`` if the verdict only says so.
        unowned: values of ``owner`` that stand for nobody, so that anybody may change the item.
        isolation: where concurrent requests run: in ``processes`` of their own, or in the ``memory`` of this one; ``auto`` to
            begin in memory, and to separate them once they are seen to share it.
        services: other AWS services that handlers call, as boto3 names them (``["sqs", "s3"]``), to be performed on moto.
        answers: what such calls return instead: ``{"sqs.SendMessage": {...}}``, a value or a function of the parameters.
        service: receives the handlers' requests, in any language; ``None`` where the handlers are the code under test.
        app: a WSGI or ASGI application, which serves the handlers' requests (:func:`toctou.route`) in this process.
        function: a Lambda function, called as ``function(event, context)``, which serves them instead.
        headers: what the requests of principals carry: a mapping for all of them, in which ``{principal}`` is replaced, one
            mapping for each, or a function, or method, that makes it from the principal.
        api: what stands before the function, and so what its events are like: a REST API (``rest``), an HTTP API (``http``),
            its own URL (``url``), or a load balancer (``alb``).
        caller: where the events say who calls: :func:`toctou.claims`, :func:`toctou.authorizer`, :func:`toctou.iam`, or several;
            ``None`` for the claim ``sub`` and the authorizer's ``principalId``.
    """

    tables: ClassVar[Sequence[Table]] = ()
    items: ClassVar[Mapping[str, Sequence[Mapping[str, Any]]]] = {}
    principals: ClassVar[Sequence[str]] = ("alice", "bob")
    owner: ClassVar[str | None] = None
    reference: ClassVar[Specification | None] = None
    retryable: ClassVar[Retryable] = RETRYABLE
    refusals: ClassVar[Literal["any", "exact"]] = "any"
    ignore: ClassVar[Mapping[str, Sequence[str]]] = {}
    overwrites: ClassVar[Literal["note", "violation"]] = "note"
    unowned: ClassVar[Collection[str | None]] = frozenset({"nobody", None})
    isolation: ClassVar[Isolation] = "auto"
    services: ClassVar[Sequence[str]] = ()
    answers: ClassVar[Mapping[str, Any]] = {}
    service: ClassVar[Service | None] = None
    app: ClassVar[Any] = None
    function: ClassVar[Callable[..., Any] | None] = None
    headers: ClassVar[Headers] = {}
    api: ClassVar[Literal["rest", "http", "url", "alb"]] = "rest"
    caller: ClassVar[Caller | Sequence[Caller] | None] = None

    def owns(self, principal: str, item: Mapping[str, Any]) -> bool:
        """Whether ``principal`` may change this (plain) item; override it where one attribute does not say so.

        An item without the attribute has no owner, and every principal may change it.  An override may take a third argument,
        ``items``: all stored items at that moment, by table, as invariants get them.
        """
        found = at_path(item, self.owner or "", principal)
        return self.owner is None or found == principal or any(found == nobody for nobody in self.unowned)

    def setup(self) -> None:
        """Called before each schedule; reset here what the handlers' module keeps in memory."""

    @classmethod
    def handlers(cls) -> dict[str, Handler]:
        """The handlers by name, those of base classes first."""
        return dict(_declared(cls, Handler))

    @classmethod
    def invariants(cls) -> dict[str, InvariantRule]:
        """The invariants by name."""
        return dict(_declared(cls, InvariantRule))

    @classmethod
    def scenarios(cls, size: int) -> list[Scenario]:
        """What is explored: every multiset of one to ``size`` requests."""
        return list(scenarios(cls.requests(), size))

    @classmethod
    def requests(cls) -> list[Request]:
        """Every request that a scenario may hold.

        Raises:
            ModelError: no handlers, arguments that a handler does not take, or anything declared that cannot be used.
        """
        check_model(cls)
        found: list[Request] = []
        for name, handler in cls.handlers().items():
            found += handler.requests(name, cls.principals)
        return found


def check_model(cls: type[Model], *, by_itself: bool = True) -> None:
    """Check everything that a model declares, before any of it runs.

    Args:
        by_itself: it has handlers that can be called with what it declares; an OpenAPI document may give the rest.

    Raises:
        ModelError: all mistakes at once.
    """
    check_members(cls)  # without which nothing can be asked of a model
    found = mistakes_of(cls, {name: _undeclared(cls, name) for name in undeclared_handlers(cls)})
    of_itself = (_check_comparisons, _check_retryable, _check_services, wrong_credentials)
    of_handlers: list[Check] = [partial(one, cls) for one in of_itself]
    handlers = cls.handlers() if by_itself else {}
    if by_itself:
        of_handlers += [partial(_check, cls, name, handler) for name, handler in handlers.items()]
        of_handlers += [partial(check_served, cls, handlers), partial(ignored, cls, handlers)]
        if not handlers and not found:
            of_handlers.append(partial(_check_some, cls))
    found += collected(of_handlers)
    # Who owns and who calls can be asked only of what is right in itself.
    refuse(
        cls.__name__,
        found or collected(partial(one, cls, handlers, Model) for one in (wrong_owners, unknown_principals)),
    )


def _undeclared(cls: type[Model], name: str) -> ModelError:
    return ModelError(
        f"the method {name!r} of the model {cls.__name__} takes a principal, but is not declared as a handler",
        expected="@handler(...) above every method that serves requests",
        cause="the decorator was forgotten, or the method of a base class that has it was overridden without",
        remedy=f"declare it; or, if handlers call it, name it _{name}",
    )


def _check_services(cls: type[Model]) -> Iterable[ModelError]:
    if cls.services is Model.services and cls.answers is Model.answers:
        return ()
    from toctou.declaration.service_mistakes import wrong_services  # noqa: PLC0415 - botocore takes long to import

    return wrong_services(cls)


def _check_some(cls: type[Model]) -> None:
    raise ModelError(
        f"the model {cls.__name__} has no handlers",
        expected="at least one method, or function, declared with @handler(...)",
        remedy="for example cancel_order = handler(orders.cancel_order, order_id=['o1'])",
    )


def _declared(cls: type, kind: type) -> Iterable[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, kind):
                found[name] = value
            elif name in found:  # an override that is no handler removes the inherited one
                del found[name]
    return found.items()


def bound(function: Function, model: Model) -> Function:
    """A function of the model's class as it is called: as a method if its first parameter is named ``self``."""
    return partial(function, model) if takes_model(function) else function


def _check_comparisons(cls: type[Model]) -> Iterable[ModelError]:
    for name, value, choices, otherwise in (
        ("refusals", cls.refusals, ("any", "exact"), "rejections without effect count alike"),
        ("overwrites", cls.overwrites, ("note", "violation"), "writes that replace another unread are noted"),
        (
            "isolation",
            cls.isolation,
            ISOLATIONS,
            "requests get processes of their own once they are seen to share memory",
        ),
    ):
        if not isinstance(value, str) or value not in choices:
            yield ModelError(
                f"`{name}` of the model {cls.__name__} is {shown(value)}",
                expected=" or ".join(map(repr, choices)),
                remedy=f"for example {name} = {choices[-1]!r}; or leave it out: {otherwise}",
            )


def _check_retryable(cls: type[Model]) -> Iterable[ModelError]:
    rules = [("the model " + cls.__name__, cls.retryable)]
    rules += [
        (f"the handler {name!r}", one.retryable) for name, one in cls.handlers().items() if one.retryable is not None
    ]
    for where, rule in rules:
        statuses = isinstance(rule, Collection) and not isinstance(rule, str | bytes | Mapping)
        if callable(rule) and answers_later(rule):
            fault = "a coroutine or a generator, which is true of every response"
        elif callable(rule) and (why := mismatch(rule, *([None] if takes_model(rule) else []), None)):
            fault = f"a function that cannot be called with a response: {why}"
        elif callable(rule) and returns_nothing(rule):
            fault = "a function that never returns anything"
        elif callable(rule) or (statuses and all(type(one) is int for one in rule)):
            continue
        else:
            fault = shown(rule)
        yield ModelError(
            f"`retryable` of {where} is {fault}",
            expected="statuses, such as {409, 503}, or a function that takes a response and returns a truth value",
            remedy="for example retryable = {409, 503}",
        )


def undeclared_handlers(cls: type[Model]) -> list[str]:
    """Functions that take a principal and are not declared as handlers, so that no scenario would contain them."""
    return [
        name
        for base in cls.__mro__[: cls.__mro__.index(Model)]
        for name, value in vars(base).items()
        if not name.startswith("_")
        and not hasattr(Model, name)
        and value is inspect.getattr_static(cls, name, None)
        and _serves(getattr(value, "__func__", value) if isinstance(value, staticmethod | classmethod) else value)
    ]


def _serves(value: Any) -> bool:
    taken = parameters(value) if inspect.isfunction(value) or inspect.ismethod(value) else []
    return taken[:1] == ["principal"] or taken[:2] == ["cls", "principal"]


def _check(cls: type[Model], name: str, handler: Handler) -> None:
    where = f"the handler {name!r} of the model {cls.__name__}"
    if parameters(handler.function)[:2] == ["event", "context"]:
        raise ModelError(
            f"{where} is a function for AWS Lambda: it takes (event, context)",
            expected="a function that takes the principal first, then the arguments",
            remedy=f"for a function behind an API: function = … in the model, and {name} = route('DELETE /items/{{item_id}}', "
            "item_id=['i1']); or wrap it in a method that makes the event",
        )
    if "self" in parameters(handler.function):
        raise ModelError(
            f"{where} does not take `self` first: ({', '.join(parameters(handler.function))})",
            expected="the model first, then the principal, then the arguments",
            remedy=f"def {name}(self, principal, …)",
        )
    if inspect.isgeneratorfunction(handler.function) or inspect.isasyncgenfunction(handler.function):
        raise ModelError(
            f"{where} is a generator: calling it runs none of its code",
            expected="a function, or a coroutine, that returns its answer",
            remedy="return the answer instead of yielding it, or wrap the generator in a function that iterates it",
        )
    for option, value, kind, example in (
        ("read_only", handler.read_only, bool, "True"),
        ("changes_owner", handler.changes_owner, bool, "True"),
        ("redelivered", handler.redelivered, bool, "True"),
        ("operation", handler.operation, str, "'DELETE /items/{item_id}'"),
    ):
        if not isinstance(value, kind):
            raise ModelError(
                f"`{option}` of {where} is {shown(value)}",
                expected="True or False" if kind is bool else "an operation of the document, as text",
                remedy=f"for example {option}={example}; an argument of that name goes into arguments={{{option!r}: […]}}",
            )
    if handler.principals is not None:
        check_principals(where, handler.principals)
    for argument in handler.pools:
        if not takes(handler.function, argument) and (remedy := _option_meant(argument)):
            raise ModelError(
                f"{where} has values of {argument!r}, which is no argument of its function",
                expected="values of arguments, and options, by their names",
                remedy=remedy,
            )
    check_pools(where, handler.pools)
    arguments: list[Any] = [None] if takes_model(handler.function) else []
    if why := mismatch(handler.function, *arguments, "alice", **dict.fromkeys(handler.pools)):
        raise _unfit(where, handler, why)


def _option_meant(argument: str) -> str:
    if argument == "redelivered":
        return "only what is sent again has this option: route(…, redelivered=True), or event(…, redelivered=True)"
    return meant_instead(handler, argument)


def _unfit(where: str, handler: Handler, why: str) -> ModelError:
    """The error for a handler whose pools are not its arguments."""
    taken = parameters(handler.function)[1:]
    wrong = [name for name in handler.pools if name not in taken]
    missing = [name for name in taken if name not in handler.pools]
    meant = get_close_matches(wrong[0], missing, 1) if wrong else []
    remedy = "name the missing argument in @handler(...), or give it a default"
    if wrong:
        remedy = (
            f"rename the pool to {meant[0]!r}" if meant else f"take {wrong[0]!r} as an argument, or leave its pool out"
        )
    elif missing:
        remedy = f"for example @handler({missing[0]}=['i1']), or give it a default"
    return ModelError(
        f"{where} cannot be called with a principal and {', '.join(handler.pools) or 'no arguments'}: {why}",
        expected="a pool for each argument after the principal, under the argument's name",
        remedy=remedy,
    )


@overload
def handler(
    function: Function,
    /,
    *,
    principals: Sequence[str] | None = None,
    read_only: bool = False,
    changes_owner: bool = False,
    operation: str = "",
    retryable: Retryable | None = None,
    arguments: Mapping[str, Sequence[Any]] | None = None,
    **pools: Sequence[Any],
) -> Handler: ...


@overload
def handler(
    *,
    principals: Sequence[str] | None = None,
    read_only: bool = False,
    changes_owner: bool = False,
    operation: str = "",
    retryable: Retryable | None = None,
    arguments: Mapping[str, Sequence[Any]] | None = None,
    **pools: Sequence[Any],
) -> Callable[[Function], Handler]: ...


def handler(
    function: Function | None = None,
    /,
    *,
    principals: Sequence[str] | None = None,
    read_only: bool = False,
    changes_owner: bool = False,
    operation: str = "",
    retryable: Retryable | None = None,
    arguments: Mapping[str, Sequence[Any]] | None = None,
    **pools: Sequence[Any],
) -> Handler | Callable[[Function], Handler]:
    """Declare a handler of a model, with the values that each of its arguments may take.

    As a decorator, ``@handler(item_id=["i1"], to=["bob"])``; or around a function that exists elsewhere,
    ``delete_item = handler(service.delete_item, item_id=["i1"])``.  The function takes the principal first.  It returns an
    HTTP-like status, ``(status, body)``, ``(body, status)``, either with headers as a third, a :class:`~toctou.Response`, a
    Lambda proxy response (a dictionary with ``statusCode``), or an HTTP framework's response.  ``None`` counts as 200 without a
    body, and any other value as the body of a 200: equal answers are then equal, but only a status tells a refusal.  What a
    framework raises to answer a status is that answer; any other exception counts as 500.

    Args:
        function: the handler, unless used as a decorator.
        principals, read_only, changes_owner, operation, retryable: see :class:`Handler`.
        arguments: more pools, for arguments that have the name of an option.
        pools: the values of each argument; every combination is a request.
    """

    def declare(declared: Function) -> Handler:
        return Handler(declared, joined(arguments, pools), principals, read_only, changes_owner, operation, retryable)

    return declare if function is None else declare(function)


@overload
def invariant(predicate: Function, /, *, at: Literal["end", "every_step"] = "end") -> InvariantRule: ...


@overload
def invariant(*, at: Literal["end", "every_step"] = "end") -> Callable[[Function], InvariantRule]: ...


def invariant(
    predicate: Function | None = None, /, *, at: Literal["end", "every_step"] = "end"
) -> InvariantRule | Callable[[Function], InvariantRule]:
    """Declare a predicate on the stored items: a method of the model that gets table name to plain items.

    It returns true if all is well, false or a sentence saying what is wrong otherwise.  At the end it may also take
    ``responses`` and ``requests``, lists of both in the same order: ``def ids_unique(self, items, responses)``.

    Args:
        predicate: the method, unless used with arguments.
        at: ``end`` to judge what is stored when every request has answered; ``every_step`` for each committed state.

    Raises:
        ModelError: ``at`` is neither.
    """
    if not isinstance(at, str) or at not in ("end", "every_step"):
        raise ModelError(
            f"an invariant is judged at {shown(at)}",
            expected="'end' or 'every_step'",
            remedy='for example @invariant(at="every_step")',
        )

    def declare(declared: Function) -> InvariantRule:
        more = parameters(declared)[1:]
        if not callable(declared) or not {*more} <= {"responses", "requests"} or (more and at == "every_step"):
            raise ModelError(
                f"the invariant {getattr(declared, '__name__', shown(declared))!r} takes {', '.join(parameters(declared))}"
                if callable(declared)
                else f"{shown(declared)} is declared as an invariant",
                expected='(self, items); with at="end" also `responses` and `requests`, by these names',
                remedy="for example @invariant above def no_debt(self, items): …",
            )
        return InvariantRule(declared, at)

    return declare if predicate is None else declare(predicate)


def made(model: type[Model]) -> Model:
    """An instance of the model, whose application has started; raises ``ModelError`` where it cannot be made."""
    instance = attempted(model, model)
    if asgi.is_asgi(model.app):
        attempted(model, partial(asgi.start, model.app))
    return instance


def attempted(model: type[Model], part: Callable[[], T]) -> T:
    """The result of a part of the model that runs before its handlers; raises ``ModelError`` where it fails."""
    try:
        return part()
    except ToctouError:
        raise
    except Exception as failed:
        raise ModelError(
            f"the model {model.__name__} cannot be set up: {type(failed).__name__}: {message_of(failed)}",
            expected="a model that can be made without arguments, and a `setup` that resets what its module remembers",
            remedy="correct `__init__` and `setup` of the model",
        ) from failed
