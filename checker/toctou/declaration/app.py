"""Models of APIs: the handlers are the operations of an OpenAPI document, served by the application, or service, itself.

An argument is a parameter of the operation or a member of its JSON body, under its own name; an array or object is written as
JSON after ``json:``, so that requests can be compared and stored in reports.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

from toctou.declaration.model import Handler, Model
from toctou.declaration.scenario import Scenario
from toctou.errors import DocumentError, ModelError
from toctou.gate.service import HttpCall
from toctou.openapi.document import Document, opened, taken
from toctou.openapi.members import Bodies, Member, sets_of
from toctou.openapi.operations import SAFE, Operation, Parameter, Unusable, operations
from toctou.openapi.request import BODY, HttpRequest, argument_name, made
from toctou.openapi.values import objects, valid, values
from toctou.web import asgi, wsgi

_JSON = "json:"
_MOST_FORMS = 60
_SCALARS = (str, int, float, bool, type(None))


class App(Model):
    """Base of models of APIs: of WSGI and ASGI applications, and of services in other processes (``service``).

    Attributes:
        app: the application; ``None`` for a service.
        document: its OpenAPI document: a path, relative to the file of the model, or the document itself; ``None`` if the
            application makes it.
        headers: for each principal, the headers of its requests; where a principal is missing, its name is sent in the way of
            the document's security scheme.
        arguments: values for arguments, by name or ``operationId.name``.  Where there are none, ``toctou scan`` finds those
            that lead to stored items; else the document's examples, or values that its schemas allow, are used.
        base_path: prefix of the document's paths; ``None`` for the path of its first server.
        read_only: operations that are not expected to write although their method allows it, such as a search by ``POST``.
    """

    app: ClassVar[Any] = None
    document: ClassVar[str | Path | Mapping[str, Any] | None] = None
    headers: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    arguments: ClassVar[Mapping[str, Sequence[Any]]] = {}
    base_path: ClassVar[str | None] = None
    read_only: ClassVar[Collection[str]] = ()
    _open: ClassVar[_Open | None] = None
    _states: ClassVar[dict[int, dict[str, Any]]] = {}

    def __init__(self) -> None:
        self.require_application()
        # An ASGI application starts once per process, although each schedule makes a new instance of the model.
        if self.app is not None and asgi.is_asgi(self.app) and id(self.app) not in App._states:
            App._states[id(self.app)] = asgi.started(self.app)

    @classmethod
    def require_application(cls) -> None:
        """Raise ``ModelError`` if there is neither application nor service."""
        if cls.app is None and cls.service is None:
            raise ModelError(
                f"the model {cls.__name__} has no application",
                expected="`app`, a WSGI or ASGI application, or `service`, one in another process",
                remedy="for example app = shop.app",
            )

    def ask(self, request: HttpRequest) -> Any:
        """The application's response, or a coroutine that returns it; for a service, the call to send."""
        if self.service is not None:
            return HttpCall(request.method, request.path, request.body or None, request.headers)
        if asgi.is_asgi(self.app):
            return asgi.answer(self.app, request, App._states.get(id(self.app), {}))
        return wsgi.answer(self.app, request)

    @classmethod
    def opened_document(cls) -> Document:
        """The model's document.

        Raises:
            DocumentError: it cannot be read.
            ModelError: the model has none, and its application makes none.
        """
        return cls._opened().document

    @classmethod
    def operations(cls) -> tuple[Operation | Unusable, ...]:
        """The operations of the document."""
        return cls._opened().operations

    @classmethod
    def _opened(cls) -> _Open:
        if cls._open is None or cls._open.model is not cls:
            cls.use(_document(cls))
        assert cls._open is not None  # noqa: S101 - it has just been set
        return cls._open

    @classmethod
    def use_file(cls, document: Path) -> None:
        """Take the operations from the document in a file."""
        cls.use(opened(document))

    @classmethod
    def use(cls, document: Document) -> None:
        """Take the operations from this document rather than from the model's own."""
        found: list[Operation | Unusable] = []
        handlers: dict[str, Handler] = {}
        for one in operations(document):
            if isinstance(one, Operation):
                served = one if cls.base_path is None else replace(one, prefix=cls.base_path.rstrip("/"))
                try:
                    handlers[one.id] = _handler(cls, served)
                    found.append(served)
                except DocumentError as fault:  # no value fits, which must not hide the other operations
                    found.append(Unusable(one.id, one.method, served.prefix + one.path, fault.observed, fault))
            else:
                found.append(one)
        cls._open = _Open(cls, document, tuple(found), handlers)

    @classmethod
    def pool(cls, operation: Operation, name: str) -> Sequence[Any]:
        """The values that the model declares for an argument of an operation; may be empty."""
        return cls.arguments.get(f"{operation.id}.{name}", cls.arguments.get(name, ()))

    @classmethod
    def scenarios(cls, size: int) -> list[Scenario]:
        """See :meth:`Model.scenarios`.

        Raises:
            DocumentError: an operation cannot be read, so that its races would go unnoticed.
        """
        for one in cls.operations() if cls.app is not None or cls.service is not None else ():
            if isinstance(one, Unusable) and one.fault is not None:
                raise one.fault
        return super().scenarios(size)

    @classmethod
    def handlers(cls) -> dict[str, Handler]:
        """One for each operation of the document, and those that the model declares."""
        return {
            **(cls._opened().handlers if cls.app is not None or cls.service is not None else {}),
            **super().handlers(),
        }


