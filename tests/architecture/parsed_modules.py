"""Python modules as the architecture rules see them: parsed, never imported.

A rule is a function from modules to complaints, each complaint one sentence that names its module.  Rules are held against
the project, where they must find nothing, and against a bad example of a few lines, where they must find something.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = {"checker": ROOT / "checker"}
"""Folders whose contents are importable by name; for all others that is the folder itself."""


@dataclass(frozen=True)
class Import:
    """One imported thing.

    Attributes:
        module: the module it is taken from, absolute: ``toctou.history.item`` in ``from toctou.history.item import plain``.
        name: what is taken from it; ``None`` for ``import module``.
        alias: the name that it has in the importing module.
        line: where.
    """

    module: str
    name: str | None
    alias: str
    line: int

    @property
    def full(self) -> str:
        return self.module if self.name is None else f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, whether it is a package's ``__init__``, its text and its syntax tree."""

    name: str
    is_package: bool
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def imports(self) -> Iterator[Import]:
        """Every import, also those within functions and under ``TYPE_CHECKING``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    bound = one.asname or one.name.partition(".")[0]
                    yield Import(one.name, None, bound, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                for one in node.names:
                    yield Import(origin, one.name, one.asname or one.name, node.lineno)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name if self.is_package else self.name.rpartition(".")[0]
        for _ in range(node.level - 1):
            package = package.rpartition(".")[0]
        return f"{package}.{node.module}" if node.module else package


def parsed(name: str, text: str, *, is_package: bool = False) -> Module:
    """A module from its text; for bad examples."""
    text = textwrap.dedent(text)
    return Module(name, is_package, text, ast.parse(text))


def examples(texts: Mapping[str, str], packages: Collection[str] = ()) -> list[Module]:
    """Several modules from their texts, by name."""
    return [parsed(name, text, is_package=name in packages) for name, text in texts.items()]


@cache
def modules_in(folder: str) -> tuple[Module, ...]:
    """Every module below a folder of the project; parsed when a test first asks for them, once."""
    found = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        parts = file.relative_to(SOURCE_ROOTS.get(folder, ROOT)).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        text = file.read_text(encoding="utf-8")
        found.append(Module(".".join(parts[:-1] if is_package else parts), is_package, text, ast.parse(text)))
    assert found, f"there is nothing in {folder}/"
    return tuple(found)


def imported_module(one: Import, known: Collection[str]) -> str:
    """The module that an import executes: ``from package import module`` names it by its second part."""
    return one.full if one.full in known else one.module
