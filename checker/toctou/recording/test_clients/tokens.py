"""Finds, for a caller whom a token names, the token that a test has sent for that caller: only its signature is valid.

Claims that say when a token was made, or number it, make no other caller of it: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.
"""

from __future__ import annotations

import base64
import json
import re

_TOKEN = re.compile(r"eyJ[\w-]+\.([\w-]+)\.[\w-]*")
_OF_ONE_TOKEN = frozenset({"iat", "exp", "nbf", "jti", "auth_time"})


class Tokens:
    """Those of one session."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._by_claims: dict[str, str] = {}

    def note(self, header: str) -> None:
        """A test has sent this value of a header."""
        for found in _TOKEN.finditer(header):
            token = found[0]
            if token not in self._known:
                self._known.add(token)
                if claims := _claims(found[1]):
                    self._by_claims[claims] = token

    def valid(self, header: str) -> str:
        """The value with tokens of tests instead of those that say the same of a caller, and that no test has sent."""
        return _TOKEN.sub(self._of_a_test, header)

    def _of_a_test(self, found: re.Match[str]) -> str:
        token = found[0]
        return token if token in self._known else self._by_claims.get(_claims(found[1]), token)


def _claims(text: str) -> str:
    """What is said of the caller, always in the same way; empty if it cannot be read."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return ""
    if not isinstance(claims, dict):
        return ""
    return json.dumps({name: one for name, one in claims.items() if name not in _OF_ONE_TOKEN}, sort_keys=True)


TOKENS = Tokens()
"""Those of this process, in which there is one session."""
