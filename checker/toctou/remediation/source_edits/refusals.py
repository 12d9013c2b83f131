"""Decides what a handler does when its new condition fails: it refuses, in the way in which it refuses already.

If the call is in a ``try`` that catches the failure, that stays as it is.  Else the nearest refusal of the function, which
has one status of 400 to 499 in it, is made again with 409: returned or raised, as a number, a tuple, a response or an
exception.  A function without statuses makes the refusal again that its own check makes.  Where there is neither, the call
is left to raise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import libcst as cst

from toctou.remediation.source_edits.layout import text_literal
from toctou.remediation.source_edits.meanings import assignments, name_called, part_of
from toctou.remediation.source_edits.parsed import Function, Parsed, comes_before, every, keyword, literal, within

CONDITION_FAILED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"

_CATCHING = frozenset({"ClientError", "BotoCoreError", "Exception", "BaseException"})
_MESSAGES = frozenset(
    {"error", "errors", "message", "msg", "detail", "details", "description", "reason", "title", "text"}
)
_CONFLICT = "changed by another request"
_STATUS_NAME = re.compile(
    r"(HTTP_)?4\d\d_\w+|BAD_REQUEST|UNAUTHORIZED|FORBIDDEN|NOT_FOUND|CONFLICT|GONE|UNPROCESSABLE_ENTITY"
)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What happens when the condition fails.

    Attributes:
        refusal: the statement that refuses; ``None`` if the failure is caught already, or is left to be raised.
        note: what the reader should know; ``""`` if it shows.
    """

    refusal: cst.SimpleStatementLine | None
    note: str = ""


def reaction(parsed: Parsed, call: cst.CSTNode, exception: str, check: cst.If | None, status: int = 409) -> Reaction:
    """How the function of a call refuses when an exception comes from it.

    Args:
        exception: the exception's name: that a condition failed, or that a transaction was cancelled.
        check: the branch of the function that refuses after it has read what the condition compares.
        status: what to refuse with.
    """
    if caught(parsed, call, exception):
        return Reaction(None)
    function = parsed.function(call)
    styled = _with_status(parsed, function, call, status) or _by_class(parsed) or _like_a_success(function, status)
    if styled is not None:
        return Reaction(styled)
    own = None if check is None else _only_refusal(check.body)
    if own is not None:
        return Reaction(
            own,
            f"{parsed.qualified_name(function)} refuses as it does after its check; it has no status that 409 could replace",
        )
    return Reaction(
        None,
        f"{parsed.qualified_name(function)} answers with no status, so {exception} is raised: catch it, and answer 409",
    )


def caught(parsed: Parsed, call: cst.CSTNode, exception: str) -> bool:
    """Whether the function catches an exception that the call raises."""
    inside: cst.CSTNode = call
    for one in parsed.ancestors(call):
        if isinstance(one, cst.FunctionDef):
            return False
        if (
            isinstance(one, cst.Try)
            and inside is one.body
            and any(_catches(parsed, each, exception) for each in one.handlers)
        ):
            return True
        inside = one
    return False


def _catches(parsed: Parsed, handler: cst.ExceptHandler, exception: str) -> bool:
    if handler.type is None:
        return True
    for one in every(handler.type, cst.Name):
        if one.value in _CATCHING or one.value == exception or _alias(parsed, one.value) == exception:
            return True
    return literal(handler.type) == exception


def _alias(parsed: Parsed, name: str) -> str:
    """What a name of the module is short for: ``ConditionFailed = client.exceptions.ConditionalCheckFailedException``."""
    for one, value in assignments(iter(every(parsed.module, cst.CSTNode))):
        if one == name and isinstance(value, cst.Attribute):
            return value.attr.value
    return ""


def exception_text(parsed: Parsed, call: cst.Call, exception: str) -> str:
    """The expression that names an exception of the client which makes a call."""
    for name, value in assignments(iter(parsed.module.body and _top_level(parsed))):
        if isinstance(value, cst.Attribute) and value.attr.value == exception:
            return name
    return f"{client_of(parsed, call)}.exceptions.{exception}"


