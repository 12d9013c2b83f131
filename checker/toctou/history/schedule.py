"""Schedules, and their text.

A schedule is the list of choices that reproduces one execution of a scenario.  Its text is short enough to paste:

    t1:A.B.B.A:1f0c

``t1`` is the version of the notation, the choices follow in order, and four hexadecimal digits (CRC-16/CCITT of what
stands before them) tell a damaged text from a whole one.  A choice is the letter of the request that takes its next step;
``A~1`` says that the step's weak read returned the answer before the newest one, ``A~2`` the one before that.
``A+1`` says that the request had several calls waiting at once, and that the step performed the second of them, in an order
that goes by what the calls are.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from toctou.errors import ScheduleError
from toctou.history.request import label

VERSION = "t1"
_CHOICE = re.compile(r"([A-Z])(\d*)(?:\+(\d+))?(?:~(\d+))?")


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice.

    Attributes:
        request: index of the request that takes its next step.
        age: which answer its weak read returned: 0 for the newest, 1 for the one before, and so on.
        call: which of the calls that it had waiting at once was performed, in their canonical order, from 0.
    """

    request: int
    age: int = 0
    call: int = 0

    def __str__(self) -> str:
        return label(self.request) + (f"+{self.call}" if self.call else "") + (f"~{self.age}" if self.age else "")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The choices that reproduce one execution."""

    choices: tuple[Choice, ...] = ()

    @property
    def context_switches(self) -> int:
        """How often two neighbouring steps belong to different requests."""
        return sum(
            one.request != next_one.request for one, next_one in zip(self.choices, self.choices[1:], strict=False)
        )

    @property
    def oldest_answer(self) -> int:
        """The age of the oldest answer that a weak read returned; 0 if every read returned the newest."""
        return max((choice.age for choice in self.choices), default=0)

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
    match = _CHOICE.fullmatch(text)
    if match is None:
        raise ScheduleError(
            f"{text!r} is not a choice of a schedule",
            expected="the letter of a request, such as A",
            cause="the schedule was written by a newer version of toctou",
            remedy="run `toctou check` again and take the schedule that it prints",
        )
    request = ord(match[1]) - ord("A") + 26 * int(match[2] or 0)
    return Choice(request, age=int(match[4] or 0), call=int(match[3] or 0))


def _checksum(body: str) -> str:
    return f"{binascii.crc_hqx(body.encode(), 0xFFFF):04x}"
