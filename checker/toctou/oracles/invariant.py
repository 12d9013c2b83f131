"""Decides whether a predicate of the model holds of the stored items: at the end, or after every operation.

``at="every_step"`` demands more than most handlers promise: it judges the items between two operations of a request, and the
initial ones, since an invariant that is false before any request is a fault of the model.  ``at="end"`` judges only what is
stored when every request has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from toctou.errors import ModelError
from toctou.history.finding import Finding
from toctou.history.item import Image, plain
from toctou.history.operation import Execution
from toctou.history.wording import change_text, who
from toctou.oracles.oracle import Observes, Oracle, Ordered, ask
from toctou.specification import StoredItems

Tables = Mapping[str, list[dict[str, Any]]]
"""Table name to its plain items; ordered by key at the end, in no particular order at a step in between."""

Predicate = Callable[..., bool | str]
"""Of :data:`Tables`, and of what else it asks for by name; ``True`` (or ``""``) if it holds; ``False``, or a text that explains
the violation, if not."""

MORE = ("responses", "requests")
"""What a predicate at the end may take besides: lists, in the same order."""


class Invariant(Oracle):
    """A predicate on the stored items.

    Args:
        name: such as ``stock_never_negative``.
        predicate: on the stored items.
        at: ``end``, or ``every_step`` for after each operation.
        meaning: the rule as a sentence, for reports; ``""`` if the model has none.
        takes: which of :data:`MORE` the predicate takes.
    """

    def __init__(
        self,
        name: str,
        predicate: Predicate,
        at: Literal["end", "every_step"] = "end",
        meaning: str = "",
        takes: Collection[str] = (),
    ) -> None:
        self._takes = [one for one in MORE if one in takes]
        self.name = name
        self.predicate = predicate
        self.at = at
        self.meaning = meaning
        self.prefix_closed = at == "every_step"
        # Each order of two writes has another state between them.
        self.observes = Observes(order=Ordered.WRITES if self.prefix_closed else Ordered.NONE)

    def rule(self, execution: Execution) -> Callable[[StoredItems], Any]:
        """The predicate."""
        return partial(self.predicate, **self._more(execution))

    def _more(self, execution: Execution) -> dict[str, Any]:
        return {name: list(getattr(execution, name)) for name in self._takes}

    def judge(self, execution: Execution) -> Iterable[Finding]:
        """At most one finding: the first step after which the predicate does not hold.

        Raises:
            ModelError: the predicate raised, returned neither a truth value nor a text, or is false at the start.
        """
        return self._at_end(execution) if self.at == "end" else self._at_every_step(execution)

    def _at_end(self, execution: Execution) -> Iterator[Finding]:
        wrong = self._complaint(plain_tables(execution.final), self._more(execution))
        if wrong is not None:
            involved = {one.request for one in execution.operations if one.changes}
            if self._takes:
                involved |= set(range(len(execution.requests)))
            statement = f"afterwards the rule {self.name} is broken{wrong}"
            yield Finding(self.name, statement, requests=tuple(sorted(involved)), own=True)

    def _at_every_step(self, execution: Execution) -> Iterator[Finding]:
        tables = {table: list(images) for table, images in execution.initial.items()}
        if self._complaint(plain_tables(tables)) is not None:
            raise ModelError(
                f"the invariant {self.name!r} does not hold of the items that the model starts with",
                expected="a predicate that is true before any request has run",
                cause="the predicate is about the outcome only",
                remedy='declare it with at="end", or correct the initial items',
            )
        for position, operation in enumerate(execution.operations):
            if not operation.changes:  # the state is as judged before
                continue
            # The changes of one operation are applied together, because an operation is atomic.
            for change in operation.changes:
                applied(tables.setdefault(change.item.table, []), change.before, change.after)
            wrong = self._complaint(plain_tables(tables))
            if wrong is not None:
                actor = who(execution.requests, operation.request)
                yield Finding(
                    self.name,
                    f"the rule {self.name} is broken once {actor}'s {operation.action} "
                    f"{change_text(operation.changes[0])}{wrong}",
                    requests=(operation.request,),
                    operations=(position,),
                    own=True,
                )
                return

    def _complaint(self, tables: Tables, more: Mapping[str, Any] | None = None) -> str | None:
        """``None`` if the predicate holds, else what to append to the statement."""
        predicate = partial(self.predicate, **more) if more else self.predicate
        answer = ask(f"the invariant {self.name!r}", predicate, tables)
        match answer:
            case True | "":
                return None
            case False:
                return f" (“{self.meaning}”)" if self.meaning else ""
            case str():
                return f": {answer}"
            case _:
                raise ModelError(
                    f"the invariant {self.name!r} answered {answer!r}",
                    expected="True, False, or a text that says what is wrong",
                    cause="a return statement is missing" if answer is None else "",
                    remedy="let the predicate return a truth value in every case",
                )


def plain_tables(tables: Mapping[str, Sequence[Image]]) -> dict[str, list[dict[str, Any]]]:
    """Stored items as functions of a model get them."""
    return {table: [plain(image) for image in images] for table, images in tables.items()}


def applied(images: list[Image], before: Image | None, after: Image | None) -> None:
    """Apply one change to the items of its table."""
    if before is not None:
        images.remove(before)
    if after is not None:
        images.append(after)
