"""What an oracle is, and how the functions that models hand to oracles are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from toctou.errors import ModelError
from toctou.history.finding import Finding
from toctou.history.operation import Execution


class Oracle(Protocol):
    """Judges executions by one property."""

    @property
    def name(self) -> str:
        """The property's name, such as ``ownership``."""

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """Every violation of the property in an execution that ran to its end.

        Raises:
            ModelError: a function that the model handed to the oracle failed.
        """


def ask(role: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the model; a failure in it is the model's fault, not a finding.

    Args:
        role: what the function is to the oracle, such as ``the invariant 'stock'``.
        function: the model's function.
        arguments: what it is called with.

    Raises:
        ModelError: the function raised.
    """
    try:
        return function(*arguments)
    except Exception as error:
        given = ", ".join(map(repr, arguments))
        raise ModelError(
            f"{role} raised {type(error).__name__}: {error}",
            expected=f"an answer for {given}",
            cause="it does not handle items that lack an attribute, or an empty table",
            remedy="make it return a result for every state that the handlers can store",
        ) from error
