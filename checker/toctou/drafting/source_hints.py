"""Decides what the code of handlers says of what a template leaves open: routes, names in bodies and items, headers, services.

The code is read, not run.  All of it is a guess: a name is followed to what it was assigned, within a function.  A draft says
so, and what is wrong shows when the model is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_READ_FROM = {
    "item": re.compile(r"\[['\"]Items?['\"]\]|get\(['\"]Items?['\"]"),
    "body": re.compile(r"json\.loads\(|get_json\(|\bjson_body\b|request\.json\b"),
    "headers": re.compile(r"headers(['\"]\]|['\"](, [^)]*)?\))?$"),
    "claims": re.compile(r"claims['\"](\]|(, [^)]*)?\))$"),
    "authorizer": re.compile(r"(authorizer|lambda)['\"](\]|(, [^)]*)?\))$"),
}
"""What a value is, by the text of what it comes from; the first that fits."""
_NO_FIELDS = frozenset({"claims", "jwt", "lambda"})
_WHOLE_ANSWERS = frozenset({"Item", "Items", "Attributes", "LastEvaluatedKey"})
_DEEPEST = 4
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class RouteHint:
    """A route that a decorator declares, such as ``@app.get("/orders/{id}")``, and the function below it."""

    method: str
    path: str
    function: str
    file: Path


@dataclass(slots=True)
class Hints:
    """What files of code say.

    Attributes:
        routes: of decorators.
        bodies: of each function, by file and name, the names that it reads from JSON which it has parsed.
        calls: of each function, the names that it calls.
        attributes: that are read from or written to items, with a value that the code asks for or stores, or ``None``.
        tables: names of tables, or of the environment variables that hold them.
        keys: what is named in a ``Key``.
        headers, claims, authorizer: what requests are asked for.
        clients: services of boto3.
        required: environment variables without which there is a ``KeyError``.
        text: all of the code.
    """

    routes: list[RouteHint] = field(default_factory=list)
    bodies: dict[tuple[Path, str], list[str]] = field(default_factory=dict)
    calls: dict[tuple[Path, str], list[str]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    authorizer: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    text: str = ""

    def body(self, file: Path, function: str) -> list[str]:
        """The names that a function reads from a body, and those that functions of its file read which it calls."""
        found, waiting, seen = list[str](), [function], set[str]()
        while waiting:
            name = waiting.pop(0)
            if name not in seen:
                seen.add(name)
                found += self.bodies.get((file, name), [])
                waiting += self.calls.get((file, name), [])
        return list(dict.fromkeys(found))


def hints_of(files: Iterable[Path]) -> Hints:
    """What these files say; one that is no Python is passed over, as its import will tell."""
    found = Hints()
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError):
            continue
        found.text += text
        _of_module(found, file, tree)
    return found


def _of_module(found: Hints, file: Path, tree: ast.Module) -> None:
    classes = {one.name: one for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    prefixes, constants = dict(_prefixes(tree)), dict(_assignments(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _of_call(found, node, constants)
        elif isinstance(node, ast.Subscript) and _text(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
            found.required += _texts(node.slice)
    functions = [one for one in ast.walk(tree) if isinstance(one, Function)]
    for function in functions:
        found.routes += _routes(function, file, prefixes)
        found.calls[file, function.name] = [_text(one.func) for one in ast.walk(function) if isinstance(one, ast.Call)]
        found.bodies[file, function.name] = list(_fields(function, classes))
        found.headers += [one for one in _header_parameters(function) if one not in found.headers]
    for scope in [*functions, tree]:
        _of_scope(found, file, scope)


def _of_call(found: Hints, call: ast.Call, constants: Mapping[str, ast.expr]) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first = call.args[0] if call.args else None
    if name == "Table" and first is not None:
        found.tables += _named(first, constants)
    if name in ("client", "resource") and first is not None:
        found.clients += [one for one in _texts(first) if one not in found.clients]
    for keyword in call.keywords:
        if keyword.arg == "TableName":
            found.tables += _named(keyword.value, constants)
        if not isinstance(keyword.value, ast.Dict):
            continue
        entries = [
            (key.value, value)
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        ]
        if keyword.arg == "Key" and entries:
            found.keys.append(tuple(key for key, _ in entries))
        elif keyword.arg == "Item":
            _store(found, entries)
        elif keyword.arg == "ExpressionAttributeNames":
            for _, value in entries:
                for one in _texts(value):
                    found.attributes.setdefault(one, None)


def _store(found: Hints, entries: Sequence[tuple[str, ast.expr]]) -> None:
    for key, value in entries:
        known = value.value if isinstance(value, ast.Constant) else None
        if found.attributes.get(key) is None:
            found.attributes[key] = known


def _of_scope(found: Hints, file: Path, scope: Function | ast.Module) -> None:
    """What a function reads by constant keys, sorted by what it reads that from."""
    assigned = dict[str, list[ast.expr]]()
    for name, value in _assignments(scope):
        assigned.setdefault(name, []).append(value)
    lists = {
        "body": found.bodies.setdefault((file, getattr(scope, "name", "")), []),
        "headers": found.headers,
        "claims": found.claims,
        "authorizer": found.authorizer,
    }
    for node in ast.walk(scope):
        if (read := _read(node)) is None:
            continue
        base, key = read
        kinds = {_kind(origin) for origin in _origins(base, assigned, 0)}
        if "item" in kinds and key not in _WHOLE_ANSWERS:
            found.attributes.setdefault(key, None)
        for kind, names in lists.items():
            if kind in kinds and key not in names and not (kind == "authorizer" and key in _NO_FIELDS):
                names.append(key)
    for node in ast.walk(scope):
        if isinstance(node, ast.If) and (compared := _compared(node.test)) is not None:
            name, value, same = compared
            if name in found.attributes and same is not _rejects(node.body):
                found.attributes[name] = value


def _compared(test: ast.expr) -> tuple[str, Any, bool] | None:
    """What is compared with a constant, the constant, and whether it is asked to be that."""
    if isinstance(test, ast.Compare) and (read := _read(test.left)) is not None and test.ops:
        operator, other = test.ops[0], test.comparators[0]
        if isinstance(operator, ast.Eq | ast.NotEq) and isinstance(other, ast.Constant):
            return read[1], other.value, isinstance(operator, ast.Eq)
    return None


def _rejects(body: Sequence[ast.stmt]) -> bool:
    """Whether a branch does nothing but give up."""
    last = body[-1]
    aborts = (
        isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and _text(last.value.func).endswith("abort")
    )
    return len(body) == 1 and (aborts or isinstance(last, ast.Return | ast.Raise))


def _assignments(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(scope):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
                | ast.For(target=ast.Name(id=name), iter=value)
                | ast.comprehension(target=ast.Name(id=name), iter=value)
            ):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _kind(origin: str) -> str:
    return next((kind for kind, pattern in _READ_FROM.items() if pattern.search(origin)), "")


def _read(node: ast.AST) -> tuple[ast.expr, str] | None:
    """What is read from by a constant key, ``x["key"]`` or ``x.get("key")``, or asked for one, and the key."""
    match node:
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()], comparators=[base]):
            return base, key
        case ast.Subscript(value=base, slice=ast.Constant(value=str(key)), ctx=ast.Load()):
            return base, key
        case ast.Call(func=ast.Attribute(value=base, attr="get"), args=[ast.Constant(value=str(key)), *_]):
            return base, key
    return None


def _origins(base: ast.expr, assigned: dict[str, list[ast.expr]], depth: int) -> Iterator[str]:
    """The text of what a value comes from."""
    yield ast.unparse(base)
    if isinstance(base, ast.BoolOp):
        for one in base.values:
            yield from _origins(one, assigned, depth + 1)
    if isinstance(base, ast.Name) and depth < _DEEPEST:
        for one in assigned.get(base.id, []):
            yield from _origins(one, assigned, depth + 1)


def _routes(function: Function, file: Path, prefixes: dict[str, str]) -> Iterator[RouteHint]:
    for one in function.decorator_list:
        if not (isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.args):
            continue
        paths = _texts(one.args[0])
        listed = [item for keyword in one.keywords if keyword.arg == "methods" for item in _listed(keyword.value)]
        methods = [one.func.attr] if one.func.attr in _METHODS else (listed or ["get"]) * (one.func.attr == "route")
        for method in methods:
            for path in paths:
                whole = prefixes.get(_text(one.func.value), "") + _PARAMETER.sub(r"{\1}", path)
                yield RouteHint(method.upper(), whole or "/", function.name, file)


def _prefixes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The prefixes of blueprints and routers, by their names."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(keywords=keywords)):
                for one in keywords:
                    if one.arg in ("url_prefix", "prefix"):
                        yield from ((name, text) for text in _texts(one.value))


def _fields(function: Function, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """The fields of a parameter that is a model of pydantic, as FastAPI takes bodies."""
    for argument in [*function.args.args, *function.args.kwonlyargs]:
        declared = classes.get(_text(argument.annotation)) if argument.annotation is not None else None
        if declared is not None and any("BaseModel" in _text(base) for base in declared.bases):
            for one in declared.body:
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and _is_required(one.value):
                    yield one.target.id


def _is_required(default: ast.expr | None) -> bool:
    """Whether a field has no default: ``Field(min_length=1)`` is none."""
    if not isinstance(default, ast.Call) or not _text(default.func).endswith("Field"):
        return default is None
    given = [one.arg for one in default.keywords]
    return not {"default", "default_factory"} & {*given} and (not default.args or _text(default.args[0]) == "...")


def _header_parameters(function: Function) -> Iterator[str]:
    """The headers that FastAPI passes: a parameter declared by ``Header()``."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    defaults = dict(zip(reversed(arguments), reversed(function.args.defaults), strict=False))
    for one in arguments:
        if "Header(" in _text(one.annotation) + _text(defaults.get(one)):
            yield one.arg.replace("_", "-")


def _named(value: ast.expr, constants: Mapping[str, ast.expr], depth: int = 0) -> list[str]:
    """The name of a table, or of the variable of the environment that holds it where there is no default."""
    match value:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.Subscript(slice=ast.Constant(value=str(name))) if _text(value.value) == "os.environ":
            return [name]
        case ast.Call(args=[ast.Constant(value=str(name))]) if "environ" in _text(value.func) or "getenv" in _text(
            value.func
        ):
            return [name]
        case ast.Call(args=[_, ast.Constant(value=str(name))]) if "env" in _text(value.func):
            return [name]
        case ast.Name(id=name) if name in constants and depth < _DEEPEST:
            return _named(constants[name], constants, depth + 1)
    return []


def _texts(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _listed(node: ast.expr) -> list[str]:
    return (
        [text for one in node.elts for text in _texts(one)] if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    )


def _text(node: ast.AST | None) -> str:
    return "" if node is None else ast.unparse(node)
