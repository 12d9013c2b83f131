r"""A compact text notation for executions, so that a test can show its history.

Declarations come first, one per line, followed by the events in order of time::

    table Orders(user_id, order_id)
    item x owner=alice version=1
    item Orders/u1/o1 total=10
    A alice: delete_item(item_id='x')
    B alice: transfer_item(item_id='x', to='bob')
    A.get(x) B.get(x) B.set(x.owner=bob) B=200 A.delete(x) A=204

* ``table`` declares a table with its partition key and, optionally, its sort key.  Without declarations there is one table
  ``Items(item_id)``; otherwise the first table is the default for item names without a table.
* ``item`` declares an initial item with its attributes.  Its name is its keys, which are strings, preceded by its table unless
  that is the default: ``x``, ``u1/o1``, ``Orders/u1/o1``.
* A request is declared by its letter, principal, handler and arguments, as reports print it.  Undeclared requests act for
  alice, bob, carol, dave, … and run the handler ``request()``.
* Text from ``#`` to the end of the line is a comment.  Values are integers or words, which may be quoted.

An event is an operation, such as ``A.get(x)``, or a response.  Operations:

=================================  ===================================================================================
``get(x)``, ``get(x.owner)``       ``GetItem`` of the whole item or of named attributes (``x.owner,version``)
``get(x@0)``                       the same, eventually consistent, returning version 0 of the item, the initial one
``query(*)``, ``query(u1)``        ``Query`` of a whole table (as through an index), or of one partition
``query(* x@0)``                   the same, eventually consistent, returning version 0 of that item
``put(x owner=bob)``               ``PutItem``
``set(x.owner=bob,version=2)``     ``UpdateItem`` with ``SET``; creates the item if it is missing
``remove(x.owner)``                ``UpdateItem`` with ``REMOVE``
``add(x.count=1)``                 ``UpdateItem`` with ``ADD``, without returning the sum
``delete(x)``                      ``DeleteItem``
``check(x if …)``                  a condition within a transaction
``transact(put y; delete x)``      ``TransactWriteItems`` of the parts, written as above without parentheses
``transact_get(x; y.owner)``       ``TransactGetItems``
=================================  ===================================================================================

A write may end in a condition, ``if owner=alice and version=1``; besides equalities there are ``exists``, ``absent`` and
``no owner``, which an item without that attribute, or none at all, satisfies.  A ``!`` after the operation says that its
condition failed; the parser checks that against the items, so that a history cannot contradict itself.  ``!`` on a write
without a condition implies one on the whole item.

A response is ``A=204``, ``A=200(3)`` with a Python literal as its body, or ``A=raises(KeyError: 'owner')``.  A request without
one returns 200 just after its last operation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from history_operations import Performed, Store, perform

from toctou.errors import BadInput
from toctou.history.item import Image, ItemId
from toctou.history.operation import Execution, Operation
from toctou.history.request import HandlerException, Request, Response
from toctou.history.schedule import Choice, Schedule

PRINCIPALS = ("alice", "bob", "carol", "dave", "erin", "frank")
_TABLE = re.compile(r"table\s+(\w+)\s*\(\s*(\w+)\s*(?:,\s*(\w+)\s*)?\)")
_ITEM = re.compile(r"item\s+(\S+)((?:\s+\w+=(?:'[^']*'|[\w.-]+))*)")
_REQUEST = re.compile(r"([A-Z]\d*)\s+([\w.-]+):\s*(\w+\(.*\))")
# Nothing in parentheses may contain parentheses: a regular expression cannot match nested ones.
_EVENT = re.compile(
    r"\s*(?P<request>[A-Z]\d*)(?:\.(?P<verb>\w+)\((?P<inside>[^()]*)\)(?P<failed>!?)"
    r"|=raises\((?P<type>\w+)(?::\s*(?P<message>[^()]*))?\)|=(?P<status>\d{3})(?:\((?P<body>[^()]*)\))?)(?=\s|$)"
)


class NotationError(BadInput):
    """The text of a history cannot be read, or contradicts itself."""


@dataclass
class _Reading:
    store: Store = field(default_factory=Store)
    requests: dict[int, Request] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    responses: dict[int, Response] = field(default_factory=dict)
    endings: dict[int, int] = field(default_factory=dict)
    initial: dict[str, tuple[Image, ...]] | None = None


def parse(text: str) -> Execution:
    """Parse a history.

    Raises:
        NotationError: a line has another form, an operation follows its request's response, or a condition's outcome differs
            from what is written.
    """
    reading = _Reading()
    for line in _lines(text):
        if reading.initial is None and _declaration(reading, line):
            continue
        if reading.initial is None:  # the first event: the store still holds the initial items
            reading.initial = reading.store.images()
        for event in _events(line):
            _apply(reading, event)
    return _execution(reading)


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if bare := line.partition("#")[0].strip():
            yield bare


def _declaration(reading: _Reading, line: str) -> bool:
    if found := _TABLE.fullmatch(line):
        reading.store.declare(found[1], tuple(name for name in (found[2], found[3]) if name))
    elif found := _ITEM.fullmatch(line):
        try:
            reading.store.add(found[1], found[2].split())
        except ValueError as error:
            raise _unreadable(line, str(error)) from None
    elif found := _REQUEST.fullmatch(line):
        reading.requests[_index(found[1])] = _request(found[2], found[3], line)
    else:
        return False
    return True


def _request(principal: str, call: str, line: str) -> Request:
    try:
        tree = ast.parse(call, mode="eval").body  # parsed, never evaluated: reading a history must not run code
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.args:
            raise _unreadable(line, "arguments are written as name=value")
        arguments = tuple((str(word.arg), ast.literal_eval(word.value)) for word in tree.keywords)
    except (SyntaxError, ValueError) as error:
        raise _unreadable(line, f"{call!r} is not a call with literal arguments ({error})") from None
    return Request(principal, tree.func.id, arguments)


def _events(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(line.rstrip()):
        found = _EVENT.match(line, at)
        if found is None:
            raise _unreadable(
                line[at:].split(maxsplit=1)[0],
                "it is neither an operation such as A.get(x) nor a response such as A=204",
            )
        yield found
        at = found.end()


def _apply(reading: _Reading, event: re.Match[str]) -> None:
    request = _index(event["request"])
    reading.requests.setdefault(request, _undeclared(request))
    if request in reading.responses:
        raise _unreadable(event[0].strip(), f"request {event['request']} has already responded")
    if event["verb"] is None:
        reading.responses[request] = _response(event)
        reading.endings[request] = len(reading.operations)
        return
    try:
        done = perform(reading.store, event["verb"], event["inside"], failed=bool(event["failed"]))
    except ValueError as error:
        raise _unreadable(event[0].strip(), str(error)) from None
    number = sum(one.request == request for one in reading.operations)
    reading.operations.append(_operation(request, number, done))


def _operation(request: int, number: int, done: Performed) -> Operation:
    outcome = (done.action, done.parameters, done.result, done.error, done.footprint, done.changes)
    return Operation(request, number, *outcome, missed=done.missed)


def _response(event: re.Match[str]) -> Response:
    if event["type"] is not None:
        return Response(500, exception=HandlerException(event["type"], event["message"] or ""))
    body: Any = None
    if event["body"]:
        try:
            body = ast.literal_eval(event["body"])
        except (SyntaxError, ValueError) as error:
            raise _unreadable(event[0].strip(), f"the body is not a Python literal ({error})") from None
    return Response(int(event["status"]), body)


def _execution(reading: _Reading) -> Execution:
    count = max(reading.requests, default=-1) + 1
    operations = tuple(reading.operations)
    last = {one.request: position + 1 for position, one in enumerate(operations)}
    return Execution(
        requests=tuple(reading.requests.get(index) or _undeclared(index) for index in range(count)),
        initial=reading.initial if reading.initial is not None else reading.store.images(),
        operations=operations,
        responses=tuple(reading.responses.get(index, Response(200)) for index in range(count)),
        final=reading.store.images(),
        schedule=Schedule(tuple(Choice(one.request) for one in operations)),
        endings=tuple(reading.endings.get(index, last.get(index, len(operations))) for index in range(count)),
    )


def _undeclared(index: int) -> Request:
    principal = PRINCIPALS[index] if index < len(PRINCIPALS) else f"user{index}"
    return Request(principal, "request")


def _index(letter: str) -> int:
    return ord(letter[0]) - ord("A") + 26 * int(letter[1:] or 0)


def _unreadable(part: str, why: str) -> NotationError:
    return NotationError(
        f"the history cannot be read at {part!r}: {why}",
        remedy="see the docstring of history_notation for the syntax",
    )


def item_id(name: str, table: str = "Items") -> ItemId:
    """The item with a name in this notation; ``u1/o1`` has two keys."""
    return ItemId(table, tuple(("S", part) for part in name.split("/")))
