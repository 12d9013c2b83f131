"""Tracks which attributes of a result its handler reads, so that a report can say what it decided on.

A result and the items in it are returned as dictionaries that record accesses.  Reading or testing an attribute accesses that
attribute; taking the dictionary as a whole (iterating, comparing, copying, ``json.dumps``, sending it back or returning it)
accesses all of them.  Reading ``Item``, ``Items`` or the like accesses the existence of the items.

Tracking is on only while a counterexample is run again to be explained, so that exploring costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.item import ItemId
from toctou.history.operation import Accessed, AccessedFrom, Operation
from toctou.history.request import SourceLine

_REVEALS_EXISTENCE = frozenset(
    {"Item", "Items", "Count", "ScannedCount", "Responses", "LastEvaluatedKey", "UnprocessedKeys"}
)

_EVERYTHING = (ALL, EXISTENCE)
See = Callable[..., None]


class Watched(dict[str, Any]):
    """A dictionary that reports to ``see`` which names are read; ``ALL`` and ``EXISTENCE`` if it is taken as a whole."""

    __slots__ = ("_see",)

    def __init__(self, content: Mapping[str, Any], see: See) -> None:
        super().__init__(content)
        self._see = see

    def __bool__(self) -> bool:
        return len(dict.keys(self)) > 0

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        self._see(*_EVERYTHING)
        return dict, (untracked(self),)


def _of_one(name: str) -> Any:
    plainly = getattr(dict, name)

    def asked(self: Watched, attribute: Any, *default: Any) -> Any:
        self._see(attribute)
        return plainly(self, attribute, *default)

    return asked


def _of_all(name: str) -> Any:
    plainly = getattr(dict, name)

    def asked(self: Watched, *arguments: Any) -> Any:
        self._see(*_EVERYTHING)
        return plainly(self, *arguments)

    return asked


# `dict` implements these in C without calling one another, so each needs an override.
for _name in ("__getitem__", "__contains__", "get", "pop", "setdefault"):
    setattr(Watched, _name, _of_one(_name))
for _name in (
    *("__iter__", "__reversed__", "__len__", "__eq__", "__ne__", "__or__", "__ror__", "__repr__"),
    *("items", "keys", "values", "copy", "popitem"),
):
    setattr(Watched, _name, _of_all(_name))


def untracked(value: Any) -> Any:
    """The value with plain dictionaries instead of watched ones, at any depth; each of those counts as read completely."""
    if isinstance(value, Watched):
        value._see(*_EVERYTHING)
        return {name: untracked(element) for name, element in dict.items(value)}
    if type(value) is dict:
        return {name: untracked(element) for name, element in value.items()}
    if type(value) is list or type(value) is tuple:
        return type(value)(untracked(element) for element in value)
    return value


class AccessTracker:
    """Returns tracked results while it is :attr:`on`."""

    def __init__(self) -> None:
        self.on = False
        self.begin()

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """On while inside."""
        self.on = True
        try:
            yield
        finally:
            self.on = False

    def begin(self) -> None:
        """Forget all accesses: another execution begins."""
        self._notes: dict[tuple[int, int], _Noted] = {}
        self._stacks: dict[tuple[int, int], tuple[SourceLine, ...]] = {}

    def called(self, operation: Operation, stack: tuple[SourceLine, ...]) -> None:
        """An operation was called from there."""
        self._stacks[operation.request, operation.number] = stack

    def tracked(
        self, operations: Sequence[Operation], typed: Mapping[str, Any] | None, result: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The result of a call, as the handler gets it, tracked.

        Args:
            operations: one, or the steps of a batch.
            typed: the result as DynamoDB returns it.
            result: as the handler gets it.
        """
        noted: _Noted = {None: set()}
        for operation in operations:
            items = sorted(operation.footprint.items(), key=str)
            own: _Noted = {None: noted[None], **{item: noted.setdefault(item, set()) for item in items}}
            self._notes[operation.request, operation.number] = own
        typed = typed or {}

        def see(*names: str) -> None:
            if _REVEALS_EXISTENCE.intersection(names) or ALL in names:
                for seen in noted.values():
                    seen.add(EXISTENCE)

        return Watched({name: _field(name, part, typed.get(name), noted) for name, part in result.items()}, see)

    def accessed(self, operation: Operation) -> Accessed:
        """What the handler has read of the result of an operation until now, and where it called it."""
        place = operation.request, operation.number
        seen = {item: frozenset(names) for item, names in self._notes.get(place, {}).items() if names}
        return AccessedFrom(seen, self._stacks.get(place, ()))


_Noted = dict[ItemId | None, set[str]]


def _field(name: str, part: Any, typed: Any, noted: _Noted) -> Any:
    # `part` may have been converted by boto3; `typed` is the same field as DynamoDB returned it, and identifies the items.
    match name, part, typed:
        case (("Item" | "Attributes"), dict(), dict()):
            return _item(part, typed, noted)
        case "Items", list(), list():
            return [_item(*pair, noted) for pair in zip(part, typed, strict=True)]
        case "Responses", dict(), dict():  # of BatchGetItem: by table
            return {table: _field("Items", images, typed.get(table), noted) for table, images in part.items()}
        case "Responses", list(), list():  # of TransactGetItems: in order
            return [
                {inner: _field(inner, content, before.get(inner), noted) for inner, content in one.items()}
                for one, before in zip(part, typed, strict=True)
            ]
    return part


def _item(image: dict[str, Any], typed: Mapping[str, Any], noted: _Noted) -> Watched:
    items = [item for item in noted if item is not None]
    values = list(typed.values())
    by_key = [item for item in items if all({kind: value} in values for kind, value in item.key)]

    def see(*names: str) -> None:
        # a projection may leave the key out: then it may be any of them
        for item in by_key or items:
            noted[item].update(names)

    return Watched(image, see)
