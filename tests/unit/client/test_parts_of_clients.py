"""Clients that share parts are what each would be with parts of its own."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import botocore.hooks
import pytest
from botocore.hooks import EventAliaser, HierarchicalEmitter

from toctou.client import parts_of_clients
from toctou.client.service_descriptions import service_descriptions_shared

KEYS = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


@pytest.fixture
def sharing() -> Iterator[None]:
    with service_descriptions_shared():
        yield


def named(events: Any, event: str) -> list[str]:
    return [answer for _, answer in events.emit(event)]


def listener(answer: str) -> Callable[..., str]:
    return lambda **_: answer


@pytest.mark.parametrize("seed", range(40))
def test_trees_of_listeners_that_are_copied_and_changed_find_what_they_would(seed: int) -> None:
    draw = random.Random(seed)
    copied_whole = botocore.hooks._PrefixTrie.__copy__
    trees, twins = [botocore.hooks._PrefixTrie()], [botocore.hooks._PrefixTrie()]
    keys = ["a", "a.b", "a.b.c", "a.*.c", "b", "b.c"]
    for number in range(40):
        at, key = draw.randrange(len(trees)), draw.choice(keys)
        match draw.randrange(4):
            case 0:
                trees.append(parts_of_clients._shared(trees[at]))
                twins.append(copied_whole(twins[at]))
            case 1:
                added = [value for value in twins[at].prefix_search(key) if isinstance(value, int)]
                removed = draw.choice(added) if added else 0
                outcomes = []
                for tree in (trees[at], twins[at]):
                    try:
                        tree.remove_item(key, removed)
                        outcomes.append("removed")
                    except (ValueError, AttributeError) as missing:  # botocore raises one or the other
                        outcomes.append(type(missing).__name__)
                assert len({*outcomes}) == 1
            case _:
                section = draw.randrange(3)
                trees[at].append_item(key, number, section)
                twins[at].append_item(key, number, section)
        for tree, twin in zip(trees, twins, strict=True):
            assert [tree.prefix_search(one) for one in keys] == [twin.prefix_search(one) for one in keys]


def test_what_listens_to_one_client_listens_to_no_other_one_also_afterwards() -> None:
    with service_descriptions_shared():
        session = boto3.Session(**KEYS)
        one, other = session.client("dynamodb"), session.client("dynamodb")
        one.meta.events.register("seen.by", listener("one"))
        session.events.register("seen.by", listener("session"))
    other.meta.events.register("seen.by", listener("other"))
    third = session.client("dynamodb")
    assert named(one.meta.events, "seen.by") == ["one"]
    assert named(other.meta.events, "seen.by") == ["other"]
    assert named(third.meta.events, "seen.by") == ["session"]


@pytest.mark.usefixtures("sharing")
def test_a_listener_to_the_making_of_a_class_changes_that_class_only() -> None:
    session = boto3.Session(**KEYS)
    session.events.register(
        "creating-client-class.dynamodb", lambda class_attributes, **_: class_attributes.update(more=1)
    )
    assert hasattr(session.client("dynamodb"), "more")
    assert not hasattr(boto3.Session(**KEYS).client("dynamodb"), "more")
    assert boto3.Session(**KEYS).client("sqs").send_message.__name__ == "send_message"


@pytest.mark.usefixtures("sharing")
def test_events_have_their_other_names_and_somebody_elses() -> None:
    own = EventAliaser(HierarchicalEmitter(), {"old": "new"})
    usual = EventAliaser(HierarchicalEmitter())
    for events in (own, usual, copy.copy(own), copy.copy(usual)):
        events.register("x.old", listener("seen"))
        events.register("before-call.emr", listener("emr"))
    assert named(own, "x.new") == ["seen"]
    assert named(usual, "x.new") == []
    assert named(usual, "before-call.emr") == ["emr"]
    assert named(usual, "before-call.elasticmapreduce") == ["emr"]
    assert named(own, "before-call.elasticmapreduce") == []


@pytest.mark.usefixtures("sharing")
def test_only_what_takes_keywords_may_listen() -> None:
    class Listens:
        def by_method(self, **_: Any) -> str:
            return "method"

        def without(self) -> None: ...

    events = HierarchicalEmitter()
    events.register("e", Listens().by_method)
    events.register("e", partial(listener("partial")))
    for refused in (Listens().without, partial(lambda: None), lambda: None):
        with pytest.raises(ValueError, match="must accept keyword arguments"):
            events.register("e", refused)
    assert named(events, "e") == ["method", "partial"]


@pytest.mark.usefixtures("sharing")
def test_endpoints_are_those_of_each_service_and_region() -> None:
    found = {
        boto3.client(service, **{**KEYS, "region_name": region}).meta.endpoint_url
        for service in ("sqs", "dynamodb")
        for region in ("eu-west-1", "us-east-2")
        for _ in range(2)
    }
    assert found == {
        f"https://{one}.amazonaws.com"
        for one in ("sqs.eu-west-1", "sqs.us-east-2", "dynamodb.eu-west-1", "dynamodb.us-east-2")
    }
