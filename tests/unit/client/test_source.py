"""Where in the handler's code a call was made, as a person wants to read it."""

from __future__ import annotations

import sys
from types import FrameType

from toctou.client.source import MOST_CHARACTERS, Callers
from toctou.history.request import SourceLine


def called(*_: object, **__: object) -> SourceLine:
    line = Callers().line(caller())
    assert line is not None
    return line


def caller() -> FrameType | None:
    return sys._getframe(2)


def test_a_call_in_one_line_is_shown_with_what_becomes_of_it():
    line = called(1)
    assert line.text == "line = called(1)"
    assert line.function == "test_a_call_in_one_line_is_shown_with_what_becomes_of_it"
    assert line.file.endswith("test_source.py")


# fmt: off
def test_a_call_over_several_lines_is_shown_whole():
    line = called(
        {"item_id": "i1"},
        condition="#owner = :caller AND ( #version = :version )",
        names=[
            "owner",
            "version",
        ],
    )
    assert line.text == (
        'line = called({"item_id": "i1"}, condition="#owner = :caller AND ( #version = :version )", names=["owner", "version"])'
    )


def test_one_that_is_very_long_is_cut():
    line = called(
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    )
    assert line.text.startswith('line = called("first", "second"')
    assert len(line.text) == MOST_CHARACTERS
    assert line.text.endswith("…")
# fmt: on
