"""Matches the operations of a document with the handlers of a model, and their arguments.

In a model of an application (:class:`~toctou.declaration.app.App`) every operation is served.  In any other model a handler
serves the operation it names (``@handler(operation="deleteItem")``, or ``"DELETE /items/{id}"``), or else the one with its own
name; ``deleteItem`` and ``delete_item`` count as the same name, for operations and for arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toctou.declaration.app import App
from toctou.declaration.arguments import Form, Forms, accepted, argument_names
from toctou.declaration.model import Handler, Model
from toctou.errors import DocumentError
from toctou.openapi.operations import SAFE, Operation, Unusable
from toctou.scan.arguments import KnownArguments


@dataclass(frozen=True, slots=True)
class Subject:
    """An operation that a handler of a model serves.

    Attributes:
        operation: of the document.
        name: of the handler.
        handler: of the model.
        forms: arguments of valid requests, simplest first.
        optional: the names of those that a request may lack.
        given: values listed by the model.
        document_names: the document's name of each of the handler's arguments; empty if they have the same.
        allowed: all forms; ``None`` if there is only one.
    """

    operation: Operation
    name: str
    handler: Handler
    forms: Sequence[Form]
    optional: tuple[str, ...]
    given: Mapping[str, Sequence[Any]]
    document_names: Mapping[str, str] = field(default_factory=dict)
    allowed: Forms | None = None

    @property
    def meant_to_read(self) -> bool:
        """Whether it is expected not to write."""
        return self.handler.read_only or self.operation.method in SAFE

    def forms_with(self, needed: Collection[str]) -> list[Form]:
        """Forms that all have these optional arguments."""
        return [] if self.allowed is None else _taken(self.allowed.all(needed), self.document_names, self.given)

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """Whether the document allows these arguments."""
        named = {self.document_names.get(name, name): value for name, value in arguments.items()}
        return accepted(self.operation, named)

    def known_arguments(self, form: Form) -> KnownArguments:
        """What is known about the arguments of a form before its first run."""
        given = {name: values for name, values in self.given.items() if name in form.arguments}
        return KnownArguments({**form.arguments, **{name: values[0] for name, values in given.items()}}, given)


def match_operations(
    model: type[Model], operations: Sequence[Operation | Unusable]
) -> tuple[list[Subject], list[Unusable], list[str]]:
    """The operations that can be run, those that cannot and why, and the handlers that serve no operation."""
    handlers = model.handlers()
    taken: set[str] = set()
    subjects: list[Subject] = []
    unusable: list[Unusable] = []
    for one in operations:
        name = None if isinstance(one, Unusable) else _serving(one, handlers)
        if isinstance(one, Unusable) or name is None:
            unusable.append(one if isinstance(one, Unusable) else _without(one, "no handler of the model serves it"))
            continue
        taken.add(name)
        try:
            if issubclass(model, App):
                subjects.append(_of_app(model, one, name, handlers[name]))
            else:
                subjects.append(_of_function(one, name, handlers[name]))
        except DocumentError as fault:  # one unusable operation must not end the scan of the others
            unusable.append(replace(_without(one, fault.observed), fault=fault))
    return subjects, unusable, [name for name in handlers if name not in taken]


def _serving(operation: Operation, handlers: Mapping[str, Handler]) -> str | None:
    named = {f"{operation.method} {operation.path}", operation.name, operation.id}
    for name, handler in handlers.items():
        if handler.operation in named:
            return name
    if operation.id in handlers and not handlers[operation.id].operation:
        return operation.id
    # Last: a handler that names its operation, or has exactly its name, must not lose it to a similar name.
    alike = (
        name for name, handler in handlers.items() if not handler.operation and _plain(name) == _plain(operation.id)
    )
    return next(alike, None)


def _of_app(model: type[App], operation: Operation, name: str, handler: Handler) -> Subject:
    allowed = Forms(operation)
    found = allowed.all()
    given = {one: model.pool(operation, one) for one in argument_names(operation) if model.pool(operation, one)}
    return Subject(operation, name, handler, found, allowed.optional, given, allowed=allowed)


def _of_function(operation: Operation, name: str, handler: Handler) -> Subject:
    parameters = [one for one in _arguments(handler.function) if one.name not in handler.pools]
    if not parameters:
        first = {one: values[0] for one, values in handler.pools.items()}
        return Subject(operation, name, handler, [Form(first, ())], (), handler.pools)
    known = {_plain(one): one for one in argument_names(operation)}
    for one in parameters:
        if _plain(one.name) not in known and one.default is inspect.Parameter.empty:
            raise DocumentError(
                f"{operation.name}: the document has no {one.name!r}, which the handler {name!r} takes",
                remedy=f"list its values in the model: @handler({one.name}=[…])",
            )
    document_names = {one.name: known[_plain(one.name)] for one in parameters if _plain(one.name) in known}
    needed = {document_names[one.name] for one in parameters if one.default is inspect.Parameter.empty}
    allowed = Forms(operation, set(document_names.values()), needed)
    found = _taken(allowed.all(), document_names, handler.pools)
    return Subject(operation, name, handler, found, allowed.optional, handler.pools, document_names, allowed)


def _taken(found: Sequence[Form], document_names: Mapping[str, str], pools: Mapping[str, Sequence[Any]]) -> list[Form]:
    """The forms with the arguments that a handler takes, under its names; all of them if it has no names of its own."""
    if not document_names:
        return list(found)
    first = {one: values[0] for one, values in pools.items()}
    taken = []
    for form in found:
        own = {name: form.arguments[one] for name, one in document_names.items() if one in form.arguments}
        taken.append(Form({**own, **first}, form.members))
    return taken


def _arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters after the model and the principal."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = [one for one in inspect.signature(function).parameters.values() if one.kind in kinds]
    return found[2:] if found and found[0].name == "self" else found[1:]


def _plain(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalnum())


def _without(operation: Operation, reason: str) -> Unusable:
    return Unusable(operation.id, operation.method, operation.prefix + operation.path, reason)
