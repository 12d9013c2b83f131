"""Models: tables, initial items, principals, and handlers with the arguments that they may be called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, ClassVar, Literal, TypeVar, overload

from toctou.declaration.isolation import ISOLATIONS, Isolation
from toctou.declaration.scenario import Scenario, scenarios
from toctou.declaration.served import check_served
from toctou.declaration.table import Table
from toctou.declaration.validation import check_attributes, check_pools, check_principals, joined, kept, shown
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
    """

    function: Function
    pools: Mapping[str, Sequence[Any]]
    principals: Sequence[str] | None = None
    read_only: bool = False
    changes_owner: bool = False
    operation: str = ""
    retryable: Retryable | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ModelError(
                f"{shown(self.function)} is declared as a handler",
                expected="a function, and the values of its arguments by name",
                remedy="for example @handler(item_id=['i1'])",
            )
        if isinstance(self.pools, Mapping):
            object.__setattr__(self, "pools", {name: kept(values) for name, values in self.pools.items()})

    def requests(self, name: str, principals: Sequence[str]) -> Iterable[Request]:
        """Every request that this handler can be given."""
        for principal in self.principals if self.principals is not None else principals:
            for values in product(*self.pools.values()):
                yield Request(principal, name, tuple(zip(self.pools, values, strict=True)))

    def call(self, model: Model, request: Request) -> Any:
        """Run the handler for one request; returns or raises whatever it does."""
        if _takes_model(self.function):
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
        service: receives the handlers' requests, in any language; ``None`` where the handlers are the code under test.
        app: a WSGI or ASGI application, which serves the handlers' requests (:func:`toctou.route`) in this process.
        function: a Lambda function, called as ``function(event, context)``, which serves them instead.
        headers: what the requests of principals carry: a mapping for all of them, in which ``{principal}`` is replaced, one
            mapping for each, or a function, or method, that makes it from the principal.
        api: what stands before the function, and so what its events are like: a REST API (``rest``), an HTTP API (``http``), or
            its own URL (``url``).
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
    service: ClassVar[Service | None] = None
    app: ClassVar[Any] = None
    function: ClassVar[Callable[..., Any] | None] = None
    headers: ClassVar[Headers] = {}
    api: ClassVar[Literal["rest", "http", "url"]] = "rest"
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
        check_attributes(cls)
        for name in undeclared_handlers(cls):
            raise ModelError(
                f"the method {name!r} of the model {cls.__name__} takes a principal, but is not declared as a handler",
                expected="@handler(...) above every method that serves requests",
                cause="the decorator was forgotten, or the method of a base class that has it was overridden without",
                remedy=f"declare it; or, if handlers call it, name it _{name}",
            )
        handlers = cls.handlers()
        if not handlers:
            raise ModelError(
                f"the model {cls.__name__} has no handlers",
                expected="at least one method, or function, declared with @handler(...)",
                remedy="see “Plugging in” in README.md",
            )
        check_served(cls, handlers)
        found: list[Request] = []
        for name, handler in handlers.items():
            _check(cls, name, handler)
            found += handler.requests(name, cls.principals)
        _check_comparisons(cls)
        _check_owner(cls)
        return found


def _declared(cls: type, kind: type) -> Iterable[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, kind):
                found[name] = value
            elif name in found:  # an override that is no handler removes the inherited one
                del found[name]
    return found.items()


def _takes_model(function: Function) -> bool:
    code = getattr(function, "__code__", None)
    return (
        code is not None and code.co_argcount > 0 and code.co_varnames[0] == "self" and not inspect.ismethod(function)
    )


def bound(function: Function, model: Model) -> Function:
    """A function of the model's class as it is called: as a method if its first parameter is named ``self``."""
    return partial(function, model) if _takes_model(function) else function


def parameters(function: Function) -> list[str]:
    """The names of a function's parameters without ``self``; none for built-in functions."""
    code = getattr(function, "__code__", None)
    names = [] if code is None else list(code.co_varnames[: code.co_argcount])
    return names[1:] if names[:1] == ["self"] else names


