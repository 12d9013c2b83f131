"""The results of a scan, on handlers small enough to know them in advance."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest

from toctou import Model, Table, check, handler
from toctou.declaration.loading import named
from toctou.history.footprint import dependent
from toctou.openapi.document import taken
from toctou.scan import scanning
from toctou.scan.scanning import ScannedOperation, scan
from toctou.search.budget import Budget
from toctou.search.options import Options

dynamodb = boto3.client("dynamodb", region_name="us-east-1")


def document(
    *operations: tuple[str, str, str], schema: dict[str, Any] | None = None, body: dict[str, Any] | None = None
):
    """A document of operations ``(id, method, path)``."""
    paths: dict[str, Any] = {}
    for identity, method, path in operations:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [
            {"name": one, "in": "path", "required": True, "schema": schema or {"type": "string"}} for one in names
        ]
        content = {"content": {"application/json": {"schema": body}}, "required": True} if body else None
        paths.setdefault(path, {})[method] = {
            "operationId": identity,
            "parameters": parameters,
            "responses": {},
            **({"requestBody": content} if content else {}),
        }
    return taken({"openapi": "3.1.0", "paths": paths}, "test")


def scanned(model: type[Model], document, **options: Any) -> dict[str, ScannedOperation]:
    result = scan(named(model), document, Options(confirm=False, **options))
    return {one.operation.id: one for one in result.operations}


def arguments_of(operation: ScannedOperation) -> set[tuple[Any, ...]]:
    return {tuple(value for _, value in one.request.arguments) for one in operation.requests}


class Composite(Model):
    tables = [Table("Things", "pk", "sk:N")]
    items = {
        "Things": [
            {"pk": "USER#ann", "sk": 7, "v": 1},
            {"pk": "USER#ann", "sk": 8, "v": 1},
            {"pk": "USER#cid", "sk": 9, "v": 1},
            {"pk": "OTHER#x", "sk": 1, "v": 1},
        ]
    }

    @handler
    def touch(self, principal, user, number):
        key = {"pk": {"S": f"USER#{user}"}, "sk": {"N": str(number)}}
        if "Item" not in dynamodb.get_item(TableName="Things", Key=key):
            return 404
        dynamodb.put_item(TableName="Things", Item={**key, "v": {"N": "2"}})
        return 204

    @handler
    def listing(self, principal, user):
        found = dynamodb.query(
            TableName="Things",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{user}"}},
        )
        return (200, found["Count"]) if found["Count"] else 404


def test_arguments_that_together_make_a_key():
    api = document(("touch", "put", "/users/{user}/things/{number}"), ("listing", "get", "/users/{user}"))
    for place in api.root.value["paths"]["/users/{user}/things/{number}"]["put"]["parameters"][1:]:
        place["schema"] = {"type": "integer", "minimum": 1}
    found = scanned(Composite, api)
    assert arguments_of(found["touch"]) == {("ann", 7), ("ann", 8)}  # of one item each, and no more than two items
    assert arguments_of(found["listing"]) == {("ann",), ("cid",)}
    assert not found["touch"].unreached


class InTwoSteps(Model):
    """The second lookup happens only once the first one has found something."""

    tables = [Table("Outer", "id"), Table("Inner", "id")]
    items = {"Outer": [{"id": "o1"}], "Inner": [{"id": "n1", "v": 1}]}

    @handler
    def change(self, principal, outer, inner):
        if "Item" not in dynamodb.get_item(TableName="Outer", Key={"id": {"S": outer}}):
            return 404
        if "Item" not in dynamodb.get_item(TableName="Inner", Key={"id": {"S": inner}}):
            return 404
        dynamodb.delete_item(TableName="Inner", Key={"id": {"S": inner}})
        return 204


def test_arguments_that_are_looked_up_later():
    found = scanned(InTwoSteps, document(("change", "delete", "/o/{outer}/i/{inner}")))["change"]
    assert arguments_of(found) == {("o1", "n1")}
    assert [(one.read, one.write) for one in found.windows] == [(1, 2)]


def test_values_that_the_schema_forbids_are_not_sent():
    """A value that leads to an item but makes the request invalid is left out."""
    api = document(("change", "delete", "/o/{outer}/i/{inner}"), schema={"type": "string", "pattern": "^x[0-9a-z]*$"})
    found = scanned(InTwoSteps, api)["change"]
    assert found.verdict == "INCONCLUSIVE"
    assert found.stop_reason == "not_reached"
    assert "404" in found.unreached


def window_model(*calls):
    """A model whose handler makes these calls on the item ``t1``: ``(method, parameters)``."""

    class Windows(Model):
        tables = [Table("Things", "id")]
        items = {"Things": [{"id": "t1", "owner": "alice", "v": 1}]}

        @handler
        def act(self, principal):
            for method, parameters in calls:
                getattr(dynamodb, method)(TableName="Things", **parameters)
            return 200

    return Windows


KEY = {"Key": {"id": {"S": "t1"}}}
GET = ("get_item", KEY)
SET = {**KEY, "UpdateExpression": "SET w = :w"}
ONE = {":w": {"N": "1"}}
BOUND = {"ConditionExpression": "v = :w", "ExpressionAttributeValues": ONE}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([GET, ("delete_item", KEY)], [((), ("the whole item",))]),
        (
            [GET, ("delete_item", {**KEY, "ConditionExpression": "attribute_exists(id)"})],
            [(("existence",), ("the whole item",))],
        ),
        ([GET, ("delete_item", {**KEY, "ConditionExpression": "attribute_exists(v)"})], []),
        ([GET, ("update_item", {**SET, **BOUND})], []),
        (
            [("get_item", {**KEY, "ProjectionExpression": "id, x"}), ("update_item", {**SET, **BOUND})],
            [(("v",), ("existence", "x"))],
        ),
        ([GET, GET, ("update_item", {**SET, "ExpressionAttributeValues": ONE})], [((), ("the whole item",))]),
        ([("update_item", {**SET, "ExpressionAttributeValues": ONE}), GET], []),
        ([("delete_item", KEY)], []),
        ([GET, ("put_item", {"Item": {"id": {"S": "t2"}}})], []),
    ],
    ids=range(9),
)
def test_windows(calls, expected):
    found = scanned(window_model(*calls), document(("act", "post", "/act")))["act"]
    assert [(one.condition, one.unchecked) for one in found.windows] == expected


def test_a_transaction_that_checks_what_was_read_leaves_no_window():
    check = {"ConditionCheck": {"TableName": "Things", **KEY, **BOUND}}
    other = {"Put": {"TableName": "Things", "Item": {"id": {"S": "t2"}}}}
    write = {"Update": {"TableName": "Things", **SET, **BOUND}}

    class Transaction(window_model()):
        @handler
        def act(self, principal, checked):
            dynamodb.get_item(TableName="Things", **KEY)
            dynamodb.transact_write_items(
                TransactItems=[write if checked == "yes" else other, *([] if checked else [check])]
            )
            return 200

    found = scanned(Transaction, document(("act", "post", "/act/{checked}"), schema={"enum": ["yes"]}))["act"]
    assert found.windows == ()
    assert [one.conditions for one in found.accesses] == [(), ("v",)]


class Counter(Model):
    tables = [Table("Things", "id")]
    items = {"Things": [{"id": "t1", "v": 1}, {"id": "t2", "v": 1}]}

    @handler
    def read(self, principal, thing):
        item = dynamodb.get_item(TableName="Things", Key={"id": {"S": thing}}, ConsistentRead=True).get("Item")
        return (200, item["v"]["N"]) if item else 404

    @handler
    def add(self, principal, thing):
        key = {"id": {"S": thing}}
        item = dynamodb.get_item(TableName="Things", Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        dynamodb.put_item(TableName="Things", Item={**key, "v": {"N": str(int(item["v"]["N"]) + 1)}})
        return 200


COUNTER = document(("read", "get", "/{thing}"), ("add", "post", "/{thing}"))


def test_only_pairs_that_conflict_are_run_and_nothing_is_missed():
    """The same violations as when everything is explored."""
    result = scan(named(Counter), COUNTER, Options(confirm=False))
    total, conflicting = result.pairs
    assert (total, conflicting) == (36, 18 - 4)  # 8 requests; on the same item: 10 pairs each, less 3 of two reads each

    class Everything(Counter):
        read = handler(Counter.__dict__["read"].function, thing=["t1", "t2"], read_only=True)
        add = handler(Counter.__dict__["add"].function, thing=["t1", "t2"])

    whole = check(Everything, confirm=False)
    found = {frozenset(map(str, one.requests)) for one in whole.scenarios if one.violations}
    narrowed = {frozenset(map(str, one.requests)) for one in result.run.models[0].scenarios if one.violations}
    assert narrowed == found != set()


def test_verdicts_by_operation():
    found = scanned(Counter, COUNTER)
    assert found["add"].verdict == "VIOLATED"
    assert {one.cause.handler for one in found["add"].violations} == {"add"}
    # without a finding, but its behaviour together with a fixed `add` is unknown
    assert (found["read"].verdict, found["read"].stop_reason) in {("VERIFIED", None), ("INCONCLUSIVE", "takes_part")}


def test_two_writers_write_different_values():
    class Overwriter(Counter):
        @handler
        def write(self, principal, thing, text):
            dynamodb.put_item(TableName="Things", Item={"id": {"S": thing}, "v": {"S": text}})
            return 200

    body = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    found = scanned(Overwriter, document(("write", "put", "/{thing}"), body=body))["write"]
    assert len({dict(one.request.arguments)["text"] for one in found.requests}) == 2
    assert {dict(one.request.arguments)["thing"] for one in found.requests} == {"t1", "t2"}


class Document(Model):
    """A merge that writes the whole item back if its owner is unchanged, and one that compares its version."""

    tables = [Table("Things", "id")]
    items = {"Things": [{"id": "t1", "version": 7, "a": "x", "b": "x"}]}

    @handler
    def merge(self, principal, thing, a=None, b=None):
        return self._merged(thing, {"a": a, "b": b}, None)

    @handler
    def merge_if(self, principal, thing, expected_version, a=None, b=None):
        return self._merged(thing, {"a": a, "b": b}, expected_version)

    def _merged(self, thing, given, expected):
        item = dynamodb.get_item(TableName="Things", Key={"id": {"S": thing}}, ConsistentRead=True).get("Item")
        if item is None:
            return 404
        version = item["version"]["N"]
        if expected is not None and str(expected) != version:
            return 412
        changes = {name: {"S": value} for name, value in given.items() if value is not None}
        if not changes:
            return 204
        guard = (
            {}
            if expected is None
            else {"ConditionExpression": "version = :v", "ExpressionAttributeValues": {":v": {"N": version}}}
        )
        try:
            dynamodb.put_item(
                TableName="Things", Item={**item, **changes, "version": {"N": str(int(version) + 1)}}, **guard
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 409
        return 200


TEXTS = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}


def test_optional_members_are_sent_alone_in_pairs_and_together():
    """With both or none of them, two merges write the same item: only with different ones does one lose the other's."""
    found = scanned(Document, document(("merge", "patch", "/{thing}"), body=TEXTS))["merge"]
    assert found.optional == ("a", "b")
    assert set(found.members.explored) == {(), ("a",), ("b",), ("a", "b")}
    assert found.members.unsent == ()
    assert found.verdict == "VIOLATED"
    lost = {frozenset(one.values) - {"thing"} for one in found.violations[0].execution.requests}
    assert lost <= {frozenset("a"), frozenset("b"), frozenset("ab")}
    assert all(set(run.request.values) - {"thing"} == {*run.members} for run in found.requests)


