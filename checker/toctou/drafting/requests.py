"""Decides which requests a drafted model has: a handler for each route and each event, with values that meet the stored items."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toctou.declaration.arguments import simplest
from toctou.declaration.placeholders import NAME
from toctou.declaration.route import route
from toctou.drafting.material import ANY, Event, Imported, Material, Route
from toctou.drafting.names import value_of
from toctou.drafting.sketch import Code, Declared
from toctou.drafting.source_hints import Hints
from toctou.drafting.stored import Stored
from toctou.errors import DocumentError
from toctou.openapi.members import Bodies
from toctou.openapi.operations import SAFE, Operation
from toctou.openapi.request import BODY, argument_name
from toctou.openapi.values import valid

_WITH_BODIES = ("POST", "PUT", "PATCH")
_JSON = "json:"
_OPTIONS = frozenset(inspect.signature(route).parameters)


@dataclass(slots=True)
class Requests:
    """The handlers, and notes by the handler that they are about; those by ``""`` are about none."""

    handlers: list[Declared] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, about: str, text: str) -> None:
        """Add a note."""
        self.notes.setdefault(about, []).append(text)


class Requesting:
    """Makes the handlers of a model.

    Args:
        code: what each function is called in the file; ``alone`` if the model has no other, so that no handler names it.
    """

    def __init__(
        self, material: Material, hints: Hints, stored: Stored, code: Mapping[Imported, Code], *, alone: bool
    ) -> None:
        self._material, self._hints, self._stored = material, hints, stored
        self._code, self._alone = code, alone
        self._made = Requests()

    def all(self) -> Requests:
        """The handlers of all routes and events."""
        if self._material.operations:
            for operation in self._material.operations:
                self._operation(operation)
        else:
            several = Counter(one.name for one in self._material.routes)
            for one in self._material.routes:
                self._route(one if several[one.name] == 1 else replace(one, name=""))
            if self._material.application is not None:
                self._hinted(Route(ANY, "/{proxy+}"))
        for event in self._material.events:
            self._event(event)
        return self._made

    def _route(self, served: Route) -> None:
        if served.method == ANY or "+}" in served.path:
            self._hinted(served)
        else:
            file = served.function.file if served.function is not None else None
            names = self._hints.body(file, served.function.attribute) if file and served.function is not None else []
            self._plain(served.name, served.method, served.path, names, served.function)

    def _hinted(self, served: Route) -> None:
        """The routes that the code declares, where the API hands on all that come."""
        folder = served.function.folder if served.function is not None else None
        found = [one for one in self._hints.routes if folder is None or folder in one.file.parents]
        for one in found:
            self._plain(one.function, one.method, one.path, self._hints.body(one.file, one.function), served.function)
        if not found:
            text = f"{served.method} {served.path}" + (f" of {served.name}" if served.name else "")
            self._made.note(
                "", f"TODO: the routes behind {text}, which take more than one method or path; or --openapi."
            )

    def _plain(self, name: str, method: str, path: str, body: Sequence[str], function: Imported | None) -> None:
        pools = dict[str, list[Any]]()
        for parameter in NAME.findall(path):
            pools[parameter] = [self._parameter(parameter, path)]
        options = dict[str, Any]()
        members = body if method in _WITH_BODIES else ()
        if members:
            options["body"] = {member: self._pooled(member, self._member(member, path), pools) for member in members}
        name = self._declare(name or f"{method}_{path}", f"{method} {path}", options, pools, function=function)
        if method in _WITH_BODIES and not members:
            self._made.note(name, "TODO: body={…}, if it takes one.")

    def _operation(self, operation: Operation) -> None:
        function = self._function_of(operation)
        served_here = function is None
        path = operation.prefix + operation.path if served_here else operation.path
        try:
            values = {name: _read(value) for name, value in simplest(operation).items()}
            body = _body(operation)
        except DocumentError as fault:
            self._made.note("", f"Not drafted: {operation.name}: {fault.observed}")
            return
        pools, options, query, headers = dict[str, list[Any]](), dict[str, Any](), list[str](), dict[str, Any]()
        for one in operation.parameters:
            name = argument_name(one)
            if name not in values:
                continue
            known = self._stored.identifies(one.name, _before(operation.path, one.name))
            value = known if known is not None and valid(one.schema, known) else values[name]
            if one.location == "path" and re.fullmatch(r"\w+", one.name):
                pools[one.name] = [value]
            elif one.location == "path":
                path = path.replace(f"{{{one.name}}}", str(value))
            elif one.location == "query":
                query.append(f"{one.name}={self._pooled(one.name, value, pools)}")
            elif one.location == "header":
                headers[one.name] = self._pooled(one.name, value, pools)
        if isinstance(body, Mapping):
            meant = {name: self._meant(name, value, operation) for name, value in body.items()}
            options["form" if operation.body is not None and "form" in operation.body.media_type else "body"] = {
                name: self._pooled(name, value, pools) if isinstance(value, str | int | float) else value
                for name, value in meant.items()
            }
        elif body is not None:
            options["body"] = body
        if headers:
            options["headers"] = headers
        text = f"{operation.method} {path}" + (f"?{'&'.join(query)}" if query else "")
        self._declare(operation.id, text, options, pools, function=function)

    def _meant(self, name: str, value: Any, operation: Operation) -> Any:
        """A member of a body: what it means by its name where the document allows that, and gives no example."""
        if operation.body is None or operation.body.examples or not isinstance(value, str | int):
            return value
        guess = self._member(name, operation.path)
        schema = {"properties": {name: operation.body.schema.get("properties", {}).get(name, {})}}
        schema |= {"$defs": operation.body.schema.get("$defs", {})}
        known = schema["properties"][name]
        plain = isinstance(known, Mapping) and not {"example", "default", "enum", "const", "examples"} & known.keys()
        return guess if plain and type(guess) is type(value) and valid(schema, {name: guess}) else value

    def _declare(
        self,
        name: str,
        subject: str,
        options: Mapping[str, Any],
        pools: Mapping[str, list[Any]],
        *,
        function: Imported | None,
    ) -> str:
        name = self._unique(_plain_name(name))
        more = dict(options)
        if function is not None and not self._alone:
            more["function"] = self._code[function]
        if subject.partition(" ")[0] in SAFE:
            more["read_only"] = True
        self._made.handlers.append(Declared(name, "route", subject, more, pools))
        return name

    def _parameter(self, name: str, path: str) -> Any:
        known = self._stored.identifies(name, _before(path, name))
        if known is not None:
            return known
        guess = value_of(name)
        return guess if guess != "old" else f"{name[0].lower()}1"

    def _member(self, name: str, path: str) -> Any:
        known = self._stored.identifies(name, _before(path, ""))
        return value_of(name, new=True) if known is None else known

    def _pooled(self, name: str, value: Any, pools: dict[str, list[Any]]) -> Any:
        """The placeholder of a value, whose pool is added; another one has its name already if its value differs."""
        plain = re.sub(r"\W", "_", name)
        if plain[:1].isdigit() or plain == "principal":
            return value
        if plain in _OPTIONS or (plain in pools and pools[plain] != [value]):
            plain = f"new_{plain}"
        pools[plain] = [value]
        return f"{{{plain}}}"

    def _function_of(self, operation: Operation) -> Imported | None:
        """The function that the template has for an operation; the only one, or the one for all, where it names no such route."""

        def plain(path: str) -> str:
            return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/")

        own = [
            one
            for one in self._material.routes
            if plain(one.path) in (plain(operation.path), plain(operation.prefix + operation.path))
        ]
        exact = [one for one in own if one.method == operation.method] or [one for one in own if one.method == ANY]
        found = exact or [one for one in self._material.routes if "+}" in one.path]
        if found:
            return found[0].function
        functions = self._material.functions
        return functions[0] if len(functions) == 1 else None

    def _event(self, event: Event) -> None:
        content, pools = dict(event.content), dict[str, list[Any]]()
        name = _plain_name(event.name or event.source)
        file = event.function.file
        note = ""
        if event.source == "sqs":
            members = self._hints.body(file, event.function.attribute) if file is not None else []
            content["messages"] = [{one: self._pooled(one, self._member(one, ""), pools) for one in members}]
            note = "" if members else "TODO: what a message says."
        elif event.source == "dynamodb":
            table = str(content.get("table", ""))
            items = self._stored.items.get(table)
            if not items:
                self._made.note(
                    "",
                    f"Not drafted: {name}, which gets the changes of {table or 'a table'}, of which no item is known.",
                )
                return
            keys = next([key.partition(":")[0] for key in one.keys] for one in self._stored.tables if one.name == table)
            content["records"] = [{"keys": {key: items[0][key] for key in keys}, "new": dict(items[0])}]
        elif event.source == "s3":
            content = {"bucket": "bucket", "key": "k1", **content}
        else:
            content = {"source": "app", "detail_type": "event", "detail": {}} | content
            note = "" if content["detail"] or content["source"] == "aws.events" else "TODO: what an event says."
        if not self._alone:
            content["function"] = self._code[event.function]
        if any(one.name == name for one in self._made.handlers):
            name = self._unique(f"{name}_{event.source}")
        self._made.handlers.append(Declared(name, "event", event.source, {**content, "redelivered": True}, pools))
        if note:
            self._made.note(name, note)

    def _unique(self, name: str) -> str:
        known = {one.name for one in self._made.handlers}
        return next(one for one in [name, *(f"{name}_{at}" for at in range(2, len(known) + 3))] if one not in known)


def _plain_name(name: str) -> str:
    """A name without what it is."""
    return re.sub(r"(?<=[a-z])(Function|Lambda)$", "", name)


def _before(path: str, name: str) -> list[str]:
    """The segments of a path before a parameter, without other parameters."""
    before = path.partition(f"{{{name}}}")[0] if name else path
    return [one for one in before.split("/") if one and "{" not in one]


def _read(value: Any) -> Any:
    return json.loads(value.removeprefix(_JSON)) if isinstance(value, str) and value.startswith(_JSON) else value


def _body(operation: Operation) -> Any:
    """A valid body, with the members of its first level even where they are optional; ``None`` if there is none."""
    body = operation.body
    if body is None:
        return None
    if body.examples:
        return body.examples[0]
    bodies = Bodies(body.schema, body.examples, body.where)
    if bodies.alternatives:
        try:
            return bodies.of(0, [one for one in bodies.alternatives[0] if len(one) == 1])
        except DocumentError:  # they may exclude each other
            return bodies.of(0, [])
    return {name: _read(value) for name, value in simplest(operation).items() if name == BODY}.get(BODY)
