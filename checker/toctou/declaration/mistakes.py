"""Decides what of a model would be ignored, or could never work, and tells all of it at once before anything runs.

A model may have attributes and methods of its own.  One counts as a mistake if it is nearly the name of an attribute that the
model does not declare (``table``, ``principal``), or if it declares something that nobody would look at: a table outside of
``tables``, an attribute that only models of applications have.  Names that begin with an underscore are never looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from toctou.declaration.items import wrong_items
from toctou.declaration.own_code import bases_of, is_declaration, is_ours, unused, unused_functions
from toctou.declaration.signatures import answers_later, mismatch, parameters, returns_nothing, takes_model
from toctou.declaration.table import Table
from toctou.declaration.validation import check_principals, wrong_attributes, wrong_parts
from toctou.errors import ModelError, ToctouError, message_of

Check = Callable[[], Iterable[ModelError] | None]
"""Yields mistakes, or raises one."""

OF_APPLICATIONS = ("arguments", "base_path", "document", "read_only")
"""Attributes of :class:`toctou.App`, which other models do not have."""

_OVERRIDDEN = ("setup", "owns")
_CLOSE = 0.8


def mistakes_of(model: type[Any], undeclared: Mapping[str, ModelError]) -> list[ModelError]:
    """All mistakes of a model but those of its handlers, with those about functions that are ``undeclared``, by name."""
    found = [
        *undeclared.values(),
        *collected(
            [
                partial(_unknown, model),
                partial(_unused, model, undeclared),
                partial(wrong_attributes, model),
                partial(check_principals, f"the model {model.__name__}", model.principals),
                partial(_wrong_methods, model),
                partial(_wrong_invariants, model),
            ]
        ),
    ]
    # What lies between attributes can be asked only where each is of the right kind.
    return found or collected([partial(wrong_parts, model), partial(wrong_items, model)])


def collected(checks: Iterable[Check]) -> list[ModelError]:
    """The mistakes that checks find, in order."""
    found: list[ModelError] = []
    for check in checks:
        try:
            found += check() or ()
        except ModelError as mistake:
            found.append(mistake)
        except ToctouError:
            raise
        except Exception as failed:  # checks use objects of the user's, whose methods may raise anything
            found.append(
                ModelError(
                    f"what the model declares cannot be read: {type(failed).__name__}: {message_of(failed)}",
                    expected="plain values, whose methods work",
                    remedy="declare plain values, and make objects of them in the handlers",
                )
            )
    return found


def refuse(name: str, mistakes: list[ModelError]) -> None:
    """Raise the mistakes of a model as one error, each in a line of its own; return if there are none."""
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        lines = [f"\n  - {one.observed}; {one.remedy or f'expected {one.expected}'}".rstrip() for one in mistakes]
        raise ModelError(
            f"the model {name} has {len(mistakes)} mistakes:{''.join(lines)}",
            expected="a model without any, so nothing was run",
            remedy="correct each of them as its line says",
        )


def _known(model: type[Any]) -> set[str]:
    """The attributes that the model's bases of ours declare."""
    ours = [base for base in model.__mro__ if is_ours(base)]
    return {name for base in ours for name in inspect.get_annotations(base) if not name.startswith("_")}


def _unused(model: type[Any], undeclared: Collection[str]) -> Iterator[ModelError]:
    slips = [one for one in unused_functions(model) if get_close_matches(one.lower(), _OVERRIDDEN, 1, _CLOSE)]
    yield from unused(model, {*undeclared, *slips})


