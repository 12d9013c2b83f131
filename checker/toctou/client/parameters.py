"""Copies the parameters of a call as they would be sent, and checks whether botocore would surely accept them.

botocore's validator traverses a description of every shape at every call, which takes longer than the engine takes to perform
it.  Here each operation's input shape is compiled once into nested functions that copy values of plain types.  Any other
value raises :class:`NotPlainlyValid`, and botocore's own validator decides, whose report the handler must see.

The copy keeps handlers and histories from sharing mutable values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

Copy = Callable[[Any], Any]


class NotPlainlyValid(Exception):
    """The value may still be valid; botocore has to decide."""


_copies: dict[str, Copy] = {}


def copy_if_valid(model: OperationModel) -> Copy:
    """A function that makes a deep copy of an operation's parameters, or raises :class:`NotPlainlyValid`."""
    copy = _copies.get(model.name)
    if copy is None:
        shape = model.input_shape
        copy = _copies[model.name] = _never if shape is None else _compiled(shape, {})
    return copy


def refusal(action: str, parameters: Mapping[str, Any]) -> str:
    """What botocore's validator has to say against the parameters of a call, in one line; ``""`` if nothing."""
    shape = ServiceModel(Loader().load_service_model("dynamodb", "service-2")).operation_model(action).input_shape
    assert shape is not None  # noqa: S101 - every action that is validated takes parameters
    report = ParamValidator().validate(parameters, shape)
    return report.generate_report().replace("\n", "; ") if report.has_errors() else ""


def as_sent(value: Any, shape: Any) -> Any:
    """A deep copy of a value that botocore accepts for a shape, in the plain types that its serialiser would write.

    Raises:
        TypeError: botocore's serialiser rejects a binary that its validator accepts, such as an open file.
    """
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            return {name: as_sent(content, shape.members[name]) for name, content in value.items()}
        case "map" if isinstance(value, Mapping):
            return {name: as_sent(content, shape.value) for name, content in value.items()}
        case "list":
            return [as_sent(content, shape.member) for content in value]
        case "blob":
            return value.encode() if isinstance(value, str) else bytes(memoryview(value))
        case "string" if isinstance(value, str):  # such as a member of an enumeration
            return "".join(value)
        case _:
            return value


def _compiled(shape: Shape, known: dict[str, Copy]) -> Copy:
    if shape.name in known:
        return known[shape.name]
    # A shape may contain itself (attribute values do), so its copy is found by name when it is called.
    known[shape.name] = lambda value: known[shape.name](value)  # noqa: PLW0108 - the name is bound later
    known[shape.name] = copy = _COMPILERS.get(shape.type_name, _give_up)(shape, known)
    return copy


def _plain_type(shape: Shape) -> type | None:
    """The type whose values are all valid and need no copy; ``None`` if there is none."""
    return _PLAIN.get(shape.type_name) if _range(shape) == _range(None) else None


def _structure(shape: Any, known: dict[str, Copy]) -> Copy:
    if shape.metadata.get("document") or shape.metadata.get("union"):
        return _never
    members = {name: _compiled(member, known) for name, member in shape.members.items()}
    plain = _plain_members(shape)
    required = frozenset(shape.metadata.get("required", ()))

    def copy(value: Any) -> Any:
        if type(value) is not dict or (required and not required <= value.keys()):
            raise NotPlainlyValid
        found = {}
        for name, content in value.items():
            if type(content) is plain.get(name):
                found[name] = content
            elif name in members:
                found[name] = members[name](content)
            else:
                raise NotPlainlyValid
        return found

    return copy


def _plain_members(shape: Any) -> dict[str, type]:
    """The members of a structure whose type is all that there is to check, with their types."""
    return {name: kind for name, member in shape.members.items() if (kind := _plain_type(member)) is not None}


def _map(shape: Any, known: dict[str, Copy]) -> Copy:
    member, plain = _compiled(shape.value, known), _plain_type(shape.value)
    shortest, longest = _range(shape.key)
    if member is not _never and shape.value.type_name == "structure" and not shape.value.metadata.get("required"):
        single = _plain_members(shape.value)
    else:
        single = {}

    def copy(value: Any) -> Any:
        if type(value) is not dict:
            raise NotPlainlyValid
        found = {}
        for name, content in value.items():
            if type(name) is not str or not shortest <= len(name) <= longest:
                raise NotPlainlyValid
            if type(content) is plain:
                found[name] = content
            elif single and type(content) is dict and len(content) == 1:
                # Nearly always an attribute value such as {"S": "alice"}: saves a call for each.
                for kind, inner in content.items():
                    found[name] = {kind: inner} if type(inner) is single.get(kind) else member(content)
            else:
                found[name] = member(content)
        return found

    return copy


def _list(shape: Any, known: dict[str, Copy]) -> Copy:
    member, plain = _compiled(shape.member, known), _plain_type(shape.member)
    shortest, longest = _range(shape)

    def copy(value: Any) -> Any:
        if type(value) not in (list, tuple) or not shortest <= len(value) <= longest:
            raise NotPlainlyValid
        return [content if type(content) is plain else member(content) for content in value]

    return copy


def _string(shape: Any, _known: dict[str, Copy]) -> Copy:
    shortest, longest = _range(shape)

    def copy(value: Any) -> Any:
        if type(value) is not str or not shortest <= len(value) <= longest:
            raise NotPlainlyValid
        return value

    return copy


def _of_type(*types: type) -> Callable[[Any, dict[str, Copy]], Copy]:
    def compiler(shape: Any, _known: dict[str, Copy]) -> Copy:
        smallest, largest = _range(shape)
        ranged = (smallest, largest) != _range(None)

        def copy(value: Any) -> Any:
            if type(value) not in types or (ranged and not smallest <= value <= largest):
                raise NotPlainlyValid
            return value

        return copy

    return compiler


def _range(shape: Any) -> tuple[int, int]:
    metadata = {} if shape is None else shape.metadata
    return metadata.get("min", -sys.maxsize), metadata.get("max", sys.maxsize)


def _never(_value: Any) -> Any:
    raise NotPlainlyValid


def _give_up(_shape: Any, _known: dict[str, Copy]) -> Copy:
    return _never


_PLAIN = {"string": str, "blob": bytes, "boolean": bool, "integer": int, "long": int}

_COMPILERS: dict[str, Callable[[Any, dict[str, Copy]], Copy]] = {
    "structure": _structure,
    "map": _map,
    "list": _list,
    "string": _string,
    "blob": _of_type(bytes),
    "boolean": _of_type(bool),
    "integer": _of_type(int),
    "long": _of_type(int),
}
