"""Decides how a remedy reads for the AWS SDK for Rust (``aws-sdk-dynamodb``), in functions that are ``async``."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.remediation.snippets.parts import Request, Sketch, Value, parameters
from toctou.remediation.source_edits.layout import text_literal


def render(sketches: Sequence[Sketch]) -> str:
    """The calls, with what to do when they fail."""
    return "\n".join(line for one in sketches for line in _lines(one))


def _lines(sketch: Sketch) -> list[str]:
    lines = [f"// {one}" for one in sketch.comments]
    bound = "let result = " if sketch.failure else "let found = "
    if sketch.transaction:
        lines += [f"{bound}client", "    .transact_write_items()"]
        for request in sketch.requests:
            lines += [
                "    .transact_items(",
                "        aws_sdk_dynamodb::types::TransactWriteItem::builder()",
                f"            .{_snake(request.element)}(",
                f"                aws_sdk_dynamodb::types::{request.element}::builder()",
                *(f"                    {row}" for row in _builders(request)),
                "                    .build()?,",
                "            )",
                "            .build(),",
                "    )",
            ]
        failed = "is_transaction_canceled_exception"
    else:
        (request,) = sketch.requests
        lines += [f"{bound}client", f"    .{_snake(request.action)}()", *(f"    {row}" for row in _builders(request))]
        failed = "is_conditional_check_failed_exception"
    if not sketch.failure:
        return [*lines, "    .send()", "    .await?;"]
    return [
        *lines,
        "    .send()",
        "    .await;",
        f"if result.as_ref().is_err_and(|error| error.as_service_error().is_some_and(|fault| fault.{failed}())) {{",
        f"    // {sketch.failure}",
        "}",
        "result?;",
    ]


def _builders(request: Request) -> list[str]:
    rows = [f".table_name({text_literal(request.table)})"]
    rows += [f".key({text_literal(name)}, {_value(value)})" for name, value in request.key.items()]
    if isinstance(request.item, Value):
        rows.append(f".set_item(Some({request.item.variable}))")
    elif request.item is not None:
        rows += [f".item({text_literal(name)}, {_value(value)})" for name, value in request.item.items()]
    if request.consistent:
        rows.append(".consistent_read(true)")
    rows += [f".{_snake(name)}({text_literal(text)})" for name, text in parameters(request).items()]
    rows += [
        f".expression_attribute_names({text_literal(name)}, {text_literal(text)})"
        for name, text in request.names.items()
    ]
    rows += [
        f".expression_attribute_values({text_literal(name)}, {_value(value)})" for name, value in request.values.items()
    ]
    return rows


def _value(value: Value) -> str:
    if not value.kind:
        return value.variable
    if value.kind == "BOOL":
        return f"aws_sdk_dynamodb::types::AttributeValue::Bool({value.variable})"
    text = f'format!("{value.prefix}{{{value.variable}}}")' if value.prefix else f"{value.variable}.to_string()"
    return f"aws_sdk_dynamodb::types::AttributeValue::{value.kind}({text})"


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")
