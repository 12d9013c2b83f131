"""Parses one JSON or YAML text into plain data, within limits.

The result follows JSON's data model for both syntaxes: objects with string keys, and no dates, sets or program objects.  YAML
is read as version 1.2 (``on`` and ``no`` are strings).  A duplicate key is an error, because parsers disagree on which one
counts.

Sources: https://yaml.org/spec/1.2.2/#103-core-schema, https://spec.openapis.org/oas/v3.1.1.html#format for the subset of YAML
that OpenAPI allows, and https://yaml.org/type/merge.html for ``<<``.  Templates of CloudFormation are read here as well, with the
tags of their functions, because the limits are the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from toctou.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits of documents.

    Attributes:
        file_bytes: of one file.
        total_bytes: of a document and all files it refers to.
        values: objects, lists and scalars of one file, with aliases expanded.
        depth: of nesting.
    """

    file_bytes: int = 16_000_000
    total_bytes: int = 64_000_000
    values: int = 1_000_000
    depth: int = 200


_TEXT = "tag:yaml.org,2002:str"
# The core schema of YAML 1.2 without infinity and not-a-number, which JSON cannot express: they stay strings.
_PLAIN: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|")),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    ("tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")),
)
_MERGE = "<<"
_FUNCTION = re.compile(r"![A-Z][A-Za-z0-9]*")


def read(content: bytes, name: str, limits: Limits, *, functions: bool = False) -> Any:
    """Parse a text.

    Args:
        content: UTF-8 (YAML also UTF-16).
        name: of the file, for messages; with the suffix ``.json``, invalid JSON is not tried as YAML.
        functions: whether the tags of CloudFormation's intrinsic functions are allowed: ``!Ref x`` is read as ``{"Ref": "x"}``.

    Raises:
        DocumentError: it is neither JSON nor YAML, has a duplicate key, or exceeds a limit.
    """
    if len(content) > limits.file_bytes:
        raise DocumentError(
            f"{name} has {len(content)} bytes",
            expected=f"at most {limits.file_bytes} bytes in one file",
            remedy="raise --max-document-bytes if you trust the document",
        )
    if name.endswith(".json") or content.lstrip()[:1] == b"{":
        try:
            return _json(content, name, limits)
        except ValueError as fault:  # from json only: a duplicate key or an exceeded limit is a DocumentError
            if name.endswith(".json"):
                raise DocumentError(
                    f"{name} is not JSON: {fault}",
                    expected="one JSON value, in UTF-8",
                    remedy="correct the file, or give it the suffix .yaml if it is YAML",
                ) from None
    return _Builder(name, limits, functions=functions).build(content)


