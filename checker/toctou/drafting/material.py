"""What the sources of a draft have found out: tables, functions, routes, events, an application; several sources add to one.

A source says what stands in its document and guesses nothing; :mod:`toctou.drafting.composing` decides what a model makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from toctou.drafting.sketch import Table
from toctou.openapi.operations import Operation
from toctou.openapi.references import Place

ANY = "ANY"
"""The method of a route that takes every one, so that what it serves stands elsewhere."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What is imported from a team's code: a Lambda function, or an application.

    Attributes:
        folder: from which its module is imported where it is deployed.
        module: dotted, from there.
        attribute: of the module.
        libraries: further folders to import from, such as those of layers.
    """

    folder: Path
    module: str
    attribute: str
    libraries: tuple[Path, ...] = ()

    @property
    def file(self) -> Path | None:
        """Its file, if there is one."""
        base = self.folder.joinpath(*self.module.split("."))
        return next((one for one in (base.with_name(f"{base.name}.py"), base / "__init__.py") if one.is_file()), None)


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path of an API, and the function behind it; ``None`` for the application."""

    method: str
    path: str
    function: Imported | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event source of a function.

    Attributes:
        source: as :func:`toctou.event` names it.
        content: what is known of the events: the queue, the table, the bucket.
    """

    source: Literal["sqs", "dynamodb", "eventbridge", "s3"]
    function: Imported
    content: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(slots=True)
class Material:
    """All that is known, from all sources.

    Attributes:
        title: of the service.
        origins: the files it was found in.
        environment: variables of the functions.
        unknown: variables whose value could not be found out, with the reason.
        application: the WSGI or ASGI application, or the Chalice application.
        operations, schemas: of an OpenAPI document.
        api: what stands before the functions, if that is known.
        notes: what a person has to know, about nothing else in particular.
    """

    title: str = ""
    origins: list[Path] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    application: Imported | None = None
    operations: list[Operation] = field(default_factory=list)
    schemas: dict[str, Place] = field(default_factory=dict)
    api: Literal["rest", "http", "url", "alb"] | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, other: Material) -> None:
        """Take in what another source has found; what was there first wins where both say one thing."""
        self.title = self.title or other.title
        self.origins += other.origins
        self.tables += [one for one in other.tables if one.name not in {known.name for known in self.tables}]
        self.routes += [one for one in other.routes if one not in self.routes]
        self.events += other.events
        self.environment = other.environment | self.environment
        self.unknown = other.unknown | self.unknown
        self.application = self.application or other.application
        self.operations += other.operations
        self.schemas = other.schemas | self.schemas
        self.api = self.api or other.api
        self.notes += other.notes

    @property
    def functions(self) -> Sequence[Imported]:
        """The Lambda functions, each once."""
        found = [*(one.function for one in self.routes if one.function), *(one.function for one in self.events)]
        return list(dict.fromkeys(found))
