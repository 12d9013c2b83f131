"""Files of handlers in which remedies are made, with the documents that ask for them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from toctou.remediation.remedy_data import NotPossible
from toctou.remediation.source_edits.patch import patch

OWNER = {"attribute": "owner", "test": "equals", "value": "caller", "read": "A.1"}
VERSION = {"attribute": "version", "test": "equals", "value": "read", "read": "A.1"}
IMAGE = {"id": {"S": "i1"}, "owner": {"S": "alice"}, "version": {"N": "1"}}
METHODS = {
    "get_item": "GetItem",
    "put_item": "PutItem",
    "update_item": "UpdateItem",
    "delete_item": "DeleteItem",
    "query": "Query",
    "batch_write_item": "BatchWriteItem",
    "transact_write_items": "TransactWriteItems",
}


class Handlers:
    """A file of handlers, of which the steps of one request are its calls in the order of the text."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.text = textwrap.dedent(text).lstrip("\n")
        (folder / "app.py").write_text(self.text, encoding="utf-8")
        lines = self.text.splitlines()
        calls = [
            (number, line.strip(), action)
            for number, line in enumerate(lines, 1)
            for method, action in METHODS.items()
            if f".{method}(" in line
        ]
        self.steps = [
            {
                "name": f"A.{number}",
                "request": "A",
                "action": action,
                "changes": [] if action in ("GetItem", "Query") else [{}],
                "parameters": {"TableName": "Items", "Key": {"id": {"S": "i1"}}},
                "result": {"Item": IMAGE} if action == "GetItem" else {},
                "source": {
                    "file": "app.py",
                    "line": line,
                    "function": self.function(lines, line),
                    "text": self.call(lines, line),
                },
            }
            for number, (line, _, action) in enumerate(calls, 1)
        ]

    def function(self, lines: list[str], line: int) -> str:
        above = [one for one in lines[:line] if one.lstrip().startswith(("def ", "async def "))]
        return above[-1].split("def ")[1].partition("(")[0] if above else ""

    def call(self, lines: list[str], line: int) -> str:
        """The lines from this one until its brackets are closed."""
        text = ""
        for one in lines[line - 1 :]:
            text += one.strip()
            if text.count("(") == text.count(")"):
                return text
        raise AssertionError(text)

    def edit(self, step: str, *terms: dict[str, str], kind: str = "condition", **more: Any) -> dict[str, Any]:
        (found,) = [one for one in self.steps if one["name"] == step]
        named = {"step": step, "action": found["action"], "source": found["source"], "table": "Items"}
        return {"kind": kind, "handler": "delete", **named, "terms": list(terms), **more}

    def together(self, *steps: str) -> dict[str, Any]:
        found = [one for one in self.steps if one["name"] in steps]
        rows = {"actions": [one["action"] for one in found], "sources": [one["source"] for one in found]}
        return {"kind": "together", "handler": "delete", "steps": list(steps), **rows, "tables": ["Items"] * len(found)}

    def document(self, *edits: dict[str, Any]) -> dict[str, Any]:
        requests = [{"letter": "A", "handler": "delete", "arguments": {"key": "i1"}}]
        return {"requests": requests, "steps": self.steps, "remedy": {"text": "", "edits": list(edits)}}

    def after(self, *edits: dict[str, Any]) -> str:
        """The file with the edits made, which Python must take."""
        made = patch(self.document(*edits), self.folder)
        self.notes = made.notes
        (change,) = made.changes.values()
        compile(change.after, "app.py", "exec")
        assert (self.folder / "app.py").read_text(encoding="utf-8") == self.text  # only --write writes
        return change.after

    def reason(self, *edits: dict[str, Any]) -> str:
        with pytest.raises(NotPossible) as raised:
            patch(self.document(*edits), self.folder)
        return str(raised.value)


def body(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


LAMBDA = """
    def delete(event, context):
        item = table.get_item(Key={"id": event["id"]}).get("Item")
        if not item:
            return {"statusCode": 404, "body": json.dumps({"error": "no such item"})}
        if item["owner"] != event["requestContext"]["authorizer"]["claims"]["sub"]:
            return {"statusCode": 403, "body": json.dumps({"error": f"not yours: {item}"})}
        table.delete_item(Key={"id": event["id"]})  # for good
        return {"statusCode": 204}
"""
