"""Decides what a model makes of recorded tests: one recorded state, and in it a request of each handler that was accepted.

The state is that in which most handlers find their items, once the identifiers of their tests are replaced by its own; long ones
that nobody would type become short.  What the tests do through an API (events of API Gateway, or requests of a test client)
becomes routes; functions that were named as entries become handlers, if their first argument is the caller.  Methods are left to
a person: no model can call them without knowing how their objects are made.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from toctou.drafting.sketch import Code, Declared, Sketch, Table
from toctou.history.item import Image, ItemId, plain
from toctou.recording.callers import NOBODY, by_item
from toctou.recording.entries import event_of
from toctou.recording.leaves import renamed
from toctou.recording.reconstruction import Reconstructed
from toctou.recording.session import Session
from toctou.recording.transplanting import mapping, with_names

_FORGOTTEN = ("AWS_", "PYTEST_", "TOCTOU_", "COLUMNS", "LINES", "MOTO_")
_PLACEHOLDER = re.compile(r"\{(\w+)\+?\}")
_MOST_PRINCIPALS = 3
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}")
_OWN_HEADERS = frozenset(
    {"content-type", "content-length", "host", "user-agent", "accept", "accept-encoding", "connection", "cookie"}
)


class _Sent(NamedTuple):
    """A request over HTTP, whatever carried it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    form: Mapping[str, Any] | None


def sketch_of_session(session: Session, started_with: Mapping[str, str], output: Path) -> Sketch | None:
    """The sketch of a recorded session; ``None`` if no request was accepted.

    Args:
        session: that was recorded.
        started_with: the environment before the tests began.
        output: the file that it is for.
    """
    chosen = _representatives(session)
    kinds = Counter(one.requested.entry.kind for one in chosen.values()).most_common(1)
    if not kinds:
        return None
    kind = kinds[0][0]
    entries = Counter(one.requested.entry.name for one in chosen.values() if one.requested.entry.kind == kind)
    most = [name for name, _ in entries.most_common(1 if kind == "http" else None)]
    own = {handler: one for handler, one in chosen.items() if one.requested.entry.name in most}
    base = max(own.values(), key=lambda one: _met(one, list(own.values()), session))
    calls, imports = _imported(most)
    caller, headers, notes = (None, {}, {}) if kind == "function" else _who_calls(session, most)
    if others := sorted({one.requested.entry.name for one in chosen.values()} - {*most}):
        notes.setdefault("", []).append(f"TODO: not drafted: requests to {', '.join(others)}")
    handlers = list(_handlers(own, base, session, notes, calls if len(most) > 1 or kind == "function" else {}))
    if session.callers.owner is None:
        notes.setdefault("owner", []).append('TODO: owner = "…", if an attribute says whose an item is')
    keys = [key["AttributeName"] for one in base.tables for key in one["KeySchema"]]
    package = most[0].partition(":")[0].partition(".")[0]
    served = calls.get(most[0]) if len(most) == 1 else None
    if kind == "http" and served is None:
        served, imports = _factory(most[0])
        if served is None:
            notes.setdefault("", []).append(
                f"TODO: app = …, the application {most[0]!r}, which the tests make themselves"
            )
    sketch = Sketch(
        name="".join(part.title() for part in re.split(r"\W|_", package) if part) or "Recorded",
        docstring=f"Drafted from {base.requested.test}.",
        environment=_environment(base, started_with),
        folders=list(dict.fromkeys(folder for name in most for folder in _folders(name.partition(":")[0], output))),
        imports=imports,
        tables=[_table(one) for one in base.tables],
        items={table: [_item(one, keys) for one in images] for table, images in base.items.items() if images},
        principals=_principals(session)[:_MOST_PRINCIPALS],
        owner=session.callers.owner,
        app=served if kind == "http" else None,
        function=served if kind == "lambda" else None,
        api=_api(next(iter(own.values())).requested.arguments) if kind == "lambda" else "rest",
        caller=caller,
        headers=headers,
        services=sorted(frozenset().union(*(one.asks for one in own.values()))),
        handlers=handlers,
        notes=notes,
    )
    short = _Short()
    return replace(
        sketch,
        items=renamed(sketch.items, short),
        handlers=[
            replace(one, options=renamed(one.options, short), pools=renamed(one.pools, short))
            for one in sketch.handlers
        ],
    )


