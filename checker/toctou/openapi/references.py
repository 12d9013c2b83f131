"""Follows the references of OpenAPI documents, lazily: what nobody asks for is not read.

The rules of each version are given to the library ``referencing`` as a specification:

- 2.0 and 3.0: a Reference Object is a JSON Reference, and nothing else has an identity.
- 3.1 and 3.2: schemas are JSON Schema 2020-12, so ``$id`` makes a base, ``$anchor`` and ``$dynamicAnchor`` make names, wherever
  in the document the schema lies; ``$self`` (3.2) is the base of a document.

A :class:`Place` is a value together with what its references are relative to.

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

NOT_REFERENCES = frozenset({"example", "default", "enum", "const"})
"""Members whose values are data of the API, in which ``$ref`` is a name like any other."""

_LONGEST_CHAIN = 100


def is_document(value: Any) -> bool:
    """Whether the value is the root of an OpenAPI document rather than a part in a file of its own."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value)


def _schemas(document: Any) -> Iterator[Any]:
    """The outermost schemas of a document of 3.1 or later."""
    waiting: list[tuple[str, Any]] = [("", document)]
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


def _entered(segments: Sequence[int | str], resolver: Any, subresource: Resource[Any]) -> Any:  # noqa: ARG001
    return resolver.in_subresource(subresource)


def _anchors(specification: Specification[Any], value: Any) -> Iterator[Any]:  # noqa: ARG001
    if isinstance(value, dict) and not is_document(value):
        yield from DRAFT202012.anchors_in(value)


OPENAPI_31: Specification[Any] = Specification(  # type: ignore[call-arg] # its attrs are declared behind mypy's back
    name="openapi-3.1",
    id_of=_id,
    subresources_of=lambda value: _schemas(value) if is_document(value) else DRAFT202012.subresources_of(value),
    maybe_in_subresource=_entered,
    anchors_in=_anchors,
)
PLAIN: Specification[Any] = Specification.OPAQUE


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document, where it stands, and what its references are relative to.

    Attributes:
        value: JSON data.
        resolver: of the library; opaque.
        specification: the rules for references.
        uri: of the file, for messages.
        pointer: from its root, for messages: ``/paths/~1items~1{id}/get``, or ``name`` for an anchor.
        library: names files for people.
    """

    value: Any
    resolver: Any
    specification: Specification[Any]
    uri: str
    pointer: str
    library: Library

    @property
    def where(self) -> str:
        """The place for people: ``api.yaml#/paths/~1items``."""
        return f"{self.library.shown(self.uri)}#{self.pointer}"

    def child(self, key: str | int) -> Place:
        """What stands under a key or index that is there."""
        value = self.value[key]
        resolver = self.resolver
        if self.specification is OPENAPI_31 and isinstance(value, dict) and _id(value) is not None:
            resolver = resolver.in_subresource(self.specification.create_resource(value))
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Place(value, resolver, self.specification, self.uri, f"{self.pointer}/{step}", self.library)

    def get(self, key: str) -> Place | None:
        """What stands under a key, references followed; ``None`` if nothing does."""
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
        """The text of the reference that this place is; ``None`` if it is none."""
        found = self.value.get("$ref") if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else None

    def followed(self) -> Place:
        """This place, or what it refers to in the end.

        Raises:
            DocumentError: the reference leads nowhere, or in a circle.
        """
        place, seen = self, [self.where]
        while (reference := place.reference()) is not None:
            place = place.lookup(reference)
            if place.where in seen or len(seen) > _LONGEST_CHAIN:
                raise DocumentError(
                    f"{self.where}: the reference leads in a circle: {' → '.join([*seen, place.where])}",
                    expected="a chain of references that ends at a value",
                    remedy="replace one of them by what was meant",
                )
            seen.append(place.where)
        return place

    def lookup(self, reference: str) -> Place:
        """What a reference that stands here leads to, in one step.

        Raises:
            DocumentError: it leads nowhere, or to what may not be read.
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
        told: BaseException | None = fault
        while told is not None:
            if isinstance(told, DocumentError):
                return DocumentError(
                    f"{self.where}: {told.observed}", expected=told.expected, cause=told.cause, remedy=told.remedy
                )
            told = told.__cause__
        return DocumentError(
            f"{self.where}: the reference {reference!r} leads nowhere",
            expected="a JSON pointer, or an anchor, of something that is there",
            cause="a part that was renamed or removed, or a / in a name that is not written ~1",
            remedy="correct the reference",
        )


def root(library: Library, uri: str) -> Place:
    """The root of the document at an address.

    Raises:
        DocumentError: it cannot be read.
    """
    value = library.get(uri)
    modern = is_document(value) and str(value.get("openapi", "")).startswith(("3.1", "3.2"))
    specification = OPENAPI_31 if modern else PLAIN

    def retrieve(address: str) -> Resource[Any]:
        return specification.create_resource(library.get(address))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    registry = registry.with_resource(uri, specification.create_resource(value)).crawl()
    base = urljoin(uri, _id(value) or "") if modern else uri
    return Place(value, registry.resolver(base), specification, uri, "", library)


def all_references(start: Place) -> Iterator[tuple[Place, Place]]:
    """Every reference that can be reached from a place, with what it leads to; each object is visited once.

    Raises:
        DocumentError: one of them is broken.
    """
    waiting, seen = [start], set[int]()
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
