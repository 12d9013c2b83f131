"""Tokens of a PartiQL statement, and a cursor over them."""

from __future__ import annotations

import re
from typing import NamedTuple

from checker.engine.service_error import ServiceError, validation

STRING = "string"
QUOTED = "quoted"
NUMBER = "number"
WORD = "word"
SYMBOL = "symbol"
END = "end"

_TOKEN = re.compile(
    r"""\s+
    | '(?P<string>(?:[^']|'')*)'
    | "(?P<quoted>(?:[^"]|"")*)"
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol><<|>>|<>|!=|<=|>=|[=<>()\[\]{},.:*+?-])
    | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token; the text of strings and quoted names is what stands between the quotes."""

    kind: str
    text: str


class Cursor:
    """A place in a statement."""

    __slots__ = ("_at", "_tokens", "statement")

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self._tokens: list[Token] = []
        self._at = 0
        for match in _TOKEN.finditer(statement):
            kind = match.lastgroup
            if kind == "unknown":
                raise self.malformed()
            if kind is not None:
                text = match[kind].replace("''", "'") if kind == STRING else match[kind].replace('""', '"')
                self._tokens.append(Token(kind, text))
        self._tokens.append(Token(END, ""))

    def malformed(self) -> ServiceError:
        """The error for a statement that cannot be parsed."""
        return validation(f"Statement wasn't well formed, can't be processed: {self.statement}")

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        """The token after the next one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self, kind: str) -> str:
        """Take a token of this kind; its text."""
        token = self.token
        if token.kind != kind:
            raise self.malformed()
        self._at += 1
        return token.text

    def next_is(self, *words: str) -> bool:
        """Whether one of these symbols, or keywords in capitals, comes next."""
        kind, text = self.token
        return (kind == SYMBOL and text in words) or (kind == WORD and text.upper() in words)

    def accept(self, *words: str) -> bool:
        """Take these tokens if they come next, in this order."""
        start = self._at
        for word in words:
            if not self.next_is(word):
                self._at = start
                return False
            self._at += 1
        return True

    def expect(self, *words: str) -> None:
        """Take these tokens; anything else is malformed."""
        if not self.accept(*words):
            raise self.malformed()