class _Short:
    """Replaces identifiers that were made up by short ones, each by its own."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if isinstance(text, Code):
            return text
        return _UUID.sub(lambda found: self._known.setdefault(found[0], f"id-{len(self._known) + 1}"), text)


def _item(image: Image, keys: Sequence[str]) -> dict[str, Any]:
    """An item with its key first."""
    item = plain(image)
    return {**{key: item[key] for key in keys if key in item}, **item}


def _representatives(session: Session) -> dict[str, Reconstructed]:
    """An accepted request of each handler: one that writes, if any does, and does most."""
    found: dict[str, Reconstructed] = {}
    for one, name in zip(session.requests, session.names, strict=True):
        if one.accepted and not one.doubt and one.operations:
            found[name] = max(found.get(name, one), one, key=lambda each: (each.writes, len(each.operations)))
    return found


def _principals(session: Session) -> list[str]:
    """Who calls; and who gets items, if nobody else does."""
    found = dict.fromkeys(session.callers.of(one) for one in session.requests)
    if len(found) < 2 and session.callers.owner:
        changes = [change for one in session.requests for operation in one.operations for change in operation.changes]
        owners = [(change.after or {}).get(session.callers.owner, {}).get("S") for change in changes]
        found.update(dict.fromkeys(one for one in owners if one))
    return [one for one in found if one != NOBODY]


def _met(base: Reconstructed, others: Sequence[Reconstructed], session: Session) -> tuple[int, int]:
    """How many requests find their items in the state before this one, and how much is stored there."""
    met = sum(_finds(one, base, _mapping(one, base, session)) for one in others)
    return met, sum(map(len, base.items.values()))


def _finds(one: Reconstructed, base: Reconstructed, mapped: Mapping[str, str]) -> bool:
    """Whether a request finds its items in the state before another one."""
    there, own = by_item(base), by_item(one)
    looked_up = [item for operation in one.operations for item in operation.footprint.reads if item in own]
    return all(_named(item, mapped) in there for item in looked_up)


def _mapping(one: Reconstructed, base: Reconstructed, session: Session) -> dict[str, str]:
    """What of a request is replaced in that state: nothing, if it finds its items there as it is."""
    return {} if _finds(one, base, {}) else mapping(one, base, session.callers)


def _named(item: ItemId, mapped: Mapping[str, str]) -> ItemId:
    key = tuple(
        (kind, with_names({"key": value}, mapped)["key"] if isinstance(value, str) else value)
        for kind, value in item.key
    )
    return ItemId(item.table, key)


_FACTORIES = ("create_app", "make_app", "build_app", "get_app", "app_factory")


def _factory(name: str) -> tuple[Code | None, list[str]]:
    """How an application that no module has is made, if the module that it is named after makes it."""
    module = sys.modules.get(name.partition(":")[0])
    found = next((one for one in _FACTORIES if callable(getattr(module, one, None))), None)
    if module is None or found is None:
        return None, []
    package, _, last = module.__name__.rpartition(".")
    return Code(f"{last}.{found}()"), [f"from {package} import {last}" if package else f"import {last}"]


def _imported(entries: Sequence[str]) -> tuple[dict[str, Code], list[str]]:
    """By entry, the expression for it; and the lines that import their modules, each under a name of its own."""
    modules = list(dict.fromkeys(name.partition(":")[0] for name in entries if ":" in name))
    last = Counter(one.rpartition(".")[2] for one in modules)
    lines, alias = [], {}
    for module in modules:
        package, _, name = module.rpartition(".")
        alias[module] = name if last[name] == 1 else module.replace(".", "_")
        renaming = "" if alias[module] == name else f" as {alias[module]}"
        lines.append(f"from {package} import {name}{renaming}" if package else f"import {name}{renaming}")
    parts = [(name, *name.partition(":")[::2]) for name in entries if ":" in name]
    return {name: Code(f"{alias[module]}.{path}") for name, module, path in parts}, lines


def _handlers(
    own: Mapping[str, Reconstructed],
    base: Reconstructed,
    session: Session,
    notes: dict[str, list[str]],
    calls: Mapping[str, Code],
) -> Iterator[Declared]:
    """The handlers; ``calls`` are the entries, where each has its own."""
    taken: set[str] = set()
    for handler, one in own.items():
        arguments = with_names(one.requested.arguments, _mapping(one, base, session))
        entry = one.requested.entry
        place = session.callers.places.get(entry.name, ())
        name = _name_of(handler, one, taken)
        taken.add(name)
        if entry.kind == "function":
            declared = _of_function(name, calls.get(entry.name), arguments, place)
            why = "a model calls functions whose first argument is the caller, with plain data"
        else:
            declared = _of_request(name, handler, _sent(entry.kind, arguments), place)
            why = "its requests are no HTTP requests"
        if declared is None:
            notes.setdefault("", []).append(f"TODO: {handler} is not drafted: {why}")
            continue
        options = {**declared.options, **({} if one.writes else {"read_only": True})}
        if entry.kind == "lambda" and entry.name in calls:
            options["function"] = calls[entry.name]
        yield replace(declared, options=options)


def _of_function(name: str, call: Code | None, arguments: Mapping[str, Any], place: Sequence[str]) -> Declared | None:
    """A function as a handler, if it can be called with a principal and plain data."""
    first, *others = arguments
    if call is None or call.count(".") != 1 or tuple(place) != (first,):
        return None
    pools = {one: [arguments[one]] for one in others}
    if not all(isinstance(value, str | int | float | bool | dict | list | None) for (value,) in pools.values()):
        return None
    return Declared(name, "handler", call, {}, pools)


def _of_request(name: str, handler: str, sent: _Sent | None, place: Sequence[str]) -> Declared | None:
    """A request over HTTP as a route."""
    if sent is None:
        return None
    template, pools = _pools(handler, sent)
    options: dict[str, Any] = {}
    if sent.body is not None:
        options["body"] = sent.body
    if sent.form is not None:
        options["form"] = dict(sent.form)
    if further := {key: value for key, value in sent.headers.items() if _is_of_request(key, place)}:
        options["headers"] = further
    return Declared(name, "route", f"{sent.method} {template}{'?' + sent.query if sent.query else ''}", options, pools)


def _is_of_request(header: str, caller: Sequence[str]) -> bool:
    return (
        header.lower() not in _OWN_HEADERS
        and header.lower() != "authorization"
        and header.lower() not in map(str.lower, caller)
    )


def _name_of(handler: str, one: Reconstructed, taken: set[str]) -> str:
    """The function that writes last, or makes the only calls, if that is the handler's own; else after the route."""
    lines = [operation.source for operation in reversed(one.operations) if operation.source is not None]
    functions = [line.function.rpartition(".")[2] for line in lines if line.function.isidentifier()]
    for function in functions[:1]:
        if not function.startswith("_") and function not in taken and function not in ("lambda_handler", "handler"):
            return function
    return re.sub(r"\W+", "_", handler.lower()).strip("_")


