"""A module that calls AWS while it is imported is told so, and nothing is sent."""

from __future__ import annotations

import sys

import boto3
import pytest
from botocore.httpsession import URLLib3Session

from toctou.declaration.loading import load
from toctou.errors import TargetError

MODEL = """
import boto3
from toctou import Model, Table, handler

{}

class Items(Model):
    tables = [Table("Items", "pk")]

    @handler
    def put(self, principal):
        return 204
"""


@pytest.fixture
def no_mock(monkeypatch):
    """What moto answers is not sent, and other tests of this process may have left it on."""
    if (models := sys.modules.get("moto.core.models")) is not None:
        monkeypatch.setattr(models.botocore_stubber, "enabled", False)


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, code: str) -> str:
        (tmp_path / name).write_text(MODEL.format(code))
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("name", "code", "url"),
    [
        (
            "reads_config.py",
            'boto3.resource("dynamodb").Table("Config").get_item(Key={"pk": "x"})',
            "https://dynamodb.us-east-1.",
        ),
        ("reads_secret.py", 'boto3.client("secretsmanager").get_secret_value(SecretId="x")', "https://secretsmanager."),
    ],
)
def test_a_call_at_import_is_not_sent(no_mock, written, name, code, url):
    sends = URLLib3Session.send
    with pytest.raises(TargetError, match=f"AWS is called while a model is imported, at {url}") as refused:
        load([written(name, code)])
    assert f"{name}:5 in <module>: {code}" in str(refused.value)
    assert refused.value.remedy
    assert URLLib3Session.send is sends


def test_nor_is_one_that_is_made_twice_in_a_module_under_another_name(no_mock, written, tmp_path):
    target = written("twice.py", "")
    load([target])
    (tmp_path / "other").mkdir()
    with pytest.raises(TargetError, match="AWS is called while"):
        load([written("other/twice.py", 'boto3.client("sts").get_caller_identity()')])


def test_what_moto_answers_is_no_call(written):
    code = """
from moto import mock_aws
mocked = mock_aws()
mocked.start()
boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="orders")
mocked.stop()
"""
    (loaded,) = load([written("mocks.py", code)])
    assert loaded.model.__name__ == "Items"
    assert boto3.client
