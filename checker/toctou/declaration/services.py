"""Joins the backend of a model with the AWS services that the model lists or answers for."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from toctou.client.backend import Backend
from toctou.client.other_services import OtherServices, Outcomes
from toctou.client.services_backend import ServicesBackend
from toctou.client.users_moto import users_moto_is_active

_KNOWN: MutableMapping[type[Any], Outcomes] = WeakKeyDictionary()
"""By model, so that it is asked once for all laboratories."""


def services_of(model: type[Any], backend: Backend) -> ServicesBackend | None:
    """A backend joined with the services of a model; ``None`` where handlers run elsewhere."""
    if model.service is not None:
        return None
    services = None if not model.services and users_moto_is_active() else tuple(model.services)
    known = None if services is None else _KNOWN.setdefault(model, {})
    return ServicesBackend(backend, OtherServices(services, model.answers, known))


def adopt_outcomes(model: type[Any], outcomes: Outcomes) -> None:
    """Know what calls of a model came to in another process."""
    _KNOWN.setdefault(model, {}).update(outcomes)
