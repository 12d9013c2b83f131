"""Decides what a drafted model file can say: one plain value, which :mod:`toctou.drafting.model_file` writes down.

Whatever a draft is made from (a template, an OpenAPI document, a recording of tests) ends in a :class:`Sketch`; nothing here
knows how it was found out, or how it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class Code(str):
    """The text of a Python expression, such as ``orders.app``; every other text is written as a literal."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table, as :class:`toctou.Table` takes it.

    Attributes:
        name: as the handlers name it.
        partition, sort: key attributes; one that is no string with its type, as ``position:N``.
        indexes: of each global secondary index its keys.
        definition: further parameters of ``CreateTable``, such as ``LocalSecondaryIndexes``.
    """

    name: str
    partition: str
    sort: str | None = None
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def keyed(cls, name: str, keys: Sequence[str], **more: Any) -> Table:
        """A table with these keys: one or two."""
        return cls(name, keys[0], keys[1] if len(keys) > 1 else None, **more)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key attributes, with their types."""
        return (self.partition,) if self.sort is None else (self.partition, self.sort)


@dataclass(frozen=True, slots=True)
class Declared:
    """A handler of the model: ``name = route("DELETE /orders/{order_id}", order_id=["o1"])``.

    Attributes:
        name: of the attribute; made an unused identifier when it is written.
        by: what declares it.
        subject: its first argument: the route, the source of the event, or the function as :class:`Code`.
        options: keyword arguments that are no pools: ``body``, ``function``, ``messages``, ``principals``, ``read_only``,
            ``redelivered``, …
        pools: the values of each argument.
    """

    name: str
    by: Literal["route", "event", "handler"]
    subject: str
    options: Mapping[str, Any] = field(default_factory=dict)
    pools: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sketch:
    """All that a drafted model file says.  What is empty, or ``None``, is not written, and is as :class:`toctou.Model` has it.

    Attributes:
        name: of the class; made an identifier when it is written.
        docstring: of the class.
        environment: variables that are set above the imports, unless they are set already.
        folders: that are put on ``sys.path``, relative to the model file.
        imports: lines of the handlers' code, such as ``from shop import orders``.
        tables, items: as in a model.
        principals: where they are not alice and bob.
        owner: the attribute that names the owner of an item.
        app, function: what serves the requests.
        service: or else the arguments of a :class:`toctou.Service`.
        api, caller, headers: how requests come, and how they say who calls.
        services, answers: other AWS services.
        handlers: in the order in which they are written.
        notes: comments for who completes the draft, by the attribute or handler above which they stand; by ``""`` above the
            class.  One where a person has to decide begins with ``TODO:``.  They may stand where there is no such attribute.
    """

    name: str
    docstring: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[str] = ()
    imports: Sequence[str] = ()
    tables: Sequence[Table] = ()
    items: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    principals: Sequence[str] = ()
    owner: str | None = None
    app: Code | None = None
    function: Code | None = None
    service: Mapping[str, Any] | None = None
    api: Literal["rest", "http", "url", "alb"] = "rest"
    caller: Code | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    services: Sequence[str] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    handlers: Sequence[Declared] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
