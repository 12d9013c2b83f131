"""Handlers that call other AWS services as applications do: parameters and names in whatever form botocore takes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from moto import mock_aws

import toctou
from toctou import Model, Table, Verdict, handler
from toctou.errors import ModelError

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
orders = boto3.resource("dynamodb", **KEYS).Table("Orders")
gone = orders.meta.client.exceptions.ConditionalCheckFailedException
s3, ssm, secrets, scheduler, cognito = (
    boto3.client(name, **KEYS) for name in ("s3", "ssm", "secretsmanager", "scheduler", "cognito-idp")
)
translate, bedrock, ses = (boto3.client(name, **KEYS) for name in ("translate", "bedrock-runtime", "ses"))
TARGET = {"Arn": "arn:aws:sqs:eu-central-1:111122223333:q", "RoleArn": "arn:aws:iam::111122223333:role/r"}


class Orders(Model):
    tables = [Table("Orders", "order_id")]
    items = {"Orders": [{"order_id": "o1", "count": 0}]}
    principals = ("alice", "bob")


def deleted() -> bool:
    try:
        orders.delete_item(Key={"order_id": "o1"}, ConditionExpression="attribute_exists(order_id)")
    except gone:
        return False
    return True


def count() -> None:
    orders.update_item(
        Key={"order_id": "o1"}, UpdateExpression="ADD #c :one", ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":one": 1},
    )  # fmt: skip


class Copied(Orders):
    services = ["s3"]

    def setup(self) -> None:
        s3.put_object(Bucket="docs", Key="a b.txt", Body="text")

    @handler
    def copy(self, principal: str) -> tuple[int, str]:
        s3.copy_object(Bucket="docs", Key=principal, CopySource={"Bucket": "docs", "Key": "a b.txt"})
        count()
        return 200, s3.get_object(Bucket="docs", Key=principal)["Body"].read().decode()


class Moved(Copied):
    """Two of one name: the second may find that the first has moved it."""

    @handler
    def copy(self, principal: str) -> int:
        try:
            s3.copy_object(Bucket="docs", Key="moved", CopySource={"Bucket": "docs", "Key": "a b.txt"})
        except s3.exceptions.NoSuchKey:
            return 404
        s3.delete_object(Bucket="docs", Key="a b.txt")
        count()
        return 200


class InParts(Orders):
    services = ["s3"]

    @handler
    def put(self, principal: str) -> int:
        of = {"Bucket": "docs", "Key": principal}
        upload = s3.create_multipart_upload(**of)["UploadId"]
        tag = s3.upload_part(**of, UploadId=upload, PartNumber=1, Body=principal)["ETag"]
        parts = [{"PartNumber": 1, "ETag": tag}]
        s3.complete_multipart_upload(**of, UploadId=upload, MultipartUpload={"Parts": parts})
        count()
        return 200


class InOnePart(Orders):
    services = ["s3"]

    @handler
    def put(self, principal: str) -> int:
        config = TransferConfig(multipart_threshold=1, use_threads=False)
        s3.upload_fileobj(io.BytesIO(principal.encode()), "docs", principal, Config=config)
        count()
        return 200


class Calculated(Orders):
    """What only calculates, or is the caller's own, is no effect of a rejected request."""

    answers = {
        "translate.TranslateText": lambda asked: {"TranslatedText": asked["Text"].upper()},
        "bedrock-runtime.Converse": {"stopReason": "end_turn"},
        "cognito-idp.AdminGetUser": {"Username": "x"},
        "cognito-idp.InitiateAuth": {"AuthenticationResult": {"AccessToken": "t"}},
    }

    @handler
    def cancel(self, principal: str) -> int:
        cognito.admin_get_user(UserPoolId="p", Username=principal)
        cognito.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="c", AuthParameters={"USERNAME": principal})
        translate.translate_text(Text="x", SourceLanguageCode="en", TargetLanguageCode="de")
        bedrock.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "x"}]}])
        return 204 if deleted() else 404


class Reported(Orders):
    """A mail about each attempt, which is an effect unless the model says that it is none."""

    answers = {"ses.SendEmail": lambda _: {"MessageId": "1"}}

    @handler
    def cancel(self, principal: str) -> int:
        text = {"Data": f"{principal} tries to cancel"}
        ses.send_email(Source="a@x.org", Destination={}, Message={"Subject": text, "Body": {"Text": text}})
        return 204 if deleted() else 404


class ReportedWithoutEffect(Reported):
    answers = {name: toctou.no_effect(answer) for name, answer in Reported.answers.items()}


