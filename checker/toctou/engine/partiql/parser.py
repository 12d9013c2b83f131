"""From the text of a PartiQL statement to what it says.

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.statements.html; for texts of errors see
``tokens``, and the answers of Amazon's DynamoDB Local.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toctou.engine.number import added, subtracted
from toctou.engine.partiql.conditions import ConditionReader
from toctou.engine.partiql.operands import Operand
from toctou.engine.partiql.statements import Statement, TypedValue
from toctou.engine.partiql.tokens import END, NUMBER, QUOTED, STRING, SYMBOL, WORD, malformed
from toctou.engine.service_error import ServiceError, validation

_RETURNING = {
    ("ALL", "OLD"): "ALL_OLD",
    ("ALL", "NEW"): "ALL_NEW",
    ("MODIFIED", "OLD"): "UPDATED_OLD",
    ("MODIFIED", "NEW"): "UPDATED_NEW",
}
_UPDATES = {"set_add": "ADD", "set_delete": "DELETE"}
_FUNCTIONS = ("list_append", "if_not_exists")
_SETS = frozenset({"SS", "NS", "BS"})
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_ARITHMETIC = ("+", "-", "*", "/", "%")
_MOST_OPERANDS = 2
_UNEXPECTED = "Unexpected path component"


def parsed(text: str, parameters: Sequence[TypedValue]) -> Statement:
    """Parse a statement.

    Args:
        parameters: the values of its question marks, in order.

    Raises:
        ServiceError: it is malformed, or has more question marks than there are parameters.
    """
    parser = _Parser(text, parameters)
    try:
        return parser.parsed()
    except ServiceError as fault:
        if parser.is_balanced() or fault.message.startswith(malformed().message):
            raise
        raise malformed() from None  # which is reported before what is wrong with any part of it


class _Parser(ConditionReader):
    __slots__ = ()

    def parsed(self) -> Statement:
        found = self.found
        if self.accept("EXISTS", "("):
            self.expect("SELECT")
            self.select()
            self.close()
            found.kind = "EXISTS"
        elif self.accept("SELECT"):
            self.select()
        elif self.accept("INSERT", "INTO"):
            self.insert()
        elif self.accept("UPDATE"):
            self.update()
        elif self.accept("DELETE"):
            self.delete()
        elif self.accept("FROM"):
            self.update_from()
        else:
            raise self.no_statement()
        if self.token.kind != END:
            raise malformed("Unexpected token after expression")
        if self.fault is not None:
            raise self.fault
        return found

    def no_statement(self) -> ServiceError:
        """What is said of an expression, or of nothing at all, in the place of a statement."""
        kind = self.token.kind
        if kind in (END, SYMBOL) or self.token.is_reserved:
            return self.misplaced()
        if self.following.kind == END:
            return validation(
                f"Unsupported operation: {'Literal' if kind in (NUMBER, STRING) else 'VariableReference'}"
            )
        if self.following.text in _ARITHMETIC and kind == WORD:
            return malformed("Expected data manipulation")
        return malformed("Unexpected token after expression")

    # Statements

    def select(self) -> None:
        found = self.found
        found.kind = "SELECT"
        if self.next_is("DISTINCT"):
            raise validation("Unsupported token in expression: DISTINCT")
        if self.next_is("VALUE"):
            raise validation("Select projection doesn't support value or pivot keywords")
        if not self.accept("*"):
            found.columns = self.separated(self.column)
            self.check_columns()
        self.expect("FROM")
        self.source()
        if self.next_is(","):
            raise validation("Only select from a single table or index is supported.")
        self.where()
        if self.accept("GROUP", "BY"):
            raise validation("Unsupported clause: GROUP BY")
        if self.next_is("HAVING"):
            raise validation(f"Unsupported clause: HAVING{self.at(self.following)}")
        if self.accept("ORDER", "BY"):
            found.order = self.separated(self.ordering)
        if self.next_is("LIMIT"):
            raise validation(f"Unsupported clause: LIMIT{self.at(self.following)}")

    def column(self) -> tuple[str, str]:
        token = self.token
        if token.kind in (NUMBER, STRING) or (token.kind == WORD and self.following.text == "("):
            raise validation(_UNEXPECTED + self.at(token))
        text, names = self.path()
        if self.next_is(*_ARITHMETIC):
            raise validation(_UNEXPECTED + self.at(self.token))
        if self.accept("AS") or (self.is_alias() and self.following.text.upper() in (",", "FROM")):
            raise validation("Aliasing is not supported")
        return names[-1], text

    def check_columns(self) -> None:
        seen = set()
        for name, _ in self.found.columns:
            if name in seen:
                raise validation(f"Duplicate identifiers in select clause: {name}")
            seen.add(name)

    def is_alias(self) -> bool:
        return self.token.kind == QUOTED or (self.token.kind == WORD and not self.token.is_reserved)

    def ordering(self) -> tuple[str, bool]:
        attribute = self.name()
        descending = self.accept("DESC")
        if not descending:
            self.accept("ASC")
        return attribute, descending

    def insert(self) -> None:
        self.found.kind = "INSERT"
        self.table()
        if self.found.index is not None:
            raise validation("FROM clause may only contain a single table name in data manipulation statements")
        if self.next_is("VALUES", "<<", "("):
            raise validation("Unsupported operation: InsertOp")
        self.expect("VALUE", "Unexpected token after expression" if self.is_alias() else None)
        token = self.token
        if token.kind == END:
            raise self.misplaced()
        if not self.accept("{"):
            raise validation(
                "Unsupported format in item expression. Please use struct format {...} to express item values for "
                f"insert statement.{self.at(token)}"
            )
        self.found.item = self.item()
        if self.next_is("RETURNING"):
            raise validation("RETURNING is not supported in INSERT")

    def update(self) -> None:
        self.found.kind = "UPDATE"
        self.changed_table()
        self.clauses()
        self.where()
        self.returning()

    def update_from(self) -> None:
        """The form of an update that begins with ``FROM``."""
        self.found.kind = "UPDATE"
        self.changed_table()
        self.where()
        self.clauses()
        self.returning()

    def clauses(self) -> None:
        clauses = self.found.clauses
        while self.next_is("SET", "REMOVE"):
            if self.accept("SET"):
                self.separated(self.assignment)
            else:
                self.expect("REMOVE")
                clauses.setdefault("REMOVE", []).append(self.path()[0])
        if not clauses:
            raise malformed("Expected data manipulation")

    def delete(self) -> None:
        self.found.kind = "DELETE"
        self.expect("FROM", "Expected FROM after DELETE")
        self.changed_table()
        self.where()
        self.returning()

    def source(self) -> None:
        if self.next_is("(", "?"):
            raise validation("Unexpected from source")
        self.components()
        if self.accept("AS") or self.is_alias():
            raise validation("Aliasing is not supported")

    def changed_table(self) -> None:
        self.table()
        if self.found.index is not None:
            raise validation("This operation is not supported on an index")
        if self.accept("AS") or self.is_alias():
            raise validation("Aliasing is not supported")

    def table(self) -> None:
        if self.token.kind not in (WORD, QUOTED) or self.token.is_reserved:
            raise malformed("Expected identifier for simple path")
        self.components()

    def components(self) -> None:
        """A table, and an index if one is named."""
        names = [self.name()]
        while self.accept("."):
            names.append(self.name())
        if len(names) > _MOST_OPERANDS:
            raise validation("A path may contain at most 2 components in the FROM clause")
        if _TABLE_NAME.fullmatch(names[0]) is None:
            raise validation(
                "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'."
            )
        self.found.table = names[0]
        self.found.index = names[1] if len(names) > 1 else None

    def where(self) -> None:
        if self.accept("WHERE"):
            self.found.where = self.condition()

    def returning(self) -> None:
        if not self.accept("RETURNING"):
            return
        for (which, age), wanted in _RETURNING.items():
            if self.accept(which, age):
                if not self.accept("*"):
                    raise validation("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")
                self.found.returning = wanted
                return
        raise malformed()

    # Assignments

    def assignment(self) -> None:
        path, _ = self.path()
        self.expect("=")
        for function, section in _UPDATES.items():
            if self.calls(function):
                self.found.clauses.setdefault(section, []).append(f"{path} {self.set_operand(function, path)}")
                return
        self.found.clauses.setdefault("SET", []).append(f"{path} = {self.sum()}")

    def set_operand(self, function: str, path: str) -> str:
        """What a set function adds to or deletes from the attribute that it is assigned to."""
        call, name = self.token, function.upper()
        self.expect(name)
        self.expect("(")
        first = self.token
        operands = [] if self.next_is(")") else self.separated(self.set_argument)
        self.close()
        if len(operands) != _MOST_OPERANDS:
            raise validation(f"{name} must have exactly two arguments{self.at(call)}")
        own, other = operands
        if own.text != path:
            raise validation(f"The first argument to {name} must equal the assignment value{self.at(call)}")
        if other.value is None or _SETS.isdisjoint(other.value):
            raise validation(f"The second argument to {name} must be a value with type SET{self.at(first)}")
        return other.text

    def set_argument(self) -> Operand:
        if self.next_is("<<") and self.following.text == ">>":
            raise validation("Empty bags are not supported")
        return self.operand()

    def sum(self) -> str:
        """Terms with ``+`` and ``-`` between them; numbers after the first term are made one, for there may be but two."""
        text, rest, constant = self.summand().text, "", None
        while self.next_is(*_ARITHMETIC):
            operator = self.take(SYMBOL).text
            if operator not in ("+", "-"):
                raise validation(f"Unsupported operator in Update Expression. Operator: {operator}")
            term = self.summand()
            if term.placeholder is not None and term.value is not None and "N" in term.value:
                del self.found.values[term.placeholder]
                combine = added if operator == "+" else subtracted
                constant = combine(constant or "0", term.value["N"])
            elif rest:
                raise malformed()
            else:
                rest = f" {operator} {term.text}"
        if constant is None:
            return text + rest
        if rest:
            raise malformed()
        return f"{text} + {self.placeholder({'N': constant})}"

    def summand(self) -> Operand:
        if self.accept("("):
            inner = self.sum()
            self.close()
            return Operand(inner)
        for function in _FUNCTIONS:
            if self.calls(function):
                operands = self.called(function, self.summand)
                return Operand(f"{function}({', '.join(operand.text for operand in operands)})")
        return self.operand()
