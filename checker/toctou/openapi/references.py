"""Resolves the references of OpenAPI documents lazily: files are loaded on first use.

The rules of each version are given to the library ``referencing`` as a specification:

- 2.0 and 3.0: a Reference Object is a JSON Reference; only files have a URI.
- 3.1 and 3.2: schemas anywhere in the document are JSON Schema 2020-12, so ``$id`` sets a base URI, and ``$anchor`` and
  ``$dynamicAnchor`` define names; ``$self`` (3.2) is the base URI of a document.

A :class:`Place` is a value together with the base of its references.

Sources: https://spec.openapis.org/oas/v2.0.html, …/v3.0.4.html, …/v3.1.1.html, …/v3.2.0.html;
https://json-schema.org/draft/2020-12/json-schema-core; RFC 6901 (JSON Pointer).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin

from referencing import Registry, Resource, Specification, exceptions
from referencing.jsonschema import DRAFT202012

from toctou.errors import DocumentError
from toctou.openapi.library import Library

# Members whose values are data of the API, in which `$ref` is an ordinary name.
NOT_REFERENCES = frozenset({"example", "default", "enum", "const"})
_LONGEST_CHAIN = 100  # a chain through ever new files never repeats a place


def is_document(value: Any) -> bool:
    """Whether the value is the root of an OpenAPI document rather than a part in its own file."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value)


def _schemas(document: Any) -> Iterator[Any]:
    """The outermost schemas of a document of 3.1 or later."""
    waiting: list[tuple[str, Any]] = [("", document)]  # not recursive, because documents may be nested deeply
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(name, one) for one in value]
        elif isinstance(value, dict):
            for key, child in value.items():
                if key in ("schema", "itemSchema") and isinstance(child, dict):
                    yield child
                elif key == "schemas" and name == "components" and isinstance(child, dict):
                    yield from (one for one in child.values() if isinstance(one, dict))
                elif key not in NOT_REFERENCES:
                    waiting.append((key, child))


