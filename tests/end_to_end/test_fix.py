"""``toctou fix``: a diff that was checked, or the reason why there is none, and a snippet; files are only written if asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_projects import Project, project  # noqa: F401 - a fixture
from written_models import Ended

Command = Callable[..., Ended]

SHOP = """
import boto3

orders = boto3.resource("dynamodb", region_name="eu-central-1").Table("Orders")


def cancel(caller, order_id):
    order = orders.get_item(Key={"order_id": order_id}).get("Item")
    if order is None:
        return 404
    if order["owner"] != caller:
        return 403
    orders.delete_item(Key={"order_id": order_id})
    return 204


def hand_over(caller, order_id, to):
    try:
        orders.update_item(
            Key={"order_id": order_id},
            UpdateExpression="SET #owner = :to",
            ConditionExpression="#owner = :caller",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":to": to, ":caller": caller},
        )
    except orders.meta.client.exceptions.ConditionalCheckFailedException:
        return 403
    return 200
"""
MODEL = """
from shop import orders
from toctou import Model, Table, handler


class Orders(Model):
    tables = [Table("Orders", "order_id")]
    items = {"Orders": [{"order_id": "o1", "owner": "alice", "paid": True}]}
    owner = "owner"
    cancel = handler(orders.cancel, order_id=["o1"])
    hand_over = handler(orders.hand_over, order_id=["o1"], to=["bob"], principals=["alice"])
"""
OWNER = {"attribute": "owner", "test": "equals", "value": "caller", "read": "A.1"}
PAID = {"attribute": "paid", "test": "equals", "value": "read", "read": "A.1"}
DIFF = """\
--- a/shop/orders.py
+++ b/shop/orders.py
@@ -10,7 +10,15 @@
         return 404
     if order["owner"] != caller:
         return 403
-    orders.delete_item(Key={"order_id": order_id})
+    try:
+        orders.delete_item(
+            Key={"order_id": order_id},
+            ConditionExpression="#owner = :caller",
+            ExpressionAttributeNames={"#owner": "owner"},
+            ExpressionAttributeValues={":caller": caller},
+        )
+    except orders.meta.client.exceptions.ConditionalCheckFailedException:
+        return 409
     return 204
