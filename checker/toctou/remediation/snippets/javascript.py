"""Decides how a remedy reads for the AWS SDK for JavaScript v3: commands of ``@aws-sdk/client-dynamodb``."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.remediation.snippets.parts import Request, Sketch, Value, camel, parameters
from toctou.remediation.source_edits.layout import text_literal


def render(sketches: Sequence[Sketch]) -> str:
    """The calls, with what to do when they fail."""
    return "\n".join(line for one in sketches for line in _lines(one))


def _lines(sketch: Sketch) -> list[str]:
    comments = [f"// {camel(one.partition(':')[0])}:{one.partition(':')[2]}" for one in sketch.comments]
    if sketch.transaction:
        made = ["await client.send(new TransactWriteItemsCommand({", "  TransactItems: ["]
        for request in sketch.requests:
            made += [f"    {{ {request.element}: {{", *(f"      {row}" for row in _fields(request)), "    } },"]
        made += ["  ],", "}));"]
        failed = "TransactionCanceledException"
    else:
        (request,) = sketch.requests
        made = [f"await client.send(new {request.action}Command({{", *(f"  {row}" for row in _fields(request)), "}));"]
        failed = "ConditionalCheckFailedException"
    if not sketch.failure:
        return [*comments, f"const found = {made[0]}", *made[1:]]
    return [
        *comments,
        "try {",
        *(f"  {row}" for row in made),
        "} catch (error) {",
        f'  if (error.name !== "{failed}") throw error;',
        f"  throw error; // {sketch.failure}",
        "}",
    ]


def _fields(request: Request) -> list[str]:
    rows = [f"TableName: {text_literal(request.table)},"]
    if request.key:
        rows.append(f"Key: {_values(request.key)},")
    if request.item is not None:
        item = request.item
        rows.append(f"Item: {camel(item.variable) if isinstance(item, Value) else _values(item)},")
    if request.consistent:
        rows.append("ConsistentRead: true,")
    rows += [f"{name}: {text_literal(text)}," for name, text in parameters(request).items()]
    if request.names:
        names = ", ".join(f"{text_literal(name)}: {text_literal(text)}" for name, text in request.names.items())
        rows.append(f"ExpressionAttributeNames: {{ {names} }},")
    if request.values:
        rows.append(f"ExpressionAttributeValues: {_values(request.values)},")
    return rows


def _values(values: dict[str, Value]) -> str:
    return f"{{ {', '.join(f'{text_literal(name)}: {_value(value)}' for name, value in values.items())} }}"


def _value(value: Value) -> str:
    variable = camel(value.variable)
    if not value.kind:
        return variable
    text = f"`{value.prefix}${{{variable}}}`" if value.prefix else variable
    if value.kind == "N":
        text = f"String({text})"
    return f"{{ {value.kind}: {text} }}"
