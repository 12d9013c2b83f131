"""The command on modules that miss, when they are imported, what they have where they are deployed: the line to add is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from written_models import Ended

Command = Callable[..., Ended]

MODEL = """
import os
import boto3
from toctou import Model, Table, handler
ABOVE
import NAME

class Notes(Model):
    tables = [Table("Notes", "id")]

    @handler()
    def add(self, principal):
        NAME.notes.put_item(Item={"id": principal})
"""
NOTES = 'import os\nimport boto3\nnotes = boto3.resource("dynamodb").Table(TABLE)\n'
TABLE = NOTES.replace("TABLE", '"Notes"')
CONFIG = 'FOUND = boto3.resource("dynamodb").Table("Config").get_item(Key={"pk": "x"})["Item"]'


def write(folder: Path, name: str, text: str, above: str = "") -> str:
    (folder / f"{name}.py").write_text(text)
    (folder / f"model_of_{name}.py").write_text(MODEL.replace("NAME", name).replace("ABOVE", above))
    return f"model_of_{name}.py"


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        (
            NOTES.replace("TABLE", 'os.environ["NOTES_TABLE"]') + 'LIMIT = int(os.environ["LIMIT"])\n',
            3,
            ['os.environ["NOTES_TABLE"] = "…"', 'os.environ["LIMIT"] = "…"'],
        ),
        (
            NOTES.replace("TABLE", 'os.getenv("NOTES_TABLE")'),
            3,
            ['os.environ["NOTES_TABLE"] = "…"'],
        ),
        (
            TABLE + 'boto3.client("secretsmanager").get_secret_value(SecretId="of_newcomers")\n',
            4,
            ['boto3.client("secretsmanager").create_secret(Name="of_newcomers", SecretString="…")'],
        ),
    ],
    ids=["environment", "optional_environment", "secrets"],
)
def test_what_a_module_misses_is_told_with_the_line_that_helps(
    command: Command, request: pytest.FixtureRequest, text: str, line: int, lines: list[str]
):
    folder, name = request.getfixturevalue("folder"), f"of_{request.node.callspec.id}"
    monkeypatch = request.getfixturevalue("monkeypatch")
    for variable in ("NOTES_TABLE", "LIMIT"):
        monkeypatch.setenv(variable, "")  # so that what a model sets is undone
        monkeypatch.delenv(variable)
    ended = command("check", write(folder, name, text))
    assert ended.status == 2
    assert f"at {name}.py:{line}: " in ended.err
    assert "top of the model's file, above the import" in ended.err
    for one in lines:
        assert one in ended.err
    above = "\n".join(lines).replace('LIMIT"] = "…', 'LIMIT"] = "7').replace('TABLE"] = "…', 'TABLE"] = "Notes')
    assert command("check", write(folder, f"{name}_made", text, above)).status != 2, "what is told helps"


def test_a_call_that_fails_later_is_told_although_no_item_is_known_yet(folder: Path, command: Command):
    text = TABLE + f'{CONFIG}["a"]\nKEY = boto3.client("ssm").get_parameter(Name="/key")["Parameter"]["Value"]\n'
    ended = command("check", write(folder, "misses_two", text))
    assert "ParameterNotFound" in ended.err
    assert "misses_two.py:5: KEY" in ended.err
    assert 'boto3.client("ssm").put_parameter(Name="/key", Value="…", Type="String")' in ended.err


def test_a_table_that_no_model_declares_is_told(folder: Path, command: Command):
    ended = command("check", write(folder, "reads_config", TABLE + CONFIG))
    assert ended.status == 2
    assert "KeyError: 'Item' at reads_config.py:4: FOUND" in ended.err
    assert 'add Table("Config", "pk") to `tables`, and to `items` what it reads there' in ended.err


def test_a_table_that_is_read_in_a_way_that_nothing_fits_is_declared_above(folder: Path, command: Command):
    text = TABLE + f'{CONFIG}["a"]["b"]["c"].no_attribute_of_a_text()\n'
    ended = command("check", write(folder, "reads_deeply", text))
    assert ended.status == 2
    assert "in a class from which the model derives" in ended.err
    assert 'tables = [Table("Config", "pk")]' in ended.err
    above = (
        'class Stored(Model):\n    tables = [Table("Config", "pk")]\n    items = {"Config": [{"pk": "x", "a": 1}]}\n'
    )
    again = write(folder, "reads_deeply_again", TABLE + f'{CONFIG}["a"].is_finite()\n', above)
    assert command("check", again).status != 2, "what is told helps"


def test_a_package_in_src_is_found(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    (folder / "src" / "shop_in_src").mkdir(parents=True)
    (folder / "src" / "shop_in_src" / "__init__.py").write_text(TABLE)
    (folder / "pyproject.toml").write_text("")
    (folder / "checks").mkdir()
    write(folder / "checks", "of_src", "from shop_in_src import notes")
    ended = command("check", "checks")
    line = 'sys.path.insert(0, str(Path(__file__).parent / "../src"))'
    assert line in ended.err
    assert "pip install -e ." in ended.err
    monkeypatch.chdir(folder / "checks")
    write(
        folder / "checks",
        "of_src_told",
        "from shop_in_src import notes",
        f"import sys; from pathlib import Path\n{line}",
    )
    assert command("check", "model_of_of_src_told.py").status == 0


def test_a_package_that_is_nowhere_is_to_be_installed(folder: Path, command: Command):
    ended = command("check", write(folder, "of_nothing", "import not_to_be_found"))
    assert "-m pip install …" in ended.err
    assert "No module named 'not_to_be_found' at of_nothing.py:1" in ended.err


def test_settings_that_are_required_are_named(folder: Path, command: Command):
    settings = """
class Missing(ValueError):  # as pydantic's
    title = "Settings"
    def errors(self):
        return [{"type": "missing", "loc": ("notes_table",)}]
raise Missing("1 validation error for Settings")
"""
    assert 'os.environ["NOTES_TABLE"] = "…"' in command("check", write(folder, "of_settings", settings)).err