def _check_owner(cls: type[Model]) -> None:
    items = [item for items in cls.items.values() for item in items]
    missing = object()
    if (
        cls.owner is not None
        and cls.owns is Model.owns
        and cls.unowned is Model.unowned  # a model that says who nobody is may begin with items of nobody
        and items
        and all(at_path(item, cls.owner, missing) is missing for item in items)
    ):
        raise ModelError(
            f"no item of the model {cls.__name__} has the attribute {cls.owner!r} that `owner` names",
            expected="the attribute that says whose item it is",
            cause="a slip in the name; every write would count as allowed",
            remedy=f"one of {', '.join(sorted({name for item in items for name in item}))}; or leave `owner` out",
        )


def _check_comparisons(cls: type[Model]) -> None:
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
        if value not in choices:
            raise ModelError(
                f"`{name}` of the model {cls.__name__} is {value!r}",
                expected=" or ".join(map(repr, choices)),
                remedy=f"for example {name} = {choices[-1]!r}; or leave it out: {otherwise}",
            )
    known = [str(table.parameters["TableName"]) for table in cls.tables] + ["body"]
    for part, names in cls.ignore.items():
        if part not in known or isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise ModelError(
                f"`ignore` of the model {cls.__name__} holds {part!r}: {names!r}",
                expected=f"a list of attributes for a table, or of keys for the body: {', '.join(known)}",
                remedy=f'for example ignore = {{"{known[0]}": ["updated_at"], "body": ["request_id"]}}',
            )
    rules = [("the model " + cls.__name__, cls.retryable)]
    rules += [
        (f"the handler {name!r}", one.retryable) for name, one in cls.handlers().items() if one.retryable is not None
    ]
    for where, rule in rules:
        if not callable(rule) and not (
            isinstance(rule, Collection) and not isinstance(rule, str) and all(type(one) is int for one in rule)
        ):
            raise ModelError(
                f"`retryable` of {where} is {rule!r}",
                expected="statuses, such as {409, 503}, or a function that takes a response and returns a truth value",
                remedy="for example retryable = {409, 503}",
            )


def undeclared_handlers(cls: type[Model]) -> list[str]:
    """Methods that take a principal and are not declared as handlers, so that no scenario would contain them."""
    return [
        name
        for base in cls.__mro__[: cls.__mro__.index(Model)]
        for name, value in vars(base).items()
        if inspect.isfunction(value)
        and value is getattr(cls, name)
        and parameters(value)[:1] == ["principal"]
        and not name.startswith("_")
        and not hasattr(Model, name)
    ]


def _check(cls: type[Model], name: str, handler: Handler) -> None:
    where = f"the handler {name!r} of the model {cls.__name__}"
    if parameters(handler.function)[:2] == ["event", "context"]:
        raise ModelError(
            f"{where} is a function for AWS Lambda: it takes (event, context)",
            expected="a function that takes the principal first, then the arguments",
            remedy=f"for a function behind an API: function = … in the model, and {name} = route('DELETE /items/{{item_id}}', "
            "item_id=['i1']); or wrap it in a method that makes the event",
        )
    principals = handler.principals if handler.principals is not None else cls.principals
    check_principals(where, principals)
    check_pools(where, handler.pools)
    arguments: list[Any] = [None] if _takes_model(handler.function) else []
    try:
        inspect.signature(handler.function).bind(*arguments, principals[0], **dict.fromkeys(handler.pools))
    except TypeError as mismatch:
        raise ModelError(
            f"{where} cannot be called with a principal and {', '.join(handler.pools) or 'no arguments'}: {mismatch}",
            expected="a pool for each argument after the principal, under the argument's name",
            remedy="name the missing argument in @handler(...), or give it a default",
        ) from None
    except ValueError:  # built-in functions may have no signature; calling it will fail instead
        pass


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
    if at not in ("end", "every_step"):
        raise ModelError(f"an invariant is judged at {at!r}", expected="'end' or 'every_step'")

    def declare(declared: Function) -> InvariantRule:
        more = parameters(declared)[1:]
        if not {*more} <= {"responses", "requests"} or (more and at == "every_step"):
            raise ModelError(
                f"the invariant {getattr(declared, '__name__', declared)!r} takes {', '.join(parameters(declared))}",
                expected='(self, items); with at="end" also `responses` and `requests`, by these names',
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
