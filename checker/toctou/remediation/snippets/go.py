"""Decides how a remedy reads for the AWS SDK for Go v2, with expressions as strings."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.remediation.snippets.parts import Request, Sketch, Value, camel, parameters
from toctou.remediation.source_edits.layout import text_literal


def render(sketches: Sequence[Sketch]) -> str:
    """The calls, with what to do when they fail."""
    return "\n".join(line for one in sketches for line in _lines(one))


def _lines(sketch: Sketch) -> list[str]:
    lines = [f"// {camel(one.partition(':')[0])}:{one.partition(':')[2]}" for one in sketch.comments]
    if sketch.transaction:
        lines.append("_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{")
        lines.append("\tTransactItems: []types.TransactWriteItem{")
        for request in sketch.requests:
            rows = [f"\t\t\t{row}" for row in _fields(request)]
            lines += [f"\t\t{{{request.element}: &types.{request.element}{{", *rows, "\t\t}},"]
        lines += ["\t},", "})"]
        failed = "TransactionCanceledException"
    else:
        (request,) = sketch.requests
        result = "_" if sketch.failure else "found"
        lines.append(f"{result}, err := client.{request.action}(ctx, &dynamodb.{request.action}Input{{")
        lines += [*(f"\t{row}" for row in _fields(request)), "})"]
        failed = "ConditionalCheckFailedException"
    if sketch.failure:
        lines += [f"var failed *types.{failed}", "if errors.As(err, &failed) {", f"\t// {sketch.failure}", "}"]
    return [*lines, "if err != nil {", "\treturn err", "}"]


def _fields(request: Request) -> list[str]:
    rows = [f"TableName: aws.String({text_literal(request.table)}),"]
    if request.key:
        rows.append(f"Key: {_values(request.key)},")
    if request.item is not None:
        item = request.item
        rows.append(f"Item: {camel(item.variable) if isinstance(item, Value) else _values(item)},")
    if request.consistent:
        rows.append("ConsistentRead: aws.Bool(true),")
    rows += [f"{name}: aws.String({text_literal(text)})," for name, text in parameters(request).items()]
    if request.names:
        names = ", ".join(f"{text_literal(name)}: {text_literal(text)}" for name, text in request.names.items())
        rows.append(f"ExpressionAttributeNames: map[string]string{{{names}}},")
    if request.values:
        rows.append(f"ExpressionAttributeValues: {_values(request.values)},")
    return rows


def _values(values: dict[str, Value]) -> str:
    entries = ", ".join(f"{text_literal(name)}: {_value(value)}" for name, value in values.items())
    return f"map[string]types.AttributeValue{{{entries}}}"


def _value(value: Value) -> str:
    variable = camel(value.variable)
    if not value.kind:
        return variable
    text = f"{text_literal(value.prefix)} + {variable}" if value.prefix else variable
    if value.kind == "N":
        text = f"fmt.Sprint({text})"
    return f"&types.AttributeValueMember{value.kind}{{Value: {text}}}"
