"""Decides whether a Python file holds an application, and which: of WSGI, ASGI or Chalice, or a Lambda function.

The file is not imported, since what it needs for that may be what the draft has yet to say.
"""

from __future__ import annotations

import ast
from pathlib import Path

from toctou.drafting.material import ANY, Imported, Material, Route

_MADE_BY = ("Flask", "FastAPI", "Starlette", "Quart", "Chalice", "get_wsgi_application", "get_asgi_application")
_FACTORIES = ("create_app", "make_app", "build_app", "get_app")
_FUNCTION = "(event, context)"


def is_application(file: Path) -> bool:
    """Whether a module holds an application."""
    return _found(file) is not None


def read(file: Path) -> Material:
    """The application of a module for which :func:`is_application` is true."""
    name, made_by = _found(file) or ("app", "")
    folder = file.resolve().parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    parts = file.resolve().relative_to(folder).with_suffix("").parts
    imported = Imported(folder, ".".join(parts[:-1] if parts[-1] == "__init__" else parts), name)
    title = (
        file.resolve().parent.name
        if file.stem in ("app", "main", "application", "__init__", "wsgi", "asgi")
        else file.stem
    )
    found = Material(title=title, origins=[file])
    if made_by in ("Chalice", _FUNCTION):
        found.routes.append(Route(ANY, "/{proxy+}", imported))
    else:
        found.application = imported
    return found


def _found(file: Path) -> tuple[str, str] | None:
    """The expression of the application, or the function, in its module, and what makes it."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function)):
                made_by = ast.unparse(function).rpartition(".")[2]
                if made_by in _MADE_BY:
                    return name, made_by
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        taken = [one.arg for one in node.args.args]
        if node.name in _FACTORIES and len(taken) == len(node.args.defaults):
            return f"{node.name}()", node.name
        if taken == ["event", "context"]:
            return node.name, _FUNCTION
    return None
