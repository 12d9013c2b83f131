"""Looks at modules as they are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any


@contextmanager
def modules_seen(look: Callable[[ModuleType], None]) -> Iterator[None]:
    """While inside, ``look`` is called with each module that is there, or has been imported, or imported again."""
    loader: Any = SourceFileLoader
    execute, inherited = loader.exec_module, "exec_module" not in vars(loader)

    def executed(self: Any, module: ModuleType) -> None:
        execute(self, module)
        look(module)

    # A frame of the import system's own, which a warning that a module has for whoever imports it leaves out.
    executed.__code__ = executed.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    loader.exec_module = executed
    try:
        for module in list(sys.modules.values()):
            look(module)
        yield
    finally:
        if loader.exec_module is executed:  # or something else is in front of it, which stays
            loader.exec_module = execute
            if inherited:
                del loader.exec_module
