"""A backend of DynamoDB together with the other AWS services of a model, as one backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from toctou.client.backend import UNASKED, Backend, CreateTable, Performed
from toctou.client.other_services import OtherServices, Outcomes, is_service_call
from toctou.history.item import Image
from toctou.scheduling.choices import Choices


class ServicesBackend:
    """Performs operations of DynamoDB on a backend, and calls to other services beside it, while :meth:`opened`.

    Attributes:
        in_use: whether a model says anything of other services.
        in_setup: whether a call belongs to no request, and is part of the initial state.
    """

    def __init__(self, backend: Backend, services: OtherServices) -> None:
        self.name = backend.name
        self.repeatable = backend.repeatable
        self.in_use = services.in_use
        self.in_setup = False
        self._backend = backend
        self._services = services

    @property
    def set_up(self) -> Outcomes:
        """Outcomes of the calls to the services that have made their initial state."""
        return self._services.set_up

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the services while inside."""
        self._services.open()
        try:
            yield
        finally:
            self._services.close()

    def drawing(self, seed: int) -> AbstractContextManager[None]:
        """See :meth:`OtherServices.drawing`."""
        return self._services.drawing(seed)

    @contextmanager
    def setup(self) -> Iterator[None]:
        """While inside, calls to the services make their initial state."""
        self.in_setup = True
        try:
            with self._services.setup():
                yield
        finally:
            self.in_setup = False

    def load(self, tables: Sequence[CreateTable], items: Mapping[str, Sequence[Image]]) -> None:
        """See :class:`Backend`; the services hold what was set up."""
        self._backend.load(tables, items)
        self._services.restore()

    def restore(self) -> None:
        """See :class:`Backend`."""
        self._backend.restore()
        self._services.restore()

    def perform(self, action: str, parameters: Mapping[str, Any], choices: Choices = UNASKED) -> Performed:
        """See :class:`Backend`."""
        if is_service_call(action):
            return self._services.performed(action, parameters)
        return self._backend.perform(action, parameters, choices)

    def stored(self) -> dict[str, list[Image]]:
        """See :class:`Backend`; what is in the services follows."""
        return {**self._backend.stored(), **self._services.stored()}

    def close(self) -> None:
        """See :class:`Backend`."""
        self._backend.close()
