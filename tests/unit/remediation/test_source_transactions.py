"""Remedies that compose calls anew; and where the source is left alone, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from remedied_handlers import LAMBDA, OWNER, Handlers, body

from toctou.remediation.remedy_data import NotPossible
from toctou.remediation.source_edits.patch import Replacement, patch, replacements

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


TRANSACTION = """
    def move(caller, key, to):
        item = client.get_item(TableName="Items", Key=key)["Item"]
        if item["owner"]["S"] != caller:
            return 403
        client.transact_write_items(
            TransactItems=[
                {
                    "Delete": {
                        "TableName": "Items",
                        "Key": key,
                    }
                },
                {"Put": {"TableName": "Moved", "Item": {**item, "id": to}}},
            ]
        )
        return 200
"""


def test_the_element_of_a_transaction_that_writes_to_the_table_gets_the_condition(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, TRANSACTION)
    after = handlers.after(handlers.edit("A.2", OWNER))
    assert body("""
                    "Delete": {
                        "TableName": "Items",
                        "Key": key,
                        "ConditionExpression": "#owner = :caller",
                        "ExpressionAttributeNames": {"#owner": "owner"},
                        "ExpressionAttributeValues": {":caller": {"S": caller}},
                    }
    """) in "\n".join(line[20:] for line in after.splitlines())
    assert after.endswith(
        "    except client.exceptions.TransactionCanceledException:\n        return 409\n    return 200\n"
    )
    for old, new, why in [
        ('"Moved"', '"Items"', "it cannot be seen which element of the transaction writes the item of Items"),
        ("TransactItems=[", "TransactItems=[*more] or [", "the elements of the transaction are not written out there"),
        ('"Key": key,', '"Key": key, **more,', "the element takes **, which may hold a condition already"),
    ]:
        handlers = Handlers(tmp_path, TRANSACTION.replace(old, new))
        assert handlers.reason(handlers.edit("A.2", OWNER)) == why


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
    handlers = Handlers(tmp_path, TWO)
    document = handlers.document(handlers.together("A.2", "A.3"), handlers.edit("A.3", OWNER))
    lines = handlers.text.splitlines(keepends=True)
    found = replacements(document, tmp_path)
    assert found
    for one in reversed(found):
        assert isinstance(one, Replacement)
        assert one.first <= one.last
        lines[one.first - 1 : one.last] = [one.text + "\n"]
    assert "".join(lines) == handlers.after(*document["remedy"]["edits"])
    assert replacements(handlers.document(), tmp_path) is None


def test_the_same_edit_for_two_steps_of_one_line_is_made_once(tmp_path: Path) -> None:
    handlers = Handlers(tmp_path, LAMBDA)
    twice = [handlers.edit("A.2", OWNER), {**handlers.edit("A.2", OWNER), "step": "A.3"}]
    assert handlers.after(*twice).count("ConditionExpression") == 1
