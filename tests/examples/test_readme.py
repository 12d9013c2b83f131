"""Runs the README's examples exactly as they are printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
EXAMPLE = re.compile(r"<!-- example: (?P<name>[\w./]+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


def examples() -> dict[str, str]:
    return {match["name"]: match["text"] for match in EXAMPLE.finditer(README.read_text(encoding="utf-8"))}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in examples().items():
        if name.endswith(".py"):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return tmp_path


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_existing_handler_becomes_a_model_in_under_thirty_lines() -> None:
    assert len(examples()["orders_model.py"].splitlines()) < 30


def test_the_command_finds_the_race_in_the_printed_handler(project: Path) -> None:
    command = examples()["command"].split()
    assert command[0] == "toctou"
    finished = run(project, "toctou.cli", *command[1:])
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "orders_model.py:Orders" in finished.stdout
    assert "VIOLATED" in finished.stdout
    report = next((project / "reports" / "latest").glob("*Orders-1.json"))
    again = run(project, "toctou.cli", "replay", str(report.relative_to(project)))
    assert again.returncode == 1, again.stdout + again.stderr
    assert "Orders[o1]" in again.stdout


def test_the_printed_fix_is_verified(project: Path) -> None:
    service = project / "shop" / "orders.py"
    racy = '    table.delete_item(Key={"order_id": order_id})\n'
    text = service.read_text(encoding="utf-8")
    assert racy in text
    fixed = (
        "    try:\n"
        "        table.delete_item(\n"
        '            Key={"order_id": order_id},\n'
        '            ConditionExpression="#owner = :caller",\n'
        '            ExpressionAttributeNames={"#owner": "owner"},\n'
        '            ExpressionAttributeValues={":caller": caller},\n'
        "        )\n"
        "    except table.meta.client.exceptions.ConditionalCheckFailedException:\n"
        "        return 409\n"
    )
    service.write_text(text.replace(racy, fixed), encoding="utf-8")
    finished = run(project, "toctou.cli", "check", "orders_model.py")
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("test_file", ["test_orders.py", "test_orders_machine.py"])
def test_the_printed_tests_fail_with_our_explanation(project: Path, test_file: str) -> None:
    # How long Hypothesis takes to shrink what it finds must not be left to chance.
    finished = run(project, "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1", test_file)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "Orders[o1]" in finished.stdout
    assert "toctou replay" in finished.stdout


OPENAPI = """
openapi: 3.1.0
info: {title: Shop, version: "1"}
security: [{user: []}]
components: {securitySchemes: {user: {type: apiKey, in: header, name: X-User}}}
paths:
  /orders/{order_id}:
    delete:
      operationId: cancelOrder
      parameters: [{name: order_id, in: path, required: true, schema: {type: string}}]
      responses: {"204": {description: cancelled}}
  /orders/{order_id}/owner:
    post:
      operationId: handOver
      parameters: [{name: order_id, in: path, required: true, schema: {type: string}}]
      requestBody:
        content:
          application/json: {schema: {type: object, required: [to], properties: {to: {type: string}}}}
        required: true
      responses: {"200": {description: handed over}}
"""


def test_the_printed_scan_finds_the_race(project: Path) -> None:
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    (project / "openapi.yaml").write_text(OPENAPI, encoding="utf-8")
    command = examples()["scan"].split()
    for arguments in (command[1:], ["scan", "openapi.yaml", "--model", "orders_model.py:Orders"]):
        finished = run(project, "toctou.cli", *arguments)
        assert finished.returncode == 1, finished.stdout + finished.stderr
        assert "VIOLATED      DELETE /orders/{order_id}  cancelOrder" in finished.stdout
        assert "unguarded" in finished.stdout
