"""What the moto backend remembers, and looks up where moto keeps it, is what moto answers when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dynamodb_requests import Request, full_items, requests
from dynamodb_schemas import Table, databases
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from toctou.client.endpoint import EndpointBackend
from toctou.client.moto_backend import MotoBackend
from toctou.errors import ModelError, UnsupportedAction

ACTIONS = (
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
)


@st.composite
def histories(draw: Any) -> tuple[tuple[Table, ...], list[Request], list[Request]]:
    """Tables, requests that store their first items, and what is asked of them then."""
    tables = draw(databases())
    items = draw(st.lists(full_items(tables), min_size=1, max_size=4))
    return tables, items, draw(st.lists(requests(ACTIONS, tables), min_size=1, max_size=6))


def performed(backend: EndpointBackend, request: Request) -> Any:
    try:
        return backend.perform(*request)
    except (UnsupportedAction, ModelError) as refused:
        return type(refused)
    except Exception as fault:
        return type(fault)


@pytest.fixture(scope="module")
def backends() -> Iterator[tuple[EndpointBackend, EndpointBackend]]:
    looking = MotoBackend()
    asking = EndpointBackend("https://dynamodb.us-east-1.amazonaws.com")  # another region of the same moto
    yield looking, asking
    asking.close()
    looking.close()


@given(history=histories())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_it_is_as_if_moto_had_been_asked(
    backends: tuple[EndpointBackend, EndpointBackend], history: tuple[tuple[Table, ...], list[Request], list[Request]]
) -> None:
    tables, items, asked = history
    looking, asking = backends
    created = [table.create() for table in tables]
    asking.load(created, {})
    for request in items:
        performed(asking, request)
    initial = asking.stored()
    for backend in backends:
        backend.load(created, {table: images for table, images in initial.items() if images})
    for order in (asked, asked, asked[::-1]):  # the second time from memory, then partly from it
        for request in order:
            answer = performed(looking, request)
            assert answer == performed(asking, request), request
            if isinstance(answer, type):  # moto broke off within the request, perhaps half done, and so does a schedule
                break
            if order is asked:  # and otherwise moto holds whatever it held when it was last asked
                assert looking.stored() == asking.stored(), request
        else:
            assert looking.stored() == asking.stored()
        for backend in backends:
            backend.restore()
            assert backend.stored() == initial
