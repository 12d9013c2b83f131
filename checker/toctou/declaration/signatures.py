"""How functions of a model are called: whether as a method, and with which parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
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
