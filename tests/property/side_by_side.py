"""The engine beside another implementation: the same tables, the same requests, and whether the answers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accepted_deviations import LOCAL, accepted, both_refuse
from dynamodb_peers import Answer, Peer
from dynamodb_schemas import Table

from toctou.engine import Engine, ServiceError
from toctou.engine.number import normal_number

LEGACY = {"Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter", "AttributesToGet"}
PAGES = (
    "The peer knows that nothing follows the last item and gives no LastEvaluatedKey.  The API reference: a key does not "
    "mean that there is more.  DynamoDB Local does so at the inclusive end of a range, also where items of an index share it."
)
TIES = (
    "Items of an index that share its key come in an order that is documented nowhere: DynamoDB Local goes by a hash, the "
    "engine by the table's key.  Pages that begin or end among them differ."
)
HALF_DONE = (
    "DynamoDB Local has performed some statements of a batch when it refuses it for naming an item twice.  The API reference, "
    "BatchWriteItem, which the developer guide says is made use of: DynamoDB rejects the entire batch."
)
AS_WRITTEN = (
    "DynamoDB Local compares numbers of sets in AttributeUpdates as they are written, so that 3.0 is not 3; "
    "elsewhere it does not.  "
    "The developer guide, naming rules and data types: leading and trailing zeroes are trimmed."
)
SEVERAL_FAULTS = "several faults"
DEFINING = ("CreateTable", "UpdateTable")


class Difference(AssertionError):
    """An answer, or what is stored, that no accepted deviation explains."""


class Comparison:
    """One engine beside one peer, over any number of databases one after another.

    Attributes:
        operations: how many requests were compared.
        databases: how many sets of tables they were made to.
        deviations: how often each accepted deviation, or several faults in a request, explained a difference.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.operations = 0
        self.databases = 0
        self.deviations: Counter[str] = Counter()
        self._engine = Engine()
        self._tables: dict[str, Table] = {}

    def open(self, tables: Sequence[Table]) -> None:
        """Begin with these tables, empty."""
        self._engine = Engine()
        self._tables = {table.name: table for table in tables}
        self.databases += 1
        for table in tables:
            assert self.peer.perform("CreateTable", table.create()).code is None
            self._engine.perform("CreateTable", table.create())

    def close(self) -> None:
        """Delete the peer's tables."""
        for name in self._tables:
            self.peer.perform("DeleteTable", {"TableName": name})

    def compare(self, action: str, parameters: Mapping[str, Any]) -> Answer | None:
        """Perform the same request on both; the answer if they give the same.

        After an accepted deviation the two may store different items, and the peer is given the engine's.

        Raises:
            Difference: the answers differ, and nothing accepts that.
        """
        if self.peer.name == "moto" and not LEGACY.isdisjoint(parameters):
            return None  # moto takes AND for OR and answers NE of a missing attribute with false
        self.operations += 1
        ours = whole(self._perform, action, parameters)
        theirs = whole(self.peer.perform, action, parameters)
        if self.peer.name == LOCAL and ours.code is None and _writes_numbers_otherwise(parameters) and self._differs():
            self.deviations[AS_WRITTEN] += 1
            self._align()
            return None
        if _shown(action, ours) == _shown(action, theirs):
            if action == "BatchExecuteStatement" and ours.code is not None and self._differs():
                self.deviations[HALF_DONE] += 1
                self._align()
            return ours
        paged = action == "Query" and "Limit" in parameters
        if paged and _shown(action, _unpaged(ours)) == _shown(action, _unpaged(theirs)):
            self.deviations[PAGES] += 1
            return None
        if action == "Query" and self._is_tied(parameters, ours, theirs):
            self.deviations[TIES] += 1
            return None
        left, right = _text(action, parameters, ours), _text(action, parameters, theirs)
        deviation = accepted(self.peer.name, left, right)
        if deviation is not None:
            self.deviations[deviation.evidence] += 1
        elif both_refuse(left, right):
            self.deviations[SEVERAL_FAULTS] += 1
        else:
            raise Difference(f"{action} {parameters}\n   engine: {ours}\n   {self.peer.name}: {theirs}")
        if ours.code is None or theirs.code is None or self.peer.name == "moto":
            self._align()
        return None

    def compare_definitions(self, create: Mapping[str, Any], updates: Sequence[Mapping[str, Any]]) -> None:
        """Create a table beside the others and update it, on both, as far as both do; then delete it.

        Raises:
            Difference: the answers differ, and nothing accepts that.
        """
        self.compare("CreateTable", create)
        name = create["TableName"]
        made = [
            self._perform("DescribeTable", {"TableName": name}),
            self.peer.perform("DescribeTable", {"TableName": name}),
        ]
        if all(answer.code is None for answer in made):
            for update in updates:
                self.compare("UpdateTable", update)
        for answer, perform in zip(made, (self._perform, self.peer.perform), strict=True):
            if answer.code is None:
                perform("DeleteTable", {"TableName": name})

    def compare_stored(self) -> None:
        """Compare all items.

        Raises:
            Difference: they differ.
        """
        for name in self._tables:
            ours, theirs = self._ours(name), self._theirs(name)
            if ours != theirs:
                raise Difference(f"stored in {name}:\n   engine: {ours}\n   {self.peer.name}: {theirs}")

    def _perform(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        try:
            return Answer(self._engine.perform(action, parameters))
        except ServiceError as error:
            return Answer(None, error.code, error.message, error.fields)

    def _is_tied(self, parameters: Mapping[str, Any], ours: Answer, theirs: Answer) -> bool:
        """Whether the answers may differ by the order of items with the same key of the index."""
        table = self._tables.get(parameters["TableName"])
        index = None if table is None else table.index(parameters.get("IndexName"))
        if table is None or index is None or ours.result is None or theirs.result is None:
            return False
        if "Limit" in parameters or "ExclusiveStartKey" in parameters:
            names = [one["AttributeName"] for one in index["KeySchema"]]
            images = map(normal, self._engine.stored()[table.name])
            held = [repr([image[name] for name in names]) for image in images if all(name in image for name in names)]
            return len(set(held)) < len(held)
        in_any_order = [
            {**one.result, "Items": sorted(map(repr, map(_in_order, one.result.get("Items", ()))))}
            for one in (ours, theirs)
        ]
        return in_any_order[0] == in_any_order[1] and _sort_keys(index, ours) == _sort_keys(index, theirs)

    def _differs(self) -> bool:
        return any(self._ours(name) != self._theirs(name) for name in self._tables)

    def _align(self) -> None:
        for name, table in self._tables.items():
            ours, theirs = self._ours(name), self._theirs(name)
            for key, image in theirs.items():
                if key not in ours:
                    old = {attribute: image[attribute] for attribute in table.keys}
                    self.peer.perform("DeleteItem", {"TableName": name, "Key": old})
            for key, image in ours.items():
                if theirs.get(key) != image:
                    self.peer.perform("PutItem", {"TableName": name, "Item": image})

    def _ours(self, name: str) -> dict[str, Any]:
        return self._by_key(name, self._engine.stored()[name])

    def _theirs(self, name: str) -> dict[str, Any]:
        result = self.peer.perform("Scan", {"TableName": name, "ConsistentRead": True}).result
        assert result is not None
        return self._by_key(name, result["Items"])

    def _by_key(self, name: str, images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        keys = self._tables[name].keys
        normalised = [normal(image) for image in images]
        return {repr([image[attribute] for attribute in keys]): image for image in normalised}


def _sort_keys(index: Mapping[str, Any], answer: Answer) -> list[Any]:
    name = index["KeySchema"][-1]["AttributeName"]
    return [normal(image.get(name)) for image in (answer.result or {}).get("Items", ())]


def normal(value: Any) -> Any:
    """The same with numbers and sets in normal form."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((kind, content),) = value.items()
            if kind == "N" and isinstance(content, str):
                return {kind: normal_number(content)}
            if kind == "NS":
                return {kind: sorted(map(normal_number, content))}
            if kind in ("SS", "BS"):
                return {kind: sorted(content)}
        return {name: normal(inner) for name, inner in value.items()}
    return [normal(inner) for inner in value] if isinstance(value, list) else value


def _in_order(value: Any) -> Any:
    value = normal(value)
    if isinstance(value, Mapping):
        return {name: _in_order(value[name]) for name in sorted(value)}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


def whole(perform: Callable[[str, Mapping[str, Any]], Answer], action: str, parameters: Mapping[str, Any]) -> Answer:
    """The answer; of a scan or statement with pages or segments, whose order is nobody's to know, all of them as one."""
    if action == "Scan" and "TotalSegments" in parameters and "Segment" not in parameters:
        segments = [{**parameters, "Segment": number} for number in range(parameters["TotalSegments"])]
        return _joined([whole(perform, action, one) for one in segments])
    answer = perform(action, parameters)
    starts = {"Scan": ("LastEvaluatedKey", "ExclusiveStartKey"), "ExecuteStatement": ("NextToken", "NextToken")}.get(
        action
    )
    if starts is None or answer.result is None:
        return answer
    told, asked = starts
    pages = [answer]
    while pages[-1].result is not None and told in pages[-1].result:
        pages.append(perform(action, {**parameters, asked: pages[-1].result[told]}))
    return _joined(pages)


def _joined(answers: Sequence[Answer]) -> Answer:
    failed = next((answer for answer in answers if answer.result is None), None)
    if failed is not None:
        return failed
    results = [answer.result or {} for answer in answers]
    joined: dict[str, Any] = {}
    if any("Items" in result for result in results):
        joined["Items"] = [image for result in results for image in result.get("Items", ())]
    for name in ("Count", "ScannedCount"):
        if name in results[0]:
            joined[name] = sum(result[name] for result in results)
    return Answer(joined)


def _described(description: Mapping[str, Any]) -> Any:
    """What of a table's description does not depend on time and place."""
    indexes = [*description.get("GlobalSecondaryIndexes", ()), *description.get("LocalSecondaryIndexes", ())]
    return [
        description["TableName"],
        description["KeySchema"],
        sorted(map(repr, map(_in_order, description["AttributeDefinitions"]))),
        (description.get("BillingModeSummary") or {}).get("BillingMode"),
        sorted(repr((one["IndexName"], one["KeySchema"], _in_order(one["Projection"]))) for one in indexes),
    ]


def _shown(action: str, answer: Answer) -> Any:
    """What of an answer is compared; the order of what is unordered is left out."""
    if action in DEFINING and answer.result is not None:
        return _described(answer.result["TableDescription"])
    result = {k: v for k, v in (answer.result or {}).items() if k != "ConsumedCapacity" and v != {}}
    if action == "BatchExecuteStatement" and "Responses" in result:
        # What is told of one wrong statement is compared where it stands alone.
        result["Responses"] = [
            {"Error": one["Error"]["Code"]} if "Error" in one else one for one in result["Responses"]
        ]
    if action in ("Scan", "ExecuteStatement"):
        result["Items"] = sorted(map(repr, map(_in_order, result.get("Items", ()))))
    if action == "BatchGetItem":
        result["Responses"] = {
            name: sorted(map(repr, map(_in_order, images))) for name, images in result.get("Responses", {}).items()
        }
    fields = {k: v for k, v in answer.fields.items() if k != "Message"}
    reasons = [{**one, "Message": one.get("Message", "").rstrip(".")} for one in fields.get("CancellationReasons", ())]
    return answer.code, answer.message, normal(result), normal({**fields, "CancellationReasons": reasons})


def _writes_numbers_otherwise(parameters: Mapping[str, Any]) -> bool:
    """Whether ``AttributeUpdates`` adds or deletes a set with a number that is not in normal form."""
    updates = parameters.get("AttributeUpdates") or {}
    sets = (one.get("Value", {}).get("NS", ()) for one in updates.values() if one.get("Action") in ("ADD", "DELETE"))
    return any(number != normal_number(number) for numbers in sets for number in numbers)


def _unpaged(answer: Answer) -> Answer:
    return answer._replace(result={k: v for k, v in (answer.result or {}).items() if k != "LastEvaluatedKey"})


def _text(action: str, parameters: Mapping[str, Any], answer: Answer) -> str:
    if answer.code is None:
        named = (parameters.get(name, "") for name in ("ReturnValues", "IndexName", "Select"))
        statements = (parameters, *parameters.get("Statements", ()))
        modified = "UPDATED" if any("RETURNING MODIFIED" in one.get("Statement", "") for one in statements) else ""
        return f"ok {action} {' '.join(filter(None, (*named, modified)))}"
    reasons = (one.get("Message", "") for one in answer.fields.get("CancellationReasons", ()))
    if action in DEFINING:
        return f"{action} refused {answer.code}: {answer.message}"
    return "; ".join(filter(None, (f"{answer.code}: {answer.message}", *reasons)))
