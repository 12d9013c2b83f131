"""What users may import is in ``toctou.__all__``, says what it is, and is found without loading the checker."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from parsed_modules import ROOT

import toctou

ALIASES = {"StoredItems": "toctou.specification"}
"""Names of types that are no classes, whose docstring is a text below them in their module."""

HEAVY = ["boto3", "botocore", "hypothesis", "jinja2", "moto", "networkx", "rich", "werkzeug"]


@pytest.mark.parametrize("name", toctou.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    value = getattr(toctou, name)
    if name in ALIASES:
        module = ast.parse(inspect.getsource(sys.modules[ALIASES[name]]))
        assert any(
            isinstance(one, ast.Assign)
            and ast.unparse(one.targets[0]) == name
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            for one, following in zip(module.body, module.body[1:], strict=False)
        )
    else:
        # `getdoc` would give the docstring of a base class.
        assert len((value.__doc__ or "").strip()) > len(name)


@pytest.mark.parametrize("base", [toctou.Model, toctou.App, toctou.Handler, toctou.Service, toctou.HttpCall])
def test_what_a_user_may_declare_is_described_where_it_is_declared(base: type) -> None:
    described = inspect.getdoc(base) or ""
    names = [one for one in inspect.get_annotations(base) if not one.startswith("_")]
    assert names
    assert [one for one in names if f"\n    {one}: " not in described] == []


def test_documentation_and_examples_import_public_names_only() -> None:
    texts = [*(ROOT / "checker" / "guide").glob("*.md"), ROOT / "README.md"]
    texts += [
        file
        for folder in ("models", "tests/examples/packages", "tests/examples/applications")
        for file in (ROOT / folder).rglob("*.py")
    ]
    assert texts
    lines = [line.strip() for file in texts for line in file.read_text(encoding="utf-8").splitlines()]
    imported = [line for line in lines if line.startswith(("from toctou", "import toctou"))]
    assert len(imported) > 10
    assert [line for line in imported if not line.startswith(("from toctou import", "import toctou"))] == []
    names = {
        one.strip(" ()")
        for line in imported
        for one in line.partition(" import ")[2].split(",")
        if line.startswith("from")
    }
    assert names - {"", *toctou.__all__} == set()


def test_importing_toctou_loads_nothing_that_takes_long() -> None:
    loaded = f"import sys, toctou; print([one for one in {HEAVY!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_imported_with_a_star() -> None:
    names: dict[str, object] = {}
    exec("from toctou import *", names)
    assert {*toctou.__all__} <= names.keys()
    assert list(toctou.__all__) == sorted(toctou.__all__, key=lambda name: (name[0].islower(), name))
    assert Path(toctou.__file__).name == "__init__.py"
