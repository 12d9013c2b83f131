"""The operations of a document, in one form for every version: what a request of each may contain.

References are resolved lazily, and only as far as requests need: response schemas are never read.

Sources: the Path Item, Operation, Parameter, Request Body and Security Scheme Objects of
https://spec.openapis.org/oas/v2.0.html, …/v3.0.4.html, …/v3.1.1.html and …/v3.2.0.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from toctou.errors import DocumentError
from toctou.openapi.document import Document
from toctou.openapi.references import Place
from toctou.openapi.schemas import self_contained

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods defined as read-only: https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods."""

EVERY_METHOD = "*"

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_LOCATIONS = ("path", "query", "querystring", "header", "cookie")
# The standard says to ignore header parameters of these names: https://spec.openapis.org/oas/v3.1.1.html#parameter-name.
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        location: ``path``, ``query``, ``querystring``, ``header`` or ``cookie``.
        required: whether every request must have it.
        schema: of its values, self-contained.
        style, explode: how arrays and objects are serialised; see :mod:`toctou.openapi.request`.
        examples: values given by the document.
    """

    name: str
    location: str
    required: bool
    schema: Mapping[str, Any]
    style: str
    explode: bool
    examples: tuple[Any, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: media type, self-contained schema, the document's examples."""

    media_type: str
    required: bool
    schema: Mapping[str, Any]
    examples: tuple[Any, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """A security scheme: ``apiKey`` (with its header, query parameter or cookie), ``bearer``, ``basic``, or another."""

    name: str
    kind: str
    location: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an API.

    Attributes:
        id: ``operationId``, or derived from method and path if there is none.
        method: in upper case.
        path: the template, relative to the server's path.
        prefix: the path of the server: ``/v2``, or empty.
        parameters: by location and name.
        body: ``None`` if a request has none.
        security: alternatives, each a combination of schemes; empty if no authentication is required.
        statuses: of the documented responses.
    """

    id: str
    method: str
    path: str
    prefix: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    security: tuple[tuple[Scheme, ...], ...]
    statuses: tuple[str, ...]
    where: str

    @property
    def name(self) -> str:
        """Method and path: ``DELETE /items/{id}``."""
        return f"{self.method} {self.prefix}{self.path}"


@dataclass(frozen=True, slots=True)
class Unusable:
    """An operation for which no request can be built.

    Attributes:
        method: in upper case; :data:`EVERY_METHOD` for all operations of a path that cannot be read.
        fault: the fault of the document; ``None`` if toctou does not support what it says.
    """

    id: str
    method: str
    path: str
    reason: str
    fault: DocumentError | None = None

    @property
    def name(self) -> str:
        """See :attr:`Operation.name`."""
        return f"{self.method} {self.path}"


def operations(document: Document) -> Iterator[Operation | Unusable]:
    """The operations in document order; one that cannot be read is :class:`Unusable`, so that it does not hide the others.

    Raises:
        DocumentError: the document has no object of paths.
    """
    paths = document.root.get("paths")
    ids: set[str] = set()
    for path, item in _object(paths, "paths by name").members() if paths is not None else ():
        if path.startswith("/"):
            yield from _of_path(document, path, item, ids)


def _of_path(document: Document, path: str, item: Place, ids: set[str]) -> Iterator[Operation | Unusable]:
    try:
        found = list(_of_item(_object(item, "a path item")))
    except DocumentError as fault:
        yield Unusable(path, EVERY_METHOD, path, fault.observed, fault)
        return
    for method, place, shared in found:
        made: Operation | Unusable
        try:
            operation = _object(place.followed(), "an operation")
            identity = _identity(operation, method, path, ids)
            made = _operation(document, identity, method, path, place=operation, shared=shared)
        except DocumentError as fault:
            made = Unusable(_derived_id(method, path), method, path, fault.observed, fault)
        yield made


def _of_item(item: Place) -> Iterator[tuple[str, Place, list[Place]]]:
    # A path item may have `$ref` next to its own members; the standard leaves the outcome open, and here its own win.
    layers = [item, _object(item.followed(), "a path item")] if item.reference() is not None else [item]
    shared = [place for layer in layers for place in _elements(layer, "parameters")]
    seen: set[str] = set()
    for layer in layers:
        found = [(key.upper(), place) for key, place in layer.members() if key in METHODS]
        more = layer.get("additionalOperations")
        found += [(key, place) for key, place in more.members()] if more is not None else []
        for method, place in found:
            if method not in seen:
                seen.add(method)
                yield method, place, shared


def _object(place: Place, what: str) -> Place:
    if not isinstance(place.value, dict):
        shown = "nothing" if place.value is None else repr(place.value)[:60]
        raise DocumentError(
            f"{place.where} contains {shown}", expected=f"an object: {what}", remedy="correct the document"
        )
    return place


def _elements(place: Place, key: str) -> Sequence[Place]:
    found = place.get(key)
    return list(found.elements()) if found is not None else []


def _identity(place: Place, method: str, path: str, known: set[str]) -> str:
    value = place.value.get("operationId") if isinstance(place.value, dict) else None
    identity = value if isinstance(value, str) and value else _derived_id(method, path)
    if identity in known and value:
        raise DocumentError(
            f"{place.where}: the operationId {value!r} is used twice",
            expected="a different operationId for each operation",
            remedy="rename one of them",
        )
    known.add(identity)
    return identity


def _derived_id(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _operation(
    document: Document, identity: str, method: str, path: str, *, place: Place, shared: Sequence[Place]
) -> Operation | Unusable:
    found: dict[tuple[str, str], Place] = {}  # later ones override: an operation's parameters those of its path
    for one in [*shared, *_elements(place, "parameters")]:
        found[str(_member(one, "in")), str(_member(one, "name"))] = one
    try:
        parameters = tuple(_parameters(found.values()))
        body = _body_2(document, place, list(found.values())) if document.version == "2.0" else _body_3(place)
    except _NotSupported as reason:
        return Unusable(identity, method, path, str(reason))
    missing = set(re.findall(r"{([^}/]+)}", path)) - {one.name for one in parameters if one.location == "path"}
    if missing:
        return Unusable(
            identity, method, path, f"the document does not define the path parameter {', '.join(sorted(missing))}"
        )
    statuses = place.get("responses")
    return Operation(
        id=identity,
        method=method,
        path=path,
        prefix=_prefix(document),
        parameters=parameters,
        body=body,
        security=_security(document, place),
        statuses=tuple(key for key, _ in statuses.members() if not key.startswith("x-")) if statuses else (),
        where=place.where,
    )


class _NotSupported(Exception):
    """Why no request can be built."""


def _member(place: Place, key: str) -> Any:
    if not isinstance(place.value, dict) or key not in place.value:
        raise DocumentError(f"{place.where} has no {key!r}", expected="a parameter", remedy="correct the document")
    return place.value[key]


def _parameters(places: Iterator[Place] | Any) -> Iterator[Parameter]:
    for place in places:
        name, location, value = place.value["name"], place.value["in"], place.value
        if location not in _LOCATIONS or (location == "header" and str(name).lower() in _IGNORED_HEADERS):
            continue
        schema = place.child("schema") if "schema" in value else _content_schema(place) or place
        # The default style: https://spec.openapis.org/oas/v3.1.1.html#parameter-style
        form = location in ("query", "cookie")
        # `collectionFormat` is 2.0's word for `style`.
        style = {"csv": "simple", "ssv": "spaceDelimited", "pipes": "pipeDelimited", "multi": "form"}.get(
            value.get("collectionFormat", ""), value.get("style", "form" if form else "simple")
        )
        if "content" in value:
            style = "json"
        yield Parameter(
            name=str(name),
            location=location,
            required=location == "path" or bool(value.get("required")),
            schema=self_contained(schema),
            style=style,
            explode=bool(value.get("explode", style == "form" and value.get("collectionFormat") in (None, "multi"))),
            examples=tuple(_examples(place)),
            where=place.where,
        )


def _content_schema(place: Place) -> Place | None:
    content = place.get("content")
    for _, media in content.members() if content is not None else ():
        found = _object(media.followed(), "a media type")  # `content` of a parameter has exactly one member
        return found.child("schema") if "schema" in found.value else None
    return None


def _examples(place: Place) -> Iterator[Any]:
    """``example`` and ``examples`` of a parameter or media type; those of its schema stay in the schema."""
    if isinstance(place.value, dict):
        if "example" in place.value:
            yield place.value["example"]
        named = place.get("examples")
        for _, one in named.members() if named is not None else ():
            value = one.followed().value
            if isinstance(value, dict):
                yield from (value[key] for key in ("value", "dataValue") if key in value)  # the second since 3.2


def _body_3(place: Place) -> Body | None:
    body = place.get("requestBody")
    content = body.get("content") if body is not None else None
    if body is None or content is None or not content.value:
        return None
    offered = [name for name, _ in content.members()]
    media_type = _chosen(offered)
    media = _object(content.child(media_type).followed(), "a media type")
    schema = self_contained(media.child("schema")) if "schema" in media.value else {}
    return Body(media_type, bool(body.value.get("required")), schema, tuple(_examples(media)), media.where)


def _body_2(document: Document, place: Place, parameters: Sequence[Place]) -> Body | None:
    offered = place.get("consumes") or document.root.get("consumes")
    listed = offered.value if offered is not None and isinstance(offered.value, list) else []
    names = [str(name) for name in listed]
    for one in parameters:
        if one.value["in"] == "body":
            schema = self_contained(one.child("schema")) if "schema" in one.value else {}
            media_type = _chosen(names or ["application/json"])
            return Body(media_type, bool(one.value.get("required")), schema, tuple(_examples(one)), one.where)
    # 2.0 spreads a form over parameters; here it is one body with an object's schema, as from 3.0 on.
    fields = [one for one in parameters if one.value["in"] == "formData"]
    if not fields:
        return None
    form = next((name for name in names if name in _FORMS), _FORMS[0])
    schemas = {str(one.value["name"]): self_contained(one) for one in fields}
    required = [str(one.value["name"]) for one in fields if one.value.get("required") is True]
    schema = {"type": "object", "properties": schemas, "required": required}
    return Body(form, bool(required), schema, (), place.where)


def _chosen(offered: Sequence[str]) -> str:
    """The media type of requests: JSON if offered, else a form."""
    for name in offered:
        kind = name.partition(";")[0].strip().lower()
        if kind in ("application/json", "*/*", "application/*") or kind.endswith("+json"):
            return name
    for name in offered:
        if name.partition(";")[0].strip().lower() in _FORMS:
            return name
    raise _NotSupported(f"its body is {' or '.join(offered)}; only JSON and forms are supported")


def _prefix(document: Document) -> str:
    if document.version == "2.0":
        return str(document.root.value.get("basePath", "")).rstrip("/")
    servers = document.root.value.get("servers")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], dict):
        return ""
    # Host and scheme do not matter: requests go to the application itself.
    url = str(servers[0].get("url", ""))
    variables = servers[0].get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")) if isinstance(variable, dict) else "")
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError as fault:
        raise DocumentError(
            f"{document.root.where}/servers/0: {url!r} is no URL: {fault}", remedy="correct the document"
        ) from None


def _security(document: Document, place: Place) -> tuple[tuple[Scheme, ...], ...]:
    required = place.value.get("security", document.root.value.get("security", []))
    components = document.root if document.version == "2.0" else document.root.get("components")
    key = "securityDefinitions" if document.version == "2.0" else "securitySchemes"
    schemes = components.get(key) if components is not None else None
    alternatives = []
    for alternative in required if isinstance(required, list) else ():
        names = list(alternative) if isinstance(alternative, dict) else []
        alternatives.append(tuple(_scheme(name, schemes.get(name) if schemes is not None else None) for name in names))
    return () if () in alternatives else tuple(alternatives)  # `{}` among them makes authentication optional


def _scheme(name: str, place: Place | None) -> Scheme:
    value = place.value if place is not None and isinstance(place.value, dict) else {}
    match value.get("type"):
        case "apiKey":
            return Scheme(name, "apiKey", str(value.get("in", "header")), str(value.get("name", name)))
        case "basic":
            return Scheme(name, "basic")
        case "http":
            return Scheme(name, str(value.get("scheme", "")).lower())
        case "oauth2" | "openIdConnect":  # both end in a bearer token; obtaining it is outside the scope of a scan
            return Scheme(name, "bearer")
    return Scheme(name, str(value.get("type", "unknown")))
