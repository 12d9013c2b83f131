"""The arguments of an operation's requests: which there are, values that the document allows, and what is sent for them.

An argument is a parameter of the operation or a member of its JSON body, under its own name; an array or object is written as
JSON after ``json:``, so that requests can be compared and stored in reports.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from toctou.errors import DocumentError
from toctou.openapi.members import Bodies, Member, sets_of
from toctou.openapi.operations import Body, Operation, Parameter
from toctou.openapi.request import BODY, argument_name
from toctou.openapi.values import objects, sample, valid

_JSON = "json:"
_SCALARS = (str, int, float, bool, type(None))
_MOST_FORMS = 60


def argument_names(operation: Operation) -> list[str]:
    """Every argument that requests of an operation may have."""
    parameters = [argument_name(one) for one in operation.parameters]
    if operation.body is None:
        return parameters
    members = [name for one in objects(operation.body.schema) for name in one.get("properties", {})]
    return [*parameters, *(dict.fromkeys(members) or [BODY])]


def sent(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name, and the body."""
    named = {argument_name(one) for one in operation.parameters}
    found = {name: _read(value) for name, value in arguments.items() if name in named}
    members = {name: _read(value) for name, value in arguments.items() if name not in named}
    if BODY in members:
        found[BODY] = members[BODY]
    elif members or (operation.body is not None and operation.body.required):
        found[BODY] = {name.removeprefix(f"{BODY}."): value for name, value in members.items()}
    return found


def accepted(operation: Operation, arguments: Mapping[str, Any]) -> bool:
    """Whether the document allows a request with these arguments."""
    found = sent(operation, arguments)
    for one in operation.parameters:
        name = argument_name(one)
        if name in found and (found[name] == "" or not valid(one.schema, found[name])):
            return False
    return operation.body is None or BODY not in found or valid(operation.body.schema, found[BODY])


def simplest(operation: Operation) -> dict[str, Any]:
    """Arguments of a valid request: those that are required.

    Raises:
        DocumentError: there is no value that fits.
    """
    found = {argument_name(one): _value(one) for one in operation.parameters if one.required}
    if operation.body is not None and operation.body.required:
        return _with_body(found, _exemplary(operation.body))
    return found


@dataclass(frozen=True, slots=True)
class Form:
    """Arguments of valid requests of an operation.

    Attributes:
        arguments: a value for each.
        members: the optional ones among them; members of members as ``address.city``.
    """

    arguments: Mapping[str, Any]
    members: tuple[str, ...]


_Part = tuple[str, Member | None]
"""What a request may have or not: an argument's name, and where the part is in the body; ``None`` for a parameter."""


class Forms:
    """The forms of an operation's requests, by the optional arguments that they have.

    Args:
        taken: the arguments to choose from; ``None`` for all.
        always: those that no request may lack, which do not count as optional.

    Attributes:
        optional: the names of the optional ones.

    Raises:
        DocumentError: there is no value for a required parameter.
    """

    def __init__(
        self, operation: Operation, taken: Collection[str] | None = None, always: Collection[str] = ()
    ) -> None:
        self._operation = operation
        self._always = frozenset(always)
        self._bodies = None if operation.body is None else _bodies(operation.body)
        self._values = {argument_name(one): _value(one) for one in operation.parameters if one.required}
        free = [one for one in operation.parameters if _is_free(operation, one)]
        for one in free:
            with suppress(DocumentError):  # it cannot be sent, and will be missing in every form
                self._values[argument_name(one)] = _value(one)
        parameters: list[_Part] = [(argument_name(one), None) for one in free]
        self._parts: list[list[_Part]] = [
            [part for part in parameters + members if taken is None or part[0] in taken] for members in self._members()
        ]
        labels = dict.fromkeys(_label(part) for parts in self._parts for part in parts)
        self.optional = tuple(one for one in labels if one not in self._always)

    def all(self, needed: Collection[str] = ()) -> list[Form]:
        """A limited number of forms, the most telling first; each has the optional arguments that are ``needed``.

        Raises:
            DocumentError: there is no value that fits.
        """
        faults: list[DocumentError] = []
        lists = [self._of(alternative, self._always.union(needed), faults) for alternative in range(len(self._parts))]
        found = [one for several in zip_longest(*lists) for one in several if one is not None]
        if not found and faults:
            raise faults[0]
        return [one for at, one in enumerate(found) if one not in found[:at]][:_MOST_FORMS]

    def _members(self) -> list[list[_Part]]:
        """The optional parts of each alternative of the body."""
        if self._operation.body is None or self._bodies is None:
            return [[]]
        itself: list[_Part] = [] if self._operation.body.required else [(BODY, ())]
        return [[*((path[0], path) for path in members), *itself] for members in self._bodies.alternatives or [[]]]

    def _of(self, alternative: int, always: Collection[str], faults: list[DocumentError]) -> Iterator[Form]:
        parts = [one for one in self._parts[alternative] if one[1] is not None or one[0] in self._values]
        fixed = {one for one in parts if _label(one) in always}
        parts = [one for one in parts if one not in fixed]
        exemplary = frozenset(one for one in parts if self._bodies is not None and one[1] in self._bodies.in_example)
        for chosen in [*([exemplary] if exemplary else []), *sets_of(parts)]:
            members = [_label(one) for one in self._parts[alternative] if one in chosen | fixed]
            try:
                arguments = self._arguments(alternative, chosen | fixed)
            except DocumentError as fault:  # not every combination is valid
                faults.append(fault)
                continue
            yield Form(arguments, tuple(one for one in members if one not in self._always))

    def _arguments(self, alternative: int, parts: Collection[_Part]) -> dict[str, Any]:
        operation = self._operation
        names = [
            argument_name(one) for one in operation.parameters if one.required or (argument_name(one), None) in parts
        ]
        found = {name: self._values[name] for name in names}
        members = [path for _, path in parts if path is not None]
        if operation.body is None or self._bodies is None or not (members or operation.body.required):
            return found
        whole = not self._bodies.alternatives
        return _with_body(found, _exemplary(operation.body) if whole else self._bodies.of(alternative, members))


def _bodies(body: Body) -> Bodies:
    return Bodies(body.schema, body.examples, body.where)


def _is_free(operation: Operation, parameter: Parameter) -> bool:
    """Whether a request may lack a parameter, which says nothing about who sends it."""
    keys = {scheme.key.lower() for alternative in operation.security for scheme in alternative}
    return not parameter.required and parameter.name.lower() not in keys


def _label(part: _Part) -> str:
    return ".".join(part[1] or part[:1])


def _value(parameter: Parameter) -> Any:
    """The document's example, or else the simplest value."""
    examples = parameter.examples
    return _written(examples[0] if examples else sample(parameter.schema, parameter.where))


def _exemplary(body: Body) -> Any:
    """The document's example, or else the simplest body."""
    return body.examples[0] if body.examples else sample(body.schema, body.where)


def _with_body(found: Mapping[str, Any], body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {**found, BODY: _written(body)}
    members = {(f"{BODY}.{name}" if name in found else name): _written(value) for name, value in body.items()}
    return {**found, **members}


def _written(value: Any) -> Any:
    if isinstance(value, _SCALARS) and not (isinstance(value, str) and value.startswith(_JSON)):
        return value
    return _JSON + json.dumps(value, sort_keys=True)


def _read(value: Any) -> Any:
    return json.loads(value.removeprefix(_JSON)) if isinstance(value, str) and value.startswith(_JSON) else value
