"""Names, paths, values and operands of a PartiQL statement, as placeholders of the API's expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from toctou.engine.number import normal_number
from toctou.engine.partiql.reserved import FUNCTIONS
from toctou.engine.partiql.statements import Statement, TypedValue
from toctou.engine.partiql.tokens import NUMBER, QUOTED, STRING, SYMBOL, WORD, Cursor, Token, malformed
from toctou.engine.service_error import ServiceError, validation
from toctou.engine.values import in_context, normal_value

ROOT = "root"
_LARGEST_EXPONENT = 2**31 - 1

_Found = TypeVar("_Found")


class Operand(NamedTuple):
    """An operand: its text, and the attribute's name, or the value with its placeholder, where it is one."""

    text: str
    attribute: str | None = None
    placeholder: str | None = None
    value: TypedValue | None = None


class OperandReader(Cursor):
    """Reads names, paths, values and operands, and collects their placeholders.

    Attributes:
        found: the statement, as far as it is read.
        fault: what is to be reported of it once all of it is read, and well formed.
    """

    __slots__ = ("_parameters", "_used", "fault", "found")

    def __init__(self, text: str, parameters: Sequence[TypedValue]) -> None:
        super().__init__(text)
        self._parameters = parameters
        self._used = 0
        self.found = Statement("", "")
        self.fault: ServiceError | None = None

    def name(self) -> str:
        """The name of an attribute or table."""
        token = self.token
        if token.kind == QUOTED:
            self.take(QUOTED)
        elif token.is_reserved:
            raise self.misplaced()
        else:
            self.take(WORD)
        if not token.text:
            raise validation("Path component cannot be an empty string")
        return token.text

    def path(self) -> tuple[str, list[str]]:
        """A document path: as an expression writes it, and its names (an index stays with the name before it)."""
        names = [self.name()]
        text = self._named(names[0])
        while self.next_is(".", "["):
            if self.accept("."):
                if self.token.kind not in (WORD, QUOTED) or self.token.is_reserved:
                    raise malformed("Invalid path dot component")
                names.append(self.name())
                text += f".{self._named(names[-1])}"
            else:
                self.expect("[")
                if self.token.kind == STRING:
                    names.append(self.take(STRING).text)
                    text += f".{self._named(names[-1])}"
                else:
                    index = self._index()
                    names.append(f"{names[-1]}[{index}]")
                    text += f"[{index}]"
                self.expect("]", "Expected RIGHT_BRACKET")
        return text, names

    def _index(self) -> str:
        token = self.token
        if self.accept("-"):
            number = self.take(NUMBER)
            detail = f"List index is not within the allowable range; index: [-{number.text}]"
            raise validation(detail + self.at(number))
        if self.accept("*"):
            raise validation(f"Wildcard path component like a[*].b are not supported{self.at(token)}")
        if token.kind != NUMBER or not token.text.isdigit():
            raise validation(f"Unexpected path component{self.at(token)}")
        return self.take(NUMBER).text

    def _named(self, name: str) -> str:
        names = self.found.names
        for placeholder, other in names.items():
            if other == name:
                return placeholder
        placeholder = f"#n{len(names)}"
        names[placeholder] = name
        return placeholder

    def placeholder(self, value: TypedValue) -> str:
        """A new placeholder for a value."""
        placeholder = f":v{len(self.found.values)}"
        self.found.values[placeholder] = value
        return placeholder

    def operand(self) -> Operand:
        """A value, a path, or the size of one of them."""
        if self.calls("size"):
            return Operand(f"size({self.arguments('size', 1)[0].text})")
        value = self.value()
        if value is not None:
            placeholder = self.placeholder(value)
            return Operand(placeholder, placeholder=placeholder, value=value)
        token = self.token
        if (
            token.kind == WORD
            and self.following.text == "("
            and (not token.is_reserved or token.text.upper() in FUNCTIONS)
        ):
            return self._unrecognized()
        path, names = self.path()
        return Operand(path, attribute=names[0] if len(names) == 1 else None)

    def arguments(self, function: str, count: int) -> list[Operand]:
        """The operands of a function, which must be so many."""
        operands = self.called(function, self.operand)
        if len(operands) != count:
            detail = f"operator or function: {function}, number of operands: {len(operands)}"
            raise validation(f"Incorrect number of operands for operator or function; {detail}")
        return operands

    def _unrecognized(self) -> Operand:
        """Take the call of a function that there is not."""
        token = self.take(WORD)
        self.expect("(")
        if not self.next_is(")"):
            self.separated(self.operand)
        self.close()
        self.fault = self.fault or validation(f"Unrecognized function: {token.text.lower()}{self.at(token)}")
        return Operand(token.text)

    def called(self, function: str, argument: Callable[[], _Found]) -> list[_Found]:
        """The arguments of a call of this function."""
        self.expect(function.upper())
        self.expect("(")
        found = [] if self.next_is(")") else self.separated(argument)
        self.close()
        return found

    def close(self) -> None:
        """Take the parenthesis that ends something."""
        self.expect(")", "Expected RIGHT_PAREN")

    def separated(self, element: Callable[[], _Found]) -> list[_Found]:
        """One or more of these, with commas between them."""
        found = [element()]
        while self.accept(","):
            found.append(element())
        return found

    # Values

    def value(self, place: str = ROOT) -> TypedValue | None:
        """A literal or a parameter; ``None`` if something else comes next.  ``place`` says where in a value it stands."""
        kind, text, *_ = self.token
        if kind == STRING:
            return {"S": self.take(STRING).text}
        if kind == NUMBER or (kind == SYMBOL and text in "+-" and self.following.kind == NUMBER):
            sign = "-" if self.accept("-") else ""
            self.accept("+")
            return {"N": self._number(sign, place)}
        if kind == WORD and text.upper() in ("TRUE", "FALSE", "NULL"):
            self.take(WORD)
            return {"NULL": True} if text.upper() == "NULL" else {"BOOL": text.upper() == "TRUE"}
        if self.accept("?"):
            return self._parameter()
        if self.accept("["):
            return {"L": self._elements("]", place)}
        if self.next_is("<<"):
            return self._set(place)
        return {"M": self._members(place, lambda name: f"{place}.{name}")} if self.accept("{") else None

    def _number(self, sign: str, place: str) -> str:
        token = self.take(NUMBER)
        text = token.text
        mantissa, _, exponent = text.lower().partition("e")
        scale = len(mantissa.partition(".")[2])
        if exponent and not -_LARGEST_EXPONENT <= int(exponent) - scale <= int(exponent) <= _LARGEST_EXPONENT:
            raise malformed()
        try:
            number = normal_number(sign + text)
        except ServiceError as error:
            raise in_context(error, "", f" under {place}") from None
        if number == "0" and sign and "." in text:
            raise validation(f"Negative zero decimal is not supported under key {_dotted(place)}{self.at(token)}")
        return number

    def _parameter(self) -> TypedValue:
        if self._used >= len(self._parameters):
            raise validation("Number of parameters in request and statement don't match.")
        self._used += 1
        return normal_value(self._parameters[self._used - 1])

    def _elements(self, closing: str, place: str) -> list[TypedValue]:
        found: list[TypedValue] = []
        if self.accept(closing):
            return found
        while True:
            found.append(self._required(f"{place}[{len(found)}]", place))
            if not self.accept(","):
                self.expect(closing)
                return found

    def _required(self, place: str, key: str) -> TypedValue:
        token = self.token
        if token.text == "?" and token.kind == SYMBOL and place != ROOT:
            raise validation(f"Unsupported data type: Parameter under key {_dotted(place)}{self.at(token)}")
        value = self.value(place)
        if value is None:
            if token.kind == WORD and (self.following.text == "(" or token.text.upper() == "MISSING"):
                raise validation(f"Unsupported data type: {token.text} under key {key}{self.at(token)}")
            raise self.misplaced()
        return value

    def _set(self, place: str) -> TypedValue:
        opening = self.token
        self.expect("<<")
        if self.next_is(">>"):
            raise validation(f"Empty bags are not supported{self.at(opening)}")
        kinds: set[str] = set()
        members: list[str] = []
        while True:
            token = self.token
            ((kind, content),) = self._required(place, place).items()
            kinds.add(kind)
            if len(kinds) > 1 or not kinds <= {"S", "N", "B"}:
                detail = "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"
                raise validation(detail + self.at(token))
            members.append(content)
            if not self.accept(","):
                self.expect(">>")
                return {f"{kind}S": members}

    def item(self) -> dict[str, TypedValue]:
        """The item of an insert, after its opening brace; each of its attributes is a root of its own in errors."""
        return self._members(ROOT, lambda _: ROOT)

    def _members(self, place: str, inner: Callable[[str], str]) -> dict[str, TypedValue]:
        found: dict[str, TypedValue] = {}
        if self.accept("}"):
            return found
        while True:
            token = self._key(place)
            if token.text in found:
                raise validation(f"Duplicate keys in tuple. Key: {token.text} under {place}{self.at(token)}")
            self.expect(":")
            found[token.text] = self._required(inner(token.text), place)
            if not self.accept(","):
                self.expect("}")
                return found

    def _key(self, place: str) -> Token:
        token = self.token
        if token.kind != STRING:
            actual = "Parameter" if token.text == "?" else "VariableReference" if token.kind == WORD else None
            if actual is None:
                raise self.misplaced()
            raise validation(f"Tuple keys must be of type String. Actual type: {actual} under {place}{self.at(token)}")
        if not token.text:
            raise validation("Path component cannot be an empty string")
        return self.take(STRING)


def _dotted(place: str) -> str:
    return place.replace("[", ".").replace("]", "")
