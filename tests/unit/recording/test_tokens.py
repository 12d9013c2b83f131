from __future__ import annotations

import base64
import json
from typing import Any

from toctou.recording.leaves import leaves, renamed
from toctou.recording.test_clients.tokens import Tokens


def token(signature: str, **claims: Any) -> str:
    parts = [{"alg": "HS256"}, claims]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
        + f".{signature}"
    )


def test_cookies_have_places_and_are_renamed():
    arguments = {"headers": {"cookie": f"theme=dark; id={token('s1', sub='alice')}; flag"}}
    assert dict(leaves(arguments)) == {
        ("headers", "cookie", "theme"): "dark",
        ("headers", "cookie", "id", "sub"): "alice",
    }
    other = renamed(arguments, lambda text: {"alice": "bob", "dark": "light"}.get(text, text))
    assert other == {"headers": {"cookie": f"theme=light; id={token('s1', sub='bob')}; flag"}}


def test_a_token_that_no_test_has_sent_is_replaced_by_that_of_its_caller():
    tokens = Tokens()
    alice, bob = token("s1", sub="alice", iat=1, exp=99), token("s2", sub="bob", role="clerk", jti="7")
    for one in (alice, bob, "no token", "eyJ.eyJ.eyJ"):
        tokens.note(f"Bearer {one}")
    assert tokens.valid(f"Bearer {token('s1', sub='bob', role='clerk', iat=1)}") == f"Bearer {bob}"
    assert tokens.valid(f"theme=dark; id={token('s2', sub='alice')}") == f"theme=dark; id={alice}"
    for other in (
        f"Bearer {alice}",
        f"Bearer {token('s1', sub='carol')}",
        f"Bearer {token('s1', sub='bob')}",
        "Bearer eyJ.x.y",
    ):
        assert tokens.valid(other) == other
