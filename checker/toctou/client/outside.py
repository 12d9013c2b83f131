"""Performs calls that are made outside of requests: while modules are imported, and in the ``setup`` of models.

Nothing schedules them.  Each is performed at once, on a DynamoDB of its own, which begins with what a model declares; what is
there in the end is what a schedule begins with.  Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toctou.client.backend import CreateTable, Performed
from toctou.client.embedded import refused_declaration
from toctou.engine import Engine, Kind, ServiceError, actions_of
from toctou.history.footprint import EMPTY
from toctou.history.item import Image
from toctou.history.operation import ErrorResponse

_CHANGES = actions_of(Kind.WRITES, Kind.MANAGES)

_OF_TABLE = ("AttributeDefinitions", "KeySchema", "StreamSpecification", "TableName")
_OF_INDEX = ("IndexName", "KeySchema", "Projection")
_INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


class Stored(NamedTuple):
    """Tables, as parameters of ``CreateTable``, and the items in them by table."""

    tables: Sequence[CreateTable]
    items: Mapping[str, Sequence[Image]]


NOTHING = Stored((), {})


class Call(NamedTuple):
    """A call that may have changed something."""

    action: str
    parameters: Mapping[str, Any]


class OwnDynamoDB:
    """The DynamoDB on which calls outside of requests are performed.

    Args:
        begin: what is in it at first.

    Attributes:
        calls: those that may have changed something, in their order.

    Raises:
        ModelError: a table or an item is not accepted.
    """

    def __init__(self, begin: Stored) -> None:
        self.calls: list[Call] = []
        self._begin = begin
        self._created: dict[str, CreateTable] = {str(one["TableName"]): one for one in begin.tables}
        self._altered: set[str] = set()
        self._engine = Engine()
        for table in begin.tables:
            self._declare("CreateTable", table, f"table {table.get('TableName')!r}")
        for name, images in begin.items.items():
            for image in images:
                self._declare("PutItem", {"TableName": name, "Item": image}, f"item {image!r} of table {name!r}")

    def has_table(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return self._engine.has_table(name)

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Performed:
        """Perform a call.

        Raises:
            UnsupportedAction: the engine does not know the action.
        """
        if action in _CHANGES:
            self.calls.append(Call(action, parameters))
        try:
            result = self._engine.perform(action, parameters)
        except ServiceError as refused:
            return Performed(None, ErrorResponse(refused.code, refused.message, refused.fields or None), EMPTY, ())
        if action == "CreateTable":
            self._created[parameters["TableName"]] = parameters
        elif action == "UpdateTable":
            self._altered.add(result["TableDescription"]["TableName"])
        return Performed(result, None, EMPTY, ())

    def stored(self) -> Stored:
        """What is in it now."""
        items = self._engine.stored()
        return Stored([self._creating(name) for name in items], items)

    def _creating(self, name: str) -> CreateTable:
        """The parameters that create a table as it is now."""
        if name not in self._altered:
            return self._created[name]
        return creating(self._engine.perform("DescribeTable", {"TableName": name})["Table"])

    def _declare(self, action: str, parameters: Mapping[str, Any], what: str) -> None:
        try:
            self._engine.perform(action, parameters)
        except ServiceError as refused:
            raise refused_declaration(what, refused.code, refused.message) from None


def creating(described: Mapping[str, Any]) -> CreateTable:
    """The parameters that create a table as it is described."""
    parameters = {one: described[one] for one in _OF_TABLE if described.get(one)}
    if not parameters.get("StreamSpecification", {}).get("StreamEnabled", True):
        del parameters["StreamSpecification"]
    for kind in _INDEXES:
        if described.get(kind):
            parameters[kind] = [{one: index[one] for one in _OF_INDEX} for index in described[kind]]
    return {**parameters, "BillingMode": "PAY_PER_REQUEST"}


def after(begin: Stored, calls: Sequence[Call]) -> Stored:
    """What is stored after these calls; one that is refused changes nothing.

    Raises:
        ModelError: see :class:`OwnDynamoDB`.
    """
    if not calls:
        return begin
    own = OwnDynamoDB(begin)
    for call in calls:
        own.perform(*call)
    return own.stored()