def _pools(handler: str, sent: _Sent) -> tuple[str, dict[str, list[Any]]]:
    """The path with the names of its parameters, and their values."""
    template = handler.partition(" ")[2] if handler.startswith(f"{sent.method} ") else ""
    named, actual = template.split("/"), sent.path.split("/")
    if len(named) != len(actual):
        return sent.path, {}
    pools: dict[str, list[Any]] = {}
    for one, value in zip(named, actual, strict=True):
        if found := _PLACEHOLDER.fullmatch(one):
            pools[found[1]] = [unquote(value)]
    return template.replace("+}", "}"), pools


def _sent(kind: str, arguments: Mapping[str, Any]) -> _Sent | None:
    if kind == "http":
        return _Sent(
            str(arguments.get("method", "")),
            str(arguments.get("path", "")),
            str(arguments.get("query", "")),
            arguments.get("headers") or {},
            arguments.get("body") or None,
            arguments.get("form"),
        )
    event = event_of(arguments) if kind == "lambda" else {}
    context = event.get("requestContext") if isinstance(event.get("requestContext"), Mapping) else {}
    http = context.get("http") or {}  # type: ignore[union-attr] # it is a mapping
    method = event.get("httpMethod") or http.get("method")
    path = event.get("rawPath") or event.get("path") or http.get("path")
    if not method or not path:
        return None
    query = event.get("rawQueryString") or "&".join(
        f"{name}={value}" for name, value in (event.get("queryStringParameters") or {}).items()
    )
    return _Sent(str(method), str(path), str(query), event.get("headers") or {}, _body(event.get("body")), None)


