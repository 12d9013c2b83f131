"""AWS's SDK for JavaScript, version 3, against ``toctou serve``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from node_packages import SDK, installed
from serving_process import serving

SCRIPT = Path(__file__).with_name("sdk_for_javascript.mjs")


@pytest.fixture(scope="module")
def seen():
    folder = installed(SDK)
    with serving() as server:
        done = subprocess.run(
            ["node", SCRIPT, server.url, folder], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tables_are_described(seen):
    assert seen["created"] == {"status": "ACTIVE", "date": True}


def test_every_type_comes_back(seen):
    deep = {"list": [None, True, "ü"]}
    assert seen["got"] == {"id": "a", "at": 1, "binary": [0, 255], "tags": ["x", "y"], "deep": deep}
    assert seen["requestId"] == 52


def test_a_failed_condition(seen):
    assert seen["condition"] == {
        "name": "ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "status": 400,
        "Item": ["at", "binary", "deep", "id", "tags"],
    }


def test_a_cancelled_transaction(seen):
    transaction = seen["transaction"]
    assert transaction["name"] == "TransactionCanceledException"
    assert transaction["message"].endswith("[None, ConditionalCheckFailed]")
    assert [reason["Code"] for reason in transaction["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]


def test_other_errors(seen):
    assert seen["missingTable"]["name"] == "ResourceNotFoundException"
    assert seen["missingKey"]["name"] == "ValidationException"
    assert "Value null at 'key'" in seen["missingKey"]["message"]
    assert seen["emptyTransaction"]["name"] == "ValidationException"
    assert "Value '[]' at 'transactItems'" in seen["emptyTransaction"]["message"]


def test_concurrent_calls(seen):
    assert seen["counter"] == 200
    assert seen["winners"] == 1


def test_a_query_of_several_pages(seen):
    assert seen["query"] == {"at": [17, 16, 15], "next": {"id": "q", "at": 15}}
