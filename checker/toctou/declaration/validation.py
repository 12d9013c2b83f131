"""Decides whether what a model declares can be used, before anything is explored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from toctou.declaration.scenario import Scenario
from toctou.declaration.table import Table
from toctou.errors import ModelError, ToctouError
from toctou.gate.service import Service
from toctou.history.request import Request

_CALLED = ("handlers", "invariants", "scenarios", "requests", "owns", "setup")
"""Members of a model that are called, and that a declaration of the same name would hide."""

_LONGEST = 200


def check_members(model: type[Any]) -> None:
    """Check what is used before anything else of a model: its methods, and its service.

    Raises:
        ModelError: a declaration has the name of a method that models inherit, or the service is none.
    """
    hidden = next((name for name in _CALLED if not callable(getattr(model, name))), None)
    if hidden is not None:
        raise wrong(
            model, hidden, "a method, as toctou.Model has it", "give the attribute, or the handler, another name"
        )
    if not isinstance(model.service, Service | None):
        raise wrong(model, "service", "a Service, or None", 'for example service = Service("node server.js")')


def wrong_attributes(model: type[Any]) -> Iterator[ModelError]:
    """The attributes of a model that are of another kind than its description says."""
    if not isinstance(model.tables, Sequence) or not all(isinstance(table, Table) for table in model.tables):
        single = (
            f"tables = [{model.tables!r}]"
            if isinstance(model.tables, Table)
            else 'tables = [Table("Items", "item_id")]'
        )
        yield wrong(model, "tables", "a list of tables", f"for example {single}")
    if not (model.owner is None or (isinstance(model.owner, str) and model.owner)):
        yield wrong(model, "owner", "the name of an attribute, or None", 'for example owner = "owner"')
    if not isinstance(model.ignore, Mapping):
        yield wrong(model, "ignore", "a mapping", 'for example ignore = {"Items": ["updated_at"]}')
    if not is_list(model.unowned):
        yield wrong(model, "unowned", "a set of values", 'for example unowned = {"nobody", None}')
    if model.reference is not None and (
        isinstance(model.reference, type)
        or not all(callable(getattr(model.reference, one, None)) for one in ("state_of", "step"))
    ):
        made = isinstance(model.reference, type) and callable(getattr(model.reference, "step", None))
        example = f"for example reference = {model.reference.__name__}()" if made else "see toctou.Specification"
        yield wrong(model, "reference", "an object with the methods state_of and step", example)


def wrong_parts(model: type[Any]) -> Iterator[ModelError]:
    """What is wrong between attributes that are each of the right kind: names of tables, keys of items."""
    for name, count in Counter(table.name for table in model.tables).items():
        if count > 1:
            yield ModelError(
                f"`tables` of the model {model.__name__} declares the table {name!r} {count} times",
                expected="each table once",
                remedy="leave one of them out, or correct its name",
            )
    known = [str(table.parameters.get("TableName")) for table in model.tables] + ["body"]
    for part, names in model.ignore.items():
        if part not in known or not is_list(names) or not all(isinstance(name, str) for name in names):
            yield ModelError(
                f"`ignore` of the model {model.__name__} holds {shown(part)}: {shown(names)}",
                expected=f"a list of attributes for a table, or of keys for the body: {', '.join(known)}",
                remedy=f'for example ignore = {{"{known[0]}": ["updated_at"], "body": ["request_id"]}}',
            )


def check_principals(where: str, principals: Any) -> None:
    """Check who may send a request.

    Raises:
        ModelError: not a list of different names.
    """
    named = isinstance(principals, Sequence) and not isinstance(principals, str | bytes)
    if named and not principals:
        raise ModelError(f"{where} has no principals", remedy='give it some: principals = ("alice", "bob")')
    if not named or not all(isinstance(one, str) and one for one in principals) or len({*principals}) < len(principals):
        raise ModelError(
            f"`principals` of {where} is {shown(principals)}",
            expected="a list of names, each once",
            remedy='for example principals = ("alice", "bob")',
        )


def check_pools(where: str, pools: Any) -> None:
    """Check the values that arguments of a handler may take.

    Raises:
        ModelError: anything but a list of values that can be shown and compared.
    """
    for argument, pool in pools.items():
        if not is_list(pool) or not pool:
            example = pool if isinstance(pool, str) and pool else "i1"
            raise ModelError(
                f"{where}: the pool of {argument!r} is {shown(pool)}",
                expected="a non-empty list of values",
                remedy=f"for example {argument}=[{example!r}]",
            )
        for value in pool:
            if (fault := _unusable(value)) is not None:
                raise ModelError(
                    f"{where}: a value of {argument!r}, of type {type(value).__name__}, cannot be shown or compared: {fault}",
                    expected="values whose __repr__ and __eq__ work, because requests are named and compared by them",
                    remedy="pass a plain value, and make the object of it in the handler",
                )


def joined(arguments: Any, pools: Mapping[str, Any]) -> dict[str, Any]:
    """The pools of a handler, whether given as ``arguments`` or by their names.

    Raises:
        ModelError: ``arguments`` is no mapping from names.
    """
    if arguments is None:
        return dict(pools)
    if not isinstance(arguments, Mapping) or not all(isinstance(name, str) for name in arguments):
        raise ModelError(
            f"`arguments` of a handler is {shown(arguments)}",
            expected="a mapping from the names of arguments to lists of values",
            remedy="for example arguments={'item_id': ['i1']}",
        )
    return {**arguments, **pools}


def scenarios_of(model: type[Any], size: int) -> list[Scenario]:
    """The scenarios of a model, which may have its own way to make them.

    Raises:
        ModelError: what makes them fails, or makes something else.
    """
    try:
        found = list(model.scenarios(size))
    except ToctouError:
        raise
    except Exception as failed:
        raise ModelError(
            f"the scenarios of the model {model.__name__} cannot be made: {type(failed).__name__}: {failed}",
            expected="`scenarios`, or `requests`, that return a list",
            remedy="correct the method of the model, or leave it out",
        ) from failed
    requests = [request for one in found for request in (one.requests if isinstance(one, Scenario) else [one])]
    if wrong := [one for one in requests if not isinstance(one, Request)]:
        raise ModelError(
            f"the scenarios of the model {model.__name__} contain {shown(wrong[0])}",
            expected="toctou.declaration.scenario.Scenario, made of requests",
            remedy="correct `scenarios`, or `requests`, of the model, or leave it out",
        )
    return found


def wrong(model: type[Any], name: str, expected: str, remedy: str) -> ModelError:
    """The error for an attribute of another kind."""
    found = shown(getattr(model, name))
    return ModelError(f"`{name}` of the model {model.__name__} is {found}", expected=expected, remedy=remedy)


def is_list(value: Any) -> bool:
    """Whether it is a collection of values, and no text."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray | Mapping)


def _unusable(value: Any) -> str | None:
    for use in (repr, lambda one: bool(one == object())):
        try:
            use(value)
        except Exception as fault:  # the user's own code may raise anything
            return f"{type(fault).__name__}: {fault}"
    return None


def shown(value: Any) -> str:
    """A value in an error, whatever it is, at most :data:`_LONGEST` characters."""
    text = f"an object of type {type(value).__name__}" if _unusable(value) else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def kept(values: Any) -> Any:
    """The values of a pool, to be read more than once and in the same order by every process."""
    if isinstance(values, set | frozenset):
        return tuple(sorted(values, key=repr))
    return tuple(values) if isinstance(values, Iterator | range) else values
