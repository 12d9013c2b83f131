from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest.mock import MagicMock

import pytest

from toctou.recording.test_clients.plain_values import NONE, data_of, with_data


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...] = ("buyers",)
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "alice", "scope": ["read"]})


def test_what_is_data_of_a_value():
    assert data_of("alice") == "alice"
    assert data_of(User("alice")) == {"name": "alice", "claims": {"sub": "alice"}}
    assert data_of(MagicMock()) is data_of(object()) is data_of(User) is NONE


@pytest.mark.parametrize("value", ["alice", 7, None, {"sub": "alice", "scope": ["read"]}, User("alice")])
def test_a_value_with_its_own_data_is_itself(value):
    assert with_data(value, data_of(value)) is value


def test_a_value_with_other_data_keeps_the_rest():
    assert with_data("alice", "bob") == "bob"
    assert with_data({"sub": "alice", "scope": ["read"]}, {"sub": "bob"}) == {"sub": "bob", "scope": ["read"]}
    alice = User("alice")
    other = with_data(alice, {"name": "bob", "claims": {"sub": "bob"}})
    assert other == User("bob", claims={"sub": "bob", "scope": ["read"]})
    assert alice == User("alice")


def test_a_model_of_pydantic():
    pydantic = pytest.importorskip("pydantic", reason="no pydantic: `pip install pydantic`")
    kind: Any = pydantic.create_model("Caller", sub=(str, ...), age=(int, 3))
    assert data_of(kind(sub="alice")) == {"sub": "alice", "age": 3}
    assert with_data(kind(sub="alice"), {"sub": "bob", "age": 3}) == kind(sub="bob")
