"""What it costs to set up what handlers, and the checker, set up again and again; as ratios, which machines share.

``python tests/benchmarks/set_up.py`` prints processor time in milliseconds: of a check whose requests make a session and a
client, beside one that keeps its client, and of a laboratory that is opened for the first time, beside the next ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3

import toctou
from toctou import Model, Table, handler
from toctou.client.backends import backend_named
from toctou.client.environment import client_environment
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.runner import Limits

ADD: dict[str, Any] = {
    "TableName": "Notes",
    "Key": {"note_id": {"S": "n1"}},
    "UpdateExpression": "ADD #c :one",
    "ExpressionAttributeNames": {"#c": "count"},
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
kept = boto3.client("dynamodb", region_name="us-east-1")


class Keeping(Model):
    tables = (Table("Notes", "note_id"),)

    @handler()
    def add(self, principal: str) -> int:
        kept.update_item(**ADD)
        return 204


class Making(Keeping):
    @handler()
    def add(self, principal: str) -> int:
        boto3.Session(region_name="us-east-1").client("dynamodb").update_item(**ADD)
        return 204


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Processor time of one run, on average."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1_000


def open_laboratory(backend: str) -> None:
    with closing(backend_named(backend)) as opened, Laboratory(Keeping, opened, Limits()).opened():
        pass


def made_anew() -> float:
    """How many times as long a session and a client take without what is shared while requests run."""

    def make() -> object:
        return boto3.Session("a", "b", region_name="us-east-1").client("dynamodb")

    alone = milliseconds(make, 10)
    with client_environment():
        make()
        return alone / milliseconds(make, 10)


def main() -> int:
    for model in (Keeping, Making):
        toctou.check(model, confirm=False, isolation="memory")
        took = milliseconds(
            lambda model=model: toctou.check(model, confirm=False, isolation="memory", every_step=True), 3
        )
        print(f"a check of {model.__name__:8} {took:8.1f} ms")
    for backend in ("embedded", "moto"):
        first = milliseconds(lambda backend=backend: open_laboratory(backend), 1)
        later = milliseconds(lambda backend=backend: open_laboratory(backend), 20)
        print(f"a laboratory on {backend:8} first {first:8.1f} ms, then {later:6.1f} ms")
    print(f"a session and a client take {made_anew():.1f} times as long where descriptions are not shared")
    return 0


if __name__ == "__main__":
    sys.exit(main())
