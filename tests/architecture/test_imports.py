"""Imports point downwards, in no circle, to public names, and to a library only from its home."""

from __future__ import annotations

import import_rules
import pytest
from parsed_modules import examples, modules_in

import checker

CHECKER = modules_in("checker")
MODELS = modules_in("models")


@pytest.mark.parametrize(
    "rule",
    [
        import_rules.upward_imports,
        import_rules.import_cycles,
        import_rules.foreign_private_names,
        import_rules.second_homes,
        import_rules.unused_permissions,
    ],
    ids=lambda rule: rule.__name__,
)
def test_checker_keeps_to(rule):
    assert list(rule(CHECKER)) == []


def test_models_import_public_names_only():
    assert list(import_rules.beyond_public_names(MODELS, checker.__all__)) == []


def test_models_do_not_import_in_circles():
    assert list(import_rules.import_cycles(MODELS)) == []


def test_every_public_name_is_there():
    assert [name for name in checker.__all__ if not hasattr(checker, name)] == []


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("checker.history.item", "from checker.engine.values import Value"),
        ("checker.errors", "import checker"),
        ("checker.exploration.check", "from checker import Model"),
        ("checker.client.intercept", "import checker.exploration.explorer"),
        ("checker.engine.tables", "from checker.scheduling import runner"),
        ("checker.scheduling.runner", "from checker.engine.tables import Table"),
        ("checker.oracles.ownership", "def judge():\n    from checker.wire import protocol"),
        ("checker.scheduling.runner", "from ..reporting import text"),
        ("checker.novelty.thing", "import os"),
        ("checker.cli.check", "from checker.novelty import thing"),
    ],
)
def test_an_upward_import_is_found(importer, text):
    assert list(import_rules.upward_imports(examples({importer: text})))


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("checker.cli.check", "from checker.reporting.text import print_run"),
        ("checker.specification", "from checker.history.request import Request"),
        ("checker.pytest_plugin", "from checker import Model"),
        ("checker.client.backends", "from checker.client.embedded import EmbeddedBackend"),
        ("checker.engine.tables", "import os\nfrom collections import abc"),
    ],
)
def test_a_downward_import_is_not(importer, text):
    assert list(import_rules.upward_imports(examples({importer: text}))) == []


def test_a_cycle_is_found():
    texts = {
        "checker.history.a": "from checker.history import b",
        "checker.history.b": "def later():\n    import checker.history.c",
        "checker.history.c": "from checker.history.a import x",
    }
    (cycle,) = import_rules.import_cycles(examples(texts))
    assert all(name in cycle for name in texts)
    texts["checker.history.c"] = "import os"
    assert list(import_rules.import_cycles(examples(texts))) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from checker.history.item import _number", "checker.history.item._number"),
        ("from rich._wrap import divide_line", "rich._wrap.divide_line"),
        ("from checker.history import item\nitem._number('1')", "checker.history.item._number"),
        ("import os.path\nos.path._get_sep('/')", "os.path._get_sep"),
        ("import random as dice\nstate = dice._inst", "random._inst"),
        (
            "from botocore.client import BaseClient\nBaseClient._make_api_call",
            "botocore.client.BaseClient._make_api_call",
        ),
    ],
)
def test_a_foreign_private_name_is_found(text, name):
    (complaint,) = import_rules.foreign_private_names(examples({"checker.analysis.example": text}))
    assert f" {name}," in complaint


def test_own_private_names_are_not():
    text = "from __future__ import annotations\nimport os\n_x = os.__name__\nclass A:\n    def f(self): return self._y + _x"
    assert list(import_rules.foreign_private_names(examples({"checker.analysis.example": text}))) == []


def test_a_permission_that_nothing_uses_is_found():
    assert len(list(import_rules.unused_permissions([]))) == len(import_rules.PRIVATE_ON_PURPOSE)


@pytest.mark.parametrize("library", import_rules.HOMES)
def test_a_second_home_is_found(library):
    for text in (f"import {library}", f"from {library}.part import thing", f"def f():\n    import {library}"):
        assert list(import_rules.second_homes(examples({"checker.exploration.example": text})))
    home = import_rules.HOMES[library][0]
    assert list(import_rules.second_homes(examples({home: f"import {library}"}))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import checker.errors",
        "from checker.client import intercept",
        "from checker import exploration",
        "import checker",
    ],
)
def test_a_model_beyond_the_public_names_is_found(text):
    assert list(import_rules.beyond_public_names(examples({"models.example": text}), checker.__all__))
    good = examples({"models.example": "from checker import Model, handler\nfrom models.references import Counter"})
    assert list(import_rules.beyond_public_names(good, checker.__all__)) == []
