"""What an operation of an API does in DynamoDB, and where it checks and then acts without an atomic condition.

Windows are those of one item (:mod:`toctou.search.windows`).  A window deserves a review; exploring decides whether it is
harmful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toctou.history.footprint import EXISTENCE
from toctou.history.operation import Operation
from toctou.history.request import SourceLine
from toctou.search.windows import condition, named, same_item_windows


@dataclass(frozen=True, slots=True)
class Access:
    """One DynamoDB call of an operation, as observed.

    Attributes:
        action: such as ``UpdateItem``.
        items: ``Items[i1]``, or ``Items[*]`` for a range or a table.
        reads, conditions, writes: attributes that it returned or computed with, that its condition covers, that it set.
        source: the line that makes the call, if known.
    """

    action: str
    items: tuple[str, ...]
    reads: tuple[str, ...]
    conditions: tuple[str, ...]
    writes: tuple[str, ...]
    source: SourceLine | None


@dataclass(frozen=True, slots=True)
class Window:
    """A check and an act that are not atomic.

    Attributes:
        item: ``Items[i1]``.
        read, write: indexes of the two calls in the operation's accesses.
        unchecked: attributes that were read and that the write's condition does not cover.
        condition: what its condition covers instead; empty if it has none.
    """

    item: str
    read: int
    write: int
    unchecked: tuple[str, ...]
    condition: tuple[str, ...]


def access(operation: Operation, keys: Mapping[str, frozenset[str]]) -> Access:
    """What one call accessed; ``keys`` are the key attributes of each table, which no write changes."""
    footprint = operation.footprint
    items = [str(item) for item in sorted(footprint.items(), key=str)] + [str(one) for one in footprint.ranges]
    bound = frozenset(name for item in footprint.items() for name in condition(operation, item))
    ranged = [one.seen - {EXISTENCE} for one in footprint.ranges]
    reads = frozenset().union(*footprint.reads.values(), *ranged) - bound
    writes = frozenset().union(*footprint.writes.values(), *footprint.increments.values())
    reads = reads - {EXISTENCE} if writes else reads  # every write looks up its item, which checks nothing
    own = frozenset().union(*(keys.get(item.table, frozenset()) for item in footprint.items()))
    return Access(
        operation.action,
        tuple(dict.fromkeys(items)),
        named(reads),
        named(bound - own) or (named(frozenset({EXISTENCE})) if bound else ()),
        named(writes),
        operation.source,
    )


def windows(operations: Sequence[Operation], keys: Mapping[str, frozenset[str]]) -> Iterator[Window]:
    """The windows of one request, given its calls in order."""
    for one in same_item_windows(operations, keys):
        # A condition on key attributes alone checks existence, whichever function it uses.
        own = keys.get(one.item.table, frozenset())
        instead = named(one.condition - own) or (named(frozenset({EXISTENCE})) if one.condition else ())
        yield Window(str(one.item), one.read, one.write, named(one.unchecked), instead)