def _id(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    found = value.get("$self" if is_document(value) else "$id")
    return found if isinstance(found, str) else None


def _enter_subresource(segments: Sequence[int | str], resolver: Any, subresource: Resource[Any]) -> Any:  # noqa: ARG001
    return resolver.in_subresource(subresource)


def _subresources(value: Any) -> Iterator[Any]:
    if is_document(value):
        yield from _schemas(value)
        return
    try:
        yield from DRAFT202012.subresources_of(value)
    except (AttributeError, TypeError):  # one schema that is none must not hide the rest of the document
        return


def _anchors(specification: Specification[Any], value: Any) -> Iterator[Any]:  # noqa: ARG001
    if isinstance(value, dict) and not is_document(value):
        yield from DRAFT202012.anchors_in(value)


OPENAPI_31: Specification[Any] = Specification(  # type: ignore[call-arg] # mypy does not see the fields that attrs generates
    name="openapi-3.1",
    id_of=_id,
    subresources_of=_subresources,
    maybe_in_subresource=_enter_subresource,
    anchors_in=_anchors,
)
PLAIN: Specification[Any] = Specification.OPAQUE


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document, its location, and the base of its references.

    Attributes:
        value: JSON data.
        resolver: of the library ``referencing``; opaque.
        uri: of the file, for messages.
        pointer: from its root, for messages: ``/paths/~1items~1{id}/get``, or ``name`` for an anchor.
        library: shortens file names for messages.
    """

    value: Any
    resolver: Any
    specification: Specification[Any]
    uri: str
    pointer: str
    library: Library

    @property
    def where(self) -> str:
        """The location for messages: ``api.yaml#/paths/~1items``."""
        return f"{self.library.shown(self.uri)}#{self.pointer}"

    def child(self, key: str | int) -> Place:
        """The value at an existing key or index."""
        value = self.value[key]
        resolver = self.resolver
        # `referencing` tracks `$id` on lookups only; walking down into a schema must change the base as well.
        if self.specification is OPENAPI_31 and isinstance(value, dict) and _id(value) is not None:
            resolver = resolver.in_subresource(self.specification.create_resource(value))
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Place(value, resolver, self.specification, self.uri, f"{self.pointer}/{step}", self.library)

    def get(self, key: str) -> Place | None:
        """The value at a key, with references followed; ``None`` if there is none."""
        if not isinstance(self.value, dict) or key not in self.value:
            return None
        return self.child(key).followed()

    def members(self) -> Iterator[tuple[str, Place]]:
        """The members of an object, references not followed."""
        if isinstance(self.value, dict):
            for key in self.value:
                yield key, self.child(key)

    def elements(self) -> Iterator[Place]:
        """The elements of a list, references followed."""
        if isinstance(self.value, list):
            for index in range(len(self.value)):
                yield self.child(index).followed()

    def reference(self) -> str | None:
        """The text of the reference, if this place is one."""
        found = self.value.get("$ref") if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else None

    def followed(self) -> Place:
        """This place, or the final target of its references.

        Raises:
            DocumentError: the reference is broken or circular.
        """
        place, seen = self, [self.where]
        while (reference := place.reference()) is not None:
            place = place.lookup(reference)
            if place.where in seen or len(seen) > _LONGEST_CHAIN:
                raise DocumentError(
                    f"{self.where}: the reference leads in a circle: {' → '.join([*seen, place.where])}",
                    expected="a chain of references that ends at a value",
                    remedy="replace one of them with the intended value",
                )
            seen.append(place.where)
        return place

    def lookup(self, reference: str) -> Place:
        """The direct target of a reference at this place.

        Raises:
            DocumentError: it is broken, or its target may not be read.
        """
        try:
            resolved = self.resolver.lookup(reference)
        except (exceptions.Unresolvable, exceptions.InvalidAnchor, ValueError, TypeError) as fault:
            raise self._broken(reference, fault) from None
        address, fragment = urldefrag(urljoin(self.uri, reference))
        return Place(
            resolved.contents, resolved.resolver, self.specification, address, fragment.rstrip("/"), self.library
        )

    def _broken(self, reference: str, fault: Exception) -> DocumentError:
        # `referencing` wraps what `retrieve` raises; our own error inside says more than its wrapper.
        inner: BaseException | None = fault
        while inner is not None:
            if isinstance(inner, DocumentError):
                return DocumentError(
                    f"{self.where}: {inner.observed}", expected=inner.expected, cause=inner.cause, remedy=inner.remedy
                )
            inner = inner.__cause__
        return DocumentError(
            f"{self.where}: the reference {reference!r} leads nowhere",
            expected="the JSON pointer, or anchor, of an existing part",
            cause="a part that was renamed or removed, or a / in a name that is not escaped as ~1",
            remedy="correct the reference",
        )


def root(library: Library, uri: str) -> Place:
    """The root of the document at a URI.

    Raises:
        DocumentError: it cannot be read.
    """
    value = library.get(uri)
    modern = is_document(value) and str(value.get("openapi", "")).startswith(("3.1", "3.2"))
    specification = OPENAPI_31 if modern else PLAIN

    def retrieve(address: str) -> Resource[Any]:
        return specification.create_resource(library.get(address))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    # Crawled at once: a reference may use the `$id` or anchor of any schema in the document.
    registry = registry.with_resource(uri, specification.create_resource(value)).crawl()
    base = urljoin(uri, _id(value) or "") if modern else uri
    return Place(value, registry.resolver(base), specification, uri, "", library)


def all_references(start: Place) -> Iterator[tuple[Place, Place]]:
    """Every reference reachable from a place, with its target; each object is visited once.

    Raises:
        DocumentError: one of them is broken.
    """
    waiting, seen = [start], set[int]()  # by identity: the library keeps every document, so no id is reused
    while waiting:
        place = waiting.pop()
        if isinstance(place.value, list):
            waiting += [place.child(index) for index in range(len(place.value))]
            continue
        if not isinstance(place.value, dict) or id(place.value) in seen:
            continue
        seen.add(id(place.value))
        if place.reference() is not None:
            found = place.followed()
            yield place, found
            waiting.append(found)
        dynamic = place.value.get("$dynamicRef")
        if isinstance(dynamic, str) and place.specification is OPENAPI_31:
            yield place, place.lookup(dynamic)
        waiting += [child for key, child in place.members() if key not in NOT_REFERENCES]
