"""What the project knows about one action of the API: a record, made in the action's own module.

Everything that depends on which action is called is derived from these records: what the engine performs, which calls the wire
decodes, what a call reads and writes, which actions only read.  No other module lists actions by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum, auto
from typing import Any

from toctou.engine.constraints import TABLE, Constraints
from toctou.engine.database import Database
from toctou.engine.touched import FootprintRule

Perform = Callable[[Database, Mapping[str, Any]], dict[str, Any]]
"""Performs a call whose parameters keep to the constraints; raises ``ServiceError`` for what the service would refuse."""


def named_table(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The table that a read names, unless it asks for strong consistency; see ``Action.eventual``."""
    return frozenset() if parameters.get("ConsistentRead") else frozenset({parameters["TableName"]})


class Kind(Enum):
    """What a call may do to the database; each action is of one kind."""

    READS = auto()
    """Reads items and changes nothing."""
    WRITES = auto()
    """May change items, and no tables; statements too, whichever they turn out to be."""
    DESCRIBES = auto()
    """Reports tables and their settings, reads no item, and changes nothing."""
    MANAGES = auto()
    """Changes tables or their settings."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the API.

    Attributes:
        name: the API's name for it, such as ``GetItem``.
        kind: what it may do.
        perform: what the engine does.
        request: the structure of its request, and those that occur in no other request, in the notation of ``wire/inputs``.
        footprint: notes what a call has read and written; ``None`` if it is about tables only, which do not change while
            requests run.
        constraints: what its members must be, in the order in which the service checks them.
        eventual: given the parameters of a call, the tables that it reads without asking for strong consistency.
        divided: given the parameters of a call, and a number of steps, those of each step: what a batch does that is not
            atomic; at most so many.  ``None`` for what is.
        one_item: whether a call is about one item, which is then the one that it changed, if it changed any.
        watched: the members that make a request worth checking against the constraints.
    """

    name: str
    kind: Kind
    perform: Perform
    request: str
    _: KW_ONLY
    footprint: FootprintRule | None = None
    constraints: Constraints = field(default_factory=dict)
    eventual: Callable[[Mapping[str, Any]], frozenset[str]] = lambda _: frozenset()
    divided: Callable[[Mapping[str, Any], int], Sequence[Mapping[str, Any]]] | None = None
    one_item: bool = False
    watched: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        # Without a footprint, an action on items would commute with everything, and the orders that matter go unexplored.
        if (self.footprint is None) is not (self.kind in (Kind.DESCRIBES, Kind.MANAGES)):
            raise ValueError(f"{self.name}: an action on items has a footprint, one on tables has none")
        # The name of a table that exists is valid, so it alone is no reason to check a request.
        watched = frozenset(name for name, rule in self.constraints.items() if rule is not TABLE)
        object.__setattr__(self, "watched", watched)
