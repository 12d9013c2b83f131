"""Snippets of every SDK for every kind of edit: those in Python do what they say, the others are what their language allows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from toctou.remediation.remedy_data import NotPossible
from toctou.remediation.snippets import SDKS, sdk_of, snippet

OWNER = {"attribute": "owner", "test": "equals", "value": "caller", "read": "A.1"}
VERSION = {"attribute": "version", "test": "equals", "value": "read", "read": "A.1"}
THERE = {"attribute": "id", "test": "exists", "value": "", "read": ""}
KEY = {"id": {"S": "i1"}}
READ = {"Item": {"id": {"S": "i1"}, "owner": {"S": "alice"}, "version": {"N": "1"}}}
UPDATE = {
    "TableName": "Items",
    "Key": KEY,
    "UpdateExpression": "SET #data = :data",
    "ConditionExpression": "version < :most OR version = :version",
    "ExpressionAttributeNames": {"#data": "data"},
    "ExpressionAttributeValues": {":data": {"S": "x"}, ":most": {"N": "9"}, ":version": {"N": "7"}},
}
PLACE = {"file": "src/main.rs", "line": 1, "function": "f", "text": ""}


def step(name: str, action: str, parameters: dict[str, Any], result: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {"name": name, "request": "A", "action": action, "source": None, "changes": []}
    return {**named, "parameters": {"TableName": "Items", **parameters}, "result": result or {}}


STEPS = [
    step("A.1", "GetItem", {"Key": KEY}, READ),
    step("A.2", "DeleteItem", {"Key": KEY}),
    step("A.3", "UpdateItem", UPDATE),
    step("A.4", "PutItem", {"Item": READ["Item"]}),
    step(
        "A.5",
        "TransactWriteItems",
        {"TransactItems": [{"Update": UPDATE}, {"Delete": {"TableName": "Users", "Key": KEY}}]},
    ),
    step("A.6", "BatchWriteItem", {"RequestItems": {"Items": [{"DeleteRequest": {"Key": KEY}}]}}),
]
ACTIONS = {one["name"]: one["action"] for one in STEPS}


def edit(kind: str, name: str, *terms: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "step": name,
        "handler": "h",
        "action": ACTIONS[name],
        "source": None,
        "table": "Items",
        "terms": list(terms),
        **more,
    }


def document(*edits: dict[str, Any], steps: Sequence[dict[str, Any]] = STEPS) -> dict[str, Any]:
    return {"model": "models.py:M", "steps": list(steps), "remedy": {"text": "", "edits": list(edits)}}


TOGETHER = {
    "kind": "together",
    "steps": ["A.4", "A.2"],
    "handler": "h",
    "actions": ["PutItem", "DeleteItem"],
    "sources": [None, None],
    "tables": ["Items", "Items"],
}
EDITS = {
    "condition": [edit("condition", "A.2", OWNER, VERSION)],
    "extended condition": [edit("condition", "A.3", VERSION)],
    "in a transaction": [edit("condition", "A.5", VERSION)],
    "instead of a batch": [edit("condition", "A.6", OWNER)],
    "existence": [edit("condition", "A.4", THERE)],
    "consistent read": [edit("consistent_read", "A.1")],
    "checked": [edit("checked", "A.4", OWNER, item_table="Users", item_step="A.1")],
    "together": [TOGETHER, edit("condition", "A.2", OWNER)],
    "add": [edit("add", "A.4", attribute="owner")],
    "claim": [edit("claim", "A.4", attributes=["email"])],
    "once": [edit("once", "A.3")],
}
"""By a name for the test."""


@pytest.fixture(params=EDITS)
def remedy(request: pytest.FixtureRequest) -> dict[str, Any]:
    return document(*EDITS[request.param])


def run(sdk: str, edits: list[dict[str, Any]], stored: list[dict[str, Any]], **variables: Any) -> list[dict[str, Any]]:
    """What is stored after a snippet has run."""
    # Another test may keep moto started in this process, and so what is stored there.
    region = "eu-north-1"
    with mock_aws():
        tables = [boto3.resource("dynamodb", region_name=region).Table(name) for name in ("Items", "Users")]
        for table in tables:
            if table.name in table.meta.client.list_tables()["TableNames"]:
                table.delete()
            table.meta.client.create_table(
                TableName=table.name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for item in stored:
            tables[0].put_item(Item=item)
        client = boto3.client("dynamodb", region_name=region)
        exec(snippet(document(*edits), sdk), {"client": client, "table": tables[0], **variables})
        found = tables[0].scan()["Items"]
        return sorted(found, key=lambda one: str(one["id"]))


STORED = {"id": "i1", "owner": "alice", "version": 1}


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_a_condition_in_python_holds_for_the_owner_only(sdk: str) -> None:
    given = {"id": "i1", "version": 1}
    assert run(sdk, EDITS["condition"], [STORED], caller="alice", **given) == []
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        run(sdk, EDITS["condition"], [STORED], caller="bob", **given)


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_a_condition_that_was_there_is_kept_in_python(sdk: str) -> None:
    given = {"id": "i1", "data": "x", "most": 9, "version": 7}
    (after,) = run(sdk, EDITS["extended condition"], [STORED], version_read=1, **given)
    assert after["data"] == "x"
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        run(sdk, EDITS["extended condition"], [STORED], version_read=2, **given)


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_writes_together_in_python_happen_both_or_not_at_all(sdk: str) -> None:
    moved: dict[str, Any] = {"id": {"S": "i2"}} if sdk == "boto3" else {"id": "i2"}
    assert run(sdk, [TOGETHER, edit("condition", "A.2", OWNER)], [STORED], item=moved, id="i1", caller="alice") == [
        {"id": "i2"}
    ]
    with pytest.raises(Exception, match="TransactionCanceled"):
        run(sdk, [TOGETHER, edit("condition", "A.2", OWNER)], [STORED], item=moved, id="i1", caller="bob")


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_a_claim_in_python_is_given_once(sdk: str) -> None:
    new: dict[str, Any] = {"id": {"S": "i2"}} if sdk == "boto3" else {"id": "i2"}
    assert [one["id"] for one in run(sdk, EDITS["claim"], [], item=new, email="a@x")] == ["claim#email#a@x", "i2"]
    with pytest.raises(Exception, match="TransactionCanceled"):
        run(sdk, EDITS["claim"], [{"id": "claim#email#a@x"}], item=new, email="a@x")


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_writes_together_are_in_one_transaction_with_what_says_that_they_were_made(sdk: str) -> None:
    edits = [TOGETHER, edit("once", "A.2"), edit("condition", "A.2", OWNER)]
    moved: dict[str, Any] = {"id": {"S": "i2"}} if sdk == "boto3" else {"id": "i2"}
    given = {"item": moved, "id": "i1", "caller": "alice", "event_id": "e"}
    assert [one["id"] for one in run(sdk, edits, [STORED], **given)] == ["event#e", "i2"]
    assert snippet(document(*edits), sdk).count("TransactItems") == 1


def test_several_checks_of_writes_that_are_made_together_are_left_to_the_author() -> None:
    edits = [TOGETHER, edit("once", "A.2"), edit("claim", "A.4", attributes=["email"])]
    with pytest.raises(NotPossible, match="several checks to one transaction"):
        snippet(document(*edits), "boto3")


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_a_transaction_in_python_gets_a_further_condition(sdk: str) -> None:
    given = {"id": "i1", "data": "x", "most": 9, "version": 7}
    (after,) = run(sdk, EDITS["in a transaction"], [STORED], version_read=1, **given)
    assert after["data"] == "x"
    with pytest.raises(Exception, match="TransactionCanceled"):
        run(sdk, EDITS["in a transaction"], [STORED], version_read=2, **given)


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_a_batch_in_python_becomes_single_writes(sdk: str) -> None:
    assert run(sdk, EDITS["instead of a batch"], [STORED], id="i1", caller="alice") == []
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        run(sdk, EDITS["instead of a batch"], [STORED], id="i1", caller="bob")


@pytest.mark.parametrize("sdk", ["boto3", "boto3-resource"])
def test_python_adds_reads_and_checks(sdk: str) -> None:
    (after,) = run(sdk, [edit("add", "A.4", attribute="version")], [STORED], id="i1", change=-1)
    assert after["version"] == 0
    run(sdk, EDITS["consistent read"], [STORED], id="i1")
    item: dict[str, Any] = {"id": {"S": "i2"}} if sdk == "boto3" else {"id": "i2"}
    with pytest.raises(Exception, match="TransactionCanceled"):
        run(sdk, EDITS["checked"], [], item=item, id="i1", caller="alice")


AXUM = Path(__file__).parents[3] / "models" / "axum"
BUILT = Path.home() / ".cache" / "toctou-tests" / "snippets"
"""Where the SDK is compiled once, which takes minutes."""

VARIABLES = ("id", "caller", "version", "version_read", "data", "most", "change", "email", "event_id")


def tool(name: str, install: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: `{install}`")
    return found


def accepted(command: Sequence[str], **options: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_javascript_parses(remedy: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "snippet.mjs"
    file.write_text(snippet(remedy, "javascript"), encoding="utf-8")
    accepted([tool("node", "apt-get install nodejs"), "--check", str(file)])


def test_go_parses(remedy: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "snippet.go"
    file.write_text(f"package main\n\nfunc f() error {{\n{snippet(remedy, 'go')}\nreturn nil\n}}\n", encoding="utf-8")
    accepted([tool("gofmt", "apt-get install golang-go"), "-e", str(file)])


def test_rust_parses(remedy: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "snippet.rs"
    file.write_text(f"async fn f() {{\n{snippet(remedy, 'rust')}\n}}\n", encoding="utf-8")
    accepted([tool("rustfmt", "rustup component add rustfmt"), "--edition", "2021", str(file)])


PARSER = """
import com.sun.source.util.JavacTask;
import java.util.List;
import javax.tools.*;

