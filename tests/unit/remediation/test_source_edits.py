"""What a remedy makes of handlers in the styles in which teams write them; and where it leaves them alone, with the reason."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from toctou.remediation.remedy_data import NotPossible
from toctou.remediation.source_edits.patch import Replacement, patch, replacements

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


def test_a_lambda_function_gets_a_condition_and_refuses_in_its_own_way(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    assert body("""
            try:
                table.delete_item(
                    Key={"id": event["id"]},
                    ConditionExpression="#owner = :caller",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":caller": event["requestContext"]["authorizer"]["claims"]["sub"]},
                )  # for good
            except table.meta.client.exceptions.ConditionalCheckFailedException:
                return {"statusCode": 409, "body": json.dumps({"error": "changed by another request"})}
            return {"statusCode": 204}
    """) in textwrap.dedent(handlers.after(handlers.edit("A.2", OWNER)).partition("not yours")[2].partition("\n")[2])


@pytest.mark.parametrize(
    ("refusal", "conflict"),
    [
        ("return 403", "return 409"),
        ('return 403, {"message": "not yours"}', 'return 409, {"message": "changed by another request"}'),
        ('return jsonify(error="not yours"), 403', 'return jsonify(error="changed by another request"), 409'),
        ("abort(403)", "abort(409)"),
        ("return Response(status=403)", "return Response(status=409)"),
        (
            'raise HTTPException(status_code=403, detail="not yours")',
            'raise HTTPException(status_code=409, detail="changed by another request")',
        ),
        ('raise HTTPException(404, f"no item {key}")', 'raise HTTPException(409, "changed by another request")'),
        ("return Response(status=status.HTTP_403_FORBIDDEN)", "return Response(status=status.HTTP_409_CONFLICT)"),
        ("return answer(HTTPStatus.FORBIDDEN)", "return answer(HTTPStatus.CONFLICT)"),
        ("return False", "return False"),  # it has no status: what its own check answers
        ('raise NotYours("the item")', 'raise NotYours("the item")'),
    ],
)
def test_the_refusal_has_the_style_of_the_function(tmp_path: Path, refusal: str, conflict: str) -> None:
    handlers = Handlers(
        tmp_path,
        f"""
        def delete(caller, key):
            item = table.get_item(Key=key)["Item"]
            if item["owner"] != caller:
                {refusal}
            table.delete_item(Key=key)
        """,
    )
    after = handlers.after(handlers.edit("A.2", OWNER))
    assert after.endswith(
        f"    except table.meta.client.exceptions.ConditionalCheckFailedException:\n        {conflict}\n"
    )
    assert bool(handlers.notes) == (refusal == conflict)


@pytest.mark.parametrize(
    ("elsewhere", "refusal"),
    [
        ('raise ConflictError("taken") from error', 'raise ConflictError("changed by another request")'),
        ("raise web.HTTPConflict()", 'raise web.HTTPConflict("changed by another request")'),
        ("return 409", 'raise Forbidden("not yours")'),  # of the helper function that checks
    ],
)
def test_the_refusal_is_that_of_the_file_where_the_function_has_none(
    tmp_path: Path, elsewhere: str, refusal: str
) -> None:
    handlers = Handlers(
        tmp_path,
        f"""
        def own(caller, key):
            item = table.get_item(Key=key)["Item"]
            if item["owner"] != caller:
                raise Forbidden("not yours")
            return item

        def delete(caller, key):
            item = own(caller, key)
            table.delete_item(Key=key)
            return item

        def other(error):
            {elsewhere}
        """,
    )
    after = handlers.after(handlers.edit("A.2", OWNER))
    assert f"ConditionalCheckFailedException:\n        {refusal}\n    return item\n" in after


@pytest.mark.parametrize("test", ['item.get("done")', '"done" in item', 'item.get("done") is not None'])
def test_what_was_absent_stays_absent_only_if_the_code_asks_for_that(tmp_path: Path, test: str) -> None:
    text = """
    def finish(key):
        item = table.get_item(Key=key)["Item"]
        if {test}:
            return 400
        table.update_item(Key=key, UpdateExpression="SET done = :now", ExpressionAttributeValues={{":now": now()}})
        return 200
    """
    done = {"attribute": "done", "test": "absent", "value": "read", "read": "A.1"}
    handlers = Handlers(tmp_path, text.format(test=test))
    assert 'ConditionExpression="attribute_not_exists(done)",' in handlers.after(handlers.edit("A.2", done))
    handlers = Handlers(tmp_path, text.format(test="late()"))
    assert "done was not there when it was read" in handlers.reason(handlers.edit("A.2", done))


def test_a_function_that_answers_nothing_is_left_to_raise_and_that_is_said(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def delete(caller, key):
            item = table.get_item(Key=key)["Item"]
            assert item["owner"] == caller
            table.delete_item(Key=key)
        """,
    )
    assert "try:" not in handlers.after(handlers.edit("A.2", OWNER))
    assert handlers.notes == (
        "delete answers with no status, so ConditionalCheckFailedException is raised: catch it, and answer 409",
    )