def _top_level(parsed: Parsed) -> list[cst.CSTNode]:
    lines = [one for one in parsed.module.body if isinstance(one, cst.SimpleStatementLine)]
    return [small for one in lines for small in one.body]


def client_of(parsed: Parsed, call: cst.Call) -> str:
    """The expression of the client behind the client or table that a call is made with."""
    assert isinstance(call.func, cst.Attribute)  # noqa: S101 - that is how it was found
    receiver = parsed.code(call.func.value)
    of_client = keyword(call, "TableName") is not None or keyword(call, "TransactItems") is not None
    return receiver if of_client else f"{receiver}.meta.client"


def wrapped(statement: cst.SimpleStatementLine, caught_as: str, refusal: cst.SimpleStatementLine) -> cst.Try:
    """A statement in a ``try`` that refuses when it fails."""
    body = cst.IndentedBlock([statement.with_changes(leading_lines=[])])
    handler = cst.ExceptHandler(
        body=cst.IndentedBlock([refusal.with_changes(leading_lines=[])]),
        type=cst.parse_expression(caught_as),
        whitespace_after_except=cst.SimpleWhitespace(" "),
    )
    return cst.Try(body=body, handlers=[handler], leading_lines=statement.leading_lines)


# -- the style of a refusal --------------------------------------------------------------------------------------------


def _with_status(parsed: Parsed, function: Function, call: cst.CSTNode, wanted: int) -> cst.SimpleStatementLine | None:
    """The refusal of the function that is nearest to the call, with another status."""
    lines = [one for one in within(function, cst.SimpleStatementLine) if _refuses(one)]
    lines.sort(key=lambda one: (parsed.at(one) > parsed.at(call), abs(parsed.at(one)[0] - parsed.at(call)[0])))
    for one in lines:
        statuses = _statuses(one)
        if len(statuses) == 1:
            (status,) = statuses
            changed = one.with_deep_changes(status, value=_conflict(status, wanted))
            styled = changed.visit(_Messages())
            assert isinstance(styled, cst.SimpleStatementLine)  # noqa: S101 - a transformer of texts changes nothing else
            return styled.with_changes(leading_lines=[], trailing_whitespace=cst.TrailingWhitespace())
    return None


def _by_class(parsed: Parsed) -> cst.SimpleStatementLine | None:
    """The exception for conflicts that the file raises elsewhere, such as Chalice's ``ConflictError``."""
    for one in every(parsed.module, cst.Raise):
        if isinstance(one.exc, cst.Call) and re.fullmatch(r"(HTTP)?Conflict(Error|Exception)?", name_called(one.exc)):
            made = cst.parse_statement(f"raise {parsed.code(one.exc.func)}({text_literal(_CONFLICT)})")
            assert isinstance(made, cst.SimpleStatementLine)  # noqa: S101 - it is one line
            return made
    return None


def _like_a_success(function: Function, status: int) -> cst.SimpleStatementLine | None:
    """A refusal in the shape of the function's other answers, where all of those are successes that name their status."""
    for one in within(function, cst.Return):
        text = None
        match one.value:
            case cst.Integer():
                text = str(status) if _is_success(one.value) else None
            case cst.Tuple(elements=[cst.Element(value=first), cst.Element()]) if _is_success(first):
                text = f"{status}, None"
            case cst.Tuple(elements=[cst.Element(), cst.Element(value=second)]) if _is_success(second):
                text = f'{{"error": {text_literal(_CONFLICT)}}}, {status}'
            case cst.Dict() if any(_names_status(row) for row in one.value.elements):
                text = f'{{"statusCode": {status}}}'
        if text is not None:
            made = cst.parse_statement(f"return {text}")
            assert isinstance(made, cst.SimpleStatementLine)  # noqa: S101 - it is one line
            return made
    return None


def _is_success(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Integer) and 200 <= int(node.value, 0) < 300


def _names_status(row: cst.BaseDictElement) -> bool:
    return isinstance(row, cst.DictElement) and literal(row.key) == "statusCode" and _is_success(row.value)