def _body(body: Any) -> Any:
    if not isinstance(body, str) or not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body


def _who_calls(session: Session, entries: Sequence[str]) -> tuple[Code | None, dict[str, Any], dict[str, list[str]]]:
    """What a model says of callers: `caller` for a function, or `headers`; and notes."""
    place = next((session.callers.places[one] for one in entries if one in session.callers.places), None)
    if place is None:
        return None, {}, {"": ["TODO: the tests do not show who calls: `headers`, or `caller` of a function"]}
    lowered = [part.lower() for part in place]
    if "claims" in lowered:
        return (None if place[-1] == "sub" else Code(f"claims({place[-1]!r})".replace("'", '"'))), {}, {}
    if "authorizer" in lowered:
        return Code(f"authorizer({place[-1]!r})".replace("'", '"')), {}, {}
    if "headers" in lowered and lowered[-2] == "headers":
        return None, {place[-1]: "{principal}"}, {}
    return (
        None,
        {},
        {"headers": [f"TODO: def headers(self, principal): what {'.'.join(place)} is made of, such as a token"]},
    )


def _api(arguments: Mapping[str, Any]) -> Any:
    event = event_of(arguments)
    context = event.get("requestContext")
    if isinstance(context, Mapping) and "elb" in context:
        return "alb"
    if event.get("version") == "2.0" or "rawPath" in event:
        domain = context.get("domainName", "") if isinstance(context, Mapping) else ""
        return "url" if "lambda-url" in str(domain) else "http"
    return "rest"


def _environment(base: Reconstructed, started_with: Mapping[str, str]) -> dict[str, str]:
    """Variables that the tests set, but for those of AWS, which a check sets itself."""
    now = base.requested.surroundings.environment
    return {
        name: value
        for name, value in now.items()
        if started_with.get(name) != value and not name.startswith(_FORGOTTEN) and value.isprintable()
    }


def _folders(module: str, output: Path) -> list[str]:
    """The folder from which the module is imported, if that is not the model's own."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return []
    parts = module.split(".")
    root = Path(file).resolve()
    for _ in range(len(parts) + (root.name == "__init__.py")):
        root = root.parent
    own = output.absolute().parent
    if root == own or "site-packages" in root.parts:
        return []
    try:
        return [root.relative_to(own).as_posix()]
    except ValueError:
        return [root.as_posix()]


def _table(parameters: Mapping[str, Any]) -> Table:
    kinds = {one["AttributeName"]: one["AttributeType"] for one in parameters["AttributeDefinitions"]}

    def keys(schema: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
        ordered = sorted(schema, key=lambda one: one["KeyType"] != "HASH")
        names = [one["AttributeName"] for one in ordered]
        return tuple(name if kinds[name] == "S" else f"{name}:{kinds[name]}" for name in names)

    indexes, definition = {}, {}
    special = []
    for index in parameters.get("GlobalSecondaryIndexes", ()):
        if index.get("Projection", {}).get("ProjectionType") == "ALL":
            indexes[index["IndexName"]] = keys(index["KeySchema"])
        else:
            special.append({one: index[one] for one in ("IndexName", "KeySchema", "Projection") if one in index})
    if special or parameters.get("LocalSecondaryIndexes"):
        indexes = {}
        for kind in ("AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if parameters.get(kind):
                definition[kind] = [
                    {one: part[one] for one in part if one != "ProvisionedThroughput"} for part in parameters[kind]
                ]
    return Table.keyed(
        str(parameters["TableName"]), keys(parameters["KeySchema"]), indexes=indexes, definition=definition
    )
