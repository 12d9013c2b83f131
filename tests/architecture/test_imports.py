"""Imports point downwards, in no circle, to public names, and to a library only from its home."""

from __future__ import annotations

import import_rules
import pytest
from parsed_modules import examples, modules_in

import toctou


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
def test_toctou_keeps_to(rule):
    assert list(rule(modules_in("checker"))) == []


def test_models_import_public_names_only():
    assert list(import_rules.beyond_public_names(modules_in("models"), toctou.__all__)) == []


def test_models_do_not_import_in_circles():
    assert list(import_rules.import_cycles(modules_in("models"))) == []


def test_every_public_name_is_there():
    assert [name for name in toctou.__all__ if not hasattr(toctou, name)] == []


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("toctou.history.item", "from toctou.engine.values import Value"),
        ("toctou.errors", "import toctou"),
        ("toctou.checking.check", "from toctou import Model"),
        ("toctou.client.intercept", "import toctou.search.explorer"),
        ("toctou.engine.tables", "from toctou.scheduling import runner"),
        ("toctou.scheduling.runner", "from toctou.engine.tables import Table"),
        ("toctou.oracles.ownership", "def judge():\n    from toctou.wire import protocol"),
        ("toctou.scheduling.runner", "from ..reporting import text"),
        ("toctou.novelty.thing", "import os"),
        ("toctou.cli.check", "from toctou.novelty import thing"),
    ],
)
def test_an_upward_import_is_found(importer, text):
    assert list(import_rules.upward_imports(examples({importer: text})))


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("toctou.cli.check", "from toctou.reporting.text import render_violation"),
        ("toctou.specification", "from toctou.history.request import Request"),
        ("toctou.pytest_plugin", "from toctou import Model"),
        ("toctou.client.backends", "from toctou.client.embedded import EmbeddedBackend"),
        ("toctou.engine.tables", "import os\nfrom collections import abc"),
    ],
)
def test_a_downward_import_is_not(importer, text):
    assert list(import_rules.upward_imports(examples({importer: text}))) == []


def test_a_cycle_is_found():
    texts = {
        "toctou.history.a": "from toctou.history import b",
        "toctou.history.b": "def later():\n    import toctou.history.c",
        "toctou.history.c": "from toctou.history.a import x",
    }
    (cycle,) = import_rules.import_cycles(examples(texts))
    assert all(name in cycle for name in texts)
    texts["toctou.history.c"] = "import os"
    assert list(import_rules.import_cycles(examples(texts))) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from toctou.history.item import _number", "toctou.history.item._number"),
        ("from rich._wrap import divide_line", "rich._wrap.divide_line"),
        ("from toctou.history import item\nitem._number('1')", "toctou.history.item._number"),
        ("import os.path\nos.path._get_sep('/')", "os.path._get_sep"),
        ("import random as dice\nstate = dice._inst", "random._inst"),
        (
            "from botocore.client import BaseClient\nBaseClient._make_api_call",
            "botocore.client.BaseClient._make_api_call",
        ),
    ],
)
def test_a_foreign_private_name_is_found(text, name):
    (complaint,) = import_rules.foreign_private_names(examples({"toctou.analysis.example": text}))
    assert f" {name}," in complaint


def test_own_private_names_are_not():
    text = "from __future__ import annotations\nimport os\n_x = os.__name__\nclass A:\n    def f(self): return self._y + _x"
    assert list(import_rules.foreign_private_names(examples({"toctou.analysis.example": text}))) == []


def test_a_permission_that_nothing_uses_is_found():
    assert len(list(import_rules.unused_permissions([]))) == len(import_rules.PRIVATE_ON_PURPOSE)


@pytest.mark.parametrize("library", import_rules.HOMES)
def test_a_second_home_is_found(library):
    for text in (f"import {library}", f"from {library}.part import thing", f"def f():\n    import {library}"):
        assert list(import_rules.second_homes(examples({"toctou.search.example": text})))
    home = import_rules.HOMES[library][0]
    assert list(import_rules.second_homes(examples({home: f"import {library}"}))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import toctou.errors",
        "from toctou.client import intercept",
        "from toctou import search",
        "import toctou",
    ],
)
def test_a_model_beyond_the_public_names_is_found(text):
    assert list(import_rules.beyond_public_names(examples({"models.example": text}), toctou.__all__))
    good = examples({"models.example": "from toctou import Model, handler\nfrom models.references import Counter"})
    assert list(import_rules.beyond_public_names(good, toctou.__all__)) == []
