"""A recorded state as a model: what was stored before a request, and requests that are made there.

Each request is an argument of its handler, named by the test that it comes from; what it is given is looked up by that.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.declaration.model import Handler, Model
from toctou.declaration.scenario import Scenario
from toctou.declaration.table import Table
from toctou.history.item import plain
from toctou.history.request import Request, Response
from toctou.recording.answers import as_plain, is_proxy_answer, refusal, refuses_by_raising
from toctou.recording.callers import NOBODY
from toctou.recording.reconstruction import Reconstructed
from toctou.recording.requested import Arguments

ARGUMENT = "recorded"
"""The one argument of each handler: which recorded request."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A request in a recorded state.

    Attributes:
        recorded: the request that it was made of.
        handler, principal: its names.
        arguments: as they are there.
        label: which it is, for people.
        raises: names of exceptions by which the function refuses.
    """

    recorded: Reconstructed
    handler: str
    principal: str
    arguments: Arguments
    label: str
    raises: frozenset[str] = frozenset()

    @property
    def request(self) -> Request:
        """It, as a scenario has it."""
        return Request(self.principal, self.handler, ((ARGUMENT, self.label),))

    @property
    def _refuses(self) -> bool:
        return refuses_by_raising(self.recorded.requested)

    def perform(self) -> Any:
        """Make the request; returns what a handler returns, or a coroutine that does."""
        entry = self.recorded.requested.entry
        if entry.kind == "http":
            return self.recorded.requested.perform(self.arguments)
        if inspect.iscoroutinefunction(inspect.unwrap(_function(entry.perform))):
            return self._awaited()
        try:
            returned = self.recorded.requested.perform(self.arguments)
        except Exception as raised:
            if self._refuses and (answer := refusal(raised, self.raises)) is not None:
                return answer
            raise
        return self._awaited(returned) if inspect.isawaitable(returned) else _answer(returned)

    async def _awaited(self, coroutine: Any = None) -> Any:
        try:
            returned = await (self.recorded.requested.perform(self.arguments) if coroutine is None else coroutine)
        except Exception as raised:
            if self._refuses and (answer := refusal(raised, self.raises)) is not None:
                return answer
            raise
        return _answer(returned)


def _function(perform: Any) -> Any:
    return perform.args[0] if getattr(perform, "args", ()) else perform


def _answer(returned: Any) -> Any:
    if is_proxy_answer(returned):
        return returned
    return Response(200, as_plain(returned))


class _Recorded(Handler):
    """A handler whose requests may act for somebody unknown, whom no rule of ownership judges."""

    @property
    def acts_for_nobody(self) -> Sequence[str]:
        return [one for one in self.principals or () if one == NOBODY]


def model_of(
    base: Reconstructed,
    parts: Sequence[Part],
    pairs: Sequence[tuple[Part, ...]],
    *,
    owner: str | None,
) -> type[Model]:
    """The model of the state before a request.

    Args:
        base: that request.
        parts: the requests that can be made there.
        pairs: what is explored, as tuples of them.
        owner: the attribute that says whose an item is.
    """
    known = {(one.handler, one.label): one for one in parts}

    def handler_of(name: str) -> Handler:
        def perform(_: str, **arguments: Any) -> Any:
            return known[name, arguments[ARGUMENT]].perform()

        own = [one for one in parts if one.handler == name]
        pools = {ARGUMENT: list(dict.fromkeys(one.label for one in own))}
        return _Recorded(perform, pools, list(dict.fromkeys(one.principal for one in own)))

    handlers = {name: handler_of(name) for name in dict.fromkeys(one.handler for one in parts)}
    asks = frozenset().union(*(one.recorded.asks for one in parts))
    lambdas = any(one.recorded.requested.entry.kind == "lambda" for one in parts)
    callers = [one for one in dict.fromkeys(one.principal for one in parts) if one != NOBODY]
    members: dict[str, Any] = {
        "__doc__": f"What was stored in {base.requested.test}.",
        "__module__": _module(base),
        "tables": [_table(one) for one in base.tables],
        "items": {table: [plain(image) for image in images] for table, images in base.items.items() if images},
        "principals": callers or [NOBODY],
        "owner": owner if callers and _has(base, owner) else None,
        "services": sorted(asks),
        "isolation": "processes" if lambdas else "auto",
        "handlers": classmethod(lambda _: dict(handlers)),
        "scenarios": classmethod(lambda _, __: [Scenario(tuple(one.request for one in pair)) for pair in pairs]),
    }
    return type("Recorded", (Model,), members)


def _has(base: Reconstructed, attribute: str | None) -> bool:
    """Whether an item that is stored there has an attribute."""
    first = (attribute or "").partition(".")[0]
    return any(first in image for images in base.items.values() for image in images)


def _module(base: Reconstructed) -> str:
    module = base.requested.entry.name.partition(":")[0]
    return module if ":" in base.requested.entry.name else "__main__"


def _table(parameters: Mapping[str, Any]) -> Table:
    first = parameters["KeySchema"][0]["AttributeName"]
    definition = {name: value for name, value in parameters.items() if name != "TableName"}
    return Table(str(parameters["TableName"]), first, definition=definition)
