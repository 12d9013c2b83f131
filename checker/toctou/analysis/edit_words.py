"""The words for edits: what to change, with the expressions to write, and what to do when the new condition fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from toctou.analysis.edits import (
    Added,
    Answered,
    Checked,
    Claimed,
    Conditional,
    Consistent,
    Edit,
    Once,
    Place,
    Term,
    Together,
    has_statements,
)
from toctou.analysis.patterns import conditional
from toctou.analysis.wording import Words
from toctou.history.finding import Finding
from toctou.history.operation import Execution, Operation
from toctou.history.request import ThreadOf
from toctou.history.reserved_words import RESERVED_WORDS
from toctou.history.wording import listed


@dataclass(frozen=True, slots=True)
class Shown:
    """The execution and the finding that edits are about.

    Edits that came of another execution, of a violation that was met despite the first ones, may name calls that this one
    does not have, or has at another position.
    """

    words: Words
    finding: Finding

    def operation(self, place: Place) -> Operation | None:
        """The call that is made there."""
        at = position(place, self.words.execution)
        return None if at is None else self.words.execution.operations[at]

    def request(self, place: Place) -> int | None:
        """Who makes the call there."""
        if (operation := self.operation(place)) is not None:
            return operation.request
        handlers = [one.handler for one in self.words.execution.requests]
        return handlers.index(place.handler) if place.handler in handlers else None

    def item(self, place: Place) -> str:
        """The item, or the range, that a call there is about."""
        operation = self.operation(place)
        if operation is None:
            return place.table
        items = sorted(map(str, operation.footprint.items()))
        ranges = operation.footprint.ranges
        return items[0] if len(items) == 1 else str(ranges[0]) if ranges else place.table


def position(place: Place, execution: Execution) -> int | None:
    """Where a call is made in an execution: at its position, if that is of this one, or else where the first of that place is."""
    calls = [(execution.requests[one.request].handler, one.action, one.source) for one in execution.operations]
    return next((at for at in (place.at, *range(len(calls))) if 0 <= at < len(calls) and place.is_of(*calls[at])), None)


def failed(words: Words, finding: Finding, request: int, how: str) -> str:
    """What to do once a condition does not hold: the answer that the request gives in the closest serial order."""
    closest, answered = finding.closest, words.execution.responses[request].status
    other = closest is not None and closest.answer not in {None, answered}
    fits = closest is not None and other and closest.requests[closest.explained] == request
    # 500 stands for an exception, which is nothing to answer on purpose.
    fits = fits and closest is not None and (closest.answer or 0) < 500
    alone = ", as it does when the requests run one after the other"
    instead = f"answer {closest.answer}{alone}" if closest is not None and fits else "answer 409"
    winner = "thread" if isinstance(words.execution.requests[request], ThreadOf) else "request"
    return f"if that {how}, another {winner} won the race: re-read and retry, or {instead}"


def remedy_text(shown: Shown, edits: Sequence[Edit]) -> str:
    """A remedy in a sentence or two."""
    together = next((one for one in edits if isinstance(one, Together)), None)
    guards = [one for one in edits if isinstance(one, Conditional | Checked)]
    clauses: list[str] = []
    if together is not None:
        clauses.append(_together(together, guards))
    for one in edits:
        if isinstance(one, Together) or (together is not None and one in guards):
            continue
        clauses.append(_clause(shown, one))
    text = "; and ".join(clauses)
    request = _fails_in(shown, edits)
    if request is None:
        return text[:1].upper() + text[1:]
    in_transaction = together is not None or any(
        isinstance(one, Checked | Claimed) or (isinstance(one, Conditional) and "Transact" in one.place.action)
        for one in edits
    )
    how = "is cancelled" if in_transaction else "fails with ConditionalCheckFailedException"
    return f"{text[:1].upper()}{text[1:]}; {failed(shown.words, shown.finding, request, how)}"


def _fails_in(shown: Shown, edits: Sequence[Edit]) -> int | None:
    """The request in which a condition can fail."""
    for one in edits:
        if isinstance(one, Conditional | Checked | Claimed):
            return shown.request(one.place)
    return None


def _together(together: Together, guards: Sequence[Conditional | Checked]) -> str:
    writes = ", ".join(dict.fromkeys(place.action for place in together.places))
    when = " when it has succeeded" if together.at_end else ""
    handler = together.places[0].handler
    text = (
        f"make the writes of {handler} ({writes}) in one TransactWriteItems{when}, so that all of them happen or none"
    )
    conditions = [
        f"the {one.place.action} with {condition(one.terms)}"
        if isinstance(one, Conditional)
        else f"with a ConditionCheck of the item that was read from {one.read.table}: {condition(one.terms)}"
        for one in guards
    ]
    return ", ".join([text, *conditions])


def _clause(shown: Shown, one: Edit) -> str:
    match one:
        case Conditional(place, terms, _):
            call = shown.operation(place)
            put = (
                f"extend the condition of the {place.action}"
                if call is not None and conditional(call)
                else f"make the {place.action} conditional"
            )
            if place.action == "TransactWriteItems":
                put = (
                    f"give the operation on {place.table} in the TransactWriteItems a condition, beside any that it has"
                )
            if has_statements(place.action):
                return f"extend the WHERE clause of the {place.action}: {_where(terms)}"
            if place.action == "BatchWriteItem":
                put = "write the items one by one instead of by BatchWriteItem, which takes no condition, each"
            return f"{put}: {condition(terms)}"
        case Checked(place, terms, read):
            return (
                f"make the {place.action} in one TransactWriteItems with a ConditionCheck of {shown.item(read)}: "
                f"{condition(terms)}"
            )
        case Consistent(place):
            return f"make the {place.action} with ConsistentRead=True"
        case Added(_, attribute):
            return (
                f"use UpdateExpression='ADD #{placeholder(attribute)} :change', which needs neither a read nor a condition, "
                f"if {attribute} is only incremented or decremented"
            )
        case Claimed(place, attributes):
            return (
                f"make the {place.action} in one TransactWriteItems with a Put of an item whose key is the {listed(attributes)} "
                "itself, ConditionExpression='attribute_not_exists(<its key>)': no condition covers an index, and what has to "
                "be unique has to be a key"
            )
        case Once(place):
            return (
                f"make the {place.action} in one TransactWriteItems with a Put of what identifies the event (messageId, eventID, "
                "id, or a client's idempotency key), ConditionExpression='attribute_not_exists(<its key>)'; if that is "
                "cancelled, the event has been processed: return without an error; or wrap what processes it in the idempotency "
                "of Powertools for AWS Lambda, which stores that identifier first"
            )
        case Answered(_, exception, status):
            changed = "an item may have been deleted or changed between the two calls"
            return f"handle {exception or 'what fails'}: {changed}; answer 404 or {status} then"
    return _together(one, ())


def _where(terms: Sequence[Term]) -> str:
    """The terms as PartiQL has them: ``AND "owner" = <the principal>``."""
    tests = {"exists": "IS NOT MISSING", "absent": "IS MISSING"}
    values = {"caller": "<the principal>", "read": "<the value that was read>"}
    return " ".join(f'AND "{one.attribute}" {tests.get(one.test) or f"= {values[one.value]}"}' for one in terms)


def condition(terms: Sequence[Term]) -> str:
    """A condition expression with the meaning of its placeholders: ``ConditionExpression='#owner = :caller', …``."""
    texts = [_term(one) for one in terms]
    text = f"ConditionExpression='{' AND '.join(texts)}'"
    named = [one for one in terms if not _is_bare(one)]
    if named:
        names = ", ".join(f"'#{placeholder(one.attribute)}': '{one.attribute}'" for one in named)
        text += f", ExpressionAttributeNames={{{names}}}"
    values = [
        f"'{_placeholder(one)}': <{'the principal' if one.value == 'caller' else 'the value that was read'}>"
        for one in terms
        if one.test == "equals"
    ]
    if values:
        text += f", ExpressionAttributeValues={{{', '.join(dict.fromkeys(values))}}}"
    absent = [one for one in terms if one.test == "absent" and one.value == "read"]
    if absent:
        first = placeholder(absent[0].attribute)
        which = listed(one.attribute for one in absent)
        text += f" (where {which} was absent when it was read, else '#{first} = :{first}')"
    return text


def _placeholder(term: Term) -> str:
    return ":caller" if term.value == "caller" else f":{placeholder(term.attribute)}"


def placeholder(attribute: str) -> str:
    """The name of an attribute as DynamoDB takes it in a placeholder, in ASCII: ``due-date`` → ``due_date``."""
    return re.sub(r"\W", "_", attribute, flags=re.ASCII)


def _is_bare(one: Term) -> bool:
    """Whether a term has its attribute's own name: it asks for no value, and an expression takes the name."""
    taken = re.fullmatch(r"[A-Za-z]\w*", one.attribute, re.ASCII) and one.attribute.upper() not in RESERVED_WORDS
    return bool(taken) and not one.value and one.test != "equals"


def _named(one: Term) -> str:
    return one.attribute if _is_bare(one) else f"#{placeholder(one.attribute)}"


def _term(one: Term) -> str:
    match one.test:
        case "exists":
            return f"attribute_exists({_named(one)})"
        case "absent":
            return f"attribute_not_exists({_named(one)})"
    return f"#{placeholder(one.attribute)} = {_placeholder(one)}"
