"""Decides how what is added looks: as the call or the dictionary is laid out already, and one to a line where it would get too
long.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from toctou.remediation.source_edits.parsed import Parsed

_STEP = "    "


def with_keywords(parsed: Parsed, old: cst.Call, args: Sequence[cst.Arg], column: int | None = None) -> cst.Call:
    """A call with these arguments, of which some are new.

    Args:
        column: where the call begins in its line; that of ``old``, unless it is going to move.
    """
    separator = _separator(old)
    if separator is not None:
        last = old.args[-1]
        ends = last.comma if isinstance(last.comma, cst.Comma) else cst.Comma()
        closing = last.whitespace_after_arg if not isinstance(last.comma, cst.Comma) else cst.SimpleWhitespace("")
        rows = [one.with_changes(comma=_comma(one, separator), whitespace_after_arg=_EMPTY) for one in args[:-1]]
        comma = ends if isinstance(last.comma, cst.Comma) else cst.MaybeSentinel.DEFAULT
        return old.with_changes(args=[*rows, args[-1].with_changes(comma=comma, whitespace_after_arg=closing)])
    rows = [one.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))) for one in args[:-1]]
    single = old.with_changes(args=[*rows, args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])
    start = parsed.at(old)[1] if column is None else column
    after = parsed.lines[parsed.ends(old)[0] - 1][parsed.ends(old)[1] :]
    text = parsed.code(single)
    if "\n" not in text and start + len(text) + len(after) <= parsed.width:
        return single
    return exploded(old.with_changes(args=args))


def exploded(call: cst.Call) -> cst.Call:
    """A call with an argument to a line."""
    rows = [one.with_changes(comma=cst.Comma(whitespace_after=_newline(_STEP))) for one in call.args[:-1]]
    last = call.args[-1].with_changes(comma=cst.Comma(whitespace_after=_newline("")))
    return call.with_changes(whitespace_before_args=_newline(_STEP), args=[*rows, last])


def with_elements(old: cst.Dict, added: Sequence[tuple[str, str]]) -> cst.Dict:
    """A dictionary literal with more entries, given as texts of keys and values."""
    new = [cst.DictElement(cst.parse_expression(key), cst.parse_expression(value)) for key, value in added]
    if not old.elements:
        return old.with_changes(
            elements=[one.with_changes(comma=_SPACE if one is not new[-1] else _NONE) for one in new]
        )
    separator = next(
        (one.comma.whitespace_after for one in old.elements[:-1] if isinstance(one.comma, cst.Comma)), None
    )
    opening = old.lbrace.whitespace_after
    if separator is None:
        separator = opening if isinstance(opening, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")
    comma = cst.Comma(whitespace_after=separator)
    last = old.elements[-1].comma
    ends = last if isinstance(last, cst.Comma) else _NONE
    rows = [*old.elements[:-1], old.elements[-1].with_changes(comma=comma)]
    rows += [one.with_changes(comma=comma if one is not new[-1] else ends) for one in new]
    return old.with_changes(elements=rows)


def argument(name: str, value: str) -> cst.Arg:
    """A keyword argument."""
    return cst.Arg(
        keyword=cst.Name(name),
        value=cst.parse_expression(value),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )


def text_literal(text: str) -> str:
    """A string literal with double quotes, as formatters write it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mapping(entries: Sequence[tuple[str, str]]) -> str:
    """The text of a dictionary literal."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries) + "}"


def _separator(call: cst.Call) -> cst.BaseParenthesizableWhitespace | None:
    """What stands between the arguments of a call that are on several lines."""
    between = [one.comma.whitespace_after for one in call.args[:-1] if isinstance(one.comma, cst.Comma)]
    for one in (*between, call.whitespace_before_args):
        if isinstance(one, cst.ParenthesizedWhitespace):
            # without the comment that may follow the line there
            return one.with_changes(first_line=cst.TrailingWhitespace(newline=cst.Newline()), empty_lines=[])
    return None


def _comma(argument: cst.Arg, separator: cst.BaseParenthesizableWhitespace) -> cst.Comma:
    own = argument.comma
    if isinstance(own, cst.Comma) and isinstance(own.whitespace_after, cst.ParenthesizedWhitespace):
        last_line = (
            separator.last_line if isinstance(separator, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace("")
        )
        return own.with_changes(whitespace_after=own.whitespace_after.with_changes(last_line=last_line))
    return cst.Comma(whitespace_after=separator)


def _newline(indent: str) -> cst.ParenthesizedWhitespace:
    return cst.ParenthesizedWhitespace(
        first_line=cst.TrailingWhitespace(newline=cst.Newline()), indent=True, last_line=cst.SimpleWhitespace(indent)
    )


_EMPTY = cst.SimpleWhitespace("")
_SPACE = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
_NONE = cst.MaybeSentinel.DEFAULT
