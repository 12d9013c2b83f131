"""Shares between clients what botocore makes anew for each, though it comes to the same each time.

A handler may make a client, or a session and clients, for each request, and serves thousands of requests here.  Nine tenths of
that are spent on five things: copying the tree of the session's listeners, making a method for each operation, parsing the
rules of endpoints, looking for other names of events, and asking whether a listener takes keywords.  Each is a function of
descriptions that sessions share (:mod:`toctou.client.service_descriptions`), or a copy of which most is never changed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any
from unittest.mock import patch

import botocore.client
import botocore.hooks
import botocore.regions
import botocore.useragent
import botocore.utils

_Tree: Any = getattr(botocore.hooks, "_PrefixTrie", object)
_Listeners: Any = getattr(botocore.hooks, "NodeList", None)
_MOST = 1_000


class _SharedTree(_Tree):  # type: ignore[misc] # whatever botocore has
    """A tree of listeners whose nodes other trees may have, too; so none is changed, but replaced by a changed copy."""

    _root: Any

    def append_item(self, key: str, value: Any, section: int = 1) -> None:
        """Add a listener; the nodes on the way to it become this tree's own."""
        node = self._root = _own(self._root)
        for part in key.split("."):
            children = node["children"]
            known = children.get(part)
            node = children[part] = {"chunk": part, "values": None, "children": {}} if known is None else _own(known)
        if node["values"] is None:
            node["values"] = _Listeners([], [], [])
        node["values"][section].append(value)

    def remove_item(self, key: str, value: Any) -> None:
        """Remove a listener, of a copy of everything: it is seldom done."""
        self._root = self._recursive_copy(self._root)
        super().remove_item(key, value)

    def __copy__(self) -> _SharedTree:
        return _shared(self)


def _own(node: dict[str, Any]) -> dict[str, Any]:
    values = node["values"]
    return {
        "chunk": node["chunk"],
        "values": None if values is None else _Listeners(*map(list, values)),
        "children": dict(node["children"]),
    }


def _shared(tree: Any) -> _SharedTree:
    """A copy of a tree with the same nodes; from now on both leave these as they are, also after the check."""
    tree.__class__ = _SharedTree
    copy = _SharedTree.__new__(_SharedTree)
    copy.__dict__.update(tree.__dict__)
    return copy


def _by_description(made: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
    """The methods of clients, once for each description of a service."""
    known: dict[int, tuple[Any, dict[str, Any]]] = {}

    def methods(self: Any, service_model: Any) -> dict[str, Any]:
        description = service_model._service_description
        if id(description) not in known:
            if len(known) >= _MOST:
                known.clear()
            known[id(description)] = description, made(self, service_model)
        return dict(known[id(description)][1])  # listeners to the making of a class may change it

    return methods


def _by_rules(make: Callable[..., Any]) -> Callable[..., Any]:
    """What finds endpoints, once for each set of rules."""
    known: dict[object, tuple[Any, Mapping[str, Any]]] = {}

    def provider(**asked: Any) -> Any:
        # The rules themselves are large, and the same object each time.
        key = tuple((name, id(value) if isinstance(value, dict) else repr(value)) for name, value in asked.items())
        if key not in known:
            if len(known) >= _MOST:
                known.clear()
            known[key] = make(**asked), asked
        return known[key][0]

    return provider


def _by_name(alias: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """The other names of events, unless somebody has names of their own."""
    known: dict[str, str] = {}

    def alias_event_name(self: Any, event_name: str) -> str:
        if self._event_aliases != botocore.utils.EVENT_ALIASES:
            return alias(self, event_name)
        if event_name not in known:
            if len(known) >= _MOST:
                known.clear()
            known[event_name] = alias(self, event_name)
        return known[event_name]

    return alias_event_name


def _by_flag(accepts: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Whether a function takes keywords, as its code says; its signature takes a hundred times as long to make."""

    def accepts_kwargs(listener: Any) -> Any:
        function = listener.__func__ if type(listener) is MethodType else listener
        if type(function) is FunctionType and "__signature__" not in vars(function):
            return bool(function.__code__.co_flags & inspect.CO_VARKEYWORDS)
        return accepts(listener)

    return accepts_kwargs


_REPLACED: list[tuple[Any, str, Callable[[Any], Any]]] = [
    (_Tree, "__copy__", lambda _: _shared),
    (botocore.client.ClientCreator, "_create_methods", _by_description),
    (botocore.regions, "EndpointProvider", _by_rules),
    (botocore.hooks.EventAliaser, "_alias_event_name", _by_name),
    (botocore.hooks, "accepts_kwargs", _by_flag),
    (botocore.useragent, "sanitize_user_agent_string_component", lru_cache(maxsize=_MOST)),
]
"""Where botocore has what is shared, and what is there instead; a version that has no such thing makes its own."""

_SHARING = [(home, name, make(getattr(home, name))) for home, name, make in _REPLACED if hasattr(home, name)]


@contextmanager
def parts_shared() -> Iterator[None]:
    """While inside, clients that are made share parts."""
    with ExitStack() as replaced:
        for home, name, shared in _SHARING:
            replaced.enter_context(patch.object(home, name, shared))
        yield
