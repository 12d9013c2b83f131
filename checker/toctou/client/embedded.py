"""The default backend: the engine in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toctou.client.backend import UNASKED, CreateTable, Performed
from toctou.engine import LARGE, Engine, Kind, Schema, ServiceError, actions_of, footprint
from toctou.errors import ModelError
from toctou.history.footprint import EMPTY
from toctou.history.item import Image, ItemId
from toctou.history.operation import ErrorResponse
from toctou.scheduling.choices import Choices

_LONGEST = 300
"""Characters of an item in an error."""

_DESCRIBES = actions_of(Kind.DESCRIBES)


class EmbeddedBackend:
    """Performs operations on an :class:`toctou.engine.Engine` of its own."""

    name = "embedded"
    repeatable = True

    def __init__(self) -> None:
        self._engine = Engine()
        self._schemas: dict[str, Schema] = {}
        self._initial = 0

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`."""
        self._engine = Engine()
        self._schemas = {}
        for table in tables:
            self._declare("CreateTable", table, f"table {table.get('TableName')!r}")
            self._schemas[table["TableName"]] = Schema.of(table)
        for name, images in items.items():
            for image in images:
                self._declare("PutItem", {"TableName": name, "Item": image}, f"item {image!r} of table {name!r}")
        self._initial = self._engine.sequence  # the engine keeps versions, so restoring drops the later ones

    def restore(self) -> None:
        """See :class:`Backend`."""
        self._engine.restore(self._initial)

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:  # noqa: ARG002
        """See :class:`Backend`."""
        before = self._engine.sequence
        result = error = None
        try:
            if action in _DESCRIBES:
                # The service counts the items of a table about every six hours, so requests of a check see the initial counts:
                # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
                result = self._engine.perform_as_of(self._initial, action, parameters)
            else:
                result = self._engine.perform(action, parameters)
        except ServiceError as refused:
            error = ErrorResponse(refused.code, refused.message, refused.fields or None)
        changes = self._engine.changes_since(before)
        touched = footprint(
            action,
            parameters,
            self._schemas,
            result=result,
            error_code=error.code if error else None,
            changes=changes,
            largest=self._engine.largest if changes else None,
            large=self._large,
        )
        return Performed(result, error, touched, changes)

    def manage(self, action: str, parameters: Mapping[str, Any]) -> Performed:
        """Perform a call that makes, changes or deletes a table, which no request may; items are touched by none of these."""
        try:
            result = self._engine.perform(action, parameters)
        except ServiceError as refused:
            return Performed(None, ErrorResponse(refused.code, refused.message, refused.fields or None), EMPTY, ())
        if action == "CreateTable":
            self._schemas[parameters["TableName"]] = Schema.of(parameters)
        return Performed(result, None, EMPTY, ())

    def _large(self) -> Iterator[tuple[ItemId, Image]]:
        return self._engine.larger_than(LARGE)

    def touched(self) -> tuple[tuple[int, ItemId], ...]:
        """The number and the item of each change since the initial state, in commit order."""
        return self._engine.touched_since(self._initial)

    def perform_without(self, hidden: Sequence[int], action: str, parameters: Mapping[str, Any]) -> Performed:
        """Perform a read that misses the changes with these numbers; see :class:`Engine`."""
        result = self._engine.perform_without(hidden, action, parameters)
        read = footprint(action, parameters, self._schemas, result=result, error_code=None, changes=())
        return Performed(result, None, read, ())

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`."""
        return self._engine.stored()

    def close(self) -> None:
        """Nothing is held."""

    def _declare(self, action: str, parameters: Mapping[str, Any], what: str) -> None:
        try:
            self._engine.perform(action, parameters)
        except ServiceError as refused:
            raise refused_declaration(what, refused.code, refused.message) from None


def refused_declaration(what: str, code: str, message: str) -> ModelError:
    """The error for a table or an item of a model that a backend rejects."""
    what = what if len(what) <= _LONGEST else what[: _LONGEST - 1] + "…"
    cause = "a key attribute is missing or of another type, or a value that DynamoDB does not store"
    if code == "ResourceNotFoundException":
        cause = "`items` names a table that `tables` does not declare"
    return ModelError(
        f"the model's {what} was refused: {code}: {message}",
        expected="tables and initial items that DynamoDB accepts",
        cause=cause,
        remedy="correct `tables` or `items` of the model",
    )
