from __future__ import annotations

import importlib
import sys
import warnings
from importlib.machinery import SourceFileLoader

from toctou.recording.imported_modules import modules_seen


def test_modules_are_seen_as_they_are_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    before = SourceFileLoader.exec_module
    (tmp_path / "seen_module.py").write_text("value = 1\n")
    seen = []
    with modules_seen(lambda module: seen.append((module, vars(module).get("value")))):
        assert any(one is sys for one, _ in seen)
        module = importlib.import_module("seen_module")
        assert seen[-1] == (module, 1)
        (tmp_path / "seen_module.py").write_text("value = 22\n")
        importlib.reload(module)
        assert seen[-1] == (module, 22)
    assert SourceFileLoader.exec_module is before


def test_a_module_warns_whoever_imports_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "warns_importers.py").write_text("import warnings\nwarnings.warn('old', stacklevel=2)\n")
    with modules_seen(lambda _: None), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import warns_importers  # noqa: F401, PLC0415 - written just now
    assert [one.filename for one in caught] == [__file__]
