"""Decides what a plain CloudFormation template says, also one that the CDK has made: functions, APIs, event source mappings.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toctou.drafting.assets import folder_of_code
from toctou.drafting.code_of_functions import imported, is_python, not_here, not_invoked
from toctou.drafting.environments import add_environment
from toctou.drafting.material import ANY, Event, Imported, Material, Route
from toctou.drafting.resources import TABLES, Template, mapping
from toctou.drafting.sam import SCHEDULED, content, from_pattern

_OF_THE_CDK = ("LogRetention", "CustomResource", "BucketNotificationsHandler", "framework-onEvent")
"""Parts of the names of functions that the CDK brings along."""


def is_template(data: Mapping[str, Any]) -> bool:
    """Whether a document is such a template."""
    return any(str(mapping(one).get("Type")).startswith("AWS::") for one in mapping(data.get("Resources")).values())


def read(data: Mapping[str, Any], file: Path) -> Material:
    """What the template says."""
    template = Template(data)
    title = (
        file.name.removesuffix(".template.json") if file.name.endswith(".template.json") else file.resolve().parent.name
    )
    found = Material(title=title, origins=[file], tables=template.tables())
    functions = dict(_functions(template, file, found))
    found.routes += [*_rest(template, functions), *_http(template, functions)]
    urls = list(_urls(template, functions))
    found.api = (
        "http"
        if any(template.resources("AWS::ApiGatewayV2::Route"))
        else "url"
        if urls and not found.routes
        else "rest"
    )
    found.routes += urls
    found.events += [*_mapped(template, functions), *_rules(template, functions), *_buckets(template, functions)]
    invoked = found.functions
    found.notes += [not_invoked(template.physical_name(name)) for name, one in functions.items() if one not in invoked]
    return found


def _urls(template: Template, functions: Mapping[str, Imported]) -> Iterator[Route]:
    for _, properties in template.resources("AWS::Lambda::Url"):
        for name in _named(properties.get("TargetFunctionArn"), functions):
            yield Route(ANY, "/{proxy+}", functions[name], template.physical_name(name))


def _functions(template: Template, file: Path, found: Material) -> Iterator[tuple[str, Imported]]:
    resources = mapping(template.data.get("Resources"))
    for name, properties in template.resources("AWS::Lambda::Function"):
        if any(one in name for one in _OF_THE_CDK):
            continue
        runtime = template.text(properties.get("Runtime"))
        shown = template.physical_name(name)
        if not is_python(runtime) or properties.get("PackageType") == "Image":
            found.notes.append(not_here(shown, runtime or "an image of a container"))
            continue
        handler = template.text(properties.get("Handler"))
        folder = folder_of_code(mapping(resources[name]), properties, handler or "", file)
        function = imported(handler, folder) if folder is not None else None
        if function is None:
            found.notes.append(
                f"Not drafted: {shown}, of which the template does not say where its code ({handler}) is."
            )
            continue
        add_environment(found, mapping(mapping(properties.get("Environment")).get("Variables")), template.text)
        yield name, function


def _rest(template: Template, functions: Mapping[str, Imported]) -> Iterator[Route]:
    parts = dict(template.resources("AWS::ApiGateway::Resource"))

    def path(resource: Any) -> str:
        name = str(mapping(resource).get("Ref"))
        if name not in parts:  # the root: an attribute of the API
            return ""
        return f"{path(parts[name].get('ParentId'))}/{template.text(parts[name].get('PathPart'))}"

    for _, properties in template.resources("AWS::ApiGateway::Method"):
        integration = mapping(properties.get("Integration"))
        for name in _named(integration.get("Uri"), functions):
            method = str(properties.get("HttpMethod", ANY)).upper()
            yield Route(
                method, path(properties.get("ResourceId")) or "/", functions[name], template.physical_name(name)
            )


def _http(template: Template, functions: Mapping[str, Imported]) -> Iterator[Route]:
    integrations = dict(template.resources("AWS::ApiGatewayV2::Integration"))
    for _, properties in template.resources("AWS::ApiGatewayV2::Route"):
        for integration in _named(properties.get("Target"), integrations):
            for name in _named(integrations[integration].get("IntegrationUri"), functions):
                method, _, path = str(properties.get("RouteKey", "$default")).partition(" ")
                route = (ANY, "/{proxy+}") if method == "$default" else (method.upper(), path)
                yield Route(*route, functions[name], template.physical_name(name))


def _mapped(template: Template, functions: Mapping[str, Imported]) -> Iterator[Event]:
    for _, properties in template.resources("AWS::Lambda::EventSourceMapping"):
        source = properties.get("EventSourceArn")
        for name in _named(properties.get("FunctionName"), functions):
            kind = _kind(template, source)
            if kind == "AWS::SQS::Queue":
                yield Event("sqs", functions[name], content(queue=template.named(source)), template.physical_name(name))
            elif kind in TABLES:
                yield Event(
                    "dynamodb", functions[name], content(table=template.named(source)), template.physical_name(name)
                )


def _rules(template: Template, functions: Mapping[str, Imported]) -> Iterator[Event]:
    for _, properties in template.resources("AWS::Events::Rule"):
        pattern = mapping(properties.get("EventPattern"))
        for name in _named(properties.get("Targets"), functions):
            yield Event(
                "eventbridge",
                functions[name],
                from_pattern(pattern) if pattern else SCHEDULED,
                template.physical_name(name),
            )


def _buckets(template: Template, functions: Mapping[str, Imported]) -> Iterator[Event]:
    for bucket, properties in template.resources("AWS::S3::Bucket"):
        for name in _named(mapping(properties.get("NotificationConfiguration")).get("LambdaConfigurations"), functions):
            yield Event(
                "s3", functions[name], content(bucket=template.physical_name(bucket)), template.physical_name(name)
            )
    for _, properties in template.resources("Custom::S3BucketNotifications"):  # which the CDK makes of them
        for name in _named(properties.get("NotificationConfiguration"), functions):
            bucket_name = template.named(properties.get("BucketName"))
            yield Event("s3", functions[name], content(bucket=bucket_name), template.physical_name(name))


def _named(value: Any, known: Mapping[str, Any]) -> list[str]:
    """The resources that a value refers to, at any depth, each once."""
    return list(dict.fromkeys(name for name in _references(value) if name in known))


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:])
        case Mapping():
            for one in value.values():
                yield from _references(one)
        case list():
            for one in value:
                yield from _references(one)


def _kind(template: Template, source: Any) -> str:
    resources = mapping(template.data.get("Resources"))
    return next((str(mapping(resources[one]).get("Type")) for one in _named(source, resources)), "")