def _json(content: bytes, name: str, limits: Limits) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            keys = [key for key, _ in found]
            _duplicate_key(next(key for key in keys if keys.count(key) > 1), name)
        return made

    def constant(text: str) -> NoReturn:
        raise ValueError(f"{text} is not a JSON number")

    try:
        data = json.loads(content, object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        _too_deep(name, limits)
    # Level by level rather than recursively, because the depth is what has yet to be checked.
    level, count = [data], 0
    for _ in range(limits.depth + 1):
        level = [child for value in level for child in _children(value)]
        count += len(level)
        if not level:
            break
        if count > limits.values:
            _too_many(name, limits)
    else:
        _too_deep(name, limits)
    return data


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


@dataclass(slots=True)
class _Open:
    value: Any
    anchor: str | None
    size_before: int
    key: str | None = None
    function: str | None = None
    merged: list[Any] = field(default_factory=list)


class _Builder:
    # PyYAML's own constructor is recursive, creates program objects by tag, and lets aliases of aliases grow exponentially
    # ("billion laughs").  Here an alias shares its value, but counts with its expanded size.

    def __init__(self, name: str, limits: Limits, *, functions: bool) -> None:
        self._functions = functions
        self._name = name
        self._limits = limits
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._started: set[str] = set()
        self._size = 0
        self._documents = 0
        self._root: Any = None

    def build(self, content: bytes) -> Any:
        try:
            for event in yaml.parse(content, Loader=yaml.CSafeLoader):
                self._take(event)
        except (yaml.YAMLError, UnicodeDecodeError) as fault:
            if "maximum nesting depth" in str(fault):  # libyaml's own limit, which its lookahead reaches before ours
                _too_deep(self._name, self._limits)
            raise DocumentError(
                f"{self._name} is not YAML: {' '.join(str(fault).split())}",
                expected="one JSON or YAML document",
                remedy="correct the file",
            ) from None
        return self._root

    def _take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._fault(event, "a second document begins", "one document in a file")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._known_tag(event, ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
                self._grow(1)
                if len(self._open) >= self._limits.depth:
                    _too_deep(self._name, self._limits)
                if event.anchor:
                    self._started.add(event.anchor)
                self._open.append(
                    _Open(
                        {} if isinstance(event, yaml.MappingStartEvent) else [],
                        event.anchor,
                        self._size,
                        function=event.tag if self._is_function(event) else None,
                    )
                )
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                ended = self._open.pop()
                for source in ended.merged:  # at the end, because explicit keys win even if they follow `<<`
                    ended.value.update({key: value for key, value in source.items() if key not in ended.value})
                value = ended.value if ended.function is None else _in_full(ended.function, ended.value)
                self._put(event, value, ended.anchor, self._size - ended.size_before + 1)
            case yaml.ScalarEvent():
                self._grow(1)
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        expects_key = self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None
        value = event.value if expects_key else self._typed(event)
        self._put(event, value, event.anchor, 1)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            what = "contains itself" if event.anchor in self._started else "is used before it is defined"
            self._fault(event, f"the alias *{event.anchor} {what}", "an alias of a complete value")
        value, size = self._anchors[event.anchor]
        self._grow(size)
        self._put(event, value, None, size)

    def _put(self, event: Any, value: Any, anchor: str | None, size: int) -> None:
        if anchor:
            self._anchors[anchor] = value, size
        if not self._open:
            self._root = value
            return
        inside = self._open[-1]
        if isinstance(inside.value, list):
            inside.value.append(value)
        elif inside.key is None:
            if not isinstance(value, str):
                self._fault(event, "a key is not a scalar", "string keys")
            if value in inside.value:
                _duplicate_key(value, f"{self._name}, line {event.start_mark.line + 1}")
            inside.key = value
        elif inside.key == _MERGE:
            inside.key = None
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                self._fault(event, "the value of << is not a mapping", "an alias of a mapping, or a list of them")
            inside.merged += sources
        else:
            inside.value[inside.key] = value
            inside.key = None

    def _typed(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        tag = event.tag
        if tag is not None and self._is_function(event):
            return _in_full(tag, text)
        # "!" forces a string; without a tag, only an unquoted scalar may be something else
        if tag is None or tag == "!":
            plain = event.implicit[0] and tag is None
            tag = next((kind for kind, form in _PLAIN if form.fullmatch(text)), _TEXT) if plain else _TEXT
        self._known_tag(event, (_TEXT, *(kind for kind, _ in _PLAIN)))
        try:
            match tag.rpartition(":")[2]:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                case "float":
                    return float(text)
        except ValueError:  # Python refuses to convert integers of more than 4,300 digits
            self._fault(event, f"{text[:40]!r} is not a readable number", "a JSON number")
        return text

    def _is_function(self, event: Any) -> bool:
        return self._functions and _FUNCTION.fullmatch(event.tag or "") is not None

    def _known_tag(self, event: Any, known: tuple[str, ...]) -> None:
        if event.tag not in (None, "!", *known) and not self._is_function(event):
            self._fault(event, f"the tag {event.tag!r}", "only the tags of YAML's JSON schema")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.values:
            _too_many(self._name, self._limits)

    def _fault(self, event: Any, observed: str, expected: str) -> NoReturn:
        line = event.start_mark.line + 1
        raise DocumentError(f"{self._name}, line {line}: {observed}", expected=expected, remedy="correct the file")


def _in_full(tag: str, value: Any) -> dict[str, Any]:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
    name = tag.removeprefix("!")
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


def _duplicate_key(key: str, where: str) -> NoReturn:
    raise DocumentError(
        f"{where}: duplicate key {key!r} in one object",
        expected="unique keys",
        cause="a copied block whose key was not changed",
        remedy="remove or rename one of them: parsers disagree on which one counts",
    )


def _too_deep(name: str, limits: Limits) -> NoReturn:
    raise DocumentError(f"{name} is nested more than {limits.depth} levels deep", expected="an OpenAPI document")


def _too_many(name: str, limits: Limits) -> NoReturn:
    raise DocumentError(
        f"{name} contains more than {limits.values} values, with aliases expanded",
        expected="an OpenAPI document of ordinary size",
        cause="aliases of aliases, which grow exponentially",
        remedy="remove the nested aliases",
    )
