"""How functions of a model are called: whether as a method, and with which parameters."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from itertools import pairwise
from types import CodeType
from typing import Any


def takes_model(function: Callable[..., Any]) -> bool:
    """Whether the model is passed first, which is so if that parameter is named ``self``."""
    code = getattr(function, "__code__", None)
    return (
        code is not None and code.co_argcount > 0 and code.co_varnames[0] == "self" and not inspect.ismethod(function)
    )


def parameters(function: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters without ``self``; none for built-in functions."""
    code = getattr(function, "__code__", None)
    names = [] if code is None else list(code.co_varnames[: code.co_argcount])
    return names[1:] if names[:1] == ["self"] else names


def mismatch(function: Callable[..., Any], *arguments: object, **named: object) -> str:
    """Why a function cannot be called so; empty if it can, or if it does not say what it takes."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as why:
        return str(why)
    except ValueError:  # built-in functions may have no signature; calling it will fail instead
        pass
    return ""


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a handler has an argument of this name besides model and principal, or any; so if it does not say."""
    try:
        known = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return True
    arguments = known[2 if takes_model(function) else 1 :]
    return any(one.name == name or one.kind is one.VAR_KEYWORD for one in arguments)


def answers_later(function: Callable[..., Any]) -> bool:
    """Whether calling a function only makes a coroutine or a generator, which is true whatever it would return."""
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )


def returns_nothing(function: Callable[..., Any]) -> bool:
    """Whether every way out of a function but by an exception returns ``None``, as where a ``return`` was forgotten."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or answers_later(function):
        return False
    steps = list(dis.get_instructions(code))
    found = [one.argval for one in steps if one.opname == "RETURN_CONST"]  # of Python 3.12 and 3.13
    for before, one in pairwise(steps):
        if one.opname == "RETURN_VALUE":
            # What jumps there has another value: `return found or None`.
            known = before.opname == "LOAD_CONST" and not one.is_jump_target
            found.append(before.argval if known else ...)
    return bool(found) and all(one is None for one in found)
