"""Decides what the code of handlers says of what a template leaves open: routes, names in bodies and items, headers, services.

The code is read, not run.  All of it is a guess: a name is followed to what it was assigned, within a function.  A draft says
so, and what is wrong shows when the model is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toctou.drafting.framework_hints import (
    Function,
    RouteHint,
    fields,
    header_parameters,
    prefixes,
    routes,
    text_of,
    texts,
)
from toctou.drafting.pynamodb_hints import stored_by

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
    found, trees = Hints(), dict[Path, ast.Module]()
    for file in files:
        with suppress(OSError, ValueError, SyntaxError):
            text = file.read_text(encoding="utf-8")
            trees[file] = ast.parse(text)
            found.text += text
    classes = {one.name: one for tree in trees.values() for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    for file, tree in trees.items():
        _of_module(found, file, tree, classes)
    return found


def _of_module(found: Hints, file: Path, tree: ast.Module, classes: Mapping[str, ast.ClassDef]) -> None:
    prefixed, constants = dict(prefixes(tree)), dict(_assignments(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _of_call(found, node, constants)
        elif isinstance(node, ast.Subscript) and text_of(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
            found.required += texts(node.slice)
    for one in stored_by(tree):
        found.tables += _named(one.table, constants)
        found.keys += [one.keys] * bool(one.keys)
        found.attributes = one.attributes | found.attributes
    functions = [one for one in ast.walk(tree) if isinstance(one, Function)]
    for function in functions:
        found.routes += routes(function, file, prefixed)
        found.calls[file, function.name] = [
            text_of(one.func) for one in ast.walk(function) if isinstance(one, ast.Call)
        ]
        found.bodies[file, function.name] = list(fields(function, classes))
        found.headers += [one for one in header_parameters(function) if one not in found.headers]
    for scope in [*functions, tree]:
        _of_scope(found, file, scope)


def _of_call(found: Hints, call: ast.Call, constants: Mapping[str, ast.expr]) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first = call.args[0] if call.args else None
    if name == "Table" and first is not None:
        found.tables += _named(first, constants)
    if name in ("client", "resource") and first is not None:
        found.clients += [one for one in texts(first) if one not in found.clients]
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
                for one in texts(value):
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
        isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and text_of(last.value.func).endswith("abort")
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


def _named(value: ast.expr, constants: Mapping[str, ast.expr], depth: int = 0) -> list[str]:
    """The name of a table, or of the variable of the environment that holds it where there is no default."""
    match value:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.Subscript(slice=ast.Constant(value=str(name))) if text_of(value.value) == "os.environ":
            return [name]
        case ast.Call(args=[ast.Constant(value=str(name))]) if "environ" in text_of(value.func) or "getenv" in text_of(
            value.func
        ):
            return [name]
        case ast.Call(args=[_, ast.Constant(value=str(name))]) if "env" in text_of(value.func):
            return [name]
        case ast.Name(id=name) if name in constants and depth < _DEEPEST:
            return _named(constants[name], constants, depth + 1)
    return []
