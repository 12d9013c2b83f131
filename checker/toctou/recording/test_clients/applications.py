"""Decides what an application behind a test client is called, and by which of its routes it serves a request."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from types import ModuleType
from typing import Any

from toctou.recording.requested import Arguments, Entry
from toctou.recording.test_clients.http_arguments import METHOD, PATH, route_of
from toctou.recording.test_clients.schemas import bodies
from toctou.web.declared_routes import Declared, declared_routes, matches

_LIBRARIES = ("/site-packages/", "/dist-packages/", sysconfig.get_path("stdlib"))
_OWN_NAMES = ("import_name", "app_name", "title")
"""Attributes of Flask, Chalice and FastAPI."""

_PARAMETER = re.compile(r"<(?:[^<>:]*:)?([^<>]*)>|\{([^{}:+]*)[^{}]*\}")
_DEEPEST, _MOST = 10, 100


class Application:
    """One application.

    Attributes:
        application: as the test client has it.
        name: ``shop.web:app`` if a module has it under that name; else what it calls itself.
        routed: the application that has the routes, within middleware.
    """

    def __init__(self, application: Any, name: str = "") -> None:
        self.application = application
        self.routed = innermost(application)
        self.name = name or name_in_module(application) or name_in_module(self.routed) or _own_name(self.routed)

    def entry(self, perform: Callable[[dict[str, Any]], Any]) -> Entry:
        """Where a request to it comes in."""
        return Entry("http", self.name, perform, route_of, self.template, self.others)

    def template(self, arguments: Arguments) -> str:
        """``METHOD /path/{parameter}`` of a request; empty if no route serves it."""
        method, path = arguments[METHOD], arguments[PATH]
        fitting = [one for one in self._routes if (not one.methods or method in one.methods) and matches(one, path)]
        if not fitting:
            return ""
        # Frameworks that take the first one list the literal ones first.
        found = min(fitting, key=lambda one: len(_PARAMETER.findall(one.path)))
        return f"{method} {_PARAMETER.sub(lambda one: f'{{{one[1] or one[2]}}}', found.path)}"

    def others(self, arguments: Arguments) -> Iterator[dict[str, Any]]:
        """The arguments with other bodies, where the application says which are valid."""
        return bodies(self.routed, self.template(arguments), arguments)

    @cached_property
    def nested(self) -> list[Any]:
        """The application that has the routes, and those that are mounted in it."""
        found = [self.routed]
        for one in found:
            mounted = [innermost(route.app) for route in _routes_of(one) if hasattr(route, "app")]
            found += [inner for inner in mounted if _has_routes(inner) and all(inner is not other for other in found)]
        return found

    @cached_property
    def _routes(self) -> list[Declared]:
        return declared_routes(self.routed)


class Applications:
    """Those of one session, each known once."""

    def __init__(self) -> None:
        self._known: dict[int, Application] = {}
        self._named: dict[str, Application] = {}

    def known(self, application: Any) -> Application:
        """What is known of one."""
        found = self._known.get(id(application))
        if found is None:
            # Which keeps it, and so its identity.
            found = self._known[id(application)] = Application(application)
        return found

    def named(self, name: str, made: Callable[[str], Application]) -> Application:
        """What is known of one that has only a name."""
        if name not in self._named:
            self._named[name] = made(name)
        return self._named[name]


def innermost(application: Any) -> Any:
    """The application that has routes, in what is called around it: middleware, or a function that keeps it."""
    level, seen = [application], set[int]()
    for _ in range(_DEEPEST):
        for one in level:
            if _has_routes(one):
                return one
        seen.update(map(id, level))
        level = [inner for one in level for inner in _kept(one) if id(inner) not in seen][:_MOST]
    return application


def _has_routes(application: Any) -> bool:
    # By what it is, since a mock has whatever is asked for.
    routes, rules = getattr(application, "routes", None), getattr(application, "url_map", None)
    return isinstance(routes, list | dict) or type(rules).__name__ == "Map"


def _routes_of(application: Any) -> list[Any]:
    routes = getattr(application, "routes", None)
    return routes if isinstance(routes, list) else []


def _kept(application: Any) -> Iterator[Any]:
    """What an application keeps that may be another one."""
    held = list(vars(application).values()) if hasattr(application, "__dict__") else []
    for cell in getattr(application, "__closure__", None) or ():
        with suppress(ValueError):  # it has no contents yet
            held.append(cell.cell_contents)
    yield from (one for one in held if callable(one) and not isinstance(one, type))


def name_in_module(wanted: Any) -> str:
    """``module:name`` of a module's attribute; empty if no module has it."""
    for module in _modules():
        for name, value in list(vars(module).items()):
            if value is wanted:
                return f"{module.__name__}:{name}"
    return ""


def _modules() -> Iterator[ModuleType]:
    """Of the project; those of tests last, which import applications from where they are."""
    own = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not any(one in file for one in _LIBRARIES):
            own.append(module)
    return iter(sorted(own, key=_is_of_tests))


def _is_of_tests(module: ModuleType) -> bool:
    last = module.__name__.rpartition(".")[2]
    return last == "conftest" or last.startswith("test_") or last.endswith("_test")


def _own_name(application: Any) -> str:
    for attribute in _OWN_NAMES:
        name = getattr(application, attribute, None)
        if isinstance(name, str) and name:
            return name
    kind = application if hasattr(application, "__qualname__") else type(application)
    return f"{kind.__module__}:{kind.__qualname__}"
