"""Decides how a remedy reads for the AWS SDK for Java 2.x, with builders."""

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
        made = ["client.transactWriteItems(TransactWriteItemsRequest.builder().transactItems("]
        for request in sketch.requests:
            name = request.element
            end = ")" if request is sketch.requests[-1] else "),"
            made += [f"    TransactWriteItem.builder().{name[0].lower()}{name[1:]}({name}.builder()"]
            made += [*(f"        {row}" for row in _builders(request)), f"        .build()).build(){end[1:]}"]
        made.append(").build());")
        failed = "TransactionCanceledException"
    else:
        (request,) = sketch.requests
        name = request.action
        made = [f"client.{name[0].lower()}{name[1:]}({name}Request.builder()"]
        made += [*(f"    {row}" for row in _builders(request)), "    .build());"]
        failed = "ConditionalCheckFailedException"
    if not sketch.failure:
        return [*comments, f"var found = {made[0]}", *made[1:]]
    rows = [f"    {one}" for one in made]
    return [*comments, "try {", *rows, f"}} catch ({failed} failed) {{", f"    throw failed; // {sketch.failure}", "}"]


def _builders(request: Request) -> list[str]:
    rows = [f".tableName({text_literal(request.table)})"]
    if request.key:
        rows.append(f".key({_values(request.key)})")
    if request.item is not None:
        item = request.item
        rows.append(f".item({camel(item.variable) if isinstance(item, Value) else _values(item)})")
    if request.consistent:
        rows.append(".consistentRead(true)")
    rows += [f".{name[0].lower()}{name[1:]}({text_literal(text)})" for name, text in parameters(request).items()]
    if request.names:
        names = ", ".join(f"{text_literal(name)}, {text_literal(text)}" for name, text in request.names.items())
        rows.append(f".expressionAttributeNames(Map.of({names}))")
    if request.values:
        rows.append(f".expressionAttributeValues({_values(request.values)})")
    return rows


def _values(values: dict[str, Value]) -> str:
    return f"Map.of({', '.join(f'{text_literal(name)}, {_value(value)}' for name, value in values.items())})"


def _value(value: Value) -> str:
    variable = camel(value.variable)
    if not value.kind:
        return variable
    text = f"{text_literal(value.prefix)} + {variable}" if value.prefix else variable
    if value.kind == "N":
        text = f"String.valueOf({text})"
    return f"AttributeValue.from{value.kind.capitalize() if value.kind == 'BOOL' else value.kind}({text})"
