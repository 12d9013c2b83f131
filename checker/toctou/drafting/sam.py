"""Decides what a template of the Serverless Application Model says: functions, and the events that invoke them.

Source: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toctou.drafting.code_of_functions import imported, is_python, not_here, not_invoked, not_such
from toctou.drafting.environments import add_environment
from toctou.drafting.material import ANY, Event, Imported, Material, Route
from toctou.drafting.resources import Template, mapping

TRANSFORM = "AWS::Serverless"


def is_template(data: Mapping[str, Any]) -> bool:
    """Whether a document is such a template."""
    transform = data.get("Transform")
    named = transform if isinstance(transform, list) else [transform]
    return any(str(one).startswith(TRANSFORM) for one in named)


def read(data: Mapping[str, Any], file: Path) -> Material:
    """What the template says."""
    template = Template(data)
    found = Material(title=file.resolve().parent.name, origins=[file], tables=template.tables())
    shared = mapping(mapping(data.get("Globals")).get("Function"))
    layers = dict(_layers(template, file.parent))
    for name, own in template.resources("AWS::Serverless::Function"):
        properties = {**shared, **own}
        runtime = template.text(properties.get("Runtime"))
        if not is_python(runtime) or properties.get("PackageType") == "Image":
            found.notes.append(not_here(name, runtime or "an image of a container"))
            continue
        code = properties.get("CodeUri")
        folder = file.parent / (code if isinstance(code, str) else ".")
        used = [*_listed(shared.get("Layers")), *_listed(own.get("Layers"))]
        libraries = tuple(layers[key] for one in used if (key := str(mapping(one).get("Ref"))) in layers)
        function = imported(template.text(properties.get("Handler")), folder, libraries)
        if function is None:
            found.notes.append(
                f"Not drafted: {name}, whose code stands in the template or whose Handler names no function."
            )
            continue
        variables = [mapping(mapping(one.get("Environment")).get("Variables")) for one in (shared, own)]
        add_environment(found, {**variables[0], **variables[1]}, template.text)
        events = mapping(properties.get("Events"))
        for event in events.values():
            _add(found, template, function, name=name, event=mapping(event))
        if "FunctionUrlConfig" in properties:
            found.api = found.api or "url"
            found.routes.append(Route(ANY, "/{proxy+}", function, name))
        elif not events:
            found.notes.append(not_invoked(name))
    return found


def _add(found: Material, template: Template, function: Imported, *, name: str, event: Mapping[str, Any]) -> None:
    said = mapping(event.get("Properties"))
    match event.get("Type"):
        case "Api" | "HttpApi" as kind:
            found.api = "http" if kind == "HttpApi" else found.api or "rest"
            method = str(said.get("Method", ANY)).upper()
            path = str(said.get("Path", "/{proxy+}"))
            found.routes.append(
                Route(ANY if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method, path, function, name)
            )
        case "SQS":
            found.events.append(Event("sqs", function, content(queue=template.named(said.get("Queue"))), name))
        case "DynamoDB":
            found.events.append(Event("dynamodb", function, content(table=template.named(said.get("Stream"))), name))
        case "S3":
            happened = name_of_s3_event(said.get("Events"))
            bucket = template.named(said.get("Bucket"))
            found.events.append(Event("s3", function, content(bucket=bucket, event_name=happened), name))
        case "EventBridgeRule" | "CloudWatchEvent":
            found.events.append(Event("eventbridge", function, from_pattern(mapping(said.get("Pattern"))), name))
        case "Schedule" | "ScheduleV2":
            found.events.append(Event("eventbridge", function, SCHEDULED, name))
        case other:
            found.notes.append(not_such(name, str(other)))


SCHEDULED: Mapping[str, Any] = {"source": "aws.events", "detail_type": "Scheduled Event", "detail": {}}
"""What a schedule sends."""


def from_pattern(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an event that fits a pattern of EventBridge."""

    def first(value: Any) -> Any:
        return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else None

    detail = {name: first(value) for name, value in mapping(pattern.get("detail")).items()}
    known = {name: value for name, value in detail.items() if value is not None}
    return content(
        source=first(pattern.get("source")), detail_type=first(pattern.get("detail-type")), detail=known or None
    )


def name_of_s3_event(said: Any) -> str | None:
    """The name of an event of S3 where it is not that of an object which was put."""
    return "ObjectRemoved:Delete" if "Removed" in str(said) else None


def content(**known: Any) -> dict[str, Any]:
    """What is known of an event, without what is not."""
    return {name: value for name, value in known.items() if value is not None}


def _layers(template: Template, folder: Path) -> Iterator[tuple[str, Path]]:
    """The folders that layers put on the path: https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html."""
    for name, properties in template.resources("AWS::Serverless::LayerVersion"):
        content = properties.get("ContentUri")
        if isinstance(content, str) and (folder / content).is_dir():
            inside = folder / content / "python"
            yield name, (inside if inside.is_dir() else folder / content).resolve()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
