"""Clients whose calls are intercepted, without a scheduler: every call is let through at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from toctou.client.backend import Performed
from toctou.client.embedded import EmbeddedBackend
from toctou.errors import ToctouError
from toctou.history.footprint import EMPTY
from toctou.history.operation import ErrorResponse, Operation
from toctou.history.request import SourceLine
from toctou.scheduling.scheduling_point import Turn

ITEMS = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "item_id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "item_id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
EVENTS = {
    "TableName": "Events",
    "KeySchema": [
        {"AttributeName": "stream", "KeyType": "HASH"},
        {"AttributeName": "position", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "stream", "AttributeType": "S"},
        {"AttributeName": "position", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
ALICES = {"item_id": {"S": "i1"}, "owner": {"S": "alice"}, "version": {"N": "1"}}


class OpenDoor:
    """A scheduling point at which nobody waits."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def reach(self, action: str, parameters: Mapping[str, Any] | None = None, source: SourceLine | None = None) -> Turn:
        self.reached.append(action)
        return Turn(0, len(self.reached) - 1)

    def suspend_monitoring(self, *, unhurried: bool = False) -> None:
        """Nobody looks."""

    def resume_monitoring(self) -> None:
        """Nobody looks."""

    def fail(self, fault: ToctouError) -> NoReturn:
        raise fault


class Interception:
    """What a test needs of an open interception."""

    def __init__(self) -> None:
        self.point = OpenDoor()
        self.backend = EmbeddedBackend()
        self.operations: list[Operation] = []
        self.backend.load([ITEMS, EVENTS], {"Items": [ALICES]})


class Scripted:
    """A backend that answers what a test has written down, for actions that no engine need know here."""

    name = "scripted"

    def __init__(self) -> None:
        self.answers: dict[str, list[Mapping[str, Any] | ErrorResponse]] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def perform(self, action: str, parameters: Mapping[str, Any], _choices: object = None) -> Performed:
        self.asked.append((action, parameters))
        answer = self.answers[action].pop(0)
        if isinstance(answer, ErrorResponse):
            return Performed(None, answer, EMPTY, ())
        return Performed(answer, None, EMPTY, ())
