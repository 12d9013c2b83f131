"""Decides how a :class:`~toctou.drafting.sketch.Sketch` is written down: the text of a model file, as a person would write it.

Nothing is written that says what a model says anyway, and every name is one that Python and toctou accept.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from toctou.declaration.event import event
from toctou.declaration.model import Model, handler
from toctou.declaration.route import route
from toctou.drafting.python_text import WIDTH, Call, assignment, every, laid_out
from toctou.drafting.sketch import Code, Declared, Sketch, Table
from toctou.web.event_sources import SOURCES

_INDENT = 4
_IN_EXPRESSIONS = frozenset({"authorizer", "claims", "iam", "no_effect"})
"""Names of ``toctou`` that the code of a sketch may use."""

_DECLARE: Mapping[str, Callable[..., Any]] = {"route": route, "event": event, "handler": handler}


def model_file(sketch: Sketch) -> str:
    """The text of the file, which ends in a newline."""
    text = "\n".join([*_head(sketch), "", "", *_class(sketch)]) + "\n"
    ast.parse(text)  # a fault of ours is not to become a file
    return text


def _head(sketch: Sketch) -> Iterator[str]:
    """What stands above the class; what has to happen before the handlers' modules are imported stands above their import."""
    values = [getattr(sketch, name) for name in Sketch.__dataclass_fields__]
    declared = [[one.subject, one.options, one.pools] for one in sketch.handlers]
    inside = list(every([*values, *declared]))
    standard = [
        *(["import os"] if sketch.environment else []),
        *(["import sys"] if sketch.folders else []),
        *(["from decimal import Decimal"] if any(isinstance(one, Decimal) for one in inside) else []),
        *(["from importlib import import_module"] if any(" = import_module(" in one for one in sketch.imports) else []),
        *(["from pathlib import Path"] if sketch.folders else []),
    ]
    yield from standard
    yield from [""] * bool(standard)
    names = {"Model", *(one.by for one in sketch.handlers)}
    names |= {"Table"} if sketch.tables else set()
    names |= {"Service"} if sketch.service is not None else set()
    names |= {name for one in inside if isinstance(one, Code) for name in _names(one)} & _IN_EXPRESSIONS
    yield f"from toctou import {', '.join(sorted(names, key=lambda name: (name.islower(), name)))}"
    above = [
        *(laid_out(Call("os.environ.setdefault", one), 0) for one in sketch.environment.items()),
        *(f"sys.path.insert(0, {_folder(one)})" for one in sketch.folders),
    ]
    if above:
        yield from ["", *above]
    if sketch.imports:
        yield ""
        yield from (
            f"{one}  # noqa: E402" if above and one.startswith(("import ", "from ")) else one for one in sketch.imports
        )


def _folder(folder: str) -> str:
    here = "Path(__file__).parent"
    return f"str({here})" if folder == "." else f"str({here} / {_text(folder)})"


def _class(sketch: Sketch) -> Iterator[str]:
    yield from _comments(sketch, "", 0)
    yield f"class {_class_name(sketch.name)}(Model):"
    groups = [
        _documentation(sketch.docstring),
        _attributes(sketch, ("tables", "items", "principals", "owner")),
        _attributes(sketch, ("app", "function", "service", "api", "caller", "headers", "services", "answers")),
        _handlers(sketch),
    ]
    filled = [group for group in groups if group]
    for at, group in enumerate(filled):
        yield from [""] * (at > 0)
        yield from group
    if not filled or not any(not line.lstrip().startswith("#") for group in filled for line in group):
        yield " " * _INDENT + "pass"


def _documentation(text: str) -> list[str]:
    safe = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    if not safe:
        return []
    lines = textwrap.wrap(f'"""{safe}', WIDTH - _INDENT - len('"""'), break_long_words=False, break_on_hyphens=False)
    if len(lines) == 1:
        lines[0] += ' """' if safe.endswith('"') else '"""'
    else:
        lines.append('"""')
    return [" " * _INDENT + line for line in lines]


def _attributes(sketch: Sketch, names: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for name in names:
        lines += _comments(sketch, name, _INDENT)
        value = getattr(sketch, name)
        if name == "tables":
            value = [_table(one) for one in value]
        elif name == "service" and value is not None:
            value = Call("Service", named=value)
        elif isinstance(value, tuple):
            value = list(value)
        if value not in (None, [], {}) and value != getattr(Model, name):
            lines += assignment(name, value, _INDENT).split("\n")
    return lines


def _table(table: Table) -> Call:
    named = {"indexes": dict(table.indexes)} if table.indexes else {}
    return Call(
        "Table", [table.name, *table.keys], named | ({"definition": table.definition} if table.definition else {})
    )


def _handlers(sketch: Sketch) -> list[str]:
    lines: list[str] = []
    for one, name in zip(sketch.handlers, _handler_names(sketch), strict=True):
        lines += _comments(sketch, one.name, _INDENT)
        lines += assignment(name, _declaration(one), _INDENT).split("\n")
    return lines


def _declaration(declared: Declared) -> Call:
    taken = inspect.signature(_DECLARE[declared.by]).parameters
    options = {*taken, *(inspect.signature(SOURCES[declared.subject]).parameters if declared.by == "event" else ())}
    pools = {name: list(values) for name, values in declared.pools.items()}
    plain = {name: values for name, values in pools.items() if name not in options and _is_name(name)}
    others = {name: values for name, values in pools.items() if name not in plain}
    return Call(
        declared.by, [declared.subject], {**declared.options, **plain, **({"arguments": others} if others else {})}
    )


def _handler_names(sketch: Sketch) -> list[str]:
    """A name for each handler that is an identifier, hides nothing of a model nor what it imports, and is used once."""
    found: list[str] = []
    hidden = {
        *dir(Model),
        *(re.sub(r"^(from \S+ )?import |^.* as ", "", one).split(" ")[0].split(".")[0] for one in sketch.imports),
    }
    for one in sketch.handlers:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"[\W_]+", "_", one.name)).strip("_").lower() or one.by
        name = words if _is_name(words) and words not in hidden else f"{one.by}_{words}"
        taken = [name, *(f"{name}_{count}" for count in range(2, len(sketch.handlers) + 2))]
        found.append(next(each for each in taken if each not in found))
    return found


def _class_name(text: str) -> str:
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text)) or "Drafted"
    return name if _is_name(name) and name not in ("Model", "Table", "Service") else f"Model{name}"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("__")


def _comments(sketch: Sketch, about: str, indent: int) -> list[str]:
    before = " " * indent + "# "
    return [
        line
        for one in sketch.notes.get(about, ())
        for line in textwrap.wrap(
            " ".join(one.split()), WIDTH, initial_indent=before, subsequent_indent=before, break_on_hyphens=False
        )
    ]


def _names(code: Code) -> set[str]:
    return {one.id for one in ast.walk(ast.parse(code, mode="eval")) if isinstance(one, ast.Name)}


def _text(value: str) -> str:
    return assignment("", value).removeprefix(" = ")
