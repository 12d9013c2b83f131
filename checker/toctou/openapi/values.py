"""Generates values that a schema accepts, with Hypothesis, deterministically.

The strategy covers the common keywords and proposes values; ``jsonschema`` validates them, so the result is valid even where
the strategy ignores a keyword.  It prefers simple values: required properties only, short strings of letters, and the
document's own examples.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable

from toctou import real_time
from toctou.errors import DocumentError
from toctou.scheduling.watchdog import Interrupted, watchdog

# Limits on the strategy's size: published schemas combine and nest so much that all of it would take minutes to build.
_ALTERNATIVES = 12
_OPTIONAL_DEPTH = 3
_DEEPEST = 8
_SECONDS = 3.0
_SPAN = 1000  # of numbers without a bound: small ones are easier to read
_STRUCTURE = frozenset({"allOf", "$ref", "oneOf", "anyOf", "$defs"})
_LETTERS = string.ascii_lowercase + string.digits
# The type of a schema that declares none, by the keywords it uses.
_TYPES: Mapping[str, tuple[str, ...]] = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}

_FORMATS: Mapping[str, st.SearchStrategy[str]] = {
    "date-time": st.datetimes().map(lambda moment: f"{moment.replace(microsecond=0).isoformat()}Z"),
    "date": st.dates().map(str),
    "time": st.times().map(lambda time: f"{time.replace(microsecond=0).isoformat()}Z"),
    "uuid": st.uuids().map(str),
    "email": st.text(_LETTERS, min_size=1, max_size=8).map(lambda name: f"{name}@example.com"),
    "uri": st.text(_LETTERS, min_size=1, max_size=8).map(lambda name: f"https://example.com/{name}"),
    "hostname": st.text(_LETTERS, min_size=1, max_size=8).map(lambda name: f"{name}.example.com"),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "byte": st.sampled_from(["YQ==", "YWI="]),
}


def valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a self-contained schema accepts a value; ``False`` too if that takes too long to find out."""
    with _Limited() as limited:
        return bool(Draft202012Validator(schema).is_valid(value))
    return not limited.over


class _Limited:
    """Ends what is inside after some time of this thread, since a pattern may backtrack for years."""

    over = False

    def __enter__(self) -> _Limited:
        self._until = real_time.thread_seconds() + _SECONDS
        self._watch = watchdog(self._overdue)
        self._watch.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: Any) -> bool:
        self._watch.__exit__(None, None, None)
        # Hypothesis reports an interruption as a fault of its own.
        return self.over and isinstance(raised, Interrupted | HypothesisException)

    def _overdue(self, _: object) -> bool:
        self.over = real_time.thread_seconds() > self._until
        return self.over


@cache
def _tables_of_characters() -> None:
    """Have Hypothesis make its tables, which on a new machine takes seconds that are no schema's."""
    st.from_regex("a").validate()


def values(schema: Mapping[str, Any], count: int, where: str) -> list[Any]:
    """Up to ``count`` different values that a self-contained schema accepts, simplest first; deterministic.

    Raises:
        DocumentError: the schema is invalid, or no value was found.
    """
    found: list[Any] = []
    if "pattern" in json.dumps(schema, default=str):
        _tables_of_characters()
    try:
        with _Limited() as limited:
            Draft202012Validator.check_schema(schema)
            found = _drawn(_Proposals(schema).of(schema, 0), Draft202012Validator(schema), count)
    except SchemaError as fault:
        path = "/".join(map(str, fault.absolute_path))
        raise DocumentError(
            f"{where}: the schema is not valid{' at ' + path if path else ''}: {fault.message[:200]}",
            expected="a schema that is valid in the document's version of OpenAPI",
            remedy="correct the document",
        ) from None
    except (HypothesisException, Unresolvable, RecursionError):  # Hypothesis gives up if it has to reject too much
        pass
    if not found:
        slow = f" within {_SECONDS:g} seconds, as with a pattern that backtracks" if limited.over else ""
        raise DocumentError(
            f"{where}: no value was found that the schema accepts{slow}",
            expected="a schema that accepts some small value",
            cause="contradicting parts, or a recursive schema without an end",
            remedy="add an `example` to the document, or list the values in the model",
        )
    return found


