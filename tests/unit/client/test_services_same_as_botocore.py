"""What callers of other services pass and get is what it is with botocore alone: listeners of its own change both."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from toctou.client import moto_services, services_at_import, users_moto
from toctou.client.intercept import performed_at_once
from toctou.client.services_at_import import perform_on_moto

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
KEY = "a b+ü%20.txt"
POLICY = '{"Version": "2012-10-17", "Statement": []}'
SECRET_KEY = b"0123456789abcdef0123456789abcdef"


@cache
def client(name: str) -> Any:
    return boto3.client(name, **KEYS)  # type: ignore[call-overload] # any service's name


def bucket() -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket="docs")
    s3.put_object(Bucket="docs", Key=KEY, Body="text", Metadata={"n": "1"})
    return s3


def copied(source: Any) -> Any:
    s3 = bucket()
    s3.copy_object(Bucket="docs", Key="copy", CopySource=source)
    return s3.get_object(Bucket="docs", Key="copy")["Body"].read()


def copied_version() -> Any:
    s3 = bucket()
    s3.put_bucket_versioning(Bucket="docs", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="docs", Key=KEY, Body="first")["VersionId"]
    s3.put_object(Bucket="docs", Key=KEY, Body="second")
    s3.copy_object(Bucket="docs", Key="copy", CopySource={"Bucket": "docs", "Key": KEY, "VersionId": version})
    return s3.get_object(Bucket="docs", Key="copy")["Body"].read()


def copied_part() -> Any:
    s3 = bucket()
    upload = s3.create_multipart_upload(Bucket="docs", Key="whole")["UploadId"]
    of = {"Bucket": "docs", "Key": "whole", "UploadId": upload}
    part = s3.upload_part_copy(**of, PartNumber=1, CopySource={"Bucket": "docs", "Key": KEY})
    tag = part["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(**of, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    return s3.get_object(Bucket="docs", Key="whole")["Body"].read()


def listed(**parameters: Any) -> Any:
    found = bucket().list_objects_v2(Bucket="docs", **parameters)
    return [one["Key"] for one in found["Contents"]], found.get("EncodingType")


def pages() -> Any:
    s3 = bucket()
    s3.put_object(Bucket="docs", Key="é/2", Body=b"")
    found = s3.get_paginator("list_objects_v2").paginate(Bucket="docs", PaginationConfig={"PageSize": 1})
    return [one["Key"] for page in found for one in page["Contents"]]


def encrypted() -> Any:
    s3, own = bucket(), {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": SECRET_KEY}
    s3.put_object(Bucket="docs", Key="k", Body=b"hidden", **own)
    return s3.get_object(Bucket="docs", Key="k", **own)["Body"].read()


def role() -> Any:
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=POLICY)
    return client("iam").get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]


def user_data() -> Any:
    ec2 = client("ec2")
    started = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData="#!/bin/sh")
    which = started["Instances"][0]["InstanceId"]
    found = ec2.describe_instance_attribute(InstanceId=which, Attribute="userData")["UserData"]["Value"]
    return base64.b64decode(found)


def launch_configuration() -> Any:
    scaling = client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="l", ImageId="ami-12c6146b", InstanceType="t2.micro", UserData="#!/bin/sh"
    )
    return scaling.describe_launch_configurations()["LaunchConfigurations"][0]["UserData"]


def export() -> Any:
    client("s3").create_bucket(Bucket="exports")
    logs = client("logs")
    logs.create_log_group(logGroupName="g")
    return sorted(logs.create_export_task(logGroupName="g", fromTime=1, to=2, destination="exports"))


def zone() -> Any:
    route53 = client("route53")
    made = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    return route53.get_hosted_zone(Id=made)["HostedZone"]["Name"]


def no_queue() -> Any:
    sqs = client("sqs")
    try:
        sqs.delete_queue(QueueUrl="https://sqs.us-east-1.amazonaws.com/123456789012/none")
    except sqs.exceptions.QueueDoesNotExist as missing:
        return missing.response["Error"]


def token() -> Any:
    """Two requests that have no token are two requests."""
    secrets = client("secretsmanager")
    versions = {secrets.create_secret(Name=one, SecretString="s")["VersionId"] for one in "ab"}
    return len(versions), {len(one) for one in versions}


CALLS: dict[str, Callable[[], Any]] = {
    "copy of a mapping": lambda: copied({"Bucket": "docs", "Key": KEY}),
    "copy of a text": lambda: copied("docs/" + KEY),
    "copy of a text with a slash": lambda: copied("/docs/" + KEY),
    "copy of half a mapping": lambda: copied({"Bucket": "docs"}),
    "copy of a version": copied_version,
    "copy of a part": copied_part,
    "keys": listed,
    "keys as they are encoded": lambda: listed(EncodingType="url"),
    "pages": pages,
    "key of the customer": encrypted,
    "location": lambda: bucket().get_bucket_location(Bucket="docs")["LocationConstraint"],
    "invalid bucket": lambda: client("s3").put_object(Bucket="no bucket!", Key="k", Body=b""),
    "metadata": lambda: bucket().put_object(Bucket="docs", Key="k", Body=b"", Metadata={"n": "ü"}),
    "role": role,
    "user data": user_data,
    "launch configuration": launch_configuration,
    "alias": export,
    "identifier with a path": zone,
    "account": lambda: client("glacier").list_vaults()["VaultList"],
    "error of sqs": no_queue,
    "token": token,
}


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (ClientError, BotoCoreError) as raised:
        return type(raised).__name__, str(raised)


@contextmanager
def answered_by_us(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(users_moto, "_used_at_import", False)
    monkeypatch.setattr(moto_services, "_AT_ONCE", [])
    monkeypatch.setattr(services_at_import, "_performed", {})
    with performed_at_once(lambda action, _: pytest.fail(action), perform_on_moto):
        yield


@pytest.mark.starts_moto
@pytest.mark.parametrize("name", CALLS)
def test_the_same_as_by_botocore(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        expected = outcome(CALLS[name])
    with mock_aws(), answered_by_us(monkeypatch):
        found = outcome(CALLS[name])
    assert found == expected
