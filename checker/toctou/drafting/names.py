"""Decides what a name of an attribute, a parameter or a table stands for, and which value a draft gives it.

People name identifiers after what they identify, and owners after people; everything else is a guess by the name, which shows in
the first run if it is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from toctou.errors import letters

OWNERS = (
    "owner", "ownerid", "owneruserid", "userid", "user", "username", "createdby", "author", "authorid", "customerid",
    "customer", "accountid", "sellerid", "buyerid", "createdbyid", "useremail", "email", "sub", "principal", "assignee",
)  # fmt: skip
"""How attributes are called that name a person, the most telling first; without case and separators."""

_RECIPIENTS = ("to", "newowner", "newownerid", "recipient", "recipientid", "touser", "touserid", "target", "targetuser")
_NUMBERS = frozenset(
    {
        *(
            "count",
            "stock",
            "quantity",
            "qty",
            "amount",
            "price",
            "balance",
            "total",
            "capacity",
            "available",
            "remaining",
        ),
        *("likes", "views", "seats", "size", "limit", "points", "level", "number", "age", "rating", "score"),
        *("ttl", "timestamp", "expires", "expiry"),
    }
)
_FLAGS = frozenset({"active", "enabled", "done", "checked", "completed", "deleted", "locked", "paid", "confirmed"})
_TIMES = frozenset({"at", "date", "time"})
_IDENTIFIERS = frozenset({"id", "uuid", "key"})
"""Last words of names of attributes, by what is stored there."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WITHOUT_MEANING = frozenset(
    {"pk", "sk", "hk", "rk", "hash", "range", "hashkey", "rangekey", "partitionkey", "sortkey", "key"}
)


def is_owner(name: str) -> bool:
    """Whether an attribute is called as one that names a person."""
    return letters(name) in OWNERS


def is_generic(key: str) -> bool:
    """Whether a key is called by its role, as in designs of one table, so that its values cannot be guessed."""
    return bool(re.fullmatch(r"(gsi|lsi)?\d*(pk|sk)\d*", letters(key))) or letters(key) in _WITHOUT_MEANING


def identifier(key: str, noun: str) -> Any:
    """The value of a key: ``o1`` for ``order_id``, or for the ``id`` of ``Orders``.

    Args:
        key: with its type, if it is no string.
        noun: what the table holds.
    """
    name, _, kind = key.partition(":")
    if kind == "N":
        return 1
    if kind == "B":
        return b"1"
    if is_owner(name):
        return "alice"
    stem = re.sub(r"(_?id|Id|ID|_?uuid|_?key)$", "", name)
    if letters(stem) in ("", "id"):
        stem = noun
    return f"{(letters(stem) or 'x')[0]}1"


def value_of(name: str, *, new: bool = False) -> Any:
    """The value of an attribute, or of a member of a body, by its name; ``new`` for one that a request brings."""
    plain = letters(name)
    if plain in _RECIPIENTS or (new and is_owner(name)):
        return "bob"
    if is_owner(name):
        return "alice"
    words = [word.lower() for word in _WORD.findall(name)] or [""]
    last = words[-1]
    if last in _IDENTIFIERS and len(words) > 1:
        return f"{plain[0]}1"
    if plain in ("version", "revision", "rev"):
        return 1
    if last in _FLAGS or words[0] in ("is", "has"):
        return new
    if last in _TIMES:
        return "2026-01-01T00:00:00Z"
    if last in _NUMBERS:
        return 1 if new else 10
    return "new" if new else "old"


def singular(noun: str) -> str:
    """``order`` for ``OrdersTable`` and ``orders``."""
    plain = re.sub(r"(table|_table|-table)$", "", noun, flags=re.IGNORECASE).strip("_-")
    word = letters(plain)
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def holds(table: str, segments: Sequence[str]) -> bool:
    """Whether a table is named after one of these segments of a path."""
    words = {singular(one) for one in segments}
    return any(word and (singular(table) == word or word in letters(table)) for word in words)