"""


def give_remedy(report: Path, *terms: dict[str, str], **changed: Any) -> Path:
    """Have a stored violation suggest a condition on the write of its cause."""
    document = json.loads(report.read_text(encoding="utf-8"))
    write = document["cause"]["write"]
    edit = {
        "kind": "condition",
        "step": write["step"],
        "handler": document["cause"]["handler"],
        "action": write["action"],
        "source": write["source"],
        "terms": list(terms),
        "table": write["tables"][0],
        **changed,
    }
    tried = {"outcome": "not_tried", "text": "by hand", "schedules": 0, "scenarios": 0}
    remedy = {"text": "make it conditional", "edits": [edit] if terms else [], "tried": tried, "attempts": []}
    report.write_text(json.dumps({**document, "remedy": remedy}), encoding="utf-8")
    return report


@pytest.fixture(scope="module")
def checked_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("checked")
    (made / "shop").mkdir()
    (made / "shop" / "orders.py").write_text(SHOP, encoding="utf-8")
    (made / "orders_model.py").write_text(MODEL, encoding="utf-8")
    checking = [sys.executable, "-m", "toctou.cli", "check", "orders_model.py"]
    done = subprocess.run(checking, cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return made


@pytest.fixture
def shop(folder: Path, checked_once: Path) -> Path:
    """A project with the report of its race, in which a remedy is still to be put."""
    shutil.copytree(checked_once, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def report(shop: Path) -> Path:
    for file in sorted((shop / "reports" / "latest").glob("orders_model.Orders-*.json")):
        if json.loads(file.read_text(encoding="utf-8"))["finding"]["oracle"] == "ownership":
            return file
    raise AssertionError("no finding of the owner")


def contents(folder: Path) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in folder.rglob("*") if one.is_file() and one.suffix != ".pyc"}


def test_a_diff_is_checked_before_it_is_printed_and_changes_nothing(shop: Path, report: Path, command: Command) -> None:
    give_remedy(report, OWNER)
    before = contents(shop)
    fixed = command("fix", report)
    assert fixed.status == 0, fixed.out + fixed.err
    checked, diff = fixed.out.split("\n", 1)
    assert checked.startswith("checked: VERIFIED, ")
    assert checked.endswith(" schedules")
    assert diff.startswith(DIFF)
    assert contents(shop) == before


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch: `apt-get install patch`")
def test_what_is_printed_can_be_applied(shop: Path, report: Path, command: Command) -> None:
    printed = command("fix", give_remedy(report, OWNER)).out
    subprocess.run(["patch", "-p1"], input=printed, cwd=shop, check=True, text=True, capture_output=True)
    assert (
        "ConditionalCheckFailedException:\n        return 409\n    return 204" in (shop / "shop/orders.py").read_text()
    )


def test_it_is_written_if_it_helps(shop: Path, report: Path, command: Command) -> None:
    give_remedy(report, OWNER)
    fixed = command("fix", report, "--write")
    assert (fixed.status, fixed.err.splitlines()[-1]) == (0, "toctou: changed shop/orders.py")
    again = command("fix", report, "--write")
    assert again.status == 1
    assert "no change to the source: shop/orders.py has changed since the report: 'orders.delete_item(" in again.out


def test_a_change_that_does_not_help_is_neither_printed_nor_written(shop: Path, report: Path, command: Command) -> None:
    give_remedy(report, PAID)
    before = contents(shop)
    fixed = command("fix", report, "--write")
    assert fixed.status == 1
    assert "this finding is still there\n" in fixed.out
    assert "@@" not in fixed.out
    assert 'ConditionExpression="paid = :paid"' in fixed.out.partition("As a snippet (boto3-resource;")[2]
    assert contents(shop) == before


def test_a_condition_that_never_holds_does_not_help(shop: Path, report: Path, command: Command) -> None:
    # No race is left where a handler never writes.
    source = (
        (shop / "shop" / "orders.py")
        .read_text()
        .replace('if order["owner"] != caller', 'if order["owner"] == "nobody"')
    )
    (shop / "shop" / "orders.py").write_text(source)
    fixed = command("fix", give_remedy(report, OWNER))
    assert fixed.status == 1
    assert "checked: with the change, cancel never writes\n" in fixed.out


def test_without_a_check_nothing_is_explored(shop: Path, report: Path, command: Command) -> None:
    give_remedy(report, PAID)
    (shop / "orders_model.py").unlink()
    fixed = command("fix", report, "--no-check")
    assert (fixed.status, fixed.out.splitlines()[0]) == (0, "not checked")
    assert '+            ExpressionAttributeValues={":paid": order["paid"]},\n' in fixed.out
    fixed = command("fix", report)
    assert fixed.status == 1
    assert "checked: nothing was explored: toctou: there is no Python file 'orders_model.py'" in fixed.out


def test_a_change_that_breaks_something_else_does_not_help(shop: Path, report: Path, command: Command) -> None:
    # The condition holds for nobody: the finding is gone, and so is cancelling.
    model = (shop / "orders_model.py").read_text() + (
        "\n    @toctou.invariant\n    def fine(self, items):\n        return shutil.which('sh') and PATCHED not in SOURCE\n"
    )
    head = 'import shutil\nfrom pathlib import Path\n\nimport toctou\n\nPATCHED = ":caller\\": caller}"\n'
    head += "SOURCE = (Path(__file__).parent / 'shop/orders.py').read_text().partition('def hand_over')[0]\n"
    (shop / "orders_model.py").write_text(head + model)
    fixed = command("fix", give_remedy(report, OWNER))
    assert fixed.status == 1
    assert "this finding is gone, but there is a new one: " in fixed.out


@pytest.mark.parametrize(
    ("sdk", "line"),
    [
        ("rust", '    .condition_expression("#owner = :caller")'),
        ("go", '\tConditionExpression: aws.String("#owner = :caller"),'),
        ("java", '        .conditionExpression("#owner = :caller")'),
        ("javascript", '    ConditionExpression: "#owner = :caller",'),
    ],
)
def test_a_snippet_is_printed_for_the_sdk_that_is_asked_for(
    report: Path, command: Command, sdk: str, line: str
) -> None:
    asked = command("fix", give_remedy(report, OWNER), "--sdk", sdk)
    assert asked.status == 0
    assert line in asked.out.splitlines()


def test_advice_is_printed_as_it_is(report: Path, command: Command) -> None:
    advice = command("fix", give_remedy(report))
    assert advice.status == 1
    assert advice.out.splitlines()[:2] == [
        "no change to the source: the remedy is advice, which has to be weighed",
        "fix: make it conditional",
    ]
    assert command("fix", give_remedy(report, OWNER, kind="miracle")).out.startswith(
        "no change to the source: the report asks for 'miracle', which this version of toctou does not know\n"
    )
    assert command("fix", report.parent / "run.json").status == 2


def test_recorded_tests_check_a_change(project: Project) -> None:  # noqa: F811 - the fixture
    project.run("--toctou")
    report = project.folder / "reports/pytest/recorded/test_docs.test_delete_3-1.json"
    give_remedy(report, OWNER)
    fixed = project.fix(report)
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    checked, diff = fixed.stdout.split("\n", 1)
    assert checked.startswith("checked: VERIFIED, ")
    assert '+                ExpressionAttributeValues={":caller": caller},\n' in diff
    assert "+            return answer(409)\n" in diff
    assert "+" not in (project.folder / "handlers.py").read_text()
