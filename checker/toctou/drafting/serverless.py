"""Decides what a ``serverless.yml`` of the Serverless Framework says: functions, their events, and resources of CloudFormation.

Variables are resolved as far as the file itself says what they are; the stage is ``dev``, as it is where none is given.

Sources: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml, …/guide/variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toctou.drafting.code_of_functions import imported, is_python, not_here, not_invoked, not_such
from toctou.drafting.environments import add_environment
from toctou.drafting.material import ANY, Event, Imported, Material, Route
from toctou.drafting.resources import Template, mapping
from toctou.drafting.sam import SCHEDULED, content, from_pattern, name_of_s3_event
from toctou.web.lambda_context import ACCOUNT, REGION

_VARIABLE = re.compile(r"\$\{([^${}]+)\}")
_KNOWN = {"sls:stage": "dev", "opt:stage": "dev", "aws:region": REGION, "opt:region": REGION, "aws:accountId": ACCOUNT}
_DEEPEST = 20
_OF_SERVERLESS_WSGI = "wsgi_handler.handler"
"""Made by https://github.com/logandk/serverless-wsgi when it deploys; ``custom.wsgi.app`` names the application."""


def is_service(data: Mapping[str, Any]) -> bool:
    """Whether a document is such a file."""
    return "service" in data and "provider" in data


def read(data: Mapping[str, Any], file: Path) -> Material:
    """What the file says."""
    resolved = mapping(_resolved(data, data))
    provider, resources = mapping(resolved.get("provider")), resolved.get("resources")
    template = Template({"Resources": dict(_resources(resources))})
    service = resolved.get("service")
    title = str(mapping(service).get("name", "")) if isinstance(service, Mapping) else str(service)
    found = Material(title=title, origins=[file], tables=template.tables())

    def text(value: Any) -> str | None:
        known = template.text(value)
        return None if known is not None and _VARIABLE.search(known) else known

    wsgi = imported(text(mapping(mapping(resolved.get("custom")).get("wsgi")).get("app")), file.parent)
    for name, function in mapping(resolved.get("functions")).items():
        runtime = text(mapping(function).get("runtime", provider.get("runtime")))
        if not is_python(runtime):
            found.notes.append(not_here(name, runtime or ""))
            continue
        if wsgi is not None and mapping(function).get("handler") == _OF_SERVERLESS_WSGI:
            found.application = wsgi
            add_environment(found, mapping(provider.get("environment")), text)
            continue
        code = imported(text(mapping(function).get("handler")), file.parent)
        if code is None:
            found.notes.append(f"Not drafted: {name}, whose handler names no function.")
            continue
        own = {**mapping(provider.get("environment")), **mapping(mapping(function).get("environment"))}
        add_environment(found, own, text)
        events = mapping(function).get("events")
        if mapping(function).get("url"):
            found.api = found.api or "url"
            found.routes.append(Route(ANY, "/{proxy+}", code, name))
        elif not events:
            found.notes.append(not_invoked(name))
        for event in events if isinstance(events, list) else ():
            for kind, said in event.items() if isinstance(event, Mapping) else [(str(event), {})]:
                _add(found, template, code, name=name, kind=kind, said=said)
    return found


def _add(found: Material, template: Template, code: Imported, *, name: str, kind: str, said: Any) -> None:
    match kind:
        case "http" if isinstance(said, Mapping) and said.get("integration") in ("lambda", "LAMBDA"):
            found.notes.append(not_such(name, "http (integration: lambda)"))
        case "http" | "httpApi":
            found.api = "http" if kind == "httpApi" else found.api or "rest"
            method, path = (
                (said.get("method", ANY), said.get("path", "/{proxy+}"))
                if isinstance(said, Mapping)
                else str(said).partition(" ")[::2]
            )
            method = ANY if method in ("*", "") else str(method).upper()
            path = "/{proxy+}" if path in ("*", "") else f"/{str(path).lstrip('/')}"
            found.routes.append(Route(method, path, code, name))
        case "sqs":
            queue = said.get("arn") if isinstance(said, Mapping) else said
            found.events.append(Event("sqs", code, content(queue=template.named(queue)), name))
        case "stream":
            stream = said.get("arn") if isinstance(said, Mapping) else said
            if isinstance(said, Mapping) and said.get("type", "dynamodb") != "dynamodb":
                found.notes.append(not_such(name, f"{said['type']} stream"))
            else:
                found.events.append(Event("dynamodb", code, content(table=template.named(stream)), name))
        case "s3":
            bucket = said.get("bucket") if isinstance(said, Mapping) else said
            happened = name_of_s3_event(said.get("event")) if isinstance(said, Mapping) else None
            found.events.append(Event("s3", code, content(bucket=template.named(bucket), event_name=happened), name))
        case "eventBridge":
            found.events.append(Event("eventbridge", code, from_pattern(mapping(mapping(said).get("pattern"))), name))
        case "schedule":
            found.events.append(Event("eventbridge", code, SCHEDULED, name))
        case _:
            found.notes.append(not_such(name, kind))


def _resources(resources: Any) -> Iterator[tuple[str, Any]]:
    """The resources of CloudFormation, which may be a list of mappings, too."""
    for one in resources if isinstance(resources, list) else [resources]:
        yield from mapping(mapping(one).get("Resources")).items()


def _resolved(value: Any, whole: Mapping[str, Any], depth: int = 0) -> Any:
    """A value with its variables replaced, as far as they can be; others stay as they are."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {name: _resolved(one, whole, depth) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, whole, depth) for one in value]
    if not isinstance(value, str):
        return value
    for _ in range(_DEEPEST):
        alone = _VARIABLE.fullmatch(value)
        if alone is not None and (found := _variable(alone[1], whole)) is not None:
            return _resolved(found, whole, depth + 1)
        replaced = _VARIABLE.sub(lambda found: _put(found, whole), value)
        if replaced == value:
            break
        value = replaced
    return value


def _put(found: re.Match[str], whole: Mapping[str, Any]) -> str:
    value = _variable(found[1], whole)
    return str(value) if isinstance(value, str | int | float) else found[0]


def _variable(expression: str, whole: Mapping[str, Any]) -> Any:
    """What a variable is: the first of its alternatives that is known."""
    for alternative in (one.strip() for one in expression.split(",")):
        if alternative in _KNOWN:
            return _KNOWN[alternative]
        if alternative[:1] in ("'", '"'):
            return alternative.strip("'\"")
        path = alternative.removeprefix("self:")
        if path != alternative:
            found: Any = whole
            for one in path.split("."):
                found = mapping(found).get(one)
            if found is not None:
                return mapping(found).get("name") if path == "service" and isinstance(found, Mapping) else found
            if path == "provider.stage":
                return "dev"
            if path == "provider.region":
                return REGION
    return None