def sample(schema: Mapping[str, Any], where: str) -> Any:
    """The simplest value, other than null if there is one: what is null is often treated as if it were not there.

    Raises:
        DocumentError: as for :func:`values`.
    """
    (found,) = values(schema, 1, where)
    return next((one for one in values(schema, 8, where) if one is not None), None) if found is None else found


def _drawn(strategy: st.SearchStrategy[Any], validator: Draft202012Validator, count: int) -> list[Any]:
    found: dict[str, Any] = {}

    @settings(
        max_examples=4 * count,
        derandomize=True,  # the same document must give the same scan
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy.filter(validator.is_valid))
    def collect(value: Any) -> None:
        found.setdefault(json.dumps(value, sort_keys=True), value)

    collect()
    return sorted(found.values(), key=lambda value: len(json.dumps(value)))[:count]


def objects(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a self-contained schema that are objects, each without references and combinations at its top."""
    with suppress(RecursionError):
        return [one for one in _Proposals(schema).alternatives(schema) if "object" in _kinds(one)]
    return []


class _Proposals:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._defs = root.get("$defs", {})
        self._expanded: dict[str, list[dict[str, Any]]] = {}
        self._made: dict[tuple[int, int], tuple[Any, st.SearchStrategy[Any]]] = {}

    def of(self, schema: Any, depth: int) -> st.SearchStrategy[Any]:
        """Values that the schema is likely to accept; memoised by schema and depth."""
        if depth > _DEEPEST:
            return st.nothing()
        key = id(schema), depth
        if key not in self._made:  # the schema is stored too, so that its id is not reused
            made = st.one_of([self._flat(one, depth) for one in self.alternatives(schema)])
            self._made[key] = schema, made
        return self._made[key][1]

    def alternatives(self, schema: Any) -> list[dict[str, Any]]:
        """The schema as a few flat ones, without references, ``allOf`` and alternatives."""
        if isinstance(schema, bool):
            return [{}] if schema else []
        parts = [[one] for one in schema.get("allOf", [])]
        parts += [schema[key] for key in ("oneOf", "anyOf") if schema.get(key)]
        found = [{key: value for key, value in schema.items() if key not in _STRUCTURE}]
        expanded = [[one for option in part for one in self.alternatives(option)] for part in parts]
        if "$ref" in schema:
            expanded.append(self._referred(schema["$ref"].rpartition("/")[2]))
        for rights in expanded:
            merged = (_both(left, right) for left in found for right in rights)
            found = list(islice((one for one in merged if one is not None), _ALTERNATIVES))  # or they multiply
        return found

    def _referred(self, name: str) -> list[dict[str, Any]]:
        if name not in self._expanded:
            self._expanded[name] = []  # ends the recursion of a definition that leads only to itself
            self._expanded[name] = self.alternatives(self._defs[name])
        return self._expanded[name]

    def _flat(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"]) if schema["enum"] else st.nothing()
        given = [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]
        # Published examples do not always fit their own schema.
        accepts = Draft202012Validator({**schema, "$defs": self._defs}).is_valid
        if fitting := [value for value in given if accepts(value)]:
            return st.sampled_from(fitting)
        return st.one_of([self._typed(kind, schema, depth) for kind in _kinds(schema)])

    def _typed(self, kind: str, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
        return st.nothing()

    def _object(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        other = schema.get("additionalProperties", True)
        missing = schema.get("minProperties", 0) - len(set(required))
        if missing > _SPAN:  # `minProperties` of a hostile document would exhaust the memory
            return st.nothing()
        # `minProperties` beyond the required ones: declared properties first, then additional ones.
        extra = [name for name in properties if name not in required][: max(missing, 0)]
        extra += [f"key{at}" for at in range(max(missing - len(extra), 0))]
        always = {name: self.of(properties.get(name, other), depth + 1) for name in [*required, *extra]}
        maybe = {
            name: self.of(one, depth + 1)
            for name, one in properties.items()
            if name not in always and depth < _OPTIONAL_DEPTH
        }
        return st.fixed_dictionaries(always, optional=maybe)

    def _array(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        first = [self.of(one, depth + 1) for one in schema.get("prefixItems", [])]
        least = max(schema.get("minItems", 0), 1 if "contains" in schema else 0)
        # Below a few levels, as short as possible: the size of a recursive value is exponential in its depth.
        most = min(schema.get("maxItems", least + 2), least + 2) if depth < _OPTIONAL_DEPTH else least
        rest = st.lists(
            self.of(schema.get("contains", schema.get("items", True)), depth + 1),
            min_size=max(least - len(first), 0),
            max_size=max(most - len(first), 0),
            unique_by=json.dumps if schema.get("uniqueItems") else None,
        )
        return st.tuples(*first, rest).map(lambda found: [*found[:-1], *found[-1]])


def _kinds(schema: Mapping[str, Any]) -> Sequence[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return (kinds,)
    if isinstance(kinds, list | tuple):  # anything else is no schema, which the validator tells
        return tuple(kinds)
    return tuple(kind for kind, keywords in _TYPES.items() if any(one in schema for one in keywords)) or ("string",)


def _both(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any] | None:
    """The conjunction of two flat schemas, as far as it can be expressed; ``None`` if their types exclude each other."""
    # Keywords not handled below are taken from one side; the validator rejects what the other side forbids.
    made = {**right, **left}
    if "type" in left and "type" in right:
        kinds = [
            one for one in _kinds(left) if one in _kinds(right) or (one == "integer" and "number" in _kinds(right))
        ]
        kinds += ["integer"] if "integer" in _kinds(right) and "number" in _kinds(left) else []
        if not kinds:
            return None
        made["type"] = kinds
    if "enum" in left and "enum" in right:
        made["enum"] = [one for one in left["enum"] if one in right["enum"]]
    if "required" in left or "required" in right:
        made["required"] = list(dict.fromkeys([*left.get("required", []), *right.get("required", [])]))
    if "properties" in left and "properties" in right:
        made["properties"] = {**right["properties"], **left["properties"]} | {
            name: {"allOf": [one, right["properties"][name]]}
            for name, one in left["properties"].items()
            if name in right["properties"]
        }
    for least in ("minimum", "minLength", "minItems", "minProperties"):
        if least in left and least in right:
            made[least] = max(left[least], right[least])
    for most in ("maximum", "maxLength", "maxItems", "maxProperties"):
        if most in left and most in right:
            made[most] = min(left[most], right[most])
    return made


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" in schema:
        # JSON Schema does not anchor patterns, but most authors mean the whole string.
        return st.from_regex(schema["pattern"], fullmatch=True) | st.from_regex(schema["pattern"])
    if schema.get("format") in _FORMATS and not least and most is None:
        return _FORMATS[schema["format"]]
    shortest = max(least, 1) if most is None or most > 0 else 0  # an empty string is not a path segment
    return st.text(
        _LETTERS, min_size=shortest, max_size=most if most is not None and most < shortest + 4 else shortest + 4
    )


def _number(schema: Mapping[str, Any], *, whole: bool) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    # Bounds need not be exact here: the validator removes the excluded ends.
    if above is not None and (low is None or above >= low):
        low = above
    if below is not None and (high is None or below <= high):
        high = below
    if low is None:
        low = 0 if high is None or high >= 0 else high - _SPAN
    if high is None:
        high = low + _SPAN
    if low > high:
        return st.nothing()
    step = schema.get("multipleOf")
    if step:
        first, last = -(-low // step), high // step  # rounded up and down
        return st.integers(int(first), int(last)).map(lambda times: times * step) if first <= last else st.nothing()
    least, most = -(-low // 1), high // 1
    found = st.integers(int(least), int(most)) if least <= most else st.nothing()
    return found if whole else found | st.floats(low, high, allow_nan=False, allow_infinity=False)
