"""Decides what decorators and signatures of web frameworks say: routes, the members of bodies, headers.

Flask, Quart, FastAPI, Starlette, Chalice and the resolvers of Powertools write routes alike; models of pydantic are FastAPI's
bodies.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_METHODS = ("get", "post", "put", "patch", "delete")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class RouteHint:
    """A route that a decorator declares, such as ``@app.get("/orders/{id}")``, and the function below it."""

    method: str
    path: str
    function: str
    file: Path


def routes(function: Function, file: Path, prefixed: Mapping[str, str]) -> Iterator[RouteHint]:
    """The routes that the decorators of a function declare.

    Args:
        prefixed: see :func:`prefixes`.
    """
    for one in function.decorator_list:
        if not (isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.args):
            continue
        paths = texts(one.args[0])
        given = [item for keyword in one.keywords if keyword.arg == "methods" for item in _listed(keyword.value)]
        methods = [one.func.attr] if one.func.attr in _METHODS else (given or ["get"]) * (one.func.attr == "route")
        for method in methods:
            for path in paths:
                whole = prefixed.get(text_of(one.func.value), "") + _PARAMETER.sub(r"{\1}", path)
                yield RouteHint(method.upper(), whole or "/", function.name, file)


def prefixes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The prefixes of blueprints and routers, by their names."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(keywords=keywords)):
                for one in keywords:
                    if one.arg in ("url_prefix", "prefix"):
                        yield from ((name, text) for text in texts(one.value))


def fields(function: Function, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    """The fields of a parameter that is a model of pydantic, as FastAPI takes bodies."""
    for argument in [*function.args.args, *function.args.kwonlyargs]:
        declared = classes.get(text_of(argument.annotation)) if argument.annotation is not None else None
        if declared is not None and any("BaseModel" in text_of(base) for base in declared.bases):
            for one in declared.body:
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and _is_required(one.value):
                    yield one.target.id


def _is_required(default: ast.expr | None) -> bool:
    """Whether a field has no default: ``Field(min_length=1)`` is none."""
    if not isinstance(default, ast.Call) or not text_of(default.func).endswith("Field"):
        return default is None
    given = [one.arg for one in default.keywords]
    return not {"default", "default_factory"} & {*given} and (not default.args or text_of(default.args[0]) == "...")


def header_parameters(function: Function) -> Iterator[str]:
    """The headers that FastAPI passes: a parameter declared by ``Header()``."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    defaults = dict(zip(reversed(arguments), reversed(function.args.defaults), strict=False))
    for one in arguments:
        if "Header(" in text_of(one.annotation) + text_of(defaults.get(one)):
            yield one.arg.replace("_", "-")


def texts(node: ast.AST) -> list[str]:
    """The text that a node is, if it is one."""
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _listed(node: ast.expr) -> list[str]:
    return (
        [text for one in node.elts for text in texts(one)] if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    )


def text_of(node: ast.AST | None) -> str:
    """The source of a node."""
    return "" if node is None else ast.unparse(node)
