"""Schedules, and their text.

A schedule is the list of choices that reproduces one execution of a scenario.  Its text is short enough to paste:

    t1:A.B.B.A:1f0c

``t1`` is the version of the notation, the choices follow in order, and four hexadecimal digits (CRC-16/CCITT of the text before
them) detect damage.  A choice is the letter of the request that takes its next step, followed by the picks of that step that are
not 0: ``A~1`` if its eventually consistent read returned the result before the newest one, ``A+1`` if it performed the second of
the request's concurrent calls (:mod:`toctou.history.picks` lists the kinds).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from toctou.errors import ScheduleError
from toctou.history import picks
from toctou.history.picks.pick_kind import PickKind
from toctou.history.request import label

VERSION = "t1"


@dataclass(frozen=True, slots=True)
class Choice:
    """A step of a schedule: a request and its picks.

    Attributes:
        request: index of the request that takes its next step.
        picks: those that are not 0, by the names of their kinds, in the order of :data:`toctou.history.picks.KINDS`.
    """

    request: int
    picks: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, request: int, **picked: int) -> Choice:
        """The choice of a request with these picks, by the names of their kinds."""
        return cls(request, tuple((kind.name, picked[kind.name]) for kind in picks.KINDS if picked.get(kind.name)))

    def pick(self, kind: PickKind) -> int:
        """The pick of this kind."""
        return dict(self.picks).get(kind.name, 0)

    def simpler(self) -> Iterator[Choice]:
        """The same choice with one simpler pick, the simplest first."""
        for kind in picks.KINDS:
            if kind.weight:
                for simpler in range(self.pick(kind)):
                    yield self.of(self.request, **{**dict(self.picks), kind.name: simpler})

    def __str__(self) -> str:
        picked = [f"{kind.symbol}{self.pick(kind)}" for kind in picks.KINDS if self.pick(kind)]
        return "".join([label(self.request), *picked])


@dataclass(frozen=True, slots=True)
class Schedule:
    """The choices that reproduce one execution."""

    choices: tuple[Choice, ...] = ()

    @property
    def context_switches(self) -> int:
        """How often two neighbouring steps belong to different requests."""
        return sum(one.request != following.request for one, following in pairwise(self.choices))

    @property
    def weight(self) -> int:
        """How much harder its picks make it to follow; 0 if none of them matters."""
        return sum(kind.weight * choice.pick(kind) for choice in self.choices if choice.picks for kind in picks.KINDS)

    def largest(self, kind: PickKind) -> int:
        """The largest pick of this kind."""
        return max((choice.pick(kind) for choice in self.choices), default=0)

    def unconfirmable(self) -> str:
        """Why no second backend can run it; ``""`` if one can."""
        return next((kind.unconfirmable for kind in picks.KINDS if kind.unconfirmable and self.largest(kind)), "")

    def simpler_picks(self) -> Iterator[Schedule]:
        """The schedule with one simpler pick, those of the first steps first."""
        for at, choice in enumerate(self.choices):
            for one in choice.simpler():
                yield replace(self, choices=(*self.choices[:at], one, *self.choices[at + 1 :]))

    def __str__(self) -> str:
        body = f"{VERSION}:{'.'.join(map(str, self.choices))}"
        return f"{body}:{_checksum(body)}"


def parse_schedule(text: str) -> Schedule:
    """Read a schedule's text.

    Raises:
        ScheduleError: the text is cut short, damaged, or of another version.
    """
    version, _, rest = text.strip().partition(":")
    if version != VERSION:
        known = re.fullmatch(r"t\d+", version)
        raise ScheduleError(
            f"the schedule {text!r} is of version {version!r}" if known else f"{text!r} is not a schedule",
            expected=f"a text such as {Schedule((Choice(0), Choice(1)))}",
            cause="it was written by another version of toctou" if known else "a part of it is missing",
            remedy="run `toctou check` again and take the schedule that it prints",
        )
    body, _, checksum = rest.rpartition(":")
    if not checksum or _checksum(f"{version}:{body}") != checksum:
        raise ScheduleError(
            f"the schedule {text!r} is damaged: its checksum does not match",
            expected="the text exactly as it was printed, from t1: to the four digits at the end",
            cause="it was cut short or changed when it was copied",
            remedy="copy it again from the report",
        )
    return Schedule(tuple(_choice(part) for part in body.split(".") if part))


def _choice(text: str) -> Choice:
    symbols = "".join(re.escape(kind.symbol) for kind in picks.KINDS)
    match = re.fullmatch(rf"([A-Z])(\d*)((?:[{symbols}]\d+)*)", text)
    if match is None:
        raise ScheduleError(
            f"{text!r} is not a choice of a schedule",
            expected="the letter of a request, such as A",
            cause="the schedule was written by a newer version of toctou",
            remedy="run `toctou check` again and take the schedule that it prints",
        )
    # After Z the letters begin again with a number: A1, B1; see `label`.
    request = ord(match[1]) - ord("A") + 26 * int(match[2] or 0)
    picked = dict(re.findall(rf"([{symbols}])(\d+)", match[3]))
    return Choice.of(request, **{kind.name: int(picked.get(kind.symbol, 0)) for kind in picks.KINDS})


def _checksum(body: str) -> str:
    # CRC-16 detects every burst of up to 16 wrong bits, such as two neighbouring characters changed in copying.
    return f"{binascii.crc_hqx(body.encode(), 0xFFFF):04x}"