def test_a_condition_gets_the_value_that_is_stored():
    body = {
        **TEXTS,
        "required": ["expected_version"],
        "properties": {**TEXTS["properties"], "expected_version": {"type": "integer"}},
    }
    found = scanned(Document, document(("merge_if", "patch", "/{thing}"), body=body))["merge_if"]
    assert {one.request.values["expected_version"] for one in found.requests if one.reached} == {7}
    assert (found.verdict, found.members.unsent) == ("VERIFIED", ())
    assert any(one.writes for one in found.requests)


class Tagged(Document):
    """Refuses what does not come with the entity tag."""

    @handler
    def replace_tagged(self, principal, thing, if_match=None, a=None, b=None):
        if if_match is None:
            return 428
        return self._merged(thing, {"a": a, "b": b}, if_match.strip('"') if if_match.startswith('"') else "")


def test_an_optional_argument_that_is_needed_is_sent_with_all_others():
    api = document(("replace_tagged", "patch", "/{thing}"), body=TEXTS)
    tag = {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
    api.root.value["paths"]["/{thing}"]["patch"]["parameters"].append(tag)
    found = scanned(Tagged, api)["replace_tagged"]
    assert {one.request.values["if_match"] for one in found.requests if one.reached} == {'"7"'}
    assert {frozenset(one) for one in found.members.explored} == {
        frozenset({"If-Match", *members}) for members in ("", "a", "b", "ab")
    }
    assert found.members.refused == ((), ("a",), ("b",), ("a", "b"))
    assert (found.members.unsent, found.members.pairs) == ((), 0)
    assert found.verdict == "VERIFIED"


def test_so_many_requests_are_explored_and_the_others_are_named(monkeypatch):
    monkeypatch.setattr("toctou.scan.scanning.MOST_EXPLORED", 1)
    found = scanned(Document, document(("merge", "patch", "/{thing}"), body=TEXTS))["merge"]
    assert set(found.members.explored) == {(), ("a", "b"), ("a",)}
    assert found.members.alone == (("b",),)


def test_an_optional_argument_is_not_null():
    class Named(Counter):
        @handler
        def read(self, principal, thing, kind=None):
            return Counter.read.function(self, principal, thing)

    api = document(("read", "get", "/{thing}"))
    kind = {"name": "kind", "in": "query", "schema": {"anyOf": [{"enum": ["published"]}, {"type": "null"}]}}
    api.root.value["paths"]["/{thing}"]["get"]["parameters"].append(kind)
    found = scanned(Named, api)["read"]
    assert {one.request.values.get("kind") for one in found.requests if one.members} == {"published"}


def test_what_acts_alike_is_explored_once():
    class Listing(Counter):
        @handler
        def read(self, principal, thing, page=None, size=None):
            return Counter.read.function(self, principal, thing)

    api = document(("read", "get", "/{thing}"))
    names = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("page", "size")]
    api.root.value["paths"]["/{thing}"]["get"]["parameters"] += names
    found = scanned(Listing, api)["read"]
    assert found.members.explored == ((),)
    assert set(found.members.alone) == {("page",), ("size",), ("page", "size")}
    assert found.verdict == "VERIFIED"


