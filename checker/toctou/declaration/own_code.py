"""Decides which functions of a model neither the checker nor the model's own code uses: they were meant as something else."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import CodeType
from typing import Any

from toctou.declaration.signatures import parameters, takes_model
from toctou.declaration.table import Table
from toctou.errors import ModelError

_OURS = "toctou."


def is_ours(kind: type) -> bool:
    """Whether a class is the checker's own."""
    return kind.__module__.startswith(_OURS)


def bases_of(model: type[Any]) -> list[type]:
    """The classes that the user has written, base classes and mixins included."""
    return [base for base in model.__mro__ if base is not object and not is_ours(base)]


def is_declaration(value: Any) -> bool:
    """Whether it is a handler or an invariant, which may have any name."""
    return is_ours(type(value)) and not isinstance(value, Table)


def names_used(model: type[Any]) -> set[str]:
    """What the code of a model's functions mentions, each function but by its own name."""
    own = {name: value for base in reversed(bases_of(model)) for name, value in vars(base).items()}
    return {name for each, value in own.items() for name in _names_in(value) if name != each}


def unused_functions(model: type[Any]) -> list[str]:
    """Functions and other callables of a model that are no handlers, and that no other code of the model names.

    A method that handlers call is named by them; whatever nobody names was meant as a handler, and would be ignored.
    """
    own = {name: value for base in reversed(bases_of(model)) for name, value in vars(base).items()}
    named = names_used(model)
    held = {id(one) for value in own.values() for one in _held_by(value)}
    return [
        name
        for name, value in own.items()
        if not name.startswith("_")
        and name not in named
        and id(value) not in held
        and not hasattr(_ours(model), name)
        and not isinstance(value, type)
        and not is_declaration(value)
        and (callable(value) or isinstance(value, staticmethod))
        and not (inspect.isfunction(value) and takes_model(value) and not parameters(value))  # it may be for others
    ]


def _held_by(value: Any, depth: int = 3) -> Iterator[Any]:
    """What a mapping, a list or a declaration holds: a function of ``answers`` or of an event is used by these."""
    held: Iterable[Any] = ()
    if isinstance(value, Mapping):
        held = value.values()
    elif isinstance(value, list | tuple):
        held = value
    elif is_dataclass(value) and is_ours(type(value)):
        held = [getattr(value, one.name) for one in fields(value)]
    for one in held if depth else ():
        yield one
        yield from _held_by(one, depth - 1)


def _ours(model: type[Any]) -> type[Any]:
    return next(base for base in model.__mro__ if is_ours(base))


def _names_in(value: Any, depth: int = 4) -> set[str]:
    """The names that the code of a function, or of what a declaration or a decorator holds, mentions."""
    code = vars(type(value)).get("__code__") and value.__code__
    found = _names_of(code) if isinstance(code, CodeType) else set()
    if depth == 0 or value is None:
        return found
    # Anything may answer to these names, some with something new each time.
    held = [getattr(value, one, None) for one in ("__func__", "__wrapped__", "func", "fget", "function", "predicate")]
    return found.union(*(_names_in(one, depth - 1) for one in held))


def _names_of(code: CodeType) -> set[str]:
    inner = (_names_of(one) for one in code.co_consts if isinstance(one, CodeType))
    return {*code.co_names, *code.co_freevars}.union(*inner)


def unused(model: type[Any], told: Collection[str]) -> Iterator[ModelError]:
    """The mistakes that such functions are, but for those that are ``told`` already."""
    for name in unused_functions(model):
        if name in told:
            continue
        if parameters(inspect.getattr_static(model, name))[:1] == ["items"]:
            yield ModelError(
                f"{name!r} of the model {model.__name__} takes items, but is no invariant and nothing calls it",
                expected="invariants that are declared, since nothing else is judged",
                remedy=f"@invariant above it; if other code calls it, name it _{name}",
            )
            continue
        yield ModelError(
            f"{name!r} of the model {model.__name__} is a function that is neither declared as a handler nor called by the model",
            expected="handlers that are declared, since nothing else is checked",
            remedy=f"{name} = handler(…, item_id=['i1']), or @handler(…) above it; if other code calls it, name it _{name}",
        )
