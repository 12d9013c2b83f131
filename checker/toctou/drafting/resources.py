"""Decides what the resources of a CloudFormation template are called, and what its tables look like.

A name that a template leaves to CloudFormation is the resource's own, since a model needs one that is the same everywhere.
Parameters have their defaults.  What cannot be known before it is deployed is ``None``.

Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html, and
…/aws-resource-dynamodb-table.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toctou.drafting.sketch import Table
from toctou.web.lambda_context import ACCOUNT, REGION

TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable")
_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "stack",
}
_NAMES = {
    "AWS::SQS::Queue": "QueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Events::EventBus": "Name",
    **dict.fromkeys(TABLES, "TableName"),
}
_IN_TEXT = re.compile(r"\$\{(!?)([^}]*)\}")
_HASH_OF_CDK = re.compile(r"[0-9A-F]{8}$")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    data: Mapping[str, Any]

    def resources(self, *kinds: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The resources of these types, with their properties, by logical name."""
        for name, resource in mapping(self.data.get("Resources")).items():
            if isinstance(resource, Mapping) and resource.get("Type") in kinds:
                yield name, mapping(resource.get("Properties"))

    def text(self, value: Any) -> str | None:
        """The text that a value becomes, if it can be known."""
        match value:
            case bool():
                return str(value).lower()
            case str() | int() | float():
                return str(value)
            case {"Ref": str(name)}:
                return self._reference(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": str(written)}:
                return self._substituted(written, {})
            case {"Fn::Sub": [str(written), Mapping() as values]}:
                return self._substituted(written, values)
            case {"Fn::Join": [str(between), list(parts)]}:
                texts = [self.text(one) for one in parts]
                return None if None in texts else between.join(one or "" for one in texts)
            case {"Fn::If": [_, *branches]}:
                return next((text for one in branches if (text := self.text(one)) is not None), None)
            case {"Fn::ImportValue": exported}:
                return self.text(exported)
            case {"Fn::FindInMap": [*path]}:
                return self._mapped([self.text(one) for one in path])
        return None

    def physical_name(self, name: str) -> str:
        """The name of a resource: what it says, or else its own."""
        resource = mapping(mapping(self.data.get("Resources")).get(name))
        said = mapping(resource.get("Properties")).get(_NAMES.get(str(resource.get("Type")), ""))
        found = self.text(said) if said is not None else None
        if found:
            return found
        way = str(mapping(resource.get("Metadata")).get("aws:cdk:path", "")).split("/")
        if len(way) > 2 and way[-1] == "Resource":
            return way[-2]
        return _HASH_OF_CDK.sub("", name) or name

    def named(self, value: Any) -> str | None:
        """The name of the resource that a value names, by a reference or an ARN."""
        match value:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in mapping(self.data.get("Resources")):
                return self.physical_name(name)
        text = self.text(value)
        return None if text is None else re.split(r"[:/]", text.partition("/stream/")[0])[-1]

    def tables(self) -> list[Table]:
        """The tables, with their indexes."""
        return [
            one
            for name, properties in self.resources(*TABLES)
            if (one := self._table(self.physical_name(name), properties))
        ]

    def _table(self, name: str, properties: Mapping[str, Any]) -> Table | None:
        kinds = {
            str(self.text(one.get("AttributeName"))): str(self.text(one.get("AttributeType")))
            for one in _mappings(properties.get("AttributeDefinitions"))
        }

        def keys(schema: Any) -> tuple[str, ...]:
            parts = sorted(_mappings(schema), key=lambda one: str(one.get("KeyType")))  # HASH, RANGE
            names = [str(self.text(one.get("AttributeName"))) for one in parts]
            return tuple(one if kinds.get(one, "S") == "S" else f"{one}:{kinds[one]}" for one in names)

        primary = keys(properties.get("KeySchema"))
        if "KeySchema" not in properties:  # a SimpleTable
            key = mapping(properties.get("PrimaryKey"))
            kind = str(key.get("Type", "String"))[:1]
            primary = (str(key.get("Name", "id")) + ("" if kind == "S" else f":{kind}"),)
        indexes = {
            str(self.text(one.get("IndexName"))): keys(one.get("KeySchema"))
            for one in _mappings(properties.get("GlobalSecondaryIndexes"))
        }
        local = [
            {
                "IndexName": self.text(one.get("IndexName")),
                "KeySchema": _mappings(one.get("KeySchema")),
                "Projection": dict(mapping(one.get("Projection"))) or {"ProjectionType": "ALL"},
            }
            for one in _mappings(properties.get("LocalSecondaryIndexes"))
        ]
        definition: dict[str, Any] = {}
        if local:
            definition = {
                "AttributeDefinitions": [{"AttributeName": one, "AttributeType": kind} for one, kind in kinds.items()],
                "LocalSecondaryIndexes": local,
            }
        return Table.keyed(name, primary, indexes=indexes, definition=definition) if primary else None

    def _reference(self, name: str) -> str | None:
        if name in _PSEUDO:
            return _PSEUDO[name]
        parameter = mapping(self.data.get("Parameters")).get(name)
        if isinstance(parameter, Mapping):
            looked_up = str(parameter.get("Type")).startswith("AWS::SSM::")  # then the default is only where to look
            return None if looked_up else self.text(parameter.get("Default"))
        kind = str(mapping(mapping(self.data.get("Resources")).get(name)).get("Type"))
        if kind not in _NAMES:
            return None
        named = self.physical_name(name)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{named}"
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{named}" if kind == "AWS::SNS::Topic" else named

    def _attribute(self, name: str, attribute: str) -> str | None:
        kind = str(mapping(mapping(self.data.get("Resources")).get(name)).get("Type"))
        if kind not in _NAMES:
            return None
        named = self.physical_name(name)
        if attribute in ("QueueName", "TopicName", "Name"):
            return named
        if attribute in ("QueueUrl", "TopicArn"):
            return self._reference(name)
        before = {"S3": "arn:aws:s3:::", "DynamoDB": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"}
        service = kind.split("::")[1]
        known = before.get("DynamoDB" if kind in TABLES else service, f"arn:aws:{service.lower()}:{REGION}:{ACCOUNT}:")
        return known + named if attribute == "Arn" else None

    def _substituted(self, text: str, values: Mapping[str, Any]) -> str | None:
        unknown = False

        def put(found: re.Match[str]) -> str:
            nonlocal unknown
            name = found[2].strip()
            if found[1]:
                return f"${{{name}}}"
            one, dot, attribute = name.partition(".")
            value: str | None = (
                self.text(values[name])
                if name in values
                else self._attribute(one, attribute)
                if dot
                else self._reference(name)
            )
            unknown = unknown or value is None
            return value or ""

        made = _IN_TEXT.sub(put, text)
        return None if unknown else made

    def _mapped(self, path: Sequence[str | None]) -> str | None:
        found: Any = self.data.get("Mappings")
        for one in path:
            found = mapping(found).get(str(one))
        return self.text(found)


def mapping(value: Any) -> Mapping[str, Any]:
    """A value that ought to be a mapping; empty if it is none, as a template may hold anything."""
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