@pytest.mark.parametrize(
    "caught",
    [
        "ClientError as error",
        "Exception",
        "client.exceptions.ConditionalCheckFailedException",
        "(KeyError, ClientError)",
        "Failed",
    ],
)
def test_a_call_whose_failure_is_caught_gets_no_second_try(tmp_path: Path, caught: str) -> None:
    handlers = Handlers(
        tmp_path,
        f"""
        Failed = client.exceptions.ConditionalCheckFailedException

        def delete(caller, key):
            item = client.get_item(TableName="Items", Key=key)["Item"]
            if item["owner"]["S"] != caller:
                return 403
            try:
                client.delete_item(TableName="Items", Key=key)
            except {caught}:
                return 404
            return 204
        """,
    )
    after = handlers.after(handlers.edit("A.2", OWNER))
    assert after.count("try:") == 1
    assert 'ExpressionAttributeValues={":caller": {"S": caller}},' in after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"version = :v"', '"version = :v AND #owner = :caller"'),
        ("'a = :v OR b = :v'", "'(a = :v OR b = :v) AND #owner = :caller'"),
        ('"a = :v AND " "b = :v"', '"a = :v AND b = :v AND #owner = :caller"'),
        ('Attr("version").eq(v)', 'Attr("version").eq(v) & Attr("owner").eq(caller)'),
        ('Attr("a").eq(v) | Attr("b").eq(v)', '(Attr("a").eq(v) | Attr("b").eq(v)) & Attr("owner").eq(caller)'),
        ("conditions.Attr('a').exists()", "conditions.Attr('a').exists() & conditions.Attr(\"owner\").eq(caller)"),
    ],
)
def test_a_condition_that_is_there_is_extended(tmp_path: Path, before: str, after: str) -> None:
    values = "" if "Attr" in before else '\n                    ExpressionAttributeValues={":v": v},'
    handlers = Handlers(
        tmp_path,
        f"""
        def delete(caller, key, v):
            item = table.get_item(Key=key)["Item"]
            if item["owner"] != caller:
                return 403
            try:
                table.delete_item(
                    Key=key,
                    ConditionExpression={before},{values}
                )
            except ClientError:
                return 409
        """,
    )
    assert f"            ConditionExpression={after},\n" in handlers.after(handlers.edit("A.2", OWNER))


def test_placeholders_are_used_again_and_never_given_a_second_meaning(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def delete(caller, key):
            item = table.get_item(Key=key)["Item"]
            if item["owner"] != caller:
                return 403
            table.update_item(
                Key=key,
                UpdateExpression="SET #o = :caller, changed = :me, version = :version",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":caller": item["heir"], ":me": caller, ":version": item["version"] + 1},
            )
        """,
    )
    after = handlers.after(handlers.edit("A.2", OWNER, VERSION))
    assert 'ConditionExpression="#o = :me AND version = :version_2",' in after
    assert '":version": item["version"] + 1, ":version_2": item["version"]}' in " ".join(after.split())


@pytest.mark.parametrize(
    ("check", "caller"),
    [
        ('if item.get("owner") != user["id"]:', 'user["id"]'),
        ('if not item or caller != item["owner"]:', "caller"),
        ('owner = item["owner"]\n    if owner != caller:', "caller"),
        ('if item["owner"] != event["owner"]:', 'event["owner"]'),
        ('if item["owner"] != str(g.user.id):', "str(g.user.id)"),
        ("if not owns(item, caller):", "caller"),
        ("if not mine(event, item):", 'event["sub"]'),
        ("if not ours(item):", "g.owner"),
        ('if item["owner"] != g.owner:', "g.owner"),
    ],
)
def test_the_caller_is_what_the_code_compares_the_owner_with(tmp_path: Path, check: str, caller: str) -> None:
    head, _, rest = check.partition("\n")
    lines = "\n".join(["    " + head, *([rest] if rest else [])])
    text = f"""
