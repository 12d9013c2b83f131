"""Tokens of a PartiQL statement, and a cursor over them.

Some words are reserved and name an attribute only in double quotes; they are those of the parser that the service uses
(https://github.com/partiql/partiql-lang-kotlin, ``LexerConstants.kt``).  The errors of a statement that cannot be parsed are in
that parser's words, as far as the service was seen to answer them (https://github.com/nubo-db/dynamodb-conformance,
``tests/tier3/error-messages``, ``partiqlGrammar.test.ts``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from toctou.engine.partiql.reserved import RESERVED
from toctou.engine.service_error import ServiceError, validation

STRING = "string"
QUOTED = "quoted"
NUMBER = "number"
WORD = "word"
SYMBOL = "symbol"
END = "end"

_CLOSED_BY = {"(": ")", "[": "]", "{": "}", "<<": ">>"}
_OPERATORS = frozenset({"IS", "IN", "LIKE", "BETWEEN", "AND", "OR", "NOT"})
_TOKEN = re.compile(
    r"""\s+ | --[^\r\n]* | /\*.*?\*/
    | '(?P<string>(?:[^']|'')*)'
    | "(?P<quoted>(?:[^"]|"")*)"
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<symbol><<|>>|<>|!=|<=|>=|[=<>()\[\]{},.:*/%+?;-])
    | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: one of the constants above.
        text: as written; of strings and quoted names what stands between the quotes.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_reserved(self) -> bool:
        """Whether it is a word that names no attribute."""
        return self.kind == WORD and self.text.upper() in RESERVED


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
                raise malformed()
            if kind is not None:
                text = match[kind].replace("''", "'") if kind == STRING else match[kind].replace('""', '"')
                self._tokens.append(Token(kind, text, match.start(), match.end()))
        if self._tokens and self._tokens[-1].text == ";" and self._tokens[-1].kind == SYMBOL:
            self._tokens.pop()
        self._tokens.append(Token(END, "", len(statement), len(statement)))

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        """The token after the next one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def is_balanced(self) -> bool:
        """Whether each bracket is closed by one of its kind."""
        opened: list[str] = []
        for token in self._tokens:
            if token.kind == SYMBOL and token.text in _CLOSED_BY:
                opened.append(_CLOSED_BY[token.text])
            elif (
                token.kind == SYMBOL
                and token.text in _CLOSED_BY.values()
                and (not opened or opened.pop() != token.text)
            ):
                return False
        return not opened

    def misplaced(self) -> ServiceError:
        """The error for a token that comes where something else must begin."""
        kind, text, *_ = self.token
        if kind == WORD:
            return malformed("Unexpected operator" if text.upper() in _OPERATORS else "Unexpected keyword")
        return malformed("Unexpected term")

    def take(self, kind: str) -> Token:
        """Take a token of this kind."""
        token = self.token
        if token.kind != kind:
            raise self.misplaced()
        self._at += 1
        return token

    def next_is(self, *words: str) -> bool:
        """Whether one of these symbols, or keywords in capitals, comes next."""
        kind, text, *_ = self.token
        return (kind == SYMBOL and text in words) or (kind == WORD and text.upper() in words)

    def calls(self, function: str) -> bool:
        """Whether a call of this function comes next."""
        return self.next_is(function.upper()) and self.following.text == "("

    def accept(self, *words: str) -> bool:
        """Take these tokens if they come next, in this order."""
        start = self._at
        for word in words:
            if not self.next_is(word):
                self._at = start
                return False
            self._at += 1
        return True

    def expect(self, word: str, detail: str | None = None) -> None:
        """Take this token; anything else is malformed, for the reason given or for being misplaced."""
        if not self.accept(word):
            raise self.misplaced() if detail is None else malformed(detail)

    def at(self, token: Token) -> str:
        """Where a token stands, as errors report it: line, column and length."""
        before = self.statement[: token.start]
        line, column = before.count("\n") + 1, token.start - (before.rfind("\n") + 1) + 1
        return f" at {line}:{column}:{max(1, token.end - token.start)}"


def malformed(detail: str = "") -> ServiceError:
    """The error for a statement that cannot be parsed."""
    return validation(f"Statement wasn't well formed, can't be processed: {detail}")