def _refuses(line: cst.SimpleStatementLine) -> bool:
    if len(line.body) != 1:
        return False
    (only,) = line.body
    aborts = (
        isinstance(only, cst.Expr) and isinstance(only.value, cst.Call) and name_called(only.value) in {"abort", "halt"}
    )
    return isinstance(only, cst.Return | cst.Raise) or aborts


def _statuses(line: cst.SimpleStatementLine) -> list[cst.Integer | cst.Name]:
    numbers = [one for one in every(line, cst.Integer) if 400 <= int(one.value, 0) < 500]
    names = [one.attr for one in every(line, cst.Attribute) if _STATUS_NAME.fullmatch(one.attr.value)]
    return [*numbers, *names]


def _conflict(status: cst.Integer | cst.Name, wanted: int) -> str:
    if isinstance(status, cst.Integer):
        return str(wanted)
    name = HTTPStatus(wanted).name
    return f"HTTP_{wanted}_{name}" if status.value.startswith("HTTP_") else name


class _Messages(cst.CSTTransformer):
    """Replaces the texts of a refusal that say why, since it is for another reason."""

    def leave_DictElement(self, original_node: cst.DictElement, updated_node: cst.DictElement) -> cst.DictElement:  # noqa: N802 - libcst\'s name
        key = literal(original_node.key)
        return (
            updated_node
            if key is None or key.lower() not in _MESSAGES
            else updated_node.with_changes(value=_said(updated_node.value))
        )

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:  # noqa: N802 - libcst\'s name
        named = original_node.keyword
        if named is not None and named.value.lower() not in _MESSAGES:
            return updated_node
        return updated_node.with_changes(value=_said(updated_node.value))

    def leave_Element(self, original_node: cst.Element, updated_node: cst.Element) -> cst.Element:  # noqa: ARG002, N802 - libcst\'s name
        return updated_node.with_changes(value=_said(updated_node.value))


def _said(value: cst.BaseExpression) -> cst.BaseExpression:
    text = literal(value)
    is_text = isinstance(value, cst.FormattedString) or (text is not None and "/" not in text and not text.isdigit())
    return cst.SimpleString(text_literal(_CONFLICT)) if is_text else value


def leaves_by_raising(check: cst.If) -> bool:
    """Whether a branch does nothing but refuse, in a way that can be taken over into another function."""
    own = _only_refusal(check.body)
    return own is not None and not isinstance(own.body[0], cst.Return)


def refused_if_there(parsed: Parsed, call: cst.Call, attribute: str) -> bool:
    """Whether the function refuses an item that has an attribute before it makes a call."""
    for one in comes_before(parsed, within(parsed.function(call), cst.If), call):
        refuses = _only_refusal(one.body) is not None
        if refuses and _asks_for(one.test, attribute):
            return True
    return False


def _asks_for(test: cst.CSTNode | None, attribute: str) -> bool:
    """Whether a test is ``item.get("a")``, ``item.get("a") is not None`` or ``"a" in item``."""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        (only,) = test.comparisons
        if isinstance(only.operator, cst.In):
            return literal(test.left) == attribute
        is_there = isinstance(only.operator, cst.IsNot | cst.NotEqual) and _is_none(only.comparator)
        return is_there and _asks_for(test.left, attribute)
    part = part_of(test) if isinstance(test, cst.BaseExpression) else None
    return part is not None and part[1] == attribute


def _is_none(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _only_refusal(body: cst.BaseSuite) -> cst.SimpleStatementLine | None:
    """The statement of a branch that does nothing but refuse."""
    lines: Sequence[cst.CSTNode] = body.body
    if isinstance(body, cst.SimpleStatementSuite):
        lines = [cst.SimpleStatementLine(body.body)]
    if len(lines) != 1 or not isinstance(lines[0], cst.SimpleStatementLine) or not _refuses(lines[0]):
        return None
    return lines[0].with_changes(leading_lines=[], trailing_whitespace=cst.TrailingWhitespace())
