"""Decides which files are the code of handlers: those of their modules, and what these import from the same folders."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from toctou.drafting.material import Imported

_MOST = 400


def files_of(things: Sequence[Imported]) -> list[Path]:
    """The files in the order in which they are met, each once."""
    found = dict[Path, None]()
    for one in things:
        folders = (one.folder, *one.libraries)
        waiting = [one.file] if one.file is not None else []
        while waiting and len(found) < _MOST:
            file = waiting.pop(0)
            if file not in found:
                found[file] = None
                waiting += [each for name in imported_by(file, one.folder) for each in _of_module(name, folders)]
    return list(found)


def imported_by(file: Path, root: Path) -> list[str]:
    """The dotted names that a file imports, with those of the names that it takes from them, as these may be modules.

    Args:
        root: the folder that the file is imported from, for names that are relative.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    return list(dict.fromkeys(name for node in ast.walk(tree) for name in _names(node, file, root)))


def _names(node: ast.AST, file: Path, root: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = file.relative_to(root).parts[: -node.level] if node.level and root in file.parents else ()
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield from [base] * bool(base)
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _of_module(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    base = Path(*name.split("."))
    for folder in folders:
        for one in (folder / base.with_name(f"{base.name}.py"), folder / base / "__init__.py"):
            if one.is_file():
                yield one
                return
