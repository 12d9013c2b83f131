"""Models of APIs: the handlers are the operations of an OpenAPI document, served by the application, or service, itself."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from toctou.declaration.arguments import sent, simplest
from toctou.declaration.dispatch import own_headers
from toctou.declaration.model import Handler, Model
from toctou.declaration.scenario import Scenario
from toctou.errors import DocumentError, ModelError
from toctou.gate.service import HttpCall
from toctou.openapi.document import Document, opened, taken
from toctou.openapi.operations import SAFE, Operation, Unusable, operations
from toctou.openapi.request import argument_name, made


class App(Model):
    """Base of models of APIs: of WSGI and ASGI applications (``app``), Lambda functions (``function``), and services in other
    processes (``service``).

    Attributes:
        document: its OpenAPI document: a path, relative to the file of the model, or the document itself; ``None`` if the
            application makes it.
        headers: as in any model; where there are none for a principal, its name is sent in the way of the document's security
            scheme.
        arguments: values for arguments, by name or ``operationId.name``.  Where there are none, ``toctou scan`` finds those
            that lead to stored items; else the document's examples, or values that its schemas allow, are used.
        base_path: prefix of the document's paths; ``None`` for the path of its first server.
        read_only: operations that are not expected to write although their method allows it, such as a search by ``POST``.
    """

    document: ClassVar[str | Path | Mapping[str, Any] | None] = None
    arguments: ClassVar[Mapping[str, Sequence[Any]]] = {}
    base_path: ClassVar[str | None] = None
    read_only: ClassVar[Collection[str]] = ()
    _open: ClassVar[_Open | None] = None

    def __init__(self) -> None:
        self.require_application()

    @classmethod
    def require_application(cls) -> None:
        """Raise ``ModelError`` if there is neither application nor function nor service."""
        if not cls._is_served():
            raise ModelError(
                f"the model {cls.__name__} has no application",
                expected="`app`, a WSGI or ASGI application, `function`, a Lambda function, or `service`, one in another process",
                remedy="for example app = shop.app",
            )

    @classmethod
    def _is_served(cls) -> bool:
        return cls.app is not None or cls.function is not None or cls.service is not None

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
        for one in cls.operations() if cls._is_served() else ():
            if isinstance(one, Unusable) and one.fault is not None:
                raise one.fault
        return super().scenarios(size)

    @classmethod
    def handlers(cls) -> dict[str, Handler]:
        """One for each operation of the document, and those that the model declares."""
        return {
            **(cls._opened().handlers if cls._is_served() else {}),
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
    def serve(self: App, principal: str, /, **arguments: Any) -> HttpCall:
        values = sent(operation, arguments)
        request = made(operation, principal, values, own_headers(self, principal))
        template = operation.prefix + operation.path
        return HttpCall(
            request.method,
            request.path,
            request.body or None,
            request.headers,
            template,
            {
                one.name: str(values[name])
                for one in operation.parameters
                if (name := argument_name(one)) in values and one.location == "path"
            },
            says_who=True,
        )

    serve.__name__ = operation.id
    pools = {name: cls.pool(operation, name) or [value] for name, value in simplest(operation).items()}
    return Handler(serve, pools, read_only=operation.method in SAFE or operation.id in cls.read_only)


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