def test_an_operation_that_never_calls_dynamodb():
    class Healthy(Counter):
        @handler
        def health(self, principal):
            return 200

    found = scanned(Healthy, document(("health", "get", "/health"), ("read", "get", "/{thing}")))
    assert (found["health"].verdict, found["health"].stop_reason) == ("INCONCLUSIVE", "never_called")
    assert found["read"].verdict == "VERIFIED"


def test_an_operation_that_should_write_but_only_reads():
    class Sleepy(Counter):
        @handler
        def add(self, principal, thing):
            return Counter.read.function(self, principal, thing)

    found = scanned(Sleepy, document(("add", "post", "/{thing}"), ("read", "get", "/{thing}")))
    assert (found["add"].verdict, found["add"].stop_reason) == ("INCONCLUSIVE", "never_writes")
    assert found["read"].verdict == "VERIFIED"


def test_a_handler_that_leaves_control_is_named():
    class Reaching(Counter):
        @handler
        def add(self, principal, thing):
            with open("reached.txt", "w") as file:
                return 200 if file.write("x") else 404

    found = scanned(Reaching, document(("add", "post", "/{thing}")))["add"]
    assert (found.verdict, found.stop_reason) == ("INCONCLUSIVE", "outside_control")
    assert "reached.txt" in found.unreached


