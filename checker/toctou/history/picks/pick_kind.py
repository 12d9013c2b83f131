"""What a kind of pick declares.

A step of a schedule is a request and its picks: the answers to questions that have several possible answers while the step
is taken.  A kind says what is asked; who asks is wherever the question comes up (a read, a relay), through
:class:`toctou.scheduling.choices.Choices`.  Nothing else knows a kind by name: strategies, the text of schedules,
minimisation, confirmation and reports go by what the kind declares here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PickKind:
    """A kind of question that a step asks at most once.

    Answers are numbers from 0, which is what happens outside of an exploration.

    Attributes:
        name: identifies it, such as ``staleness``.
        symbol: what stands before the answer in a schedule's text, one character; an answer of 0 is left out.
        alternatives: what there are several of, for messages, such as ``results of an eventually consistent read``.
        outcome: the answer decides only how the operation of the step comes out, not which operation it is.  Steps that
            differ in it alone conflict without racing, so that optimal reduction can branch over it.
        weight: how much harder to follow a counterexample gets with each increment of the answer; 0 if answers are equally
            simple, so that minimisation leaves them alone.
        settles: whether time settles it: where it passes because no request can go on otherwise, the answer is 0.
        unconfirmable: why a second backend is not asked to confirm a schedule with such an answer; ``""`` if it is.
    """

    name: str
    symbol: str
    alternatives: str
    outcome: bool
    weight: int
    unconfirmable: str = ""
    settles: bool = False