def owns(thing, who):
    return thing["owner"] == who

def mine(given, thing):
    return thing["owner"] == given["sub"]

def ours(thing):
    return thing["owner"] == g.owner

def delete(caller, user, event, key):
    item = table.get_item(Key=key)["Item"]
{lines}
        return 403
    table.delete_item(Key=key)
"""
    handlers = Handlers(tmp_path, text)
    assert f'ExpressionAttributeValues={{":caller": {caller}}},' in handlers.after(handlers.edit("A.2", OWNER))


def test_without_a_comparison_the_caller_is_known_of_a_handler_only(tmp_path: Path) -> None:
    text = """
    def {name}(who, key):
        table.delete_item(Key=key)
        return 204
    """
    handlers = Handlers(tmp_path, text.format(name="delete"))
    assert '{":caller": who}' in handlers.after(handlers.edit("A.1", OWNER))
    handlers = Handlers(tmp_path, text.format(name="delete").replace("who, key", "key, other"))
    assert "does not compare owner with the caller" in handlers.reason(handlers.edit("A.1", OWNER))
    handlers = Handlers(tmp_path, text.format(name="remove"))
    assert handlers.reason(handlers.edit("A.1", OWNER)) == (
        "remove does not compare owner with the caller, so it cannot be seen which variable holds the caller"
    )


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ('item = table.get_item(Key=key)["Item"]', 'item["version"]'),
        ('item = table.get_item(Key=key).get("Item", {})', 'item["version"]'),
        ('response = table.get_item(Key=key)\n    item = response.get("Item") or {}', 'item["version"]'),
        ('version = table.get_item(Key=key)["Item"]["version"]', "version"),
        ('item = dict(table.get_item(Key=key)["Item"])', 'item["version"]'),
        ("item = fetched(key)", 'item["version"]'),
        ('item = table.get_item(Key=key)["Item"]\n    seen = item.get("version")', 'item.get("version")'),
        ('if (item := table.get_item(Key=key).get("Item")) is None:\n        return 404', 'item["version"]'),
    ],
)
def test_what_was_read_is_taken_from_its_variable(tmp_path: Path, read: str, value: str) -> None:
    helper = 'def fetched(key):\n    return table.get_item(Key=key)["Item"]\n\n\n' if "fetched" in read else ""
    handlers = Handlers(
        tmp_path, f"{helper}def delete(key):\n    {read}\n    table.delete_item(Key=key)\n    return 204\n"
    )
    assert f'{{":version": {value}}}' in handlers.after(handlers.edit("A.2", VERSION))


def test_what_the_code_changes_before_it_writes_is_copied_before_that(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def rename(key, name):
            item = table.get_item(Key=key)["Item"]
            item["name"] = name
            item["version"] += 1
            table.put_item(Item=item)
            return 200
        """,
    )
    assert body("""
            item["name"] = name
            version_read = item["version"]
            item["version"] += 1
            try:
                table.put_item(
                    Item=item, ConditionExpression="version = :version", ExpressionAttributeValues={":version": version_read}
                )
            except table.meta.client.exceptions.ConditionalCheckFailedException:
                return 409
    """).replace(" ", "").replace("\n", "") in handlers.after(handlers.edit("A.2", VERSION)).replace(" ", "").replace(
        "\n", ""
    ).replace(",)", ")")


def test_clients_and_resources_may_meet(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def delete(key):
            item = table.get_item(Key={"id": key})["Item"]
            client.delete_item(TableName="Items", Key={"id": {"S": key}})
            return 204
        """,
    )
    assert '{":version": {"N": str(item["version"])}}' in handlers.after(handlers.edit("A.2", VERSION))


def test_an_awaited_call_is_changed_as_any_other(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        async def delete(caller, key):
            item = (await table.get_item(Key=key)).get("Item")
            if item["owner"] != caller:
                raise HTTPException(403)
            await table.delete_item(Key=key)
        """,
    )
    after = handlers.after(handlers.edit("A.2", OWNER, VERSION))
    assert "        await table.delete_item(\n" in after
    assert 'ExpressionAttributeValues={":caller": caller, ":version": item["version"]},' in after


