"""The command on models whose modules call AWS while they are imported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from written_models import Ended

Command = Callable[..., Ended]

APPLICATION = """
import boto3

dynamodb = boto3.resource("dynamodb", region_name="us-east-1")
LIMIT = int(dynamodb.Table("Config").get_item(Key={"pk": "limit"})["Item"]["most"])
KEY = boto3.client("secretsmanager", region_name="us-east-1").get_secret_value(SecretId="key")["SecretString"]
notes = dynamodb.Table("Notes")
notes.load()
notes.put_item(Item={"pk": "count", "n": 0, "key": KEY})


def add():
    count = notes.get_item(Key={"pk": "count"}, ConsistentRead=True)["Item"]
    if count["n"] >= LIMIT:
        return 409
    notes.put_item(Item={**count, "n": count["n"] + 1}, **GUARD)
    return 204
"""
GUARD = '{"ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": count["n"]}}'
MODEL = """
import boto3
from toctou import Model, Table, handler

boto3.client("secretsmanager", region_name="us-east-1").create_secret(Name="key", SecretString="s3cret")

import APPLICATION


class Notes(Model):
    tables = [Table("Notes", "pk"), Table("Config", "pk")]
    items = {"Config": [{"pk": "limit", "most": 1}]}
    principals = ["alice"]

    @handler()
    def add(self, principal):
        try:
            return APPLICATION.add()
        except APPLICATION.dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
            return 409
"""


@pytest.mark.parametrize("options", [(), ("--isolation", "processes"), ("--jobs", "2")], ids=" ".join)
@pytest.mark.parametrize(("guard", "verdict"), [("{}", "VIOLATED"), (GUARD, "VERIFIED")], ids=["racy", "fixed"])
def test_a_module_that_reads_and_stores_when_it_is_imported(folder, command: Command, guard, verdict, options):
    name = f"application_{verdict.lower()}_{len(options)}_{'jobs' in str(options)}"
    (folder / f"{name}.py").write_text(APPLICATION.replace("GUARD", guard))
    (folder / f"model_of_{name}.py").write_text(MODEL.replace("APPLICATION", name))
    ended = command("check", f"model_of_{name}.py", *options)
    assert ended.err == "" or "toctou" not in ended.err
    assert f"model_of_{name}.py:Notes  {verdict}" in ended.out
    assert ended.status == (1 if verdict == "VIOLATED" else 0)
    if verdict == "VIOLATED":
        (written,) = folder.rglob("*-1.json")
        assert command("replay", written).status == 1


def test_a_table_that_nobody_declares_is_noted(folder, command: Command):
    (folder / "undeclared.py").write_text(
        'import boto3\nboto3.resource("dynamodb").Table("Else").get_item(Key={"pk": "x"})\n'
        + MODEL.partition("import boto3\n")[2]
        .replace("import APPLICATION", "notes = boto3.resource('dynamodb').Table('Notes')")
        .partition("        try:")[0]
        + "        notes.put_item(Item={'pk': 'n1'})\n        return 204\n"
    )
    ended = command("check", "undeclared.py")
    assert ended.status == 0
    told = " ".join(ended.out.split())
    assert "GetItem of Else while importing undeclared.py:2: no model declares that table; answered as empty" in told
