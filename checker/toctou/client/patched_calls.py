"""One call of a handler as a remedy would have it: conditions, transactions, counters, and what the handler is answered.

A call that writes is taken apart into the writes of a transaction, changed, and put together again: one write that needs nothing
besides stays a call of its own, everything else becomes a ``TransactWriteItems``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from toctou.client.backend import Performed
from toctou.engine.expressions.parser import parse_update
from toctou.engine.expressions.tree import Arithmetic, Call, Path, Placeholder, SetValue
from toctou.engine.service_error import ServiceError
from toctou.history.item import AttributeValue, Image
from toctou.history.operation import ErrorResponse

VERBS: Mapping[str, str] = {f"{verb}Item": verb for verb in ("Put", "Update", "Delete")}
_ACTIONS = {verb: action for action, verb in VERBS.items()}
_OF_TRANSACTIONS = (
    *("TableName", "Key", "Item", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames"),
    *("ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"),
)
_LEGACY = ("Expected", "ConditionalOperator", "AttributeUpdates")
_FAILED = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"


class Unfit(Exception):
    """A remedy cannot be applied to a call; the text says why."""


class Asked(NamedTuple):
    """One term of a condition: that an attribute is there (``exists``), is not (``absent``), or has a value (``equals``)."""

    attribute: str
    test: str
    value: AttributeValue | None = None

    def text(self, name: str, value: str) -> str:
        """The term with placeholders for the attribute and its value."""
        functions = {"exists": "attribute_exists", "absent": "attribute_not_exists"}
        return f"{functions[self.test]}({name})" if self.test in functions else f"{name} = {value}"


class Write(NamedTuple):
    """One write of a transaction: ``Put``, ``Update``, ``Delete`` or ``ConditionCheck``, and its parameters."""

    verb: str
    content: Mapping[str, Any]

    def when(self, terms: Sequence[Asked]) -> Write:
        """The same, if these hold as well.

        Raises:
            Unfit: no condition expression can stand there.
        """
        if old := next((name for name in _LEGACY if self.content.get(name)), None):
            raise Unfit(
                f"the call has a parameter in the old form ({old}), which no condition expression can stand beside"
            )
        names = dict(self.content.get("ExpressionAttributeNames") or {})
        values = dict(self.content.get("ExpressionAttributeValues") or {})
        texts = [self.content["ConditionExpression"]] if self.content.get("ConditionExpression") else []
        texts = [f"({one})" for one in texts]
        for one in terms:
            name, value = f"#toctou{len(names)}", f":toctou{len(values)}"
            names[name] = one.attribute
            if one.test == "equals":
                values[value] = one.value
            texts.append(one.text(name, value))
        changed = {**self.content, "ConditionExpression": " AND ".join(texts), "ExpressionAttributeNames": names}
        return Write(self.verb, {**changed, **({"ExpressionAttributeValues": values} if values else {})})


@dataclass(frozen=True, slots=True)
class Patched:
    """A call as it is performed instead, and what the handler is answered for what came of it."""

    action: str
    parameters: Mapping[str, Any]
    answered: Callable[[Performed], Performed]


def writes_of(action: str, parameters: Mapping[str, Any]) -> list[Write]:
    """The writes that a call is made of; none if it makes none."""
    if action in VERBS:
        return [Write(VERBS[action], parameters)]
    if action == "TransactWriteItems":
        return [Write(verb, content) for one in parameters.get("TransactItems") or () for verb, content in one.items()]
    if action == "BatchWriteItem":
        return [_of_batch(table, one) for table, many in (parameters.get("RequestItems") or {}).items() for one in many]
    return []


def _of_batch(table: str, one: Mapping[str, Any]) -> Write:
    if "PutRequest" in one:
        return Write("Put", {"TableName": table, "Item": one["PutRequest"]["Item"]})
    return Write("Delete", {"TableName": table, "Key": one["DeleteRequest"]["Key"]})


def put_together(action: str, parameters: Mapping[str, Any], writes: Sequence[Write]) -> Patched:
    """A call that makes these writes, at least one, instead of another one.

    Raises:
        Unfit: the handler asks the call for values that a transaction does not return.
    """
    if len(writes) == 1 and writes[0].verb in _ACTIONS and action != "TransactWriteItems":
        kept = {} if action == "BatchWriteItem" else parameters
        return Patched(_ACTIONS[writes[0].verb], {**kept, **writes[0].content}, _answer_of(action))
    if returns_values(parameters):
        raise Unfit(f"the {action} asks for values ({parameters['ReturnValues']}), which a transaction does not return")
    if any(one.content.get(name) for one in writes for name in _LEGACY):
        raise Unfit(f"the {action} has parameters in the old form, which a transaction does not take")
    items = [
        {one.verb: {name: one.content[name] for name in _OF_TRANSACTIONS if name in one.content}} for one in writes
    ]
    kept = parameters if action == "TransactWriteItems" else {}
    return Patched("TransactWriteItems", {**kept, "TransactItems": items}, _answer_of(action))


def returns_values(parameters: Mapping[str, Any]) -> bool:
    """Whether a handler asks a write for values."""
    return parameters.get("ReturnValues") not in (None, "NONE")


def held_back(action: str) -> Patched:
    """A write that is made later: until then something without effect is performed in its place."""
    return Patched("ListTables", {}, lambda performed: performed._replace(result=_result_of(action)))


def _answer_of(action: str) -> Callable[[Performed], Performed]:
    def answered(performed: Performed) -> Performed:
        if performed.error is not None:
            return performed._replace(error=_as_of(action, performed.error))
        is_own = action == "TransactWriteItems" or set(performed.result or ()) & {"Attributes"}
        return performed if is_own else performed._replace(result=_result_of(action))

    return answered


def _result_of(action: str) -> Mapping[str, Any]:
    return {"UnprocessedItems": {}} if action == "BatchWriteItem" else {}


def _as_of(action: str, error: ErrorResponse) -> ErrorResponse:
    """An error of a transaction as a single write has it, so that the handler takes it as it takes that."""
    if action == "TransactWriteItems" or not failed_condition(error):
        return error
    return ErrorResponse(_FAILED, "The conditional request failed")


def failed_condition(error: ErrorResponse | None) -> bool:
    """Whether a condition did not hold."""
    if error is None or error.code == _FAILED:
        return error is not None
    reasons = (error.fields or {}).get("CancellationReasons") or ()
    return error.code == _CANCELLED and any(one.get("Code") == "ConditionalCheckFailed" for one in reasons)


def refuses(error: ErrorResponse | None) -> bool:
    """Whether the service does not accept a call at all."""
    if error is None:
        return False
    reasons = (error.fields or {}).get("CancellationReasons") or ()
    return error.code == "ValidationException" or any(one.get("Code") == "ValidationError" for one in reasons)


def consistent(action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a read, strongly consistent."""
    if action == "BatchGetItem":
        tables = {name: {**one, "ConsistentRead": True} for name, one in parameters["RequestItems"].items()}
        return {**parameters, "RequestItems": tables}
    return {**parameters, "ConsistentRead": True}


