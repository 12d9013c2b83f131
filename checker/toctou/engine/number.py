"""Numbers: which ones DynamoDB stores, their normal form, and exact arithmetic on them.

A number has at most 38 significant digits and a magnitude from 1E-130 to 9.99…E+125, or is zero.  It is kept as text in
normal form (no exponent, no leading or trailing zeros), so that two numbers are equal exactly when their texts are.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from toctou.engine.service_error import validation

SIGNIFICANT_DIGITS = 38
HIGHEST_EXPONENT = 125
LOWEST_EXPONENT = -130

_SYNTAX = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Wide enough that the sum of any two storable numbers is exact: 125 + 130 + 38 digits, and a carry.
_EXACT = Context(prec=400)


@lru_cache(maxsize=8192)
def decimal(text: str) -> Decimal:
    """The value of a number in normal form."""
    return Decimal(text)


@lru_cache(maxsize=8192)
def normal_number(text: str) -> str:
    """The normal form of a number as a client writes it.

    Raises:
        ServiceError: it is no number, or one that DynamoDB cannot store.
    """
    if _SYNTAX.fullmatch(text) is None:
        raise validation("A value provided cannot be converted into a number")
    return storable(Decimal(text))


def storable(number: Decimal) -> str:
    """The normal form of a number; raises ``ServiceError`` if it is out of range."""
    if not number:
        return "0"
    sign, digits, _ = number.as_tuple()
    stripped = "".join(map(str, digits)).lstrip("0").rstrip("0")
    magnitude = number.adjusted()
    if magnitude > HIGHEST_EXPONENT:
        raise validation("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if magnitude < LOWEST_EXPONENT:
        raise validation("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if len(stripped) > SIGNIFICANT_DIGITS:
        raise validation(f"Attempting to store more than {SIGNIFICANT_DIGITS} significant digits in a Number")
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    body = text.lstrip("+-").lstrip("0")
    if not body or body[0] == ".":
        body = "0" + body
    return "-" + body if sign else body


def added(left: str, right: str) -> str:
    """The sum of two numbers in normal form; raises ``ServiceError`` if it cannot be stored."""
    if len(left) < 16 and len(right) < 16 and "." not in left and "." not in right:
        return str(int(left) + int(right))
    with localcontext(_EXACT):
        return storable(decimal(left) + decimal(right))


def subtracted(left: str, right: str) -> str:
    """The difference of two numbers in normal form; raises ``ServiceError`` if it cannot be stored."""
    return added(left, right[1:] if right.startswith("-") else right if right == "0" else "-" + right)
