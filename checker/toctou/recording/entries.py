"""Finds the functions to which the requests of tests go, as their modules are imported, and has their calls recorded.

A Lambda function is one that takes an event and a context, or an object that is called with these (Mangum, Chalice).  Other
functions and methods are named: ``module:function``, ``module:Class.method``, or ``module:*`` for all public functions and
methods that a module, or a package, defines.  A function is replaced in its module before whoever
imports it can take it from there.
"""

from __future__ import annotations

import functools
import inspect
import re
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FunctionType, MethodType, ModuleType
from typing import Any

from toctou.recording.imported_modules import modules_seen
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Entry

_EVENT = re.compile(r"_*(event|evt|lambda_event|aws_event|event_data|payload|input|message|data|request)_*")
_CONTEXT = re.compile(r"_*((lambda|aws|unused)_)?(context|ctx|_|__)_*")
_LIBRARIES = ("/site-packages/", "/dist-packages/", sysconfig.get_path("stdlib"))
_MARK = "__toctou_entry__"


class Entries:
    """Has the calls of functions recorded.

    Args:
        recorder: records them.
        named: ``module:function``, ``module:Class.method`` or ``module:*``.

    Attributes:
        missing: of the named ones, those that no module has had.
        known: every entry that was found, by its name.
    """

    def __init__(self, recorder: Recorder, named: Sequence[str]) -> None:
        self._recorder = recorder
        self._named: dict[str, set[str]] = {}
        for one in named:
            module, _, name = one.partition(":")
            self._named.setdefault(module, set()).add(name or "*")
        self.missing = dict.fromkeys(named)
        self.known: dict[str, Entry] = {}
        self._kinds: list[tuple[type, Any]] = []

    @contextmanager
    def found(self) -> Iterator[None]:
        """While inside, functions of modules are replaced as these are imported, or imported again."""
        try:
            with modules_seen(self._look):
                yield
        finally:
            for kind, call in self._kinds:
                setattr(kind, "__call__", call)  # noqa: B010 - an assignment would need a type's own

    def _look(self, module: Any) -> None:
        file = getattr(module, "__file__", None) or ""
        name = getattr(module, "__name__", "")
        if name in self._named:
            self._look_for_named(module, self._named[name])
        for package, names in self._named.items():
            if "*" in names and name.startswith(f"{package}."):  # all of a package is all of its modules
                self._look_for_named(module, {"*"})
                self.missing.pop(f"{package}:*", None)
                self.missing.pop(package, None)
        if not isinstance(file, str) or any(one in file for one in _LIBRARIES) or name.startswith("toctou"):
            return
        for attribute, value in list(vars(module).items()):
            if isinstance(value, FunctionType | MethodType):
                if not hasattr(value, _MARK) and _is_lambda(value) and not _is_of_library(value):
                    setattr(module, attribute, self._recorded(value, "lambda", f"{name}:{attribute}"))
            elif _is_lambda_object(value):
                self._record_object(value, f"{name}:{attribute}")

    def _look_for_named(self, module: Any, names: set[str]) -> None:
        for name in names:
            for path in _paths(module, name):
                owner: Any = module
                *outer, last = path.split(".")
                with suppress(AttributeError, KeyError):
                    for one in outer:
                        owner = getattr(owner, one)
                    raw = vars(owner)[last]
                    self.missing.pop(f"{module.__name__}:{name}", None)
                    self.missing.pop(module.__name__, None)
                    self._replace(owner, last, raw, f"{module.__name__}:{path}")

    def _replace(self, owner: Any, name: str, raw: Any, called: str) -> None:
        function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
        if not callable(function) or hasattr(function, _MARK):
            return
        kind = "lambda" if isinstance(function, FunctionType) and _is_lambda(function) else "function"
        recorded = self._recorded(function, kind, called)
        setattr(owner, name, type(raw)(recorded) if isinstance(raw, staticmethod | classmethod) else recorded)

    def _recorded(self, function: Callable[..., Any], kind: Any, name: str) -> Callable[..., Any]:
        perform = functools.partial(_performed, function)
        entry = Entry(kind, name, perform, *((route_of_event, template_of_event) if kind == "lambda" else ()))
        self.known[name] = entry
        recorder = self._recorder
        bound = functools.partial(_bound, _signature(function))
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*arguments: Any, **keywords: Any) -> Any:
                with recorder.requested(entry, bound(arguments, keywords)) as request:
                    returned = await function(*arguments, **keywords)
                    if request is not None:
                        request.returned = returned
                return returned

            setattr(awaited, _MARK, True)
            return awaited

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> Any:
            with recorder.requested(entry, bound(arguments, keywords)) as request:
                returned = function(*arguments, **keywords)
                if request is not None:
                    request.returned = returned
            return returned

        setattr(called, _MARK, True)
        return called

    def _record_object(self, value: Any, name: str) -> None:
        """Have calls of objects of this class recorded; others than those of modules are recorded under the same name."""
        kind: Any = type(value)
        call: Any = kind.__call__
        if hasattr(call, _MARK):
            call.__toctou_names__[id(value)] = name
            self.known[name] = _entry_of_object(value, call.__wrapped__, name)
            return
        recorder, names = self._recorder, {id(value): name}
        self.known[name] = _entry_of_object(value, call, name)

        @functools.wraps(call)
        def called(own: Any, *arguments: Any, **keywords: Any) -> Any:
            entry = _entry_of_object(own, call, names.get(id(own), kind.__name__))
            with recorder.requested(entry, _bound(None, arguments, keywords)) as request:
                returned = call(own, *arguments, **keywords)
                if request is not None:
                    request.returned = returned
            return returned

        setattr(called, _MARK, True)
        called.__toctou_names__ = names  # type: ignore[attr-defined]
        self._kinds.append((kind, call))
        kind.__call__ = called


