"""Converts a schema of a document to one self-contained JSON Schema 2020-12 for values in requests.

This hides the differences between the versions of OpenAPI: ``nullable`` and boolean ``exclusiveMinimum`` (2.0 and 3.0),
references with or without siblings, ``$dynamicRef``, ``discriminator``, read-only properties.  Each referenced schema becomes
one entry of ``$defs``, so recursive schemas stay finite.

Sources: the Schema Objects of https://spec.openapis.org/oas/v2.0.html, …/v3.0.4.html and …/v3.1.1.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toctou.errors import DocumentError
from toctou.openapi.references import PLAIN, Place

_ONE = ("additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_BOUNDS = ("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum")
_SIZES = (
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
)
_OTHERS = ("type", "enum", "const", "format", "pattern", "uniqueItems", "required", "dependentRequired", "default")
_COPIED = (*_BOUNDS, *_SIZES, *_OTHERS)


def self_contained(place: Place) -> dict[str, Any]:
    """The schema at a place, with everything it refers to under ``$defs``.

    Raises:
        DocumentError: a broken reference, or a value that is not a schema.
    """
    conversion = _Conversion()
    schema = conversion.schema(place)
    made = dict(schema) if isinstance(schema, Mapping) else {} if schema else {"not": {}}
    if conversion.defs:
        made["$defs"] = conversion.defs
    return made


class _Conversion:
    def __init__(self) -> None:
        self.defs: dict[str, Any] = {}
        self._names: dict[object, str] = {}
        self._kept: list[Any] = []  # keeps values alive, so that Python does not reuse their ids

    def schema(self, place: Place) -> Any:
        value = place.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise DocumentError(
                f"{place.where} contains {_shown(value)}, which is not a schema",
                expected="an object" if place.specification is PLAIN else "an object, true or false",
                remedy="correct the document",
            )
        reference = place.reference()
        if reference is not None and place.specification is PLAIN:  # before 3.1, siblings of `$ref` are ignored
            return {"$ref": self._defined(place.followed())}
        made = self._keywords(place)
        for target in (reference, value.get("$dynamicRef")):
            if isinstance(target, str) and place.specification is not PLAIN:
                found = {"$ref": self._defined(place.lookup(target))}
                made = {**made, "allOf": [*made.get("allOf", []), found]} if made else found
        if place.specification is PLAIN:
            _modernise(made, value)
        return made

    def _defined(self, place: Place) -> str:
        key = id(place.value), _scope(place)
        if key not in self._names:
            self._kept.append(place.value)
            # Named before it is converted, so that a schema that refers to itself finds its own name.
            self._names[key] = name = f"s{len(self._names)}"
            self.defs[name] = self.schema(place)
        return f"#/$defs/{self._names[key]}"

    def _keywords(self, place: Place) -> dict[str, Any]:
        value = place.value
        made = {key: value[key] for key in _COPIED if key in value}
        # Patterns are ECMA-262; one that Python cannot compile can neither generate nor validate a value.
        if "pattern" in made and not _compiles(made["pattern"]):
            del made["pattern"]
        made |= {key: self.schema(place.child(key)) for key in _ONE if isinstance(value.get(key), dict | bool)}
        for key in _LISTS:
            if isinstance(value.get(key), list):
                made[key] = [self.schema(place.child(key).child(at)) for at in range(len(value[key]))]
        for key in _NAMED:
            if isinstance(value.get(key), dict):
                made[key] = {name: self.schema(one) for name, one in _named(place.child(key))}
        self._without_read_only(made, place)
        self._tag_alternatives(made, place)
        examples = value.get("examples", [])
        examples = [
            *([value["example"]] if "example" in value else []),
            *(examples if isinstance(examples, list) else []),
        ]
        if examples:
            made["examples"] = examples
        return made

    def _without_read_only(self, made: dict[str, Any], place: Place) -> None:
        """Remove read-only properties, which the service sets and requests must not contain."""
        if not isinstance(place.value.get("properties"), dict):
            return
        read_only = {
            name
            for name, one in _named(place.child("properties"))
            if isinstance(one.value, dict) and _is_read_only(one)
        }
        made["properties"] = {name: one for name, one in made["properties"].items() if name not in read_only}
        if isinstance(made.get("required"), list):
            made["required"] = [one for one in made["required"] if not (isinstance(one, str) and one in read_only)]

    def _tag_alternatives(self, made: dict[str, Any], place: Place) -> None:
        """With a discriminator, let each alternative require the value that selects it."""
        discriminator = place.value.get("discriminator")
        name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
        for key in ("oneOf", "anyOf"):
            if not isinstance(name, str) or key not in made:
                continue
            mapping = discriminator.get("mapping") or {}
            for at, alternative in enumerate(made[key]):
                reference = place.child(key).child(at).reference()
                if reference is not None:  # the standard defines a discriminator for referenced schemas only
                    short = reference.rpartition("/")[2]
                    value = next((word for word, to in mapping.items() if to in (reference, short)), short)
                    tag = {"properties": {name: {"const": value}}, "required": [name]}
                    made[key][at] = {"allOf": [alternative, tag]}


def _named(place: Place) -> Iterator[tuple[str, Place]]:
    # Published documents also put a reference where the standard wants the names themselves.
    if place.reference() is not None:
        yield from _named(place.followed())
    yield from ((name, one) for name, one in place.members() if isinstance(one.value, dict | bool))


def _scope(place: Place) -> tuple[str, ...]:
    # The target of a `$dynamicRef` depends on the path to it, so such a schema is converted once per path.
    if place.specification is PLAIN or not place.library.dynamic:
        return ()
    return (place.uri, *dict.fromkeys(uri for uri, _ in place.resolver.dynamic_scope()))


def _is_read_only(place: Place) -> bool:
    value = place.followed().value
    return bool(place.value.get("readOnly") or (isinstance(value, dict) and value.get("readOnly")))


def _modernise(made: dict[str, Any], value: Mapping[str, Any]) -> None:
    """Convert keywords of 2.0 and 3.0 to 2020-12."""
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and limit in made:
            made[exclusive] = made.pop(limit)
    if not isinstance(made.get("required", []), list):  # 2.0's parameters are schemas with a boolean `required`
        del made["required"]
    if made.get("type") == "file":
        made["type"] = "string"
    if (value.get("nullable") or value.get("x-nullable")) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]


def _compiles(pattern: Any) -> bool:
    try:
        re.compile(pattern)
    except (re.error, TypeError):
        return False
    return True


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]
