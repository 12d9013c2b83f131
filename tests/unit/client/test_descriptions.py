"""Descriptions of tables: what they say does not depend on what requests do."""

from __future__ import annotations

import pytest
from unscheduled_calls import ALICES, EVENTS, ITEMS

from toctou.client.backends import backend_named
from toctou.history.footprint import EMPTY

BOBS = {"item_id": {"S": "i2"}, "owner": {"S": "bob"}}


@pytest.mark.parametrize("name", ["embedded", "moto"])
def test_a_description_counts_the_initial_items_and_reads_none(name):
    backend = backend_named(name)
    try:
        backend.load([ITEMS, EVENTS], {"Items": [ALICES]})
        for _ in range(2):
            described = backend.perform("DescribeTable", {"TableName": "Items"})
            assert described.result["Table"]["ItemCount"] == 1
            assert described.result["Table"]["TableStatus"] == "ACTIVE"
            assert (described.footprint, described.changes) == (EMPTY, ())
            assert len(backend.perform("PutItem", {"TableName": "Items", "Item": BOBS}).changes) == 1
            assert backend.perform("DescribeTable", {"TableName": "Items"}).result == described.result
            backend.restore()
        assert backend.perform("DescribeTable", {"TableName": "Events"}).result["Table"]["ItemCount"] == 0
        missing = backend.perform("DescribeTable", {"TableName": "Nowhere"})
        assert missing.error.code == "ResourceNotFoundException"
        assert missing.footprint == EMPTY
    finally:
        backend.close()