def _entry_of_object(value: Any, call: Callable[..., Any], name: str) -> Entry:
    return Entry(
        "lambda", name, functools.partial(_performed, functools.partial(call, value)), route_of_event, template_of_event
    )


_POSITIONS = "*"
"""The arguments that have no names."""


def _bound(
    signature: inspect.Signature | None, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments by name, as far as they have one."""
    if signature is not None:
        with suppress(TypeError):
            bound = signature.bind(*arguments, **keywords)
            named = {}
            for name, value in bound.arguments.items():
                kind = signature.parameters[name].kind
                if kind is inspect.Parameter.VAR_POSITIONAL or kind is inspect.Parameter.POSITIONAL_ONLY:
                    break
                if kind is inspect.Parameter.VAR_KEYWORD:
                    named.update(value)
                else:
                    named[name] = value
            else:
                return named
    return {_POSITIONS: list(arguments), **keywords}


def _performed(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    positional = arguments.pop(_POSITIONS, ())
    return function(*positional, **arguments)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        # Of the function that is called, not of one that it wraps: a decorator may add arguments or take some away.
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _is_of_library(function: Any) -> bool:
    """Whether a function was taken from a library as it is; a decorator's has closed over the user's own."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    return getattr(function, "__closure__", None) is None and any(one in file for one in _LIBRARIES)


def _is_lambda(function: Callable[..., Any]) -> bool:
    # A decorator such as those of Powertools may make a Lambda function of another one, or the other way round.
    for follow in (True, False):
        with suppress(TypeError, ValueError):
            if _are_of_lambda(list(inspect.signature(function, follow_wrapped=follow).parameters.values())):
                return True
    return False


def _are_of_lambda(parameters: Sequence[inspect.Parameter]) -> bool:
    usual = [one for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(usual) < 2 or any(one.default is inspect.Parameter.empty for one in usual[2:]):
        return False
    return bool(_EVENT.fullmatch(usual[0].name) and _CONTEXT.fullmatch(usual[1].name))


def _is_lambda_object(value: Any) -> bool:
    kind = type(value)
    if isinstance(value, type | ModuleType | functools.partial) or kind.__module__ in (
        "builtins",
        "functools",
        "unittest.mock",
    ):
        return False
    call = vars(kind).get("__call__") or next(
        (vars(base)["__call__"] for base in kind.__mro__ if "__call__" in vars(base)), None
    )
    if not isinstance(call, FunctionType):
        return False
    try:
        parameters = list(inspect.signature(call).parameters.values())[1:]
    except (TypeError, ValueError):
        return False
    return _are_of_lambda(parameters)


def _paths(module: Any, name: str) -> Iterator[str]:
    """What a name stands for: a class for its public methods."""
    named = getattr(module, name, None)
    if name == "*":
        yield from _all_of(module)
    elif isinstance(named, type):
        yield from _methods(name, named)
    else:
        yield name


def _methods(name: str, kind: type) -> Iterator[str]:
    for method, raw in vars(kind).items():
        if not method.startswith("_") and isinstance(raw, FunctionType | staticmethod | classmethod):
            yield f"{name}.{method}"


def _all_of(module: Any) -> Iterator[str]:
    """The public functions that a module defines, and the public methods of its public classes."""
    for name, value in list(vars(module).items()):
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            yield from _methods(name, value)
        elif isinstance(value, FunctionType):
            yield name


def event_of(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event that a Lambda function is called with; empty if it is none."""
    event = arguments.get("event") or next((one for one in arguments.values() if isinstance(one, Mapping)), None)
    if not isinstance(event, Mapping):
        positional = arguments.get(_POSITIONS) or ()
        event = positional[0] if positional and isinstance(positional[0], Mapping) else {}
    return event


def route_of_event(arguments: Mapping[str, Any]) -> str:
    """The method and the path of an event of API Gateway or a load balancer; else its source."""
    event = event_of(arguments)
    http = _http(event)
    method = event.get("httpMethod") or http.get("method")
    paths = (event.get("rawPath"), event.get("path"), http.get("path"), event.get("resource"))
    path = next((one for one in paths if isinstance(one, str) and one), "")
    if method:
        return f"{method} {path or ''}".strip()
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], Mapping):
        return str(records[0].get("eventSource") or records[0].get("EventSource") or "")
    return str(event.get("routeKey") or event.get("source") or event.get("fieldName") or "")


def template_of_event(arguments: Mapping[str, Any]) -> str:
    """The method and the path with names, where an event says them: ``DELETE /notes/{id}``."""
    event = event_of(arguments)
    method = event.get("httpMethod") or _http(event).get("method")
    resource, key = event.get("resource"), event.get("routeKey")
    if isinstance(key, str) and " /" in key and "{proxy+}" not in key:
        return key
    if method and isinstance(resource, str) and "{" in resource and "{proxy+}" not in resource:
        return f"{method} {resource}"
    return ""


def _http(event: Mapping[str, Any]) -> Mapping[str, Any]:
    context = event.get("requestContext")
    http = context.get("http") if isinstance(context, Mapping) else None
    return http if isinstance(http, Mapping) else {}
