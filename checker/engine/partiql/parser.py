"""From the text of a PartiQL statement to what it says.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.statements.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from checker.engine.partiql.statements import Statement, Term, TypedValue
from checker.engine.partiql.tokens import END, NUMBER, QUOTED, STRING, SYMBOL, WORD, Cursor
from checker.engine.service_error import ServiceError, validation

_COMPARATORS = ("=", "<>", "!=", "<=", ">=", "<", ">")
_PREDICATES = ("begins_with", "contains", "attribute_type")
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_RETURNING = {
    ("ALL", "OLD"): "ALL_OLD",
    ("ALL", "NEW"): "ALL_NEW",
    ("MODIFIED", "OLD"): "UPDATED_OLD",
    ("MODIFIED", "NEW"): "UPDATED_NEW",
}

_Found = TypeVar("_Found")


def parsed(text: str, parameters: Sequence[TypedValue]) -> Statement:
    """Parse a statement.

    Args:
        text: the statement.
        parameters: what stands for its question marks, in order.

    Raises:
        ServiceError: it is malformed, or has more question marks than there are parameters.
    """
    return _Parser(text, parameters).parsed()


class _Operand:
    """An operand of a condition: its text, and the attribute's name or the value where it is one."""

    __slots__ = ("attribute", "placeholder", "text", "value")

    def __init__(
        self, text: str, attribute: str | None = None, placeholder: str | None = None, value: TypedValue | None = None
    ) -> None:
        self.text = text
        self.attribute = attribute
        self.placeholder = placeholder
        self.value = value


