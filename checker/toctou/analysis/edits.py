"""Remedies as data: what to change about which calls of a handler, in a form that can be applied, tried and printed.

An *edit* is one change of the calls of one place in a handler; a *remedy* is the edits that belong together, or advice that no
intercepted call can be changed by.  Values are those that the same request has read itself, or its principal; so an edit means
the same in every execution.

Sources: Amazon DynamoDB Developer Guide, condition expressions, transactions and read consistency,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from toctou.history.operation import Operation
from toctou.history.request import SourceLine


@dataclass(frozen=True, slots=True)
class Place:
    """Where a handler makes a call.

    Attributes:
        table: of the item that the call is about.
        source: the line that makes it; ``None`` if it is not known, as of a service.
        at: the position of such a call in the execution that the remedy comes from; others
            have it elsewhere, so it is not compared.
    """

    handler: str
    action: str
    table: str
    source: SourceLine | None
    at: int = field(compare=False)

    def is_of(self, handler: str, operation_or_action: str, source: SourceLine | None) -> bool:
        """Whether a call of a handler is made here, as far as action and line say."""
        same_line = self.source is None or source is None or self.source == source
        return self.handler == handler and self.action == operation_or_action and same_line


Test = Literal["equals", "absent", "exists"]


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a condition on an item.

    Attributes:
        test: that the attribute has a value, that it is absent, or that it is there.
        value: ``caller`` for the principal, ``read`` for what the request has read: then the test is that nothing has changed, so
            that an attribute which was absent is to be absent still; ``""`` where the test needs no value.
    """

    attribute: str
    test: Test
    value: Literal["caller", "read", ""] = ""


@dataclass(frozen=True, slots=True)
class Conditional:
    """Make a write conditional on its item.

    Attributes:
        read: where the request has read it; ``None`` if the terms need no read.
    """

    kind: ClassVar[str] = "condition"
    place: Place
    terms: tuple[Term, ...]
    read: Place | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Make a write in one TransactWriteItems with a ConditionCheck of another item, the one that was read there."""

    kind: ClassVar[str] = "checked"
    place: Place
    terms: tuple[Term, ...]
    read: Place


@dataclass(frozen=True, slots=True)
class Consistent:
    """Read with ``ConsistentRead=True``."""

    kind: ClassVar[str] = "consistent_read"
    place: Place


@dataclass(frozen=True, slots=True)
class Together:
    """Make all writes of a request in one TransactWriteItems, when the last of them is made.

    Attributes:
        at_end: which one is the last is not known: they are made when the request has ended.
    """

    kind: ClassVar[str] = "together"
    places: tuple[Place, ...]
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """Change a number by ``ADD`` instead of storing what was computed from it."""

    kind: ClassVar[str] = "add"
    place: Place
    attribute: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Store, in one TransactWriteItems with a Put, an item that claims the values of attributes which have to be unique."""

    kind: ClassVar[str] = "claim"
    place: Place
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Once:
    """Store, in one TransactWriteItems with a write, an item that says that this event has been processed."""

    kind: ClassVar[str] = "once"
    place: Place


@dataclass(frozen=True, slots=True)
class Answered:
    """Answer a status where an exception leaves the handler; one without a name where that ends as a status of 5xx."""

    kind: ClassVar[str] = "answer"
    handler: str
    exception: str
    status: int


Edit = Conditional | Checked | Consistent | Together | Added | Claimed | Once | Answered


@dataclass(frozen=True, slots=True)
class Remedy:
    """Edits that belong together, and what they are in words.

    Attributes:
        edits: none if it is only advice.
        text: for people.
        untried: why it cannot be tried from outside; ``""`` if it can.
    """

    edits: tuple[Edit, ...]
    text: str
    untried: str = ""


Outcome = Literal["removed", "other", "remains", "refused", "not_tried"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a remedy.

    Attributes:
        text: ``no violation in 214 schedules of 27 scenarios``.
        schedules, scenarios: what was explored with it.
    """

    outcome: Outcome
    text: str
    schedules: int = 0
    scenarios: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """A remedy and what came of it."""

    remedy: Remedy
    tried: Tried


def merged(edits: Iterable[Edit], more: Iterable[Edit]) -> tuple[Edit, ...]:
    """Both, with the terms of edits of the same place joined; a counter that is to be guarded after all is guarded instead."""
    found: list[Edit] = list(edits)
    for one in more:
        at = next((at for at, known in enumerate(found) if _same_place(known, one)), None)
        if at is None:
            found.append(one)
        elif isinstance(one, Conditional | Checked):
            known = found[at]
            assert isinstance(known, Conditional | Checked)  # noqa: S101 - or it would not be of the same place
            asked = {(term.attribute, term.test) for term in known.terms}
            more_terms = tuple(term for term in one.terms if (term.attribute, term.test) not in asked)
            found[at] = replace(known, terms=(*known.terms, *more_terms))
        elif isinstance(one, Together):
            known = found[at]
            places = known.places if isinstance(known, Together) else ()
            more_places = tuple(place for place in one.places if place not in places)
            at_end = one.at_end or bool(more_places) or (isinstance(known, Together) and known.at_end)
            found[at] = Together((*places, *more_places), at_end)
    guarded = {one.place for one in found if isinstance(one, Conditional)}
    return tuple(one for one in found if not (isinstance(one, Added) and one.place in guarded))


def _same_place(one: Edit, other: Edit) -> bool:
    if isinstance(one, Together) or isinstance(other, Together):
        both = isinstance(one, Together) and isinstance(other, Together)
        return both and one.places[0].handler == other.places[0].handler  # type: ignore[union-attr]
    if isinstance(one, Conditional | Checked) and isinstance(other, Conditional | Checked):
        return type(one) is type(other) and (one.place, one.read) == (other.place, other.read)
    return one == other


def is_call(operation: Operation) -> bool:
    """Whether an operation is one of DynamoDB, and no call of another service."""
    return "." not in operation.action


def has_statements(action: str) -> bool:
    """Whether a call has statements of PartiQL, and takes no expressions."""
    return "Execute" in action