def test_a_read_becomes_consistent(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def show(key):
            item = table.get_item(Key=key, ConsistentRead=False).get("Item")
            return table.query(
                KeyConditionExpression=Key("id").eq(item["next"]),  # the next one
                Limit=1,
            )
        """,
    )
    first = handlers.after(handlers.edit("A.1", kind="consistent_read"))
    assert 'table.get_item(Key=key, ConsistentRead=True).get("Item")' in first
    second = handlers.after(handlers.edit("A.2", kind="consistent_read"))
    assert '(item["next"]),  # the next one\n        Limit=1,\n        ConsistentRead=True,\n    )\n' in " ".join(
        second.split(" ")
    )


def test_a_file_with_lines_of_windows_keeps_them(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    (tmp_path / "app.py").write_bytes(handlers.text.replace("\n", "\r\n").encode())
    (change,) = patch(handlers.document(handlers.edit("A.2", OWNER)), tmp_path).changes.values()
    assert change.after.count("\n") == change.after.count("\r\n") > change.before.count("\n")


TWO = """
    def move(caller, key, to):
        item = client.get_item(TableName="Items", Key=key)["Item"]
        if item["owner"]["S"] != caller:
            return 403
        client.put_item(TableName="Items", Item={**item, "id": to})
        log.info("moved")
        client.delete_item(
            TableName="Items",
            Key=key,
        )
        return 200
"""


def test_two_writes_become_one_transaction(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, TWO)
    after = handlers.after(handlers.together("A.2", "A.3"), handlers.edit("A.3", OWNER))
    assert body("""
        return 403
        log.info("moved")
        try:
            client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": "Items", "Item": {**item, "id": to}}},
                    {
                        "Delete": {
                            "TableName": "Items",
                            "Key": key,
                            "ConditionExpression": "#owner = :caller",
                            "ExpressionAttributeNames": {"#owner": "owner"},
                            "ExpressionAttributeValues": {":caller": {"S": caller}},
                        }
                    },
                ]
            )
        except client.exceptions.TransactionCanceledException:
            return 409
        return 200
    """) in "\n".join(
        line[4:] if not line.startswith("        return 403") else line[8:] for line in after.splitlines()
    )


def test_writes_that_cannot_be_moved_stay_where_they_are(tmp_path: Path) -> None:
    for old, new, why in [
        ('log.info("moved")', "if late():\n            return 202", "the function may return between the writes"),
        (
            "client.put_item(",
            "found = client.put_item(",
            "what the put_item in line 5 returns is used, and a transaction returns nothing",
        ),
        ('Item={**item, "id": to}', 'Item=item, ReturnValues="ALL_OLD"', "a transaction does not take ReturnValues"),
        ('client.put_item(TableName="Items", ', "table.put_item(", "one write uses a client and the other a resource"),
        ("client.put_item", "if to:\n            client.put_item", "the writes are not in one block of one function"),
    ]:
        handlers = Handlers(
            tmp_path, TWO.replace(old, new).replace('Key=key)["Item"]', 'Key={"id": {"S": key}})["Item"]')
        )
        if "uses a client" in why:
            handlers = Handlers(tmp_path, TWO.replace(old, new).replace("Key=key,\n", 'Key={"id": {"S": key}},\n'))
        assert handlers.reason(handlers.together("A.2", "A.3")) == why


def test_a_write_is_made_with_a_check_of_what_was_read(tmp_path: Path) -> None:
    handlers = Handlers(
        tmp_path,
        """
        def order(caller, customer, order):
            found = table.get_item(Key={"id": customer}).get("Item")
            if found is None or found["owner"] != caller:
                return 404
            table.put_item(Item=order)
            return 201
        """,
    )
    edit = handlers.edit("A.2", OWNER, kind="checked", item_table="Items", item_step="A.1")
    after = " ".join(handlers.after(edit).split())
    assert (
        '{ "ConditionCheck": { "TableName": table.name, "Key": {"id": customer}, "ConditionExpression": "#owner = :caller",'
        in after
    )
    assert '{"Put": {"TableName": table.name, "Item": order}}, ] ) except table.meta.client.exceptions' in after


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        (
            'table.put_item(Item={**item, "version": item["version"] - n})',
            'Key={"id": item["id"]}, UpdateExpression="ADD version :change", ExpressionAttributeValues={":change": -n}',
        ),
        (
            'table.update_item(Key=key, UpdateExpression="SET version = :v", '
            'ExpressionAttributeValues={":v": item["version"] + 1})',
            'Key=key, UpdateExpression="ADD version :v", ExpressionAttributeValues={":v": 1}',
        ),
        (
            'client.update_item(TableName="Items", Key={"id": {"S": key}}, UpdateExpression="SET a = :a, version = :v", '
            'ExpressionAttributeValues={":v": {"N": str(int(item["version"]["N"]) + n)}, ":a": a})',
            'UpdateExpression="SET a = :a ADD version :v", ExpressionAttributeValues={":v": {"N": str(n)}, ":a": a}',
        ),
    ],
)
def test_a_computed_number_is_added(tmp_path: Path, write: str, changed: str) -> None:
    handlers = Handlers(tmp_path, f'def count(key, n, a):\n    item = table.get_item(Key=key)["Item"]\n    {write}\n')
    after = " ".join(handlers.after(handlers.edit("A.2", kind="add", attribute="version")).split())
    assert changed in after


@pytest.mark.parametrize(
    ("write", "why"),
    [
        ("table.delete_item(Key=key, **more)", "the call takes **more, which may hold a condition already"),
        (
            "table.delete_item(Key=key, ConditionExpression=unchanged)",
            "ConditionExpression is unchanged, not a text that is written out there",
        ),
        (
            "table.delete_item(Key=key, ExpressionAttributeValues=values)",
            "ExpressionAttributeValues is values, not a dictionary that is written out there",
        ),
        ("client.batch_write_item(RequestItems=all)", "a BatchWriteItem takes no condition of its own"),
    ],
)
def test_what_is_not_written_out_is_left_alone(tmp_path: Path, write: str, why: str) -> None:
    head = 'def delete(who, key):\n    item = table.get_item(Key=key)["Item"]\n    assert item["owner"] == who\n'
    handlers = Handlers(tmp_path, f"{head}    {write}\n")
    assert handlers.reason(handlers.edit("A.2", OWNER)) == why


def test_moved_lines_are_found_and_changed_ones_are_not(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    edit = handlers.edit("A.2", OWNER)
    (tmp_path / "app.py").write_text("import json\n\n\n" + handlers.text, encoding="utf-8")
    assert patch(handlers.document(edit), tmp_path).changes
    changed = handlers.text.replace(
        'table.delete_item(Key={"id": event["id"]})', 'table.delete_item(Key={"id": event["key"]})'
    )
    (tmp_path / "app.py").write_text(changed, encoding="utf-8")
    assert "has changed since the report" in handlers.reason(edit)
    (tmp_path / "app.py").write_text("def delete(:\n", encoding="utf-8")
    assert "app.py cannot be parsed" in handlers.reason(edit)
    (tmp_path / "app.py").unlink()
    assert "app.py is not a file of the project" in handlers.reason(edit)


def test_files_outside_of_the_project_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    handlers = Handlers(tmp_path, LAMBDA)
    edit = handlers.edit("A.2", OWNER)
    edit["source"] = {**edit["source"], "file": "../app.py"}
    with pytest.raises(NotPossible, match=r"\.\./app\.py is not a file of the project"):
        patch(handlers.document(edit), tmp_path / "project")


def test_replacements_make_of_the_file_what_the_diff_does(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    document = handlers.document(handlers.edit("A.2", OWNER))
    lines = handlers.text.splitlines(keepends=True)
    found = replacements(document, tmp_path)
    assert found
    for one in reversed(found):
        assert isinstance(one, Replacement)
        lines[one.first - 1 : one.last] = [one.text]
    assert "".join(lines) == handlers.after(handlers.edit("A.2", OWNER))
    assert replacements(handlers.document(), tmp_path) is None


def test_the_same_edit_for_two_steps_of_one_line_is_made_once(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    twice = [handlers.edit("A.2", OWNER), {**handlers.edit("A.2", OWNER), "step": "A.3"}]
    assert handlers.after(*twice).count("ConditionExpression") == 1