class OfTheDefaultGroup(Orders):
    services = ["scheduler"]

    @handler
    def plan(self, principal: str) -> int:
        try:
            scheduler.get_schedule(Name="s", GroupName="default")
        except scheduler.exceptions.ResourceNotFoundException:
            scheduler.create_schedule(
                Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target=TARGET
            )
            count()
            return 201
        return 409


class ByArn(Orders):
    services = ["ssm"]

    def setup(self) -> None:
        ssm.put_parameter(Name="n", Value="0", Type="String")

    @handler
    def bump(self, principal: str) -> int:
        name = "arn:aws:ssm:eu-central-1:123456789012:parameter/n"
        value = int(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        ssm.put_parameter(Name="n", Value=str(value + 1), Type="String", Overwrite=True)
        count()
        return 200


class ByPartOfAnArn(Orders):
    services = ["secretsmanager"]

    def setup(self) -> None:
        secrets.create_secret(Name="my-number", SecretString="0")

    @handler
    def bump(self, principal: str) -> int:
        name = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:my-number"
        value = int(secrets.get_secret_value(SecretId=name)["SecretString"])
        secrets.put_secret_value(SecretId="my-number", SecretString=str(value + 1))
        count()
        return 200


RACY = (Moved, Reported, OfTheDefaultGroup, ByArn, ByPartOfAnArn)
FIXED = (Copied, InParts, InOnePart, Calculated, ReportedWithoutEffect)


@pytest.mark.parametrize("model", [*RACY, *FIXED], ids=lambda model: model.__name__)
def test_verdicts(model: type[Model]) -> None:
    result = toctou.check(model)
    assert result.verdict is (Verdict.VIOLATED if model in RACY else Verdict.VERIFIED), result.detail


def test_an_answer_without_effect_is_checked_like_others() -> None:
    class Misspelt(Reported):
        answers = {"ses.SendEmail": toctou.no_effect({"MesageId": "1"})}

    with pytest.raises(ModelError, match="MesageId"):
        toctou.check(Misspelt)


@pytest.mark.starts_moto
def test_a_moto_that_only_a_set_up_starts_is_named() -> None:
    started: list[Any] = []

    class Late(Orders):
        def setup(self) -> None:
            if not started:
                started.append(mock_aws())
                started[0].start()
            ssm.put_parameter(Name="n", Value="0", Type="String")

        @handler
        def bump(self, principal: str) -> int:
            count()
            return 200

    try:
        result = toctou.check(Late)
    finally:
        started[0].stop()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "start it at the top of the model's file" in result.detail
    assert 'services = ["ssm"]' in result.detail


AT_IMPORT = '''
import boto3
from moto import mock_aws
from toctou import Model, Table, handler

{begin}
KEYS = {{"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}}
sqs, table = boto3.client("sqs", **KEYS), boto3.resource("dynamodb", **KEYS).Table("Orders")
{names}


class Orders(Model):
    """Cancelling an order."""

    tables = [Table("Orders", "order_id")]
    items = {{"Orders": [{{"order_id": "o1"}}]}}
    {services}


class Racy(Orders):
    @handler
    def cancel(self, principal):
        sqs.send_message(QueueUrl=URL, MessageBody="x")
        try:
            table.delete_item(Key={{"order_id": "o1"}}, ConditionExpression="attribute_exists(order_id)")
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            return 404
        return 204


class Fixed(Orders):
    @handler
    def cancel(self, principal):
        try:
            table.delete_item(Key={{"order_id": "o1"}}, ConditionExpression="attribute_exists(order_id)")
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            return 404
        sqs.send_message(QueueUrl=URL, MessageBody="x")
        return 204
'''
NAMED = 'URL = sqs.get_queue_url(QueueName="q")["QueueUrl"]'
OWN_MOTO = (
    'URL = sqs.create_queue(QueueName="q")["QueueUrl"]\n'
    'table.meta.client.create_table(TableName="Orders", KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],\n'
    '    AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")'
)


@pytest.mark.parametrize(
    "parts",
    [
        {"begin": "", "names": NAMED, "services": 'services = ["sqs"]'},
        {"begin": "mock_aws().start()", "names": OWN_MOTO, "services": ""},
    ],
    ids=["named at import", "in a moto of the user's own"],
)
def test_a_queue_of_a_module_is_sent_to(parts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cancelling.py").write_text(AT_IMPORT.format(**parts))
    command = [sys.executable, "-m", "toctou.cli", "check", "cancelling.py", "--report", "found"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 1, checked.stderr
    verdicts = {
        line.split()[0]: line.split()[1] for line in checked.stdout.splitlines() if line.startswith("cancelling.py:")
    }
    assert verdicts == {"cancelling.py:Racy": "VIOLATED", "cancelling.py:Fixed": "VERIFIED"}