@dataclass(frozen=True, slots=True)
class _Open:
    """The document of a model, which is read once."""

    model: type[App]
    document: Document
    operations: tuple[Operation | Unusable, ...]
    handlers: Mapping[str, Handler]


def _handler(cls: type[App], operation: Operation) -> Handler:
    def serve(self: App, principal: str, /, **arguments: Any) -> Any:
        return self.ask(made(operation, principal, _sent(operation, arguments), self.headers.get(principal, {})))

    serve.__name__ = operation.id
    pools = {name: cls.pool(operation, name) or [value] for name, value in simplest(operation).items()}
    return Handler(serve, pools, read_only=operation.method in SAFE or operation.id in cls.read_only)


def _sent(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name, and the body."""
    named = {argument_name(one) for one in operation.parameters}
    sent = {name: _read(value) for name, value in arguments.items() if name in named}
    members = {name: _read(value) for name, value in arguments.items() if name not in named}
    if BODY in members:
        sent[BODY] = members[BODY]
    elif members or (operation.body is not None and operation.body.required):
        sent[BODY] = {name.removeprefix(f"{BODY}."): value for name, value in members.items()}
    return sent


def accepted(operation: Operation, arguments: Mapping[str, Any]) -> bool:
    """Whether the document allows a request with these arguments."""
    sent = _sent(operation, arguments)
    for one in operation.parameters:
        name = argument_name(one)
        if name in sent and (sent[name] == "" or not valid(one.schema, sent[name])):
            return False
    return operation.body is None or BODY not in sent or valid(operation.body.schema, sent[BODY])


def simplest(operation: Operation) -> dict[str, Any]:
    """Arguments of a valid request: those that are required.

    Raises:
        DocumentError: there is no value that fits.
    """
    found = _parameters([one for one in operation.parameters if one.required])
    if operation.body is not None and operation.body.required:
        body = operation.body
        found = _with_body(found, body.examples[0] if body.examples else values(body.schema, 1, body.where)[0])
    return found


@dataclass(frozen=True, slots=True)
class Form:
    """Arguments of valid requests of an operation.

    Attributes:
        arguments: a value for each.
        members: the optional ones among them; members of members as ``address.city``.
    """

    arguments: Mapping[str, Any]
    members: tuple[str, ...]


_Part = tuple[str, Member | None]
"""What a request may have or not: an argument's name, and where the part is in the body; ``None`` for a parameter."""


def forms(
    operation: Operation, taken: Collection[str] | None = None, always: Collection[str] = ()
) -> tuple[list[Form], tuple[str, ...]]:
    """Arguments of valid requests, by the optional ones they have, and the names of all optional ones.

    Args:
        taken: the arguments to choose from; ``None`` for all.
        always: those that no request may lack.

    Raises:
        DocumentError: there is no value that fits.
    """
    body = operation.body
    bodies = None if body is None else Bodies(body.schema, body.examples, body.where)
    free = [one for one in operation.parameters if _is_free(operation, one)]
    parameters: list[_Part] = [(argument_name(one), None) for one in free]
    drawn = {**_drawn(free), **_parameters([one for one in operation.parameters if one.required])}
    lists: list[list[Form]] = []
    names: dict[str, None] = {}
    fault = None
    for at, members in enumerate(bodies.alternatives if bodies and bodies.alternatives else [[]]):
        parts = parameters + [(one[0], one) for one in members] + ([(BODY, ())] if body and not body.required else [])
        parts = [one for one in parts if taken is None or one[0] in taken]
        fixed = {one for one in parts if one[0] in always}
        parts = [one for one in parts if one not in fixed]
        names |= dict.fromkeys(map(_label, parts))
        parts = [one for one in parts if one[1] is not None or one[0] in drawn]
        exemplary = bodies.in_example if bodies is not None else frozenset()
        lists.append([])
        for chosen in ([frozenset(one for one in parts if one[1] in exemplary)] if exemplary else []) + [
            *sets_of(parts)
        ]:
            try:
                arguments = _chosen(operation, drawn, bodies, at, parts=chosen | fixed)
            except DocumentError as failed:  # not every combination is valid
                fault = fault or failed
                continue
            lists[-1].append(Form(arguments, tuple(_label(one) for one in parts if one in chosen)))
    found = [one for several in zip_longest(*lists) for one in several if one is not None]
    if not found and fault is not None:
        raise fault
    return [one for at, one in enumerate(found) if one not in found[:at]][:_MOST_FORMS], tuple(names)


def argument_names(operation: Operation) -> list[str]:
    """Every argument that requests of an operation may have."""
    body = operation.body
    members = [] if body is None else [name for one in objects(body.schema) for name in one.get("properties", {})]
    return [
        *map(argument_name, operation.parameters),
        *dict.fromkeys(members),
        *([] if members or not body else [BODY]),
    ]


def _is_free(operation: Operation, parameter: Parameter) -> bool:
    """Whether a request may lack a parameter, which says nothing about who sends it."""
    keys = {scheme.key.lower() for alternative in operation.security for scheme in alternative}
    return not parameter.required and parameter.name.lower() not in keys


def _label(part: _Part) -> str:
    return ".".join(part[1] or part[:1])


def _drawn(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Values of optional parameters, as far as there are any."""
    found: dict[str, Any] = {}
    for one in parameters:
        with suppress(DocumentError):
            found |= _parameters([one])
    return found


def _chosen(
    operation: Operation, drawn: Mapping[str, Any], bodies: Bodies | None, alternative: int, *, parts: Collection[_Part]
) -> dict[str, Any]:
    names = [argument_name(one) for one in operation.parameters if one.required or (argument_name(one), None) in parts]
    found = {name: drawn[name] for name in names if name in drawn}
    if bodies is None or operation.body is None:
        return found
    members = [path for _, path in parts if path is not None]
    if not members and not operation.body.required:
        return found
    if not bodies.alternatives:
        body = operation.body
        return _with_body(found, body.examples[0] if body.examples else values(body.schema, 1, body.where)[0])
    return _with_body(found, bodies.of(alternative, members))


def _parameters(chosen: Sequence[Parameter]) -> dict[str, Any]:
    """Values of parameters: the document's example, or else the simplest."""
    return {
        argument_name(one): _written(one.examples[0] if one.examples else values(one.schema, 1, one.where)[0])
        for one in chosen
    }


def _with_body(found: Mapping[str, Any], body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {**found, BODY: _written(body)}
    return {
        **found,
        **{(f"{BODY}.{name}" if name in found else name): _written(value) for name, value in body.items()},
    }


def _written(value: Any) -> Any:
    if isinstance(value, _SCALARS) and not (isinstance(value, str) and value.startswith(_JSON)):
        return value
    return _JSON + json.dumps(value, sort_keys=True)


def _read(value: Any) -> Any:
    return json.loads(value.removeprefix(_JSON)) if isinstance(value, str) and value.startswith(_JSON) else value


def _document(cls: type[App]) -> Document:
    if isinstance(cls.document, Mapping):
        return taken(cls.document, f"the document of {cls.__name__}")
    if cls.document is not None:
        return opened(Path(inspect.getfile(cls)).parent / cls.document)
    make = getattr(cls.app, "openapi", None)
    if callable(make):
        try:
            return taken(make(), f"the document of {cls.__name__}'s application")
        except DocumentError:
            raise
        except Exception as failed:
            raise ModelError(
                f"the application of the model {cls.__name__} cannot make its document: {type(failed).__name__}: {failed}",
                expected="an OpenAPI document from its `openapi()`",
                remedy="correct the application, or name a document in the model",
            ) from failed
    raise ModelError(
        f"the model {cls.__name__} has no OpenAPI document",
        expected="`document`, or an application that makes its own, as FastAPI's do",
        remedy='document = "openapi.yaml", relative to the file of the model; or name it: toctou scan openapi.yaml --model …',
    )
