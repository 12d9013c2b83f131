"""What a route or an event would send otherwise than it was meant is told where it is declared, with the remedy."""

from __future__ import annotations

from decimal import Decimal

import pytest

from toctou import Model, Table, event, route
from toctou.declaration.model import check_model
from toctou.errors import ModelError


def served(environ, start_response):
    raise AssertionError("nothing runs")


def function(event, context):
    raise AssertionError("nothing runs")


def sends(path, /, **given):
    return lambda: route(path, **given)


def happens(source, /, **given):
    return lambda: event(source, **given)


def checked(declare):
    members = {"tables": [Table("Things", "id")], "app": served, "function": function, "send": declare()}
    if not members["send"].acts_for_nobody:
        del members["function"]
    check_model(type("Made", (Model,), members))


ID = {"id": ["t1"]}
SENT = {"messages": ["{id}"], **ID}

WRONG = [
    # values and options
    (
        sends("GET /t/{id}", **ID, redeliver=True),
        "the route GET /t/{id} has values of 'redeliver'",
        "the option redelivered=…?",
    ),
    (
        sends("GET /t/{id}", **ID, readonly=True),
        "has values of 'readonly', which it does not name",
        "the option read_only=…?",
    ),
    (sends("GET /t/{id}", **ID, header={"X": "y"}), "has values of 'header'", "did you mean the option headers=…?"),
    (sends("PUT /t/{id}", **ID, json={"a": 1}), "has values of 'json'", "did you mean the option body=…?"),
    (sends("GET /t/{id}", **ID, func=function), "has values of 'func'", "did you mean the option function=…?"),
    (
        sends("GET /t/{principal}", principal=["bob"]),
        "has values of 'principal'",
        "did you mean the option principals=…?",
    ),
    (sends("GET /t/{id}", ids=["t1"]), "has values of 'ids', which it does not name", "did you mean 'id'?"),
    (
        sends("GET /t", **ID),
        "has values of 'id', which it does not name",
        'name it where it is sent, as "{id}", or leave it',
    ),
    (
        sends("GET /t/{id}", **ID, redelivered="yes"),
        "`redelivered` of the handler 'send' of the model Made is 'yes'",
        "=True",
    ),
    (happens("sqs", **SENT, redeliver=True), "the event of sqs has values of 'redeliver'", "the option redelivered=…?"),
    (happens("sqs", **SENT, readonly=True), "the event of sqs has values of 'readonly'", "the option read_only=…?"),
    (
        happens("sqs", **SENT, principals=["alice"]),
        "the event of sqs has values of 'principals'",
        "an event has no caller",
    ),
    (
        happens("sqs", **SENT, queues="q"),
        "the event of sqs has values of 'queues'",
        "did you mean 'queue' by 'queues'?",
    ),
    (
        happens("sqs", **SENT, other=["q"]),
        "has values of 'other', which it does not name",
        "event('sqs', … '{other}' …)",
    ),
    (
        happens("sqs", message=["{id}"], **ID),
        "the event of sqs does not say 'messages'",
        "did you mean 'messages' by 'message'?",
    ),
    (
        happens("sqs", messages=["{id}"], ids=["t1"]),
        "names 'id', of which there are no values",
        "did you mean 'id' by 'ids'?",
    ),
]


@pytest.mark.parametrize(("declare", "observed", "remedy"), WRONG, ids=[str(one[1])[:50] for one in WRONG])
def test_a_mistake_is_told_in_one_line_with_its_remedy(declare, observed, remedy):
    with pytest.raises(ModelError) as refused:
        checked(declare)
    one = refused.value
    assert observed in one.observed
    assert remedy in one.remedy
    assert "\n" not in one.observed + one.remedy


USED = [
    sends("GET /t/{id}", **ID),
    sends("GET /t/{json}", json=["t1"]),
    sends("GET /t?by={principal}&readonly={readonly}", readonly=["yes", "no"], principals=["alice"]),
    sends("PUT /t", body={"all": ["{id}"]}, **ID),
    sends("PURGE /t"),
    sends("post /t", body='{"to": "{principal}", "of": {}}'),
    sends("GET /t/a b:cancel?q=[1]&at=$"),
    sends("POST /t", form={"a": ["{id}", 2]}, **ID),
    sends("POST /t", body="{amount}", amount=[Decimal(1).to_eng_string(), None, [1]]),
    happens("sqs", messages=["{queues}"], queues=["t1"]),
    happens("sqs", messages="{batch}", batch=[["a", "b"], ("c",)]),
    happens("dynamodb", table="Others", records=[{"keys": {"id": "t1"}, "old": {"id": "t1"}, "new": None}]),
]


@pytest.mark.parametrize("declare", USED)
def test_values_by_any_name_are_no_mistakes(declare):
    checked(declare)
