"""Decides how a call gets a condition: a new one, or an extension of the one that it has.

A condition that is a string is extended as a string, one of ``Attr(…)`` by ``& Attr(…)``.  Placeholders that the call has
already are used again where they mean the same, and never given a second meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import libcst as cst

from toctou.history.reserved_words import RESERVED_WORDS
from toctou.remediation.remedy_data import NotPossible, Term
from toctou.remediation.source_edits.layout import argument, mapping, text_literal, with_elements, with_keywords
from toctou.remediation.source_edits.parsed import Parsed, every, keyword, literal

NAMES = "ExpressionAttributeNames"
VALUES = "ExpressionAttributeValues"
_CONDITION = "ConditionExpression"
_FUNCTIONS = {"absent": "attribute_not_exists", "exists": "attribute_exists"}
_OF_ATTR = {"absent": "not_exists()", "exists": "exists()"}


class Placeholders:
    """The placeholders of one call: those that it has, and those that are added."""

    def __init__(self, parsed: Parsed, call: cst.Call) -> None:
        self._parsed = parsed
        self._known = {NAMES: self._entries(call, NAMES), VALUES: self._entries(call, VALUES)}
        self.added: dict[str, list[tuple[str, str]]] = {NAMES: [], VALUES: []}

    def _entries(self, call: cst.Call, which: str) -> dict[str, str]:
        given = keyword(call, which)
        if given is None:
            return {}
        if not isinstance(given.value, cst.Dict):
            raise NotPossible(
                f"{which} is {self._parsed.code(given.value)}, not a dictionary that is written out there"
            )
        rows = [one for one in given.value.elements if isinstance(one, cst.DictElement)]
        return {literal(one.key) or self._parsed.code(one.key): self._parsed.code(one.value) for one in rows}

    def name(self, attribute: str) -> str:
        """An attribute as an expression names it: as it is, if DynamoDB lets it be."""
        if re.fullmatch(r"[A-Za-z]\w*", attribute, re.ASCII) and attribute.upper() not in RESERVED_WORDS:
            return attribute
        return self._placeholder(NAMES, "#" + _word(attribute), text_literal(attribute))

    def value(self, base: str, text: str) -> str:
        """A placeholder for a value."""
        return self._placeholder(VALUES, ":" + _word(base), text)

    def _placeholder(self, which: str, wanted: str, text: str) -> str:
        known = self._known[which]
        for name, value in known.items():
            if cst.parse_expression(value).deep_equals(cst.parse_expression(text)) and name.startswith(wanted[0]):
                return name
        free = wanted
        number = 2
        while free in known:
            free, number = f"{wanted}_{number}", number + 1
        known[free] = text
        self.added[which].append((text_literal(free), text))
        return free


def _word(attribute: str) -> str:
    return re.sub(r"\W", "_", attribute, flags=re.ASCII)


def expression(terms: Sequence[Term], values: Mapping[Term, str], placeholders: Placeholders) -> str:
    """The terms as a condition expression."""
    written = []
    for one in terms:
        name = placeholders.name(one.attribute)
        if one.test in _FUNCTIONS:
            written.append(f"{_FUNCTIONS[one.test]}({name})")
        else:
            base = "caller" if one.value == "caller" else one.attribute
            written.append(f"{name} = {placeholders.value(base, values[one])}")
    return " AND ".join(written)


def conditional(
    parsed: Parsed, call: cst.Call, terms: Sequence[Term], values: Mapping[Term, str], column: int | None = None
) -> cst.Call:
    """The call with the terms in its condition.

    Raises:
        NotPossible: its condition, or what its placeholders mean, is not written out there.
    """
    refuse_unseen(parsed, call)
    return with_keywords(parsed, call, guarded_arguments(parsed, call, terms, values), column)


def guarded_arguments(
    parsed: Parsed, call: cst.Call, terms: Sequence[Term], values: Mapping[Term, str]
) -> list[cst.Arg]:
    """The arguments of :func:`conditional`."""
    given = keyword(call, _CONDITION)
    if given is not None and literal(given.value) is None:
        joined = _with_attr(parsed, given.value, terms, values)
        return [_replaced(one, given, joined) for one in call.args]
    placeholders = Placeholders(parsed, call)
    added = expression(terms, values, placeholders)
    arguments = list(call.args)
    if given is None:
        at = next(
            (at for at, one in enumerate(arguments) if one.keyword and one.keyword.value in {NAMES, VALUES}), None
        )
        arguments.insert(len(arguments) if at is None else at, argument(_CONDITION, text_literal(added)))
    else:
        arguments = [_replaced(one, given, _extended(given.value, added)) for one in arguments]
    return with_placeholders(arguments, placeholders)


def with_placeholders(arguments: Sequence[cst.Arg], placeholders: Placeholders) -> list[cst.Arg]:
    """The arguments with what a call's placeholders mean."""
    found = list(arguments)
    for which, added in placeholders.added.items():
        if not added:
            continue
        given = next((one for one in found if one.keyword is not None and one.keyword.value == which), None)
        if given is None:
            found.append(argument(which, mapping(added)))
        else:
            assert isinstance(given.value, cst.Dict)  # noqa: S101 - else it would have been refused
            found = [_replaced(one, given, with_elements(given.value, added)) for one in found]
    return found


def refuse_unseen(parsed: Parsed, call: cst.Call) -> None:
    """Raise if a call takes arguments that cannot be seen."""
    for one in call.args:
        if one.star == "**":
            raise NotPossible(f"the call takes **{parsed.code(one.value)}, which may hold a condition already")
        if one.star or one.keyword is None:
            raise NotPossible("the call takes arguments without their names")


def _replaced(one: cst.Arg, given: cst.Arg, value: cst.BaseExpression) -> cst.Arg:
    return one.with_changes(value=value) if one is given else one


def _extended(value: cst.BaseExpression, added: str) -> cst.BaseExpression:
    """A string literal with more terms, as long as it is one literal; else with a further literal."""
    text = literal(value) or ""
    before = f"({text})" if re.search(r"\bor\b", text, re.IGNORECASE) else text
    if isinstance(value, cst.SimpleString) and len(value.quote) == 1 and not re.search(r"[\\'\"]", text):
        quote = value.quote
        return cst.SimpleString(value.prefix + quote + f"{before} AND {added}" + quote)
    return cst.parse_expression(text_literal(f"{' '.join(before.split())} AND {added}"))


def _with_attr(
    parsed: Parsed, given: cst.BaseExpression, terms: Sequence[Term], values: Mapping[Term, str]
) -> cst.BaseExpression:
    """A condition of ``boto3.dynamodb.conditions`` with more terms."""
    own = [one for one in every(given, cst.Call) if _is_attr(parsed, one)]
    if not own:
        raise NotPossible(f"ConditionExpression is {parsed.code(given)}, not a text that is written out there")
    attr = parsed.code(own[0].func)
    before = parsed.code(given)
    if isinstance(given, cst.BinaryOperation) and isinstance(given.operator, cst.BitOr) and not given.lpar:
        before = f"({before})"
    parts = [before]
    for one in terms:
        test = _OF_ATTR.get(one.test) or f"eq({values[one]})"
        parts.append(f"{attr}({text_literal(one.attribute)}).{test}")
    return cst.parse_expression(" & ".join(parts))


def _is_attr(parsed: Parsed, call: cst.Call) -> bool:
    return parsed.code(call.func).rpartition(".")[2] == "Attr"
