"""Lets a model say that nobody minds what a call to another AWS service leaves there, such as a mail about a rejected request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NoEffect:
    """An answer to a call that counts as no effect."""

    answer: Any


def no_effect(answer: Any) -> Any:
    """An answer to a call that no oracle judges: it may be made by a request that is rejected, twice, and in any order.

        answers = {"ses.SendEmail": toctou.no_effect({"MessageId": "1"})}

    Args:
        answer: what is returned, or a function of the parameters.
    """
    return NoEffect(answer)
