"""From text to syntax tree: the grammar of every expression, and nothing about meaning.

A syntax error names the offending token with its two neighbours, as the service does.  Conditions are parsed with operands
and conditions in one precedence ladder, because a parenthesis may open either; what stands alone must be a condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from toctou.engine.expressions.tokens import END, NAME, NUMBER, VALUE, WORD, Cursor, invalid
from toctou.engine.expressions.tree import (
    Arithmetic,
    Call,
    Clause,
    Comparison,
    Condition,
    Junction,
    Negation,
    Operand,
    Path,
    Placeholder,
    SetValue,
    Update,
)

MAXIMUM_LENGTH = 4096
MAXIMUM_OPERATORS = 300

_COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")

_Tree = TypeVar("_Tree")


class _Parser(Cursor):
    __slots__ = ("groups", "operators")

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.groups: dict[int, int] = {}  # position of each closing parenthesis of a group -> its opening one
        self.operators = 0

    def path(self) -> Path:
        parts: list[str | int] = [self.path_name()]
        while self.next_is(".", "["):
            if self.take().word == ".":
                parts.append(self.path_name())
                continue
            if self.token.kind != NUMBER:
                raise self.unexpected()
            parts.append(int(self.take().text))
            self.expect("]")
        return Path(tuple(parts))

    def path_name(self) -> str:
        if self.token.kind not in (WORD, NAME):
            raise self.unexpected()
        return self.take().text

    def placeholder(self) -> Placeholder:
        if self.token.kind != VALUE:
            raise self.unexpected()
        return Placeholder(self.take().text)

    def operand(self) -> Operand:
        """A path, a value, a function, or one of them in parentheses."""
        if self.next_is("("):
            return self.group(self.operand)
        if self.token.kind == VALUE:
            return self.placeholder()
        if self.token.kind == WORD and self.tokens[self.at + 1].word == "(":
            return self.call()
        return self.path()

    def call(self) -> Call:
        function = self.take().text
        return Call(function, self.operands())

    def operands(self) -> tuple[Operand, ...]:
        self.expect("(")
        found = self.separated(self.operand)
        self.expect(")")
        return found

    def separated(self, element: Callable[[], _Tree]) -> tuple[_Tree, ...]:
        found = [element()]
        while self.accept(","):
            found.append(element())
        return tuple(found)

    def group(self, inside: Callable[[], _Tree]) -> _Tree:
        opening = self.at
        self.expect("(")
        node = inside()
        self.expect(")")
        closing = self.at - 1
        if self.groups.get(closing - 1) == opening + 1:
            raise invalid(self.kind, "The expression has redundant parentheses;")
        self.groups[closing] = opening
        return node

    # Conditions

    def condition(self) -> Condition:
        return self.standing_alone(self.disjunction())

    def standing_alone(self, node: Condition | Operand) -> Condition:
        if isinstance(node, Path | Placeholder):
            raise self.unexpected()
        return node

    def disjunction(self) -> Condition | Operand:
        return self.junction("OR", self.conjunction)

    def conjunction(self) -> Condition | Operand:
        return self.junction("AND", self.negation)

    def junction(self, operator: str, term: Callable[[], Condition | Operand]) -> Condition | Operand:
        first = term()
        if not self.next_is(operator):
            return first
        terms = [self.standing_alone(first)]
        while self.accept(operator):
            self.operators += 1
            terms.append(self.standing_alone(term()))
        return Junction(operator, tuple(terms))

    def negation(self) -> Condition | Operand:
        if not self.accept("NOT"):
            return self.comparison()
        self.operators += 1
        return Negation(self.standing_alone(self.negation()))

    def comparison(self) -> Condition | Operand:
        left = self.group(self.disjunction) if self.next_is("(") else self.operand()
        if isinstance(left, Comparison | Junction | Negation) or not self.next_is(*_COMPARATORS, "BETWEEN", "IN"):
            return left
        self.operators += 1
        operator = self.take().word
        if operator == "IN":
            return Comparison(operator, (left, *self.operands()))
        right = self.operand()
        if operator != "BETWEEN":
            return Comparison(operator, (left, right))
        self.expect("AND")
        return Comparison(operator, (left, right, self.operand()))

    # Projections and updates

    def projection(self) -> tuple[Path, ...]:
        return self.separated(self.path)

    def update(self) -> Update:
        clauses: dict[str, tuple[Clause, ...]] = {}
        repeated = ""
        while not clauses or self.token.kind != END:
            if not self.next_is(*_CLAUSES):
                raise self.unexpected()
            section = self.take().word
            repeated = repeated or (section if section in clauses else "")
            clauses[section] = self.separated(_CLAUSE_PARSERS[section].__get__(self))
        if repeated:
            raise invalid(self.kind, f'The "{repeated}" section can only be used once in an update expression;')
        return Update(tuple((section, *clause) for section, found in clauses.items() for clause in found))

    def set_clause(self) -> Clause:
        path = self.path()
        self.expect("=")
        return path, self.set_value()

    def set_value(self) -> SetValue:
        left = self.group(self.set_value) if self.next_is("(") else self.operand()
        if isinstance(left, Arithmetic) or not self.next_is("+", "-"):
            return left
        self.operators += 1
        return Arithmetic(self.take().word, left, self.operand())

    def remove_clause(self) -> Clause:
        return self.path(), None

    def change_clause(self) -> Clause:
        return self.path(), self.placeholder()


_CLAUSE_PARSERS: dict[str, Callable[[_Parser], Clause]] = {
    "SET": _Parser.set_clause,
    "REMOVE": _Parser.remove_clause,
    "ADD": _Parser.change_clause,
    "DELETE": _Parser.change_clause,
}


def parse_condition(kind: str, text: str) -> Condition:
    """Parse a condition, filter or key condition; raises ``ServiceError`` with the service's text."""
    return _parse(kind, text, _Parser.condition)


def parse_projection(kind: str, text: str) -> tuple[Path, ...]:
    """Parse a projection; raises ``ServiceError`` with the service's text."""
    return _parse(kind, text, _Parser.projection)


def parse_update(kind: str, text: str) -> Update:
    """Parse an update; raises ``ServiceError`` with the service's text."""
    return _parse(kind, text, _Parser.update)


def _parse(kind: str, text: str, rule: Callable[[_Parser], _Tree]) -> _Tree:
    if not text:
        raise invalid(kind, "The expression can not be empty;")
    if (size := len(text.encode())) > MAXIMUM_LENGTH:
        raise invalid(kind, f"Expression size has exceeded the maximum allowed size; expression size: {size}")
    parser = _Parser(kind, text)
    tree = rule(parser)
    if parser.token.kind != END:
        raise parser.unexpected()
    if parser.operators > MAXIMUM_OPERATORS:
        # The service stops counting as soon as there are too many.
        detail = f"The expression contains too many operators; operator count: {MAXIMUM_OPERATORS + 1}"
        raise invalid(kind, detail)
    return tree
