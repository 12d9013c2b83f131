"""Decides whether what a model says of AWS services other than DynamoDB can be used: what it lists and what it answers.

Imported only for a model that says anything of them, because botocore takes long to import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from toctou.client.declared_answers import action_meant, is_answer, misfits, service_meant
from toctou.client.no_effect import NoEffect
from toctou.client.service_names import known_services
from toctou.declaration.signatures import answers_later, mismatch, returns_nothing
from toctou.declaration.validation import shown
from toctou.errors import ModelError

_DYNAMODB = "dynamodb"


def wrong_services(model: type[Any]) -> Iterator[ModelError]:
    """The mistakes in ``services`` and ``answers``; if there are none, moto is imported where it is needed."""
    mistakes = [*_of_services(model), *_of_answers(model)]
    yield from mistakes
    if model.services and not mistakes:
        from toctou.client.moto_services import preload  # noqa: PLC0415 - moto takes most of a second to import

        preload(model.services)


def _of_services(model: type[Any]) -> Iterator[ModelError]:
    services = model.services
    where = f"`services` of the model {model.__name__}"
    is_list = isinstance(services, Collection) and not isinstance(services, str | bytes | Mapping)
    if not is_list or not all(isinstance(one, str) for one in services):
        meant = service_meant(services) if isinstance(services, str) else None
        example = f'["{meant}"]' if meant else '["sqs", "s3"]'
        yield ModelError(
            f"{where} is {shown(services)}",
            expected="a list of names of AWS services, as boto3.client takes them",
            remedy=f"for example services = {example}",
        )
        return
    for one in services:
        if one == _DYNAMODB:
            remedy = "leave it out: tables that the model declares are there"
        elif one not in known_services():
            meant = service_meant(one.partition(".")[0])
            remedy = f"did you mean {meant!r}?" if meant else 'for example services = ["sqs", "s3"]'
        else:
            continue
        yield ModelError(
            f"{where} has {one!r}", expected="a name as boto3.client takes it; DynamoDB needs none", remedy=remedy
        )


def _of_answers(model: type[Any]) -> Iterator[ModelError]:
    where = f"`answers` of the model {model.__name__}"
    expected = "a mapping from actions, SERVICE.ACTION, to responses or functions of the parameters"
    example = 'for example answers = {"sqs.SendMessage": {"MessageId": "1"}, "cloudwatch.*": {}}'
    if not isinstance(model.answers, Mapping):
        yield ModelError(f"{where} is {shown(model.answers)}", expected=expected, remedy=example)
        return
    for call, answer in model.answers.items():
        meant = action_meant(call) if isinstance(call, str) else None
        if meant is not None and meant.startswith(f"{_DYNAMODB}."):
            remedy = "leave it out: calls to DynamoDB are performed on the tables that the model declares"
        elif meant is None or meant != call:
            remedy = example if meant is None else f"did you mean {meant!r}?"
        else:
            yield from _of_answer(f"`answers[{call!r}]` of the model {model.__name__}", call, answer)
            continue
        yield ModelError(f"{where} has {shown(call)}", expected=expected, remedy=remedy)


def _of_answer(where: str, call: str, answer: Any) -> Iterator[ModelError]:
    if isinstance(answer, NoEffect):
        answer = answer.answer
    if not is_answer(answer):
        yield ModelError(
            f"{where} is {shown(answer)}",
            expected="a response as boto3 has it (a dictionary), a function of the parameters, or an error of botocore",
            remedy=f"for example answers = {{{call!r}: {{}}}}",
        )
    elif callable(answer):
        later, nothing = answers_later(answer), returns_nothing(answer)
        why = (
            "it is a coroutine or a generator"
            if later
            else "it never returns anything"
            if nothing
            else mismatch(answer, {})
        )
        if why:
            yield ModelError(
                f"{where} is no function that can answer: {why}",
                expected="a function that takes the parameters of the call, as one mapping, and returns a response",
                remedy=f"for example answers = {{{call!r}: lambda parameters: {{}}}}",
            )
    elif isinstance(answer, Mapping):
        for fault, remedy in misfits(call, answer):
            yield ModelError(f"{where} has {fault}", expected="members that the operation returns", remedy=remedy)
