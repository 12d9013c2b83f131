"""Decides which modules a test session imports as a target of ``toctou check`` is imported: with nothing sent.

Those are the user's modules whose own code uses toctou: files of models, and tests that check one.  What these import for the
first time is imported with them.  Such a file may import the application first, so nothing that happens within it is early
enough; its source is looked at when it is found.  All other modules are imported as ever.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_USE = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+toctou\b|^[ \t]*(?:async[ \t]+)?def[ \t]+\w+\([^)]*\btoctou\b", re.MULTILINE
)
"""An import, or a test or fixture that takes the fixture."""

_NAME = b"toctou"  # is looked for first, which is faster
_LIBRARIES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_OF_PYTHON = sysconfig.get_path("stdlib")


class ModelsFinder(MetaPathFinder):
    """Finds modules as the finders after it do, and has those that use toctou imported under interception."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See :meth:`importlib.abc.MetaPathFinder.find_spec`."""
        after = sys.meta_path[sys.meta_path.index(self) + 1 :]
        finds = (getattr(one, "find_spec", None) for one in after)
        found = (find(name, path, target) for find in finds if find is not None)
        specification: ModuleSpec | None = next((one for one in found if one is not None), None)
        if specification is not None and specification.loader is not None and _uses(specification):
            specification.loader = _Intercepting(specification.loader)
        return specification


class _Intercepting(Loader):
    """Executes a module under interception; everything else is its own loader's."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        specification = module.__spec__
        assert specification is not None  # noqa: S101 - it has just been found
        specification.loader = module.__loader__ = self._loader
        with _intercepted(specification):
            self._loader.exec_module(module)


def _uses(specification: ModuleSpec) -> bool:
    file = specification.origin or ""
    if not file.endswith(".py") or specification.name.partition(".")[0] == "toctou":
        return False
    if file.startswith(_OF_PYTHON) or any(folder in file for folder in _LIBRARIES):
        return False
    with suppress(OSError):  # whoever loads it will say so
        with open(file, "rb") as stream:
            source = stream.read()
        return _NAME in source and _USE.search(source) is not None
    return False


@contextmanager
def _intercepted(specification: ModuleSpec) -> Iterator[None]:
    # Not before something uses them, since most sessions do not, and these take a while to import.
    from toctou.client.environment import environment_of_import  # noqa: PLC0415
    from toctou.client.escapes import calls_at_import_refused, error_of_aws  # noqa: PLC0415
    from toctou.client.intercept import calls_are_answered  # noqa: PLC0415
    from toctou.declaration.foreseeing import calls_performed_at_once  # noqa: PLC0415
    from toctou.declaration.loading import describes  # noqa: PLC0415
    from toctou.errors import ToctouError  # noqa: PLC0415

    if calls_are_answered():
        yield
        return
    describe = describes(specification.name, Path(specification.origin or ""))
    try:
        with environment_of_import(), calls_at_import_refused(), calls_performed_at_once(describe):
            yield
    except ToctouError as told:
        failed = told.__cause__
        if failed is None or error_of_aws(failed):
            raise
        raise failed from failed.__cause__  # which pytest shows as those of any test
