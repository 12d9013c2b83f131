"""Decides what a model says of AWS services other than DynamoDB, and whether it can be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from toctou.client.backend import Backend
from toctou.client.other_services import OtherServices, Outcomes
from toctou.client.service_names import known_services
from toctou.client.services_backend import ServicesBackend
from toctou.client.users_moto import users_moto_is_active
from toctou.errors import ModelError

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


def check_services(model: type[Any]) -> None:
    """Check what a model says of other services.

    Raises:
        ModelError: no list of names of services, or no mapping from actions.
    """
    services, answers = model.services, model.answers
    is_list = isinstance(services, Collection) and not isinstance(services, str | bytes | Mapping)
    if not is_list or not all(isinstance(one, str) for one in services):
        raise ModelError(
            f"`services` of the model {model.__name__} is {services!r}",
            expected="a list of names of AWS services, as boto3.client takes them",
            remedy='for example services = ["sqs", "s3"]',
        )
    known = known_services()
    if unknown := [one for one in services if one not in known or one == "dynamodb"]:
        raise ModelError(
            f"`services` of the model {model.__name__} has {unknown[0]!r}",
            expected="a name as boto3.client takes it; DynamoDB needs none",
            remedy=f"for example {', '.join(repr(one) for one in known if one[:2] == unknown[0][:2]) or repr('sqs')}",
        )
    if not isinstance(answers, Mapping):
        wrong: object = answers
    else:
        wrong = next((one for one in answers if not isinstance(one, str) or one.partition(".")[0] not in known), None)
    if wrong is not None:
        raise ModelError(
            f"`answers` of the model {model.__name__} has {wrong!r}",
            expected="a mapping from actions, SERVICE.ACTION, to responses or functions of the parameters",
            remedy='for example answers = {"sqs.SendMessage": {"MessageId": "1"}, "cloudwatch.*": {}}',
        )
    if services:
        from toctou.client.moto_services import preload  # noqa: PLC0415 - moto takes most of a second to import

        preload(services)
