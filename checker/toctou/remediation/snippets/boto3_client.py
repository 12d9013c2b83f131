"""Decides how a remedy reads for a client of boto3, with DynamoDB's types around values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toctou.remediation.snippets.parts import Request, Sketch, Value, parameters
from toctou.remediation.source_edits.layout import mapping, text_literal


def render(sketches: Sequence[Sketch]) -> str:
    """The calls, with what to do when they fail."""
    return calls(sketches, typed, "client", "client", lambda request: text_literal(request.table))


def typed(value: Value) -> str:
    """A value as a client takes it."""
    text = plain(value)
    if not value.kind:
        return text
    return f'{{"{value.kind}": {f"str({text})" if value.kind == "N" else text}}}'


def plain(value: Value) -> str:
    """A value as Python has it."""
    return f'f"{value.prefix}{{{value.variable}}}"' if value.prefix else value.variable


def calls(
    sketches: Sequence[Sketch],
    written: Callable[[Value], str],
    receiver: str,
    client: str,
    table: Callable[[Request], str],
) -> str:
    """Python, given how a value is written and what calls are made with.

    Args:
        receiver: what single calls are made with; a ``client`` is also told their table.
        client: what transactions are made with, and what has the exceptions.
    """
    lines: list[str] = []
    for sketch in sketches:
        if sketch.transaction:
            rows = [
                f'        {{"{one.element}": {mapping([(text_literal(name), text) for name, text in texts])}}},'
                for one, texts in ((one, given(one, written, table)) for one in sketch.requests)
            ]
            made = [f"{client}.transact_write_items(", "    TransactItems=[", *rows, "    ]", ")"]
            exception = "TransactionCanceledException"
        else:
            (request,) = sketch.requests
            arguments = given(request, written, table if receiver == client else None)
            method = "".join(f"_{one.lower()}" if one.isupper() else one for one in request.action).lstrip("_")
            made = [f"{receiver}.{method}(", *(f"    {name}={text}," for name, text in arguments), ")"]
            exception = "ConditionalCheckFailedException"
        lines += [f"# {one}" for one in sketch.comments]
        if not sketch.failure:
            lines += made
            continue
        lines += ["try:", *(f"    {line}" for line in made)]
        lines += [f"except {client}.exceptions.{exception}:", f"    raise  # {sketch.failure}"]
    return "\n".join(lines)


def given(
    request: Request, written: Callable[[Value], str], table: Callable[[Request], str] | None
) -> list[tuple[str, str]]:
    """A request's parameters as texts."""

    def values(entries: dict[str, Value]) -> str:
        return mapping([(text_literal(name), written(value)) for name, value in entries.items()])

    found = [("TableName", table(request))] if table is not None else []
    if request.key:
        found.append(("Key", values(request.key)))
    if request.item is not None:
        found.append(("Item", written(request.item) if isinstance(request.item, Value) else values(request.item)))
    if request.consistent:
        found.append(("ConsistentRead", "True"))
    found += [(name, text_literal(text)) for name, text in parameters(request).items()]
    if request.names:
        names = [(text_literal(name), text_literal(text)) for name, text in request.names.items()]
        found.append(("ExpressionAttributeNames", mapping(names)))
    if request.values:
        found.append(("ExpressionAttributeValues", values(request.values)))
    return found
