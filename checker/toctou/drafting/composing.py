"""Decides what a model makes of all that was found out: the sketch of its file.

What stands in a document is taken; what does not is guessed from the code of the handlers and from names, and where even that
says nothing, a note asks the person who completes the draft.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from toctou.drafting.code_files import files_of
from toctou.drafting.importing import imports_of
from toctou.drafting.material import Material
from toctou.drafting.names import singular
from toctou.drafting.requests import Requesting
from toctou.drafting.sketch import Code, Sketch, Table
from toctou.drafting.source_hints import Hints, hints_of
from toctou.drafting.stored import stored
from toctou.errors import letters
from toctou.openapi.request import credentials

_SERVICES = frozenset(
    {
        "sqs",
        "sns",
        "s3",
        "events",
        "ssm",
        "secretsmanager",
        "stepfunctions",
        "cognito-idp",
        "kms",
        "lambda",
        "ses",
        "kinesis",
    }
)
"""What models name in ``services``; others need an answer."""

_PERSONAL = ("user", "sub", "cognito:username", "username", "email", "principal", "userid", "user_id")


def sketch_of(material: Material, output: Path, service: Mapping[str, Any] | None = None) -> Sketch:
    """The sketch of a model.

    Args:
        output: the file that it is for.
        service: the arguments of a :class:`toctou.Service` that serves the routes instead of functions.
    """
    functions = [] if service is not None else list(material.functions)
    imported = [*functions, *([material.application] if material.application is not None and service is None else [])]
    hints = hints_of(files_of(imported))
    tables, named = _tables(material, hints)
    environment = _environment(material, hints, tables) | named
    collections = [part for one in _paths(material, hints) for part in one.split("/") if part and "{" not in part]
    kept = stored(tables, hints, collections, material.schemas)
    imports = imports_of(imported, output)
    alone = len(functions) == 1 and not (material.application and service is None)
    made = Requesting(material, hints, kept, imports.code, alone=alone).all()
    notes = {**kept.notes, **made.notes}
    absent = [
        f"TODO: {one.module}.{one.attribute}, which is not in {one.folder.name}."
        for one in imported
        if one.file is None
    ]
    notes[""] = [*material.notes, *made.notes.get("", []), *absent, *_untold(material, hints, environment)]
    if not tables:
        notes["tables"] = [
            'TODO: tables = [Table("…", "…")], the tables that the handlers use, and `items` in them; or --table.'
        ]
        notes.pop("owner", None)
    headers = _headers(material, hints, sends_headers=not functions)
    if not headers and not functions:
        notes["headers"] = ['TODO: headers = {"…": "{principal}"}, what says who calls.']
    application = imports.code.get(material.application) if material.application is not None else None
    return Sketch(
        name=material.title or "Service",
        docstring=_sentence(material),
        environment={} if service is not None else environment,
        folders=imports.folders,
        imports=imports.lines,
        tables=tables,
        items=kept.items,
        owner=kept.owner,
        app=application,
        function=imports.code[functions[0]] if alone and functions else None,
        service=service,
        api=(material.api or _api(hints)) if functions else "rest",
        caller=_caller(hints) if functions else None,
        headers=headers,
        services=sorted({*hints.clients} & _SERVICES),
        handlers=made.handlers,
        notes={about: texts for about, texts in notes.items() if texts},
    )


def _tables(material: Material, hints: Hints) -> tuple[list[Table], dict[str, str]]:
    """The tables, and variables that name those which only the code names."""
    if material.tables:
        return list(material.tables), {}
    names = list(dict.fromkeys(hints.tables))
    keys = [one for one, _ in Counter(hints.keys).most_common()]
    tables, named = list[Table](), dict[str, str]()
    for name in names:
        words = [one.title() for one in name.split("_") if one not in ("TABLE", "NAME", "DYNAMODB", "DDB")]
        in_environment = name in hints.required or name.isupper()
        value = (material.environment.get(name) or "".join(words) or "Items") if in_environment else name
        noun = singular(value)
        fitting = keys if len(names) == 1 else [one for one in keys if noun and letters(one[0]).startswith(noun)]
        if fitting:
            tables.append(Table.keyed(value, fitting[0]))
            named |= {name: value} if in_environment else {}
    return tables, named


def _environment(material: Material, hints: Hints, tables: Sequence[Table]) -> dict[str, str]:
    """The variables that the code asks for: what the template says, the table where there is one, else something."""
    asked = {
        name: value
        for name, value in material.environment.items()
        if name in hints.text or name.startswith("POWERTOOLS_") or not hints.text
    }
    for name in hints.required:
        if name not in asked and name in hints.tables and len(tables) == 1:
            asked[name] = tables[0].name
        elif name not in asked and not name.startswith("AWS_"):
            asked[name] = "TODO"
    return asked


def _untold(material: Material, hints: Hints, environment: Mapping[str, str]) -> Iterator[str]:
    unknown = [name for name in material.unknown if name in hints.text and name not in environment]
    if unknown:
        yield f"TODO: the environment variables {', '.join(unknown)}, whose values are made when it is deployed."


def _paths(material: Material, hints: Hints) -> list[str]:
    return [
        *(one.path for one in material.routes),
        *(one.path for one in material.operations),
        *(one.path for one in hints.routes),
    ]


def _headers(material: Material, hints: Hints, *, sends_headers: bool) -> dict[str, str]:
    """What says who calls: the document's security scheme, or else the headers that the code asks for."""
    found = dict[str, str]()
    for one in material.operations:
        if one.security and all(scheme.kind != "basic" for scheme in one.security[0]):
            found |= credentials(one, "{principal}")
    if not found and sends_headers:
        asked = [one for one in hints.headers if "user" in one.lower() or one.lower() == "authorization"]
        found = {one: "Bearer {principal}" if one.lower() == "authorization" else "{principal}" for one in asked}
    return found


def _api(hints: Hints) -> Literal["rest", "http", "url", "alb"]:
    """What the code takes its events for."""
    if "LambdaFunctionUrlResolver" in hints.text:
        return "url"
    if "ALBResolver" in hints.text:
        return "alb"
    version_2 = ("APIGatewayHttpResolver", '["requestContext"]["http"]', '["jwt"]', "rawPath")
    return "http" if any(one in hints.text for one in version_2) else "rest"


def _caller(hints: Hints) -> Code | None:
    """Where the event says who calls, if the code looks elsewhere than where it says so by default."""
    named = [one for one in hints.claims if one.lower() in _PERSONAL]
    fields = [one for one in hints.authorizer if one.lower() in (*_PERSONAL, "principalid")]
    if set(named) <= {"sub"} and set(fields) <= {"principalId"}:
        return None
    callers = [(kind, names) for kind, names in (("claims", named), ("authorizer", fields)) if names]
    texts = [f"{kind}({', '.join(_quoted(one) for one in names)})" for kind, names in callers]
    return Code(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else repr(text)


def _sentence(material: Material) -> str:
    title = material.title or "The service"
    names = [one.name for one in material.origins]
    return f"{title}, drafted from {' and '.join(dict.fromkeys(names))}." if names else f"{title}."
