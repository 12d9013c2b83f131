"""Decides whether two processes, or the same command at two times, run the same code on the same data files.

For two processes, which may have loaded different models, that is toctou, the model's module, and every module that it can reach
by name.  Stored results depend on every module that was loaded, whichever way, and on every data file that was read.  Installed
libraries are assumed unchanged.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from toctou.declaration.application_code import modules_of_application
from toctou.declaration.model import Model
from toctou.scheduling.data_files import digest, noted

_OWN_PACKAGE = Path(__file__).parents[1]
_OF_PYTHON = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_LIBRARIES = {"site-packages", "dist-packages"}
_there: set[str] = set(sys.modules)


def fingerprint(model: type[Model]) -> str:
    """Sixteen hexadecimal digits that change with the source of the model, of what it uses, or of toctou."""
    digest = hashlib.sha256(_own_fingerprint())
    for name, file in sorted(modules_of(model).items()):
        digest.update(f"{name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _own_fingerprint() -> bytes:
    digest = hashlib.sha256()
    for file in sorted(_OWN_PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(_OWN_PACKAGE).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.digest()


def modules_of(model: type[Model]) -> dict[str, Path]:
    """The files of the modules that the model's code, or that of the application it serves, can reach by name."""
    found: dict[str, Path] = {}
    waiting = [base.__module__ for base in model.__mro__]
    waiting += [getattr(one.function, "__module__", "") for one in model.handlers().values()]
    functions = [getattr(one.function, "function", None) for one in model.handlers().values()]  # of routes
    for served in (model.app, model.function, *functions):
        waiting += sorted(modules_of_application(served))
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        file = _own_source(module)
        if module is None or file is None or name in found:
            continue
        found[name] = file
        for value in list(vars(module).values()):
            waiting.append(value.__name__ if type(value) is ModuleType else _module_of(value))
    return found


def begin() -> None:
    """From now on modules are imported for the models: those that are there already are of whoever imports them."""
    _there.clear()
    _there.update(sys.modules)


class Inputs:
    """The files that what this process finds depends on, as they become known.

    Args:
        models: whose modules count even if they were imported before :func:`begin`.
    """

    def __init__(self, models: Iterable[type[Model]] = ()) -> None:
        self._given: dict[str, str] = {}
        reached = {str(path.resolve()) for model in models for path in modules_of(model).values()}
        self._modules = {path: digest(path) for path in sorted(reached)}
        self._loaded = 0

    def new(self) -> dict[str, str]:
        """The digest of each module and data file, by its path, that was not given before, or not with this digest."""
        if len(sys.modules) != self._loaded:  # looking through all of them takes as long as a small scenario
            self._loaded = len(sys.modules)
            for name, module in list(sys.modules.items()):
                path = None if name in _there else _own_file(module)
                if path is not None and path not in self._modules:
                    self._modules[path] = digest(path)
        found = {**self._modules, **noted()}
        fresh = {path: now for path, now in found.items() if self._given.get(path) != now}
        self._given.update(fresh)
        return fresh


def _own_file(module: ModuleType) -> str | None:
    """The file of a module that is not installed: its source, or what it was compiled or packed into."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or _installed(file) or _OWN_PACKAGE in Path(file).parents:
        return None
    path = Path(file).resolve()
    packed = next(
        (one for one in (path, *path.parents) if one.is_file()), None
    )  # a module in an archive has no file of its own
    return None if packed is None else str(packed)


def _module_of(value: object) -> str:
    try:
        return str(getattr(value, "__module__", ""))
    except Exception:  # such as a proxy whose object is not there now
        return ""


def _own_source(module: ModuleType | None) -> Path | None:
    """The source file of a module that may be edited between two runs."""
    file = getattr(module, "__file__", None)
    if not file or _installed(file):
        return None
    path = Path(file)
    return path if path.suffix == ".py" and path.is_file() and _OWN_PACKAGE not in path.parents else None


@cache
def _installed(file: str) -> bool:
    # Also by name: an environment may see the libraries of others, such as those of the system or of the user.
    return file.startswith(_OF_PYTHON) or not _LIBRARIES.isdisjoint(Path(file).parts)