def _unknown(model: type[Any]) -> Iterator[ModelError]:
    known = _known(model)
    declared = {name for base in bases_of(model) for name in vars(base)}
    inherited = {name for base in model.__mro__ if is_ours(base) for name in vars(base)}
    seen: set[str] = set()
    for base in bases_of(model):
        for name, value in vars(base).items():
            if name.startswith("_") or name in known | inherited | seen or is_declaration(value):
                continue
            seen.add(name)
            called = callable(value) or isinstance(value, staticmethod | classmethod | property)
            # Beside the attribute itself, `item` or `table` is a value of the model's own.
            names = [one for one in (_OVERRIDDEN if called else sorted(known)) if one not in declared]
            meant = get_close_matches(name.lower(), names, 1, _CLOSE)
            if meant:
                kind = "method" if called else "attribute"
                yield ModelError(
                    f"the model {model.__name__} has the {kind} {name!r}, which means nothing to the checker",
                    expected=f"one of {', '.join(sorted({*known, *_OVERRIDDEN}))}",
                    remedy=f"did you mean `{meant[0]}`? If it is for the handlers, name it _{name}",
                )
            elif isinstance(value, Table) and not _listed(value, model.tables):
                yield ModelError(
                    f"the table {name!r} of the model {model.__name__} is not in `tables`, so it would not be created",
                    expected="each table in the list `tables`",
                    remedy=f"tables = [{name}]",
                )
            elif not called and name in OF_APPLICATIONS:
                yield ModelError(
                    f"the model {model.__name__} has the attribute {name!r}, which only models of applications have",
                    expected="a model that derives from toctou.App",
                    remedy=f"class {model.__name__}(App); or, if it is for the handlers, name it _{name}",
                )


def _listed(table: Table, tables: Any) -> bool:
    return isinstance(tables, list | tuple) and any(one is table for one in tables)


def _wrong_methods(model: type[Any]) -> Iterator[ModelError]:
    if why := mismatch(model):
        yield ModelError(
            f"the model {model.__name__} cannot be made without arguments: {why}",
            expected="a class that is made as it is, for each schedule anew",
            remedy="give each parameter of `__init__` a default, or make the values attributes of the class",
        )
    for name, arguments, shape in (
        ("setup", (), "def setup(self): …"),
        ("owns", ("alice", {}), "def owns(self, principal, item): …"),
    ):
        method = getattr(model, name)
        static = isinstance(inspect.getattr_static(model, name), staticmethod | classmethod)
        given = [*(() if static else (None,)), *arguments]
        why = mismatch(method, *given)
        if why and name == "owns":
            why = mismatch(method, *given, {}) and why
        if name == "owns" and parameters(method)[:2] == ["item", "principal"]:
            why = "the item before the principal"
        if why:
            yield ModelError(
                f"`{name}` of the model {model.__name__} has other parameters than it is called with: {why}",
                expected=f"{shape}" + (", or with `items` as a third" if name == "owns" else ""),
                remedy=f"declare it as {shape}",
            )
        elif answers_later(method):
            yield _later(f"`{name}` of the model {model.__name__}")
        elif name == "owns" and returns_nothing(method):
            yield _nothing(f"`{name}` of the model {model.__name__}")


def _wrong_invariants(model: type[Any]) -> Iterator[ModelError]:
    for name, rule in model.invariants().items():
        where = f"the invariant {name!r} of the model {model.__name__}"
        taken = inspect.signature(rule.predicate).parameters if inspect.isfunction(rule.predicate) else {}
        more: dict[str, object] = {one: [] for one in ("responses", "requests") if one in taken}
        if why := mismatch(rule.predicate, *([None] if takes_model(rule.predicate) else []), {}, **more):
            yield ModelError(
                f"{where} cannot be called with the stored items: {why}",
                expected='(self, items); with at="end" also `responses` and `requests`, by these names',
                remedy=f"declare it as def {name}(self, items): …",
            )
        elif answers_later(rule.predicate):
            yield _later(where)
        elif returns_nothing(rule.predicate):
            yield _nothing(where)


def _nothing(where: str) -> ModelError:
    return ModelError(
        f"{where} never returns anything",
        expected="a truth value in every case",
        remedy="return the condition, instead of asserting it or leaving it as it stands",
    )


def _later(where: str) -> ModelError:
    return ModelError(
        f"{where} is a coroutine or a generator, of which no code would run",
        expected="a plain function",
        remedy="leave out `async`, and return instead of yielding",
    )