def test_a_spent_budget_is_no_pass():
    found = scanned(Counter, COUNTER, budget=Budget(max_schedules=1))
    assert found["read"].verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("part", ["_probed", "_result_of"])
def test_a_fault_of_ours_in_one_operation_leaves_the_others(monkeypatch, part):
    original = getattr(scanning, part)

    def failing(*arguments):
        subject = next(one for one in arguments if isinstance(one, scanning.Subject))
        if subject.name == "listing":
            raise LookupError("something that cannot be")
        return original(*arguments)

    monkeypatch.setattr(scanning, part, failing)
    api = document(("touch", "put", "/users/{user}/things/{number}"), ("listing", "get", "/users/{user}"))
    result = scan(named(Composite), api, Options(confirm=False))
    touch, listing = result.operations
    assert (listing.verdict, listing.stop_reason) == ("INCONCLUSIVE", "internal_error")
    assert "LookupError: something that cannot be" in listing.detail
    assert touch.stop_reason != "internal_error"
    assert result.run.faults == (listing.detail,)


class Buckets(Model):
    """Two requests share a bucket that depends on the time, and use another one in solo runs."""

    tables = [Table("Buckets", "id")]
    items = {"Buckets": [{"id": "0", "v": 1}, {"id": "1", "v": 1}]}

    def _add(self, number):
        key = {"id": {"S": str(number % 2)}}
        item = dynamodb.get_item(TableName="Buckets", Key=key, ConsistentRead=True)["Item"]
        dynamodb.put_item(TableName="Buckets", Item={**key, "v": {"N": str(int(item["v"]["N"]) + 1)}})
        return 200

    @handler
    def by_time(self, principal):
        return self._add(int(time.time()))

    @handler
    def fixed(self, principal):
        return self._add(1)


def test_conflicts_that_depend_on_the_clock_are_not_ruled_out():
    """The first request of a scenario uses bucket 0, the second one bucket 1."""
    found = scanned(Buckets, document(("by_time", "post", "/time"), ("fixed", "post", "/fixed")))
    solo = {name: one.requests[0] for name, one in found.items()}
    assert not any(
        dependent(one.footprint, other.footprint)
        for one in solo["by_time"].operations
        for other in solo["fixed"].operations
    )
    assert solo["by_time"].conflicts_with(solo["fixed"])
    assert not solo["by_time"].conclusive
    assert solo["fixed"].conclusive
    scenarios = found["by_time"].scenarios, found["fixed"].scenarios
    assert scenarios == (
        2 + 3 + 4,
        2 + 3 + 4,
    )  # alone, with another of its operation, and with every request of the other
