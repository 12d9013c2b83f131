"""Decides whether two processes, or the same command at two times, run the same code.

That is toctou, the model's module, and every module that it can reach by name; installed libraries are assumed unchanged.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType

from toctou.declaration.model import Model

_OWN_PACKAGE = Path(__file__).parents[1]
_OF_PYTHON = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_LIBRARIES = {"site-packages", "dist-packages"}


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
    """The files of the modules that the model's code can reach by name."""
    found: dict[str, Path] = {}
    waiting = [base.__module__ for base in model.__mro__]
    waiting += [getattr(one.function, "__module__", "") for one in model.handlers().values()]
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