def images_of(
    action: str, parameters: Mapping[str, Any], result: Mapping[str, Any]
) -> Iterator[tuple[str, Image, Image | None]]:
    """What a read has returned: table, key or image, and image; ``None`` where there was no item."""
    if action == "GetItem":
        yield parameters["TableName"], parameters["Key"], result.get("Item")
    elif action in ("Query", "Scan"):
        for image in result.get("Items") or ():
            yield parameters["TableName"], image, image
    elif action == "BatchGetItem":
        for table, images in (result.get("Responses") or {}).items():
            for image in images:
                yield table, image, image
    elif action == "TransactGetItems":
        for part, answer in zip(parameters["TransactItems"], result.get("Responses") or (), strict=False):
            yield part["Get"]["TableName"], part["Get"]["Key"], answer.get("Item")


def added(write: Write, attribute: str, read: Image | None) -> Write | None:
    """An update that adds to an attribute what it would have made of it; ``None`` where it does not set that attribute.

    Raises:
        Unfit: what is stored is not computed by the handler.
    """
    names = write.content.get("ExpressionAttributeNames") or {}
    values = write.content.get("ExpressionAttributeValues") or {}
    try:
        update = parse_update("UpdateExpression", write.content.get("UpdateExpression") or "")
    except ServiceError as fault:
        raise Unfit(f"the update expression is not understood: {fault}") from None
    sections: dict[str, list[str]] = {}
    change: AttributeValue | None = None
    for section, path, value in update.actions:
        if section == "SET" and len(path.parts) == 1 and names.get(str(path.parts[0]), path.parts[0]) == attribute:
            if not isinstance(value, Placeholder) or "N" not in values.get(value.name, ()):
                return None  # such as `n + :one`, which reads what is newest
            change = {"N": str(_decimal(values[value.name]) - _decimal((read or {}).get(attribute)))}
            replaced = value.name
            sections.setdefault("ADD", []).append(f"{_spelled(path)} :toctouadd")
        else:
            sections.setdefault(section, []).append(_action(section, path, value))
    if change is None:
        return None
    text = " ".join(f"{section} {', '.join(actions)}" for section, actions in sections.items())
    condition = write.content.get("ConditionExpression") or ""
    kept = {
        name: one for name, one in values.items() if name != replaced or re.search(rf"{name}\b", f"{text} {condition}")
    }
    return Write(
        write.verb,
        {**write.content, "UpdateExpression": text, "ExpressionAttributeValues": {**kept, ":toctouadd": change}},
    )


def _decimal(value: AttributeValue | None) -> Decimal:
    return Decimal(value["N"]) if value and "N" in value else Decimal(0)


def _action(section: str, path: Path, value: SetValue | None) -> str:
    if value is None:
        return _spelled(path)
    return f"{_spelled(path)} = {_operand(value)}" if section == "SET" else f"{_spelled(path)} {_operand(value)}"


def _operand(value: SetValue) -> str:
    match value:
        case Path():
            return _spelled(value)
        case Placeholder(name):
            return name
        case Call(function, operands):
            return f"{function}({', '.join(map(_operand, operands))})"
        case Arithmetic(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"


def _spelled(path: Path) -> str:
    first, *rest = path.parts
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
