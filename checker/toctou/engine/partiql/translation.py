"""PartiQL statements as the calls of the API that they represent.

A ``SELECT`` becomes a Query if it fixes the partition key, else a Scan; ``INSERT`` is a put of an item that must not be
there, ``UPDATE`` an update of one that must be, and ``DELETE`` a delete whose condition need only hold of an item that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from toctou.engine.expressions.conditions import compiled_condition
from toctou.engine.expressions.placeholders import normal_values
from toctou.engine.expressions.updates import compiled_update
from toctou.engine.partiql.conditions import joined
from toctou.engine.partiql.requests import without_expression
from toctou.engine.partiql.statements import Statement, Term
from toctou.engine.schema import KeySchema, Schema
from toctou.engine.service_error import ServiceError, table_not_found, validation

_SORT_OPERATORS = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"})

Parameters = dict[str, Any]
"""Of the call that a statement represents."""


def translated(statement: Statement, schemas: Mapping[str, Schema]) -> Parameters:
    """The parameters of the call that a statement represents; ``EXISTS`` becomes the ``ConditionCheck`` of a transaction.

    Raises:
        ServiceError: the statement does not fit the table's keys.
    """
    _check_expressions(statement)
    schema = schemas.get(statement.table)
    if schema is None:
        raise table_not_found()
    match statement.kind:
        case "SELECT":
            return _select(statement, schema)
        case "INSERT":
            return _insert(statement, schema)
        case "UPDATE":
            return _update(statement, schema)
        case "DELETE":
            return _delete(statement, schema)
    return _exists(statement, schema)


def _check_expressions(statement: Statement) -> None:
    # The service reports what is wrong with a statement in itself before what of it does not fit the table.
    values = normal_values(statement.values)
    try:
        if statement.where is not None:
            compiled_condition("FilterExpression", statement.where.text, statement.names).check(values)
        if statement.clauses:
            compiled_update(_actions(statement), statement.names).check(values)
    except ServiceError as error:
        raise without_expression(error) from None


def _actions(statement: Statement) -> str:
    """The clauses of an ``UPDATE`` as an update expression."""
    return " ".join(f"{section} {', '.join(actions)}" for section, actions in statement.clauses.items())


def single_read(statement: Statement, schemas: Mapping[str, Schema], within: str) -> dict[str, Any]:
    """The parameters of the ``GetItem`` that a ``SELECT`` of one item represents.

    Args:
        schemas: the schemas of all tables, by name.
        within: the action that performs it.

    Raises:
        ServiceError: it is about an index, or does not name an item.
    """
    schema = schemas.get(statement.table)
    if schema is None:
        raise table_not_found()
    unnamed = validation(f"Select statements within {within} must specify the primary key in the where clause.")
    if statement.index is not None:
        raise validation("Reads on indices are not supported within transactions.") if "Trans" in within else unnamed
    terms = () if statement.where is None else statement.where.parts
    _check_types(schema.key, terms)
    try:
        key, rest = _key(statement, schema)
    except ServiceError:
        raise unnamed from None
    if rest:
        raise unnamed
    return _used(statement, {"TableName": statement.table, "Key": key, **_projection(statement)})


def _select(statement: Statement, schema: Schema) -> Parameters:
    key = schema.key
    parameters: dict[str, Any] = {"TableName": statement.table, **_projection(statement)}
    if statement.index is not None:
        index = schema.indexes.get(statement.index)
        if index is None:
            raise validation("The table does not have the specified index")
        key, parameters["IndexName"] = index.key, statement.index
    terms = () if statement.where is None else statement.where.parts
    keyed = _key_terms(key, terms)
    _check_types(key, terms)
    if keyed:
        parameters["KeyConditionExpression"] = joined(keyed)
    if statement.order:
        parameters["ScanIndexForward"] = not _is_descending(statement, key, keyed)
    rest = [term for term in terms if term not in keyed]
    if rest:
        parameters["FilterExpression"] = joined(rest)
    return _used(statement, parameters)


def _is_descending(statement: Statement, key: KeySchema, keyed: Sequence[Term]) -> bool:
    if statement.where is None:
        raise validation("Must have WHERE clause in the statement when using ORDER BY clause.")
    if not keyed:
        raise validation(
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
        )
    names = {attribute.name for attribute in key.attributes}
    for name, _ in statement.order:
        if name not in names:
            raise validation(f"Variable reference {name} in ORDER BY clause must be part of the primary key")
    return any(descending for name, descending in statement.order if key.sort is not None and name == key.sort.name)


def _projection(statement: Statement) -> dict[str, Any]:
    if not statement.columns:
        return {}
    return {"ProjectionExpression": ", ".join(dict.fromkeys(path for _, path in statement.columns))}


def _key_terms(key: KeySchema, terms: Sequence[Term]) -> list[Term]:
    partitions = [term for term in terms if term.attribute == key.partition.name and term.operator == "="]
    if not partitions:
        return []
    sort = key.sort
    ranges = [term for term in terms if sort and term.attribute == sort.name and term.operator in _SORT_OPERATORS]
    return partitions[-1:] + ranges[-1:]


def _check_types(key: KeySchema, terms: Sequence[Term]) -> None:
    # Of several conditions on one attribute the last one counts, as in DynamoDB Local.
    for name, kind in key.attributes:
        for term in [one for one in terms if one.attribute == name][-1:]:
            if any(kind not in operand for operand in term.operands):
                raise validation(f"Key attribute's data type should match its data type in table's schema: Key {name}")


def _key(statement: Statement, schema: Schema) -> tuple[dict[str, Any], list[Term]]:
    """The key that a statement fixes, and the conditions beside it."""
    terms = list(() if statement.where is None else statement.where.parts)
    key, fixing = {}, []
    for name, _ in schema.key.attributes:
        fixed = [term for term in terms if term.attribute == name and term.operator == "="]
        if any(term.operands != fixed[0].operands for term in fixed):
            raise validation(
                f"Multiple conditions on same key {name}. Only single item Update/Insert/Delete are supported"
            )
        if not fixed:
            raise validation("Where clause does not contain a mandatory equality on all key attributes")
        key[name] = fixed[0].operands[0]
        fixing.append(fixed[0])
        terms = [term for term in terms if term not in fixed]
    _check_types(schema.key, fixing)
    return key, terms


def _insert(statement: Statement, schema: Schema) -> Parameters:
    for name, kind in schema.key.attributes:
        if name not in statement.item:
            raise validation(f"Key attribute should be present in the item: Key {name}")
        if kind not in statement.item[name]:
            raise validation(f"Key attribute's data type should match its data type in table's schema: Key {name}")
    return {
        "TableName": statement.table,
        "Item": statement.item,
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": schema.key.partition.name},
    }


def _update(statement: Statement, schema: Schema) -> Parameters:
    key, rest = _key(statement, schema)
    exists = Term("attribute_exists(#key)")
    return _used(
        statement,
        {
            "TableName": statement.table,
            "Key": key,
            "UpdateExpression": _actions(statement),
            "ConditionExpression": joined([exists, *rest]),
            **({} if statement.returning is None else {"ReturnValues": statement.returning}),
        },
        key=schema.key.partition.name,
    )


def _delete(statement: Statement, schema: Schema) -> Parameters:
    key, rest = _key(statement, schema)
    if statement.returning not in (None, "ALL_OLD"):
        which, _, age = str(statement.returning).replace("UPDATED", "MODIFIED").partition("_")
        raise validation(
            f"Invalid returning clause: RETURNING {which} {age} *. "
            "Only RETURNING ALL OLD * is allowed in DELETE statements."
        )
    parameters: dict[str, Any] = {"TableName": statement.table, "Key": key}
    if rest:
        inner = joined(rest)
        compound = len(rest) > 1 or rest[0].compound
        parameters["ConditionExpression"] = f"attribute_not_exists(#key) OR {f'({inner})' if compound else inner}"
    if statement.returning is not None:
        parameters["ReturnValues"] = statement.returning
    return _used(statement, parameters, key=schema.key.partition.name)


def _exists(statement: Statement, schema: Schema) -> Parameters:
    key, rest = _key(statement, schema)
    if not rest:
        raise validation("EXISTS() must contain a single item read with additional condition")
    parameters = {"TableName": statement.table, "Key": key, "ConditionExpression": joined(rest)}
    return _used(statement, parameters)


def _used(statement: Statement, parameters: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
    """The parameters with those placeholders that their expressions use."""
    expressions = " ".join(str(value) for name, value in parameters.items() if name.endswith("Expression"))
    words = set(re.split(r"[\s.(),\[]+", expressions))
    names = {name: attribute for name, attribute in statement.names.items() if name in words}
    if key is not None and "#key" in words:
        names["#key"] = key
    values = {name: value for name, value in statement.values.items() if name in words}
    if names:
        parameters["ExpressionAttributeNames"] = names
    if values:
        parameters["ExpressionAttributeValues"] = values
    return parameters
