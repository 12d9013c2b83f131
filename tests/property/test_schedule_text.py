"""The text of a schedule: it reads back as what was written, and damage is noticed."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from toctou.errors import ScheduleError
from toctou.history.picks import KINDS
from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.staleness import STALENESS
from toctou.history.schedule import Choice, Schedule, parse_schedule

answers = st.sampled_from([0, 0, 1, 12])
choices = st.builds(Choice.of, st.integers(0, 60), **{kind.name: answers for kind in KINDS})
schedules = st.lists(choices, max_size=40).map(tuple).map(Schedule)


@given(schedules)
@example(Schedule())
@example(Schedule((Choice(25), Choice(26), Choice(51), Choice(52))))
def test_it_reads_back(schedule: Schedule):
    assert parse_schedule(str(schedule)) == schedule
    assert parse_schedule(f"  {schedule}\n") == schedule


@given(schedules, st.data())
def test_a_text_that_is_cut_short_is_refused(schedule: Schedule, data: st.DataObject):
    text = str(schedule)
    kept = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ScheduleError, match=r"damaged|not a schedule"):
        parse_schedule(text[:kept])


@given(schedules, st.data())
def test_a_changed_letter_is_noticed(schedule: Schedule, data: st.DataObject):
    """CRC-16 notices every change that is no longer than 16 bits."""
    text = str(schedule)
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    assume(letter != text[at])
    with pytest.raises(ScheduleError):
        parse_schedule(text[:at] + letter + text[at + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str):
    assume(not re.fullmatch(r"\s*t1:.*:[0-9a-f]{4}\s*", text, re.DOTALL))
    with pytest.raises(ScheduleError) as refused:
        parse_schedule(text)
    assert "remedy" in str(refused.value)


@pytest.mark.parametrize("text", ["t2:A.B:1234", "t10:A:0000"])
def test_another_version_is_named(text):
    with pytest.raises(ScheduleError, match=r"is of version 't\d+'") as refused:
        parse_schedule(text)
    assert "another version of toctou" in str(refused.value)


def test_a_choice_that_this_version_does_not_know_is_named():
    whole = str(Schedule((Choice(0),)))
    newer = _with_checksum(whole.rpartition(":")[0] + ".B+500ms")
    with pytest.raises(ScheduleError, match=r"'B\+500ms' is not a choice"):
        parse_schedule(newer)


def test_an_empty_schedule_is_one():
    assert parse_schedule(str(Schedule())).choices == ()


def test_the_text_that_the_documentation_shows():
    assert str(Schedule((Choice(0), Choice(1), Choice(1), Choice(0)))).startswith("t1:A.B.B.A:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t1:A.B~1.A+1~2:3c7e", [(0, 0, 0), (1, 1, 0), (0, 2, 1)]),
        ("t1:A.Z.A1~3:fcb2", [(0, 0, 0), (25, 0, 0), (26, 3, 0)]),
    ],
)
def test_texts_of_earlier_versions_are_read(text, expected):
    found = [(one.request, one.pick(STALENESS), one.pick(CONCURRENT_CALL)) for one in parse_schedule(text).choices]
    assert found == expected


def test_context_switches_are_counted_between_neighbours():
    assert Schedule(tuple(map(Choice, (0, 1, 1, 0)))).context_switches == 2
    assert Schedule((Choice(0), Choice(0))).context_switches == 0
    assert Schedule().context_switches == 0


def _with_checksum(body: str) -> str:
    """Tries all checksums: there are 65,536, and a schedule is refused for its checksum first."""
    for number in range(1 << 16):
        text = f"{body}:{number:04x}"
        try:
            parse_schedule(text)
        except ScheduleError as refused:
            if "checksum" not in str(refused):
                return text
    raise AssertionError("no checksum fits")
