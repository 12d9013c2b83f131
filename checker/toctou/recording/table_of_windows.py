"""The table of windows: where a recorded request reads, decides, and then writes without a guard on what it has read.

This is evidence of a window and not of a race: whether anything harmful fits into it is what exploring shows.  Windows are ranked
by what they would cost and by what the tests show of them: what is written, whether the owner is among what is not guarded,
whether a request that read the same was refused (so that the read decides), and whether another request writes what was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toctou.engine import Kind, actions_of
from toctou.history.footprint import ALL
from toctou.history.item import ItemId
from toctou.history.request import SourceLine
from toctou.recording.callers import Callers
from toctou.recording.reconstruction import Reconstructed, keys_of
from toctou.scan.access import windows
from toctou.search.windows import condition

_WRITES = actions_of(Kind.WRITES)
_RANKS = ((6, "high"), (3, "medium"), (0, "low"))


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window of one handler.

    Attributes:
        handler: its name.
        action, reads: the write, and the read before it, as API actions.
        read, write: the lines.
        table: of the item.
        unchecked: what was read and is not guarded, as text.
        condition: what the write's condition covers instead; empty if it has none.
        score: the higher, the more it deserves a look.
        reasons: why, as texts.
        tests: those that show it.
        requests: how many requests show it.
    """

    handler: str
    reads: str
    action: str
    read: SourceLine | None
    write: SourceLine | None
    table: str
    unchecked: str
    condition: tuple[str, ...]
    score: int
    reasons: tuple[str, ...]
    tests: tuple[str, ...]
    requests: int

    @property
    def rank(self) -> str:
        """``high``, ``medium`` or ``low``."""
        return next(rank for least, rank in _RANKS if self.score >= least)


def windows_of(requests: Sequence[Reconstructed], names: Sequence[str], callers: Callers) -> list[WindowRow]:
    """The windows of recorded requests, those first that most deserve a look."""
    found: dict[
        tuple[object, ...], list[tuple[Reconstructed, str, int, int, tuple[str, ...], tuple[str, ...], ItemId]]
    ] = {}
    for request, name in zip(requests, names, strict=True):
        keys = keys_of(request.tables)
        for window in windows(request.operations, keys):
            read, write = request.operations[window.read], request.operations[window.write]
            item = next(
                one for one in (*write.footprint.writes, *write.footprint.increments) if str(one) == window.item
            )
            place = name, _place(read.source), _place(write.source), write.action
            found.setdefault(place, []).append(
                (request, name, window.read, window.write, window.unchecked, window.condition, item)
            )
    writers = _writers(requests, names)
    deciding = _deciding(requests, names)
    rows = [_row(group, callers, writers, deciding) for group in found.values()]
    return sorted(rows, key=lambda one: (-one.score, one.handler, str(one.write)))


def _row(
    group: Sequence[tuple[Reconstructed, str, int, int, tuple[str, ...], tuple[str, ...], ItemId]],
    callers: Callers,
    writers: Mapping[str, Sequence[tuple[str, frozenset[str]]]],
    deciding: frozenset[tuple[str, str]],
) -> WindowRow:
    request, name, read_at, write_at, unchecked, instead, item = group[0]
    read, write = request.operations[read_at], request.operations[write_at]
    score, reasons = 1, []
    gone = [change for change in write.changes if change.item == item and change.after is None]
    if gone:
        score, reasons = score + 2, ["deletes"]
    elif write.action == "PutItem":
        score, reasons = score + 1, ["replaces the whole item"]
    guards = {attribute for one in group for attribute in condition(one[0].operations[one[3]], one[6])}
    image = _stored(request, item)
    owned = callers.owner is not None and image is not None and callers.owner in image
    if owned and callers.owner not in guards:
        score, reasons = score + 3, [*reasons, f"{callers.owner} is not guarded"]
    if (name, _place(read.source)) in deciding:
        score, reasons = score + 2, [*reasons, "a request was refused after this read"]
    others = sorted(
        {writer for writer, attributes in writers.get(item.table, ()) if writer != name and attributes - guards}
    )
    if others:
        score, reasons = (
            score + 1,
            [*reasons, f"also written by {others[0]}" + (f" and {len(others) - 1} more" if others[1:] else "")],
        )
    return WindowRow(
        name,
        read.action,
        write.action,
        read.source,
        write.source,
        item.table,
        ", ".join(unchecked),
        instead,
        score,
        tuple(reasons),
        tuple(dict.fromkeys(one[0].requested.test for one in group)),
        len({one[0].requested.number for one in group}),
    )


def _place(source: SourceLine | None) -> str:
    return "" if source is None else f"{source.file}:{source.line}"


def _stored(request: Reconstructed, item: ItemId) -> Mapping[str, object] | None:
    for operation in request.operations:
        for change in operation.changes:
            if change.item == item:
                return change.before or change.after
    return None


def _writers(requests: Sequence[Reconstructed], names: Sequence[str]) -> dict[str, list[tuple[str, frozenset[str]]]]:
    """By table, which handlers were seen to write which attributes of items that were there."""
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for request, name in zip(requests, names, strict=True):
        for operation in request.operations:
            for change in operation.changes:
                if change.before is not None:
                    after = change.after or {}
                    changed = frozenset(
                        one for one in {*change.before, *after} if change.before.get(one) != after.get(one)
                    )
                    found.setdefault(change.item.table, []).append((name, changed or frozenset({ALL})))
    return found


def _deciding(requests: Sequence[Reconstructed], names: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Handlers and lines of reads after which a request was refused without having written."""
    return frozenset(
        (name, _place(operation.source))
        for request, name in zip(requests, names, strict=True)
        if request.response is not None and request.response.refused and not request.writes and _reads_last(request)
        for operation in request.operations
        if operation.action not in _WRITES
    )


def _reads_last(request: Reconstructed) -> bool:
    return bool(request.operations) and request.operations[-1].action not in _WRITES
