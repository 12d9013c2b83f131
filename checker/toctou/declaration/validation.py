"""Decides whether what a model declares can be used, before anything is explored.

What only DynamoDB can say (an item that is too large, an empty key) is left to the backend that stores it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from toctou.declaration.scenario import Scenario
from toctou.declaration.table import Table
from toctou.errors import ModelError, ToctouError
from toctou.gate.service import Service
from toctou.history.item import AttributeValue, Image, image, plain
from toctou.history.request import Request

_CALLED = ("handlers", "invariants", "scenarios", "requests", "owns", "setup")
"""Members of a model that are called, and that a declaration of the same name would hide."""

_LONGEST = 200

_KEY_TYPES = {"S": "a text", "N": "a number (int or Decimal)", "B": "bytes"}


def check_members(model: type[Any]) -> None:
    """Check what is used before anything else of a model: its methods, and its service.

    Raises:
        ModelError: a declaration has the name of a method that models inherit, or the service is none.
    """
    hidden = next((name for name in _CALLED if not callable(getattr(model, name))), None)
    if hidden is not None:
        raise _wrong(
            model, hidden, "a method, as toctou.Model has it", "give the attribute, or the handler, another name"
        )
    if not isinstance(model.service, Service | None):
        raise _wrong(model, "service", "a Service, or None", 'for example service = Service("node server.js")')


def wrong_attributes(model: type[Any]) -> Iterator[ModelError]:
    """The attributes of a model that are of another kind than its description says."""
    if not isinstance(model.tables, Sequence) or not all(isinstance(table, Table) for table in model.tables):
        single = (
            f"tables = [{model.tables!r}]"
            if isinstance(model.tables, Table)
            else 'tables = [Table("Items", "item_id")]'
        )
        yield _wrong(model, "tables", "a list of tables", f"for example {single}")
    if not (model.owner is None or (isinstance(model.owner, str) and model.owner)):
        yield _wrong(model, "owner", "the name of an attribute, or None", 'for example owner = "owner"')
    if not isinstance(model.ignore, Mapping):
        yield _wrong(model, "ignore", "a mapping", 'for example ignore = {"Items": ["updated_at"]}')
    if not _is_list(model.unowned):
        yield _wrong(model, "unowned", "a set of values", 'for example unowned = {"nobody", None}')
    if model.reference is not None and (
        isinstance(model.reference, type)
        or not all(callable(getattr(model.reference, one, None)) for one in ("state_of", "step"))
    ):
        made = isinstance(model.reference, type) and callable(getattr(model.reference, "step", None))
        example = f"for example reference = {model.reference.__name__}()" if made else "see toctou.Specification"
        yield _wrong(model, "reference", "an object with the methods state_of and step", example)


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
        if part not in known or not _is_list(names) or not all(isinstance(name, str) for name in names):
            yield ModelError(
                f"`ignore` of the model {model.__name__} holds {shown(part)}: {shown(names)}",
                expected=f"a list of attributes for a table, or of keys for the body: {', '.join(known)}",
                remedy=f'for example ignore = {{"{known[0]}": ["updated_at"], "body": ["request_id"]}}',
            )
    yield from _wrong_items(model)


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
        if not _is_list(pool) or not pool:
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


def initial_images(model: type[Any]) -> dict[str, list[Image]]:
    """The declared items by table, as the API writes them.

    Raises:
        ModelError: `items` is no mapping from tables to lists of items, or a value is none that DynamoDB stores.
    """
    if not isinstance(model.items, Mapping):
        tables = [table.name for table in model.tables] or ["Items"]
        raise _wrong(
            model,
            "items",
            "a mapping from the names of tables to lists of items",
            f"for example items = {{{tables[0]!r}: [{{…}}]}}",
        )
    images: dict[str, list[Image]] = {}
    for table, items in model.items.items():
        if not isinstance(table, str) or not _is_list(items):
            raise ModelError(
                f"`items` of the model {model.__name__} has {shown(items)} for the table {table!r}",
                expected="the name of a table, and a list of items",
                remedy='for example items = {"Items": [{"item_id": "i1"}]}',
            )
        images[table] = [_image(model, table, item) for item in items]
    return images


def _image(model: type[Any], table: str, item: Any) -> dict[str, AttributeValue]:
    try:
        _check_encodable(found := image(item))
    except RecursionError:
        unsuitable: object = "it holds itself, or is nested too deeply"
    except (TypeError, AttributeError, UnicodeEncodeError) as fault:
        unsuitable = fault
    else:
        return found
    raise ModelError(
        f"the model {model.__name__} declares the item {shown(item)} of table {table!r}: {unsuitable}",
        expected="a mapping of attribute names to values that DynamoDB stores",
        remedy="use int or Decimal for numbers, bytes for binaries",
    )


def _check_encodable(value: Any) -> None:
    """Raise ``UnicodeEncodeError`` for half of a pair of surrogates, which no service stores."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, Mapping):
        for name, content in value.items():
            name.encode()
            _check_encodable(content)
    elif isinstance(value, list):
        for content in value:
            _check_encodable(content)


