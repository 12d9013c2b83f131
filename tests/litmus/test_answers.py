"""Whatever form an answer has, a race that shows only in it is found, and an answer that is raised is no unhandled exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from werkzeug.exceptions import InternalServerError, NotFound
from werkzeug.wrappers import Response as Answer

import toctou
from toctou import Model, Response, Table, handler
from toctou.errors import ModelError

counts = boto3.resource("dynamodb", region_name="us-east-1").Table("Counts")


def count(name: str) -> int:
    return int(counts.get_item(Key={"name": name}, ConsistentRead=True)["Item"]["n"])


def moved(principal: str) -> int:
    changes = [
        {
            "Update": {
                "TableName": "Counts",
                "Key": {"name": name},
                "UpdateExpression": "ADD n :change",
                "ExpressionAttributeValues": {":change": change},
            }
        }
        for name, change in (("left", -1), ("right", 1))
    ]
    counts.meta.client.transact_write_items(TransactItems=changes)
    return 204


def model_of(total: Callable[[str], Any], **attributes: Any) -> type[Model]:
    """A model whose `total` reads two counts in two calls while they change in one."""
    return type(
        "Counts",
        (Model,),
        {
            "tables": [Table("Counts", "name")],
            "items": {"Counts": [{"name": "left", "n": 5}, {"name": "right", "n": 5}]},
            "principals": ["alice"],
            "move": handler(moved),
            "total": handler(total, read_only=True),
            **attributes,
        },
    )


def total() -> int:
    return count("left") + count("right")


def in_a_header(principal: str) -> Any:
    return {"statusCode": 200, "headers": {"X-Total": total()}}


def in_a_stream(principal: str) -> Answer:
    return Answer(str(count(name)) for name in ("left", "right"))


def in_what_is_raised(principal: str) -> int:
    raise NotFound(f"there are {total()}")


async def in_an_object_of_its_own(principal: str) -> Any:
    return type("Result", (), {"status": "200 OK", "data": total()})()


@pytest.mark.parametrize("answer", [in_a_header, in_a_stream, in_what_is_raised, in_an_object_of_its_own])
def test_a_race_that_shows_only_there_is_found(answer):
    result = toctou.check(model_of(answer))
    assert result.verdict == "VIOLATED"
    assert {finding.finding.oracle for finding in result.violations} == {"linearizability"}


def test_what_only_a_header_says_is_told():
    (violation,) = toctou.check(model_of(in_a_header)).violations
    assert violation.finding.closest.contradiction == (
        "A (alice)'s total answered 200 (x-total: 11), but after B (alice)'s move it would have answered 200 (x-total: 10)"
    )


def raises_not_found(principal: str) -> int:
    if "Item" not in counts.get_item(Key={"name": "none"}):
        raise NotFound
    return 200


def raises_500(principal: str) -> int:
    if "Item" not in counts.get_item(Key={"name": "none"}):
        raise InternalServerError
    return 200


def test_a_status_that_is_raised_counts_as_one_that_is_returned():
    assert toctou.check(model_of(raises_not_found)).verdict == "VERIFIED"
    failing = toctou.check(model_of(raises_500))
    assert (failing.violations, failing.stop_reason) == ((), "not_reached"), "an answer, but never an accepted one"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def raises_what_has_no_text(principal: str) -> int:
    counts.get_item(Key={"name": "none"})
    raise Unspeakable


def test_an_exception_that_cannot_be_shown_is_one_all_the_same():
    result = toctou.check(model_of(raises_what_has_no_text))
    assert result.verdict == "VIOLATED"
    assert any("Unspeakable" in one.finding.statement for one in result.violations)


class Silent:
    """A reference that says nothing about headers, and one that does."""

    headers: tuple[tuple[str, str], ...] = ()

    def state_of(self, items):
        return {item["name"]: int(item["n"]) for item in items["Counts"]}

    def step(self, state, request):
        if request.handler == "move":
            return {"left": state["left"] - 1, "right": state["right"] + 1}, 204
        return state, Response(200, state["left"], headers=self.headers)


class Exact(Silent):
    headers = (("ETag", "6"),)


def left(principal: str) -> Any:
    return count("left"), 200, {"ETag": "5"}


@pytest.mark.parametrize(("reference", "verdict"), [(Silent(), "VERIFIED"), (Exact(), "VIOLATED")])
def test_headers_are_held_against_a_reference_that_has_some(reference, verdict):
    assert toctou.check(model_of(left, reference=reference)).verdict == verdict


def test_an_answer_that_cannot_be_compared_is_an_invalid_model():
    def opaque(principal):
        return type("Result", (), {"__init__": lambda self: vars(self).update(status=200, total=total())})()

    with pytest.raises(
        ModelError, match=r"'total' returned .*nothing but its status can be compared, and it has total"
    ):
        toctou.check(model_of(opaque, move=None))
