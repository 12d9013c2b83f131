"""What the checker does in a handler's place takes none of the handler's time."""

from __future__ import annotations

from typing import Any

import boto3

import toctou
from toctou import Model, Table, Verdict, handler, real_time
from toctou.execution import isolation
from toctou.scheduling.runner import Limits

LIMIT = 0.5

notes = boto3.resource("dynamodb", region_name="us-east-1").Table("Notes")


class Notes(Model):
    tables = [Table("Notes", "id")]
    principals = ["alice"]

    @handler
    def note(self, principal: str) -> int:
        notes.put_item(Item={"id": principal})
        return 200


def test_a_process_that_takes_long_to_make_is_not_taken_for_a_silent_handler(monkeypatch):
    real = isolation.forked

    def slow(*arguments: Any) -> Any:
        real_time.sleep(2 * LIMIT)
        return real(*arguments)

    monkeypatch.setattr(isolation, "forked", slow)
    result = toctou.check(
        Notes, isolation="processes", requests=1, confirm=False, limits=Limits(seconds=LIMIT), fixes=False
    )
    assert result.verdict is Verdict.VERIFIED, result.detail