def _wrong_items(model: type[Any]) -> Iterator[ModelError]:
    tables = {table.name: table for table in model.tables}
    for name, images in initial_images(model).items():
        if name in tables:
            yield from _wrong_keys(model, tables[name], images)
        elif images:
            meant = get_close_matches(name, tables, 1)
            yield ModelError(
                f"`items` of the model {model.__name__} has items of the table {name!r}, which `tables` does not declare",
                expected=f"tables that are declared: {', '.join(tables) or 'none'}",
                remedy=f"did you mean {meant[0]!r}?"
                if meant
                else f'add Table({name!r}, "…") to `tables`, with its key',
            )


def _wrong_keys(model: type[Any], table: Table, images: Sequence[Image]) -> Iterator[ModelError]:
    """One mistake of each kind, because many items are often made alike."""
    where = f"of table {table.name!r} in the model {model.__name__}"
    types = {one["AttributeName"]: one["AttributeType"] for one in table.parameters.get("AttributeDefinitions", ())}
    names = [one["AttributeName"] for one in table.parameters["KeySchema"]]
    sound = list(images)
    for name in names:
        kind = types.get(name, "S")
        if lacking := [one for one in sound if name not in one]:
            meant = get_close_matches(name, lacking[0], 1)
            yield ModelError(
                f"the item {shown(plain(lacking[0]))} {where} lacks {name!r}, which is a key of the table",
                expected=f"items with {' and '.join(map(repr, names))}",
                remedy=f"did you mean {name!r} by {meant[0]!r}?"
                if meant
                else f"give it {name!r}, or correct the key in `tables`",
            )
        if other := [one for one in sound if name in one and kind not in one[name]]:
            found, item = next(iter(other[0][name])), shown(plain(other[0]))
            declared = f", or declare {name + ':' + found!r}" if found in _KEY_TYPES else ""
            yield ModelError(
                f"the key {name!r} of the item {item} {where} is of type {found}, and of type {kind} in `tables`",
                expected="keys of the type that the table declares",
                remedy=f"give {_KEY_TYPES[kind]}{declared}",
            )
        sound = [one for one in sound if name in one and kind in one[name]]
    keys = Counter(repr([one[name] for name in names]) for one in sound)
    for one in sound:
        if keys.pop(repr([one[name] for name in names]), 0) > 1:
            yield ModelError(
                f"`items` of the model {model.__name__} has two items of table {table.name!r} with the same key: "
                f"{shown(plain(one))}",
                expected="items whose keys differ",
                remedy="leave one of them out, or correct its key",
            )


def _wrong(model: type[Any], name: str, expected: str, remedy: str) -> ModelError:
    found = shown(getattr(model, name))
    return ModelError(f"`{name}` of the model {model.__name__} is {found}", expected=expected, remedy=remedy)


def _is_list(value: Any) -> bool:
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
