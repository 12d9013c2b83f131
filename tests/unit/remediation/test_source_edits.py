"""What a remedy makes of handlers in the styles in which teams write them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from remedied_handlers import LAMBDA, OWNER, VERSION, Handlers, body

from toctou.remediation.source_edits.patch import patch


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


def test_what_may_be_absent_by_the_way_it_is_read_is_said(tmp_path: Path) -> None:
    text = """
    def write(key):
        item = table.get_item(Key=key)["Item"]
        if {read} == 3:
            return 400
        table.delete_item(Key=key)
        return 200
    """
    handlers = Handlers(tmp_path, text.format(read='item.get("version")'))
    assert 'ExpressionAttributeValues={":version": item.get("version")},' in handlers.after(
        handlers.edit("A.2", VERSION)
    )
    assert "an item without it is not written any more" in handlers.notes[0]
    handlers = Handlers(tmp_path, text.format(read='item["version"]'))
    handlers.after(handlers.edit("A.2", VERSION))
    assert handlers.notes == ()


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