class _Parser(Cursor):
    __slots__ = ("_found", "_parameters", "_used")

    def __init__(self, text: str, parameters: Sequence[TypedValue]) -> None:
        super().__init__(text)
        self._parameters = parameters
        self._used = 0
        self._found = Statement("", "")

    def parsed(self) -> Statement:
        found = self._found
        if self.accept("EXISTS", "("):
            self.expect("SELECT")
            self.select()
            self.expect(")")
            found.kind = "EXISTS"
        elif self.accept("SELECT"):
            self.select()
        elif self.accept("INSERT", "INTO"):
            self.insert()
        elif self.accept("UPDATE"):
            self.update()
        elif self.accept("DELETE", "FROM"):
            self.delete()
        else:
            raise self.malformed()
        if self.token.kind != END:
            raise self.malformed()
        return found

    # Statements

    def select(self) -> None:
        found = self._found
        found.kind = "SELECT"
        if not self.accept("*"):
            found.columns = self.separated(self.column)
        self.expect("FROM")
        self.source()
        self.where()
        if self.accept("ORDER", "BY"):
            attribute = self.name()
            found.order = (attribute, self.accept("DESC"))
            self.accept("ASC")

    def column(self) -> tuple[str, str]:
        text, names = self.path()
        if self.accept("AS"):
            raise validation("Aliasing is not supported")
        return names[-1], text

    def insert(self) -> None:
        self._found.kind = "INSERT"
        self.source()
        self.expect("VALUE")
        value = self.value() if self.next_is("{") else None
        if value is None:
            raise validation(
                "Unsupported format in item expression. Please use struct format {...} to express item values for "
                "insert statement."
            )
        self._found.item = value["M"]

    def update(self) -> None:
        found = self._found
        found.kind = "UPDATE"
        self.source()
        while self.next_is("SET", "REMOVE"):
            if self.accept("SET"):
                self.separated(self.assignment)
            else:
                self.expect("REMOVE")
                found.clauses.setdefault("REMOVE", []).extend(self.separated(lambda: self.path()[0]))
        if not found.clauses:
            raise self.malformed()
        self.where()
        self.returning()

    def assignment(self) -> None:
        path, _ = self.path()
        self.expect("=")
        clauses = self._found.clauses
        for function, section in (("set_add", "ADD"), ("set_delete", "DELETE")):
            if self.next_is(function.upper()) and self.following.text == "(":
                self.expect(function.upper(), "(")
                own, _ = self.path()
                self.expect(",")
                operand = self.operand()
                self.expect(")")
                if own != path or operand.placeholder is None:
                    raise self.malformed()
                clauses.setdefault(section, []).append(f"{path} {operand.text}")
                return
        clauses.setdefault("SET", []).append(f"{path} = {self.set_value()}")

    def set_value(self) -> str:
        text = self.set_operand()
        while self.next_is("+", "-"):
            operator = "+" if self.accept("+") else "-"
            self.accept("-")
            text = f"{text} {operator} {self.set_operand()}"
        return text

    def set_operand(self) -> str:
        for function in ("list_append", "if_not_exists"):
            if self.next_is(function.upper()) and self.following.text == "(":
                self.expect(function.upper(), "(")
                operands = self.separated(self.set_operand)
                self.expect(")")
                return f"{function}({', '.join(operands)})"
        return self.operand().text

    def delete(self) -> None:
        self._found.kind = "DELETE"
        self.source()
        self.where()
        self.returning()

    def source(self) -> None:
        self._found.table = self.name()
        if self.accept("."):
            self._found.index = self.name()

    def where(self) -> None:
        if self.accept("WHERE"):
            self._found.where = self.disjunction()

    def returning(self) -> None:
        if not self.accept("RETURNING"):
            return
        for (which, age), wanted in _RETURNING.items():
            if self.accept(which, age, "*"):
                self._found.returning = wanted
                return
        raise self.malformed()

    # Conditions

    def disjunction(self) -> Term:
        terms = [self.conjunction()]
        while self.accept("OR"):
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else Term(" OR ".join(map(_grouped, terms)), compound=True)

    def conjunction(self) -> Term:
        terms = [self.negation()]
        while self.accept("AND"):
            terms.append(self.negation())
        if len(terms) == 1:
            return terms[0]
        flat = tuple(part for term in terms for part in term.parts)
        return Term(joined(flat), compound=True, conjuncts=flat)

    def negation(self) -> Term:
        if self.accept("NOT"):
            return Term(f"NOT {_grouped(self.negation())}")
        return self.predicate()

    def predicate(self) -> Term:
        if self.accept("("):
            inner = self.disjunction()
            self.expect(")")
            return inner
        for function in _PREDICATES:
            if self.next_is(function.upper()) and self.following.text == "(":
                return self.function(function)
        left = self.operand()
        for operator in _COMPARATORS:
            if self.accept(operator):
                return _compared(left, "<>" if operator == "!=" else operator, self.operand())
        if self.accept("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            high = self.operand()
            return _ranged(f"{left.text} BETWEEN {low.text} AND {high.text}", left, "BETWEEN", (low, high))
        if self.accept("IN"):
            return Term(f"{left.text} IN ({', '.join(self.options())})")
        self.expect("IS")
        wanted = not self.accept("NOT")
        if self.accept("MISSING"):
            return Term(f"attribute_{'not_' if wanted else ''}exists({left.text})")
        self.expect("NULL")
        kind = self.placeholder({"S": "NULL"})
        return Term(f"{'' if wanted else 'NOT '}attribute_type({left.text}, {kind})")

    def function(self, function: str) -> Term:
        self.expect(function.upper(), "(")
        first = self.operand()
        self.expect(",")
        second = self.operand()
        self.expect(")")
        text = f"{function}({first.text}, {second.text})"
        return _ranged(text, first, function, (second,)) if function == "begins_with" else Term(text)

    def options(self) -> list[str]:
        closing = ")" if self.accept("(") else "]"
        if closing == "]":
            self.expect("[")
        options = self.separated(lambda: self.operand().text)
        self.expect(closing)
        return options

    def operand(self) -> _Operand:
        if self.next_is("SIZE") and self.following.text == "(":
            self.expect("SIZE", "(")
            path, _ = self.path()
            self.expect(")")
            return _Operand(f"size({path})")
        value = self.value()
        if value is not None:
            placeholder = self.placeholder(value)
            return _Operand(placeholder, placeholder=placeholder, value=value)
        path, names = self.path()
        return _Operand(path, attribute=names[0] if len(names) == 1 else None)

    # Names and values

    def name(self) -> str:
        return self.take(QUOTED if self.token.kind == QUOTED else WORD)

    def path(self) -> tuple[str, list[str]]:
        """A document path: as an expression writes it, and its names (an index stays with the name before it)."""
        names = [self.name()]
        text = self.named(names[0])
        while self.next_is(".", "["):
            if self.accept("."):
                names.append(self.name())
                text += f".{self.named(names[-1])}"
            else:
                self.expect("[")
                index = self.take(NUMBER)
                self.expect("]")
                names.append(f"{names[-1]}[{index}]")
                text += f"[{index}]"
        return text, names

    def named(self, name: str) -> str:
        names = self._found.names
        for placeholder, other in names.items():
            if other == name:
                return placeholder
        placeholder = f"#n{len(names)}"
        names[placeholder] = name
        return placeholder

    def placeholder(self, value: TypedValue) -> str:
        placeholder = f":v{len(self._found.values)}"
        self._found.values[placeholder] = value
        return placeholder

    def value(self) -> TypedValue | None:
        """A literal or a parameter; ``None`` if something else comes next."""
        kind, text = self.token
        if kind == STRING:
            return {"S": self.take(STRING)}
        if kind == NUMBER or (text == "-" and kind == SYMBOL):
            sign = "-" if self.accept("-") else ""
            return {"N": sign + self.take(NUMBER)}
        if kind == WORD and text.upper() in ("TRUE", "FALSE", "NULL"):
            self.take(WORD)
            return {"NULL": True} if text.upper() == "NULL" else {"BOOL": text.upper() == "TRUE"}
        if self.accept("?"):
            return self.parameter()
        if self.accept("["):
            return {"L": self.elements("]")}
        if self.accept("<<"):
            return self.set_of(self.elements(">>"))
        return {"M": self.members()} if self.accept("{") else None

    def parameter(self) -> TypedValue:
        if self._used >= len(self._parameters):
            raise validation("Number of parameters in request and statement don't match.")
        self._used += 1
        return self._parameters[self._used - 1]

    def elements(self, closing: str) -> list[TypedValue]:
        if self.accept(closing):
            return []
        found = self.separated(self.required_value)
        self.expect(closing)
        return found

    def required_value(self) -> TypedValue:
        value = self.value()
        if value is None:
            raise self.malformed()
        return value

    def set_of(self, members: list[TypedValue]) -> TypedValue:
        kinds = {kind for member in members for kind in member}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            raise self.malformed()
        (kind,) = kinds
        return {f"{kind}S": [member[kind] for member in members]}

    def members(self) -> dict[str, TypedValue]:
        found: dict[str, TypedValue] = {}
        while not self.accept("}"):
            name = self.take(STRING)
            self.expect(":")
            found[name] = self.required_value()
            if not self.next_is("}"):
                self.expect(",")
        return found

    def separated(self, element: Callable[[], _Found]) -> list[_Found]:
        found = [element()]
        while self.accept(","):
            found.append(element())
        return found


def joined(terms: Sequence[Term]) -> str:
    """The conditions joined by ``AND``."""
    return " AND ".join(map(_grouped, terms)) if len(terms) > 1 else terms[0].text


def _grouped(term: Term) -> str:
    return f"({term.text})" if term.compound else term.text


def _compared(left: _Operand, operator: str, right: _Operand) -> Term:
    text = f"{left.text} {operator} {right.text}"
    if left.value is not None:
        left, right, operator = right, left, _FLIPPED[operator]
    return _ranged(text, left, operator, (right,))


def _ranged(text: str, attribute: _Operand, operator: str, operands: tuple[_Operand, ...]) -> Term:
    if attribute.attribute is None or any(operand.value is None for operand in operands):
        return Term(text)
    return Term(
        text,
        attribute=attribute.attribute,
        operator=operator,
        operands=tuple(operand.value for operand in operands if operand.value is not None),
        placeholders=tuple(operand.placeholder for operand in operands if operand.placeholder is not None),
    )


def empty_statement() -> ServiceError:
    """The error for a call without statements."""
    return validation("The statement was empty.")
