"""The conditions of a PartiQL statement, read and written as an expression of the API."""

from __future__ import annotations

from collections.abc import Sequence

from toctou.engine.expressions.condition_checks import OPERANDS
from toctou.engine.expressions.meaning import PREDICATES
from toctou.engine.partiql.operands import Operand, OperandReader
from toctou.engine.partiql.statements import Term
from toctou.engine.partiql.tokens import END, WORD, malformed
from toctou.engine.service_error import validation

_COMPARATORS = ("=", "<>", "!=", "<=", ">=", "<", ">")
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_TYPES = {
    "BLOB": "B",
    "BOOLEAN": "BOOL",
    "LIST": "L",
    "NULL": "NULL",
    "NUMERIC": "N",
    "STRING": "S",
    "STRUCT": "M",
    "TUPLE": "M",
}
_OTHER_TYPES = {"INT": "INTEGER", "BOOL": "BOOLEAN", "INT2": "SMALLINT", "INT4": "INTEGER4", "INT8": "INTEGER8"}
_NOT_STORED = frozenset(
    ("INTEGER", "SMALLINT", "FLOAT", "REAL", "DECIMAL", "TIMESTAMP", "DATE", "TIME", "SYMBOL", "CLOB", "BAG", "SEXP")
)
_NOT_BOOLEAN = "WHERE clause must contain an expression that resolves to a boolean"
_WRONG_IN = (
    "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq "
    "with at least one member"
)


class ConditionReader(OperandReader):
    """Reads conditions."""

    __slots__ = ()

    def condition(self) -> Term:
        """What follows ``WHERE``."""
        terms = [self._conjunction()]
        while self.accept("OR"):
            self._check_more()
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else Term(" OR ".join(map(_grouped, terms)), compound=True)

    def _conjunction(self) -> Term:
        terms = [self._negation()]
        while self.accept("AND"):
            self._check_more()
            terms.append(self._negation())
        if len(terms) == 1:
            return terms[0]
        flat = tuple(part for term in terms for part in term.parts)
        return Term(joined(flat), compound=True, conjuncts=flat)

    def _check_more(self) -> None:
        if self.token.kind == END:
            raise malformed("Missing right-hand side expression of infix operator")

    def _negation(self) -> Term:
        if self.accept("NOT"):
            return Term(f"NOT {_grouped(self._negation())}")
        return self._predicate()

    def _predicate(self) -> Term:
        if self.accept("("):
            inner = self.condition()
            self.close()
            return inner
        for function in PREDICATES:
            if self.calls(function):
                return self._function(function, OPERANDS[function])
        left = self.operand()
        for operator in _COMPARATORS:
            if self.accept(operator):
                self._check_more()
                return _compared(left, "<>" if operator == "!=" else operator, self.operand())
        negated = self.next_is("NOT") and self.following.text.upper() in ("BETWEEN", "IN") and self.accept("NOT")
        term = self._ranged(left) if self.accept("BETWEEN") else self._listed(left) if self.accept("IN") else None
        if term is None:
            return self._typed(left)
        return Term(f"NOT {term.text}") if negated else term

    def _function(self, function: str, count: int) -> Term:
        operands = self.arguments(function, count)
        text = f"{function}({', '.join(operand.text for operand in operands)})"
        return _keyed(text, operands[0], function, operands[1:]) if function == "begins_with" else Term(text)

    def _ranged(self, left: Operand) -> Term:
        low = self.operand()
        self.expect("AND", "Expected AND after BETWEEN")
        high = self.operand()
        return _keyed(f"{left.text} BETWEEN {low.text} AND {high.text}", left, "BETWEEN", (low, high))

    def _listed(self, left: Operand) -> Term:
        closing = ")" if self.accept("(") else "]" if self.accept("[") else None
        if closing is None or (closing == "]" and self.next_is("]")):
            raise validation(_WRONG_IN)
        options = self.separated(self.operand)
        self.expect(closing, "Expected RIGHT_PAREN" if closing == ")" else None)
        return Term(f"{left.text} IN ({', '.join(option.text for option in options)})")

    def _typed(self, left: Operand) -> Term:
        """What ``IS`` says of an operand; without it there is no condition."""
        operator = self.token
        if not self.accept("IS"):
            self._check_unfinished()
            return Term(left.text)  # what follows fits nowhere, and the caller reports it
        negated = self.accept("NOT")
        token = self.take(WORD)
        kind = token.text.upper()
        if kind == "MISSING":
            return Term(f"{'NOT ' if negated else ''}attribute_not_exists({left.text})")
        if kind not in _TYPES:
            kind = _OTHER_TYPES.get(kind, kind)
            if kind not in _NOT_STORED and token.text.upper() not in _OTHER_TYPES:
                raise malformed("Expected type name")
            supported = "MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST"
            detail = f"Unsupported data type for IS operator: {kind}. Supported data types are [{supported}]"
            raise validation(detail + self.at(operator))
        placeholder = self.placeholder({"S": _TYPES[kind]})
        return Term(f"{'NOT ' if negated else ''}attribute_type({left.text}, {placeholder})")

    def _check_unfinished(self) -> None:
        """Refuse an operand that is all there is of a condition, or that has an operator that conditions do not know."""
        if self.next_is("+", "-", "*", "/", "%", "LIKE"):
            raise validation(f"Unsupported operator in Condition Expression. Operator: {self.token.text.lower()}")
        ends = self.token.kind == END or self.next_is(")", "AND", "OR", "RETURNING", "ORDER")
        if ends and self.fault is None:
            raise validation(_NOT_BOOLEAN)


def joined(terms: Sequence[Term]) -> str:
    """The conditions joined by ``AND``."""
    return " AND ".join(map(_grouped, terms)) if len(terms) > 1 else terms[0].text


def _grouped(term: Term) -> str:
    return f"({term.text})" if term.compound else term.text


def _compared(left: Operand, operator: str, right: Operand) -> Term:
    text = f"{left.text} {operator} {right.text}"
    if left.value is not None:
        left, right, operator = right, left, _FLIPPED[operator]
    return _keyed(text, left, operator, (right,))


def _keyed(text: str, attribute: Operand, operator: str, operands: Sequence[Operand]) -> Term:
    """A condition that could be one on a key attribute."""
    if attribute.attribute is None or any(operand.value is None for operand in operands):
        return Term(text)
    return Term(
        text,
        attribute=attribute.attribute,
        operator=operator,
        operands=tuple(operand.value for operand in operands if operand.value is not None),
        placeholders=tuple(operand.placeholder for operand in operands if operand.placeholder is not None),
    )
