"""Calls as Python writes them, whatever their layout; and comments beside statements and functions."""

import os
import sys
from types import SimpleNamespace

import pytest

from toctou.client.source import Callers
from toctou.history.request import Extent, SourceLine
from toctou.reporting.accept_comments import accepting, at_handlers
from toctou.reporting.source_code import normal_text, source_code

WRITTEN = [
    "call(1, key='a')\n",
    'value = call( 1,key="a" )\n',
    "if call(\n    1,\n    key='a',  # of the item\n):\n    pass\n",
    "(things\n .call(1,\n       key='a'))\n",
    "assert (lambda: call(1, key='a'))() is None\n",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_call_reads_the_same_in_every_layout(written, tmp_path):
    places = []

    def call(*_, **__):
        places.append(Callers().line(sys._getframe(1)))

    file = tmp_path / "handlers.py"
    file.write_text(written, encoding="utf-8")
    exec(compile(written, str(file), "exec"), {"call": call, "things": type("", (), {"call": staticmethod(call)})})
    (place,) = places
    assert normal_text(place).removeprefix("things.") == "call(1, key='a')"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("x = f( 1 )", "x = f(1)"),
        ("if f( 'a' ):", 'if f("a"):\n    pass'),
        ("elif f( 'a' ):", None),
        ("for x in  f():", "for x in f():\n    pass"),
        ("f(a,   b", "f(a, b"),
    ],
)
def test_a_line_whose_file_is_not_there_is_read_by_itself(text, normal):
    spaced = text.replace("(", "( ").replace("f( ", "f(")
    one, other = (
        normal_text(SourceLine("gone.py", 1, "f", each, Extent("gone.py", 1, 0, 1, 5))) for each in (text, spaced)
    )
    assert one == other
    if normal is not None:
        assert one == normal.replace('"', "'")


COMMENTED = '''\
import functools


def decorated(function):
    return function


# toctou: accept above the function
@decorated  # toctou: accept[toctou] at its decorator
def handler(caller, item):  # toctou: accept[lost_update, ownership] at its head
    """A text that says # toctou: accept nothing here."""
    found = read(item)  # toctou: accept beside the read

    # toctou: accept[phantom] above the write
    write(
        item,  # toctou: accept within the write
    )
    if found:  # toctou: accept
        other()
    # toctou: acceptance is another word
    return found
'''


def accepts(tmp_path, *lines):
    file = tmp_path / "handlers.py"
    file.write_text(COMMENTED, encoding="utf-8")
    stack = [SourceLine("handlers.py", line, "handler", "", Extent(str(file), line, 0, line, 0)) for line in lines]
    return [(one["line"], one["names"], one["reason"]) for one in accepting(stack)]


HEAD = [
    (8, [], "above the function"),
    (9, ["toctou"], "at its decorator"),
    (10, ["lost_update", "ownership"], "at its head"),
]


@pytest.mark.parametrize(
    ("line", "beside"),
    [
        (12, [(12, [], "beside the read")]),
        (15, [(14, ["phantom"], "above the write"), (16, [], "within the write")]),
        (16, [(14, ["phantom"], "above the write"), (16, [], "within the write")]),
        (18, [(18, [], "")]),
        (19, []),
        (21, []),
    ],
)
def test_comments_count_beside_their_statement_and_at_the_head_of_the_function(line, beside, tmp_path):
    assert accepts(tmp_path, line) == [*beside, *HEAD]


def test_a_comment_counts_once(tmp_path):
    assert accepts(tmp_path, 12, 12) == [(12, [], "beside the read"), *HEAD]


def test_a_file_that_is_not_python_has_no_comments(tmp_path):
    broken = tmp_path / "handlers.py"
    broken.write_text("def (", encoding="utf-8")
    assert source_code(broken) is None
    assert source_code(tmp_path / "none.py") is None
    assert accepting([SourceLine("handlers.py", 1, "f", "", Extent(str(broken), 1, 0, 1, 0))]) == []


def test_an_edited_file_is_read_again(tmp_path):
    file = tmp_path / "handlers.py"
    file.write_text("a = 1\n", encoding="utf-8")
    assert not source_code(file).comments
    file.write_text("a = 1  # toctou: accept so\n", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert list(source_code(file).comments) == [1]


def commented():
    return None  # toctou: accept[aba] for this test


def test_comments_of_handlers_are_found_without_a_finding():
    handlers = {"commented": SimpleNamespace(function=commented), "none": SimpleNamespace(function=print)}
    loaded = SimpleNamespace(name="sample.py:Sample", model=SimpleNamespace(handlers=lambda: handlers))
    (found,) = at_handlers([loaded])
    assert (found["model"], found["names"], found["reason"]) == ("sample.py:Sample", ["aba"], "for this test")
