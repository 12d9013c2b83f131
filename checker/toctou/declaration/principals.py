"""Decides whether the principals of a model are those of whom its items and handlers speak.

A principal may own nothing, and a handler may be for somebody who is no principal of the model, such as an administrator: named
in the model, that one would send the requests of all handlers.  What is told is a name that is nearly one of the model's, and
stands nowhere else in it.  Items that belong to nobody who calls are no mistake by themselves: handlers may create others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from toctou.errors import ModelError, letters
from toctou.history.item import at_path

_CLOSE = 0.8
_DIGITS = "0123456789"


def wrong_owners(model: type[Any], handlers: Mapping[str, Any], default: Any) -> Iterator[ModelError]:
    """The mistakes in whose items these are.

    Args:
        model: whose attributes are each of the right kind.
        handlers: of the model.
        default: the base of all models, with what a model has that does not say otherwise.
    """
    items = [item for of_table in model.items.values() for item in of_table]
    missing = object()
    if model.owner is None or model.owns is not default.owns or not items:
        return
    # A model that says who nobody is may begin with items of nobody.
    if model.unowned is default.unowned and all(at_path(item, model.owner, missing) is missing for item in items):
        yield ModelError(
            f"no item of the model {model.__name__} has the attribute {model.owner!r} that `owner` names",
            expected="the attribute that says whose item it is",
            cause="a slip in the name; every write would count as allowed",
            remedy=f"one of {', '.join(sorted({name for item in items for name in item}))}; or leave `owner` out",
        )
    yield from _misspelt_owners(model)
    callers = _callers(model, handlers)
    for other in others_items(model, handlers):
        if meant := _nearly(other, callers):
            yield ModelError(
                f"an item of the model {model.__name__} belongs to {other!r}, and none to a principal: {', '.join(callers)}",
                expected=f"the names of principals as values of {model.owner!r}",
                cause=f"another spelling of {meant!r}; every request would count as one of somebody else",
                remedy=f"did you mean {meant!r}? Or principals = [{other!r}, …]; or decide in def owns(self, principal, item)",
            )
            return


def _misspelt_owners(model: type[Any]) -> Iterator[ModelError]:
    """The owner's attribute by another spelling; in one table, since those of several may differ."""
    for of_table in model.items.values():
        if not any(model.owner in item for item in of_table):
            continue
        for item in of_table:
            meant = next((one for one in item if letters(one) == letters(model.owner)), None)
            if meant is not None and model.owner not in item:
                yield ModelError(
                    f"an item of the model {model.__name__} has no {model.owner!r}, but {meant!r}: anybody may change it",
                    expected="one name for the attribute that `owner` names",
                    remedy=f"did you mean {model.owner!r} by {meant!r}?",
                )
                break


def others_items(model: type[Any], handlers: Mapping[str, Any]) -> list[str]:
    """The owners of initial items if no principal is among them; none if one is, or if the model names no owner."""
    if model.owner is None:
        return []
    values = (at_path(item, model.owner) for of_table in model.items.values() for item in of_table)
    owners = dict.fromkeys(one for one in values if isinstance(one, str) and one not in model.unowned)
    return [] if owners.keys() & _callers(model, handlers) else list(owners)


def unknown_principals(model: type[Any], handlers: Mapping[str, Any], default: Any) -> Iterator[ModelError]:
    """Principals of handlers who are nearly those of the model, or who are those of the default instead."""
    spoken_of = {text for part in (model.items, [one.pools for one in handlers.values()]) for text in _texts(part)}
    if isinstance(model.headers, Mapping):
        spoken_of.update(model.headers)
    for name, handler in handlers.items():
        if handler.acts_for_nobody:
            continue
        for one in handler.principals or ():
            if one in spoken_of or one in model.principals:
                continue
            meant = _nearly(one, model.principals)
            if meant or one in default.principals:
                yield ModelError(
                    f"`principals` of the handler {name!r} of the model {model.__name__} has {one!r}, who is not among its own",
                    expected=f"principals of the model: {', '.join(model.principals)}; or others that its items know",
                    remedy=f"did you mean {meant or model.principals[0]!r}? If not, principals = [{one!r}, …] in the model",
                )


def _callers(model: type[Any], handlers: Mapping[str, Any]) -> dict[str, None]:
    """Everybody for whom a request acts."""
    of_handlers = [one for each in handlers.values() if not each.acts_for_nobody for one in each.principals or ()]
    return dict.fromkeys([*model.principals, *of_handlers])


def _nearly(name: str, known: Any) -> str | None:
    """The one of another spelling, or within a name: ``Alice``, ``alcie``, ``USER#alice``, ``alice@example.com``."""
    return next((one for one in known if _is_nearly(name.lower(), one.lower())), None)


def _is_nearly(name: str, known: str) -> bool:
    parts = "".join(one if one.isalnum() else " " for one in name).split()
    if known in parts or "".join(parts) == known:
        return True
    numbered = name.strip(_DIGITS) == known.strip(_DIGITS)  # u1 and u2 are two
    return not numbered and SequenceMatcher(None, name, known).ratio() >= _CLOSE


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for one in value.values() for text in _texts(one))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (text for one in value for text in _texts(one))
