"""A request to the service that is under way, and the calls that it has made."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toctou.errors import OutsideControl, ToctouError
from toctou.gate.mailbox import Answered, Broken, HeldCall, Mailbox
from toctou.history.operation import Operation
from toctou.history.request import label
from toctou.wire import Call

_MADE_UP = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")
"""A random UUID (RFC 9562, version 4), such as SDKs make up for ``ClientRequestToken``."""


@dataclass(slots=True, eq=False)
class _Attempt:
    """A call as its SDK has sent it."""

    call: HeldCall
    outcome: asyncio.Future[Operation]
    answered: bool = False
    refused: bool = False


@dataclass(slots=True, eq=False)
class Exchange:
    """One request, from when it is sent until it is answered; its calls arrive on the loop's thread.

    Attributes:
        index: of the request in its scenario.
        mailbox: where its events go.
        asked: the text of the request, in which a token may stand.
        over: whether it has been answered or has broken.
    """

    index: int
    mailbox: Mailbox = field(default_factory=Mailbox)
    asked: str = ""
    over: bool = False
    _told: list[Operation] = field(default_factory=list)
    _attempts: dict[str, _Attempt] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _unnamed: int = 0

    async def call(self, call: Call) -> Operation:
        """Hold a call until it was performed."""
        loop = asyncio.get_running_loop()
        invocation = call.headers.get("amz-sdk-invocation-id", "")
        if not invocation:
            self._unnamed += 1
            invocation = f"unnamed {self._unnamed}"
        earlier = self._attempts.get(invocation)
        if (
            earlier is not None and not earlier.answered
        ):  # given up by its SDK before it took effect: this one replaces it
            return await asyncio.shield(earlier.outcome)
        if earlier is not None and not earlier.refused:
            self.broken(_retried(self.index, call))
        outcome: asyncio.Future[Operation] = loop.create_future()

        def reply(operation: Operation) -> None:
            attempt.answered = True
            attempt.refused = operation.error is not None
            loop.call_soon_threadsafe(settle, operation)

        def settle(operation: Operation) -> None:
            self._told.append(operation)
            if not outcome.done():
                outcome.set_result(operation)

        held = HeldCall(call.action, self._parameters(call), reply)
        attempt = self._attempts[invocation] = _Attempt(held, outcome)
        self.mailbox.put(held)
        return await asyncio.shield(outcome)

    def answered(self, answer: Any) -> None:
        """The service has answered."""
        self.over = True
        self.mailbox.put(Answered(answer))

    def broken(self, fault: ToctouError) -> None:
        """It will not be answered, or not under control."""
        self.over = True
        self.mailbox.put(Broken(fault))

    def held(self) -> list[HeldCall]:
        """The calls that have not been performed."""
        return [attempt.call for attempt in list(self._attempts.values()) if not attempt.answered]

    def _parameters(self, call: Call) -> Mapping[str, Any]:
        """With tokens that an SDK has made up replaced by ones that are the same in every run."""
        token = call.parameters.get("ClientRequestToken")
        if not isinstance(token, str) or not _MADE_UP.fullmatch(token) or self._was_told(token):
            return call.parameters
        number = len(self._tokens) + 1
        return {
            **call.parameters,
            "ClientRequestToken": self._tokens.setdefault(token, f"{label(self.index)}-token-{number}"),
        }

    def _was_told(self, token: str) -> bool:
        """Whether a token comes from the client or from a stored item, so that requests may share it."""
        return token in self.asked or any(token in repr(operation.result) for operation in self._told)


def _retried(index: int, call: Call) -> OutsideControl:
    return OutsideControl(
        f"request {label(index)}: its SDK sent a {call.action} again that had been performed and answered",
        expected="SDKs that wait for the answer of a call",
        cause="a timeout of the SDK that is shorter than it takes us to answer",
        remedy="raise the SDK's timeout for the service under test",
    )