class Parse {
    public static void main(String[] files) throws Exception {
        var compiler = ToolProvider.getSystemJavaCompiler();
        var found = new DiagnosticCollector<JavaFileObject>();
        var manager = compiler.getStandardFileManager(found, null, null);
        var task = (JavacTask) compiler.getTask(null, manager, found, null, null, manager.getJavaFileObjects(files));
        task.parse().forEach(tree -> {});
        found.getDiagnostics().forEach(System.err::println);
        System.exit(found.getDiagnostics().isEmpty() ? 0 : 1);
    }
}
"""


def test_java_parses(tmp_path: Path) -> None:
    java = tool("java", "apt-get install default-jdk-headless")
    tool("javac", "apt-get install default-jdk-headless")
    (tmp_path / "Parse.java").write_text(PARSER, encoding="utf-8")
    files = []
    for number, edits in enumerate(EDITS.values()):
        file = tmp_path / f"Snippet{number}.java"
        text = snippet(document(*edits), "java")
        file.write_text(f"class Snippet{number} {{ void f() {{\n{text}\n}} }}\n", encoding="utf-8")
        files.append(str(file))
    accepted([java, str(tmp_path / "Parse.java"), *files])
    (tmp_path / "Wrong.java").write_text("class Wrong { void f() { g(; } }")
    with pytest.raises(AssertionError):
        accepted([java, str(tmp_path / "Parse.java"), str(tmp_path / "Wrong.java")])


@pytest.mark.slow
def test_rust_compiles(tmp_path: Path) -> None:
    cargo = tool("cargo", "apt-get install cargo")
    (tmp_path / "src").mkdir()
    shutil.copy(AXUM / "Cargo.lock", tmp_path)  # so that what is there already will do
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "snippets"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\n'
        'aws-sdk-dynamodb = { version = "1", default-features = false, features = ["rt-tokio"] }\n'
    )
    given = "".join(f", {one}: String" for one in VARIABLES)
    item = "item: std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>"
    functions = [
        "#[allow(unused)]\n"
        f"async fn f{number}(client: aws_sdk_dynamodb::Client, {item}{given}) -> Result<(), Box<dyn std::error::Error>> {{\n"
        f"{snippet(document(*edits), 'rust')}\nOk(())\n}}\n"
        for number, edits in enumerate(EDITS.values())
    ]
    (tmp_path / "src" / "lib.rs").write_text("\n".join(functions), encoding="utf-8")
    done = subprocess.run(
        [cargo, "check", "--target-dir", str(BUILT)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_sdk_is_that_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "go.mod").write_text("module service\n")
    (tmp_path / "Cargo.toml").write_text("")
    for source, model, sdk in [
        ({**PLACE, "text": 'client.get_item(TableName="Items")', "file": "a.py"}, "m.py:M", "boto3"),
        ({**PLACE, "text": "table.get_item(Key=key)", "file": "a.py"}, "m.py:M", "boto3-resource"),
        (PLACE, "m.py:M", "rust"),
        ({**PLACE, "file": "src/index.mjs"}, "m.py:M", "javascript"),
        (None, "service/models.py:M", "go"),
        (None, "service:M", "go"),
        (None, "other/models.py:M", "rust"),
    ]:
        found = {"model": model, "steps": [{**STEPS[0], "source": source}]}
        assert sdk_of(found, tmp_path) == sdk
    assert sdk_of({"model": "m.py:M", "steps": STEPS}, tmp_path / "service" / "nothing") == "boto3"


@pytest.mark.parametrize("sdk", SDKS)
def test_advice_has_no_snippet(sdk: str) -> None:
    with pytest.raises(NotPossible, match="advice"):
        snippet(document(), sdk)
    with pytest.raises(NotPossible, match="'other', which this version of toctou does not know"):
        snippet(document(edit("other", "A.2")), sdk)
