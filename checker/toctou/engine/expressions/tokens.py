"""Tokens of an expression: what a word, a placeholder, a number and an operator are.

Every expression of the API is cut up in the same way, so the words that one kind of expression uses as keywords cannot
stand bare in any other either.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from toctou.engine.service_error import ServiceError, validation

WORD = "word"
NAME = "name"
VALUE = "value"
NUMBER = "number"
SYMBOL = "symbol"
KEYWORD = "keyword"
END = "<EOF>"

KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"})

_TOKEN = re.compile(
    r"""\s+
    | (?P<word>[A-Za-z][A-Za-z0-9_]*)
    | (?P<name>\#[A-Za-z0-9_]+)
    | (?P<value>:[A-Za-z0-9_]+)
    | (?P<number>0|[1-9][0-9]*)
    | (?P<symbol><>|<=|>=|[=<>+\-().,\[\]])
    | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token: its kind, its text (keywords in capitals under ``word``), and where it starts and ends."""

    kind: str
    text: str
    word: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Cut an expression into tokens; the last one is always ``END``."""
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind is None:
            continue
        word = match[0]
        if kind == WORD and word.upper() in KEYWORDS:
            kind, word = KEYWORD, word.upper()
        tokens.append(Token(kind, match[0], word, match.start(), match.end()))
    tokens.append(Token(END, END, END, len(text), len(text)))
    return tokens


def invalid(kind: str, detail: str) -> ServiceError:
    """A ``ValidationException`` about an expression of this kind, such as ``ConditionExpression``."""
    return validation(f"Invalid {kind}: {detail}")


class Cursor:
    """A place in the tokens of one expression, and the errors that are reported about it."""

    __slots__ = ("at", "kind", "text", "tokens")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text
        self.tokens = tokens_of(text)
        self.at = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def next_is(self, *words: str) -> bool:
        """Whether the next token is one of these keywords or symbols."""
        token = self.tokens[self.at]
        return token.word in words and token.kind in (SYMBOL, KEYWORD)

    def take(self) -> Token:
        """Take the next token."""
        token = self.tokens[self.at]
        self.at += 1
        return token

    def accept(self, word: str) -> bool:
        """Take the next token if it is this keyword or symbol."""
        found = self.next_is(word)
        self.at += found
        return found

    def expect(self, word: str) -> None:
        """Take this keyword or symbol; anything else is a syntax error."""
        if not self.accept(word):
            raise self.unexpected()

    def unexpected(self) -> ServiceError:
        """The error that points at the next token, with its two neighbours as the service shows them."""
        token = self.token
        start = self.tokens[self.at - 1].start if self.at else 0
        following = token if token.kind == END else self.tokens[self.at + 1]
        near = self.text[start : following.end]
        return invalid(self.kind, f'Syntax error; token: "{token.text}", near: "{near}"')
