"""Sets a model up before each schedule: makes an instance and calls its ``setup``, whose calls are performed at once.

They are performed on a DynamoDB of their own, which begins anew with what the model declares each time.  So they have the same
results before each schedule, and in each process of a request, and what they store is there once: what they stored the first time
is part of what every schedule begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from toctou.client.backend import Performed
from toctou.client.intercept import performed_at_once
from toctou.client.outside import OwnDynamoDB, Stored
from toctou.declaration.initial_state import has_calls, initial_state, remarks_on_imports
from toctou.declaration.model import Model, attempted, made
from toctou.engine import Division
from toctou.errors import ModelError, UncontrolledHandler
from toctou.scheduling import boundary


class SetUp:
    """Sets a model up any number of times.

    Args:
        model: the model's class.
        alike: while inside, code reads the same date and draws the same numbers whenever it is run.

    Attributes:
        initial: what a schedule begins with; without what ``setup`` stores until it was run.
        division: divides batches into steps, for the tables of that.
        remarks: what a reader of the verdict should know, as sentences.

    Raises:
        ModelError: a declared item cannot be stored.
    """

    def __init__(self, model: type[Model], alike: Callable[[], AbstractContextManager[None]]) -> None:
        self._model = model
        self._alike = alike
        self._does_something = model.setup is not Model.setup or model.__init__ is not object.__init__
        self._begin = self.initial = initial_state(model)
        self.division = Division()
        self.division.declare(self.initial[0])
        self.remarks = remarks_on_imports(model)
        self._own: OwnDynamoDB | None = None
        self._stores: Stored | None = None

    @property
    def stores_more_than_declared(self) -> bool:
        """Whether calls outside of requests have stored something of :attr:`initial`."""
        return self._stores is not None or has_calls(self._model)

    def run_first(self) -> bool:
        """Set the model up for :attr:`initial`; whether something is stored by that.

        Raises:
            ModelError: see :meth:`run`.
        """
        if self._does_something:
            with suppress(UncontrolledHandler):  # it is told when a schedule begins
                self.run()
        return self._stores is not None

    def run(self) -> Model:
        """Set the model up; returns the instance.

        Raises:
            ModelError: it cannot be set up, or does not store the same each time.
        """
        if not self._does_something:
            return made(self._model)
        self._own = None
        with self._alike(), boundary.reading("setup"), performed_at_once(self._perform):
            instance = made(self._model)
            attempted(self._model, instance.setup)
        stores = self._own.stored() if self._own is not None and self._own.calls else None
        if self._stores is None:
            self._stores = stores
            self.initial = stores or self._begin
            self.division.declare(self.initial[0])
        elif stores != self._stores:
            raise _varies(self._model)
        return instance

    def _perform(self, action: str, parameters: Mapping[str, Any]) -> Performed:
        if self._own is None:
            self._own = OwnDynamoDB(self._begin)
        return self._own.perform(action, parameters)


def _varies(model: type[Model]) -> ModelError:
    return ModelError(
        f"`setup` of the model {model.__name__} does not store the same before each schedule",
        expected="tables and items that are the same each time; its clock and random numbers are",
        cause="what it stores depends on what it, or a handler, has left in memory",
        remedy="declare the items in `items`, or store them whatever was before",
    )
