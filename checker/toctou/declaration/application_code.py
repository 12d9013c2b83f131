"""Decides in which modules the code of an application is: where its routes, views and middleware were defined.

A model that says ``from shop import app`` names an object of its framework, and nothing of the module that made it.  The object
holds on to what it serves requests with, so that is looked for: functions, classes, and objects of classes, as far as they can be
reached from it.  No method of an object is called, and no attribute is computed.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

MOST = 20_000
"""Objects that are looked at at most; an application of a framework holds some hundreds, besides its routes."""

_PLAIN = frozenset({int, float, bool, str, bytes, type(None)})
_WITHOUT_ROUTES = ("boto3.", "botocore.", "aiobotocore.", "logging")
"""Libraries whose objects hold tens of thousands of others, but none of an application."""


def modules_of_application(application: Any) -> set[str]:
    """Names of modules in which something is defined that an application holds on to; those of libraries are among them."""
    found: set[str] = set()
    known: dict[int, Any] = {}
    waiting = deque([application])
    if type(application).__module__.startswith("django."):
        waiting.extend(_urls_of_django())
    while waiting and len(known) < MOST:
        one = waiting.popleft()
        kind = type(one)
        if kind in _PLAIN or id(one) in known:
            continue
        known[id(one)] = one
        if kind.__module__.startswith(_WITHOUT_ROUTES):
            continue
        if kind is ModuleType:
            found.add(one.__name__)
            continue
        found.add(str(kind.__module__))
        if kind is FunctionType:
            found.add(str(one.__module__))
            # Not its global variables, which its module has.
            waiting += [one.__closure__, one.__defaults__, one.__kwdefaults__, one.__dict__]
        elif isinstance(one, type):
            found.add(str(type.__getattribute__(one, "__module__")))
        else:
            waiting += gc.get_referents(one)
    return found


def _urls_of_django() -> list[Any]:
    """The module of a project's URLs, which Django's application looks up by its name."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    with suppress(Exception):  # such as settings that are not configured
        return [sys.modules.get(settings.ROOT_URLCONF)]  # type: ignore[union-attr] # there may be none
    return []
