"""Handlers' logs have what handlers do: clients of our own are heard of in none."""

from __future__ import annotations

import logging
from contextlib import closing

import boto3
import pytest
from moto import mock_aws

from toctou.client.backends import backend_named
from toctou.client.moto_services import MotoServices

TABLE = {
    "TableName": "T",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_calls_of_our_own_on_moto_log_nothing(level: int, caplog: pytest.LogCaptureFixture) -> None:
    with mock_aws(), caplog.at_level(level):
        with closing(backend_named("moto")) as backend:
            backend.load([TABLE], {"T": [{"id": {"S": "1"}}]})
            backend.perform("GetItem", {"TableName": "T", "Key": {"id": {"S": "1"}}})
        services = MotoServices()
        services.start()
        services.perform("kms.CreateKey", {}, "eu-west-3", ())
        services.stop()
        assert not caplog.records
        logging.getLogger("app").info("done")
        assert [one.name for one in caplog.records] == ["app"]


def test_callers_log_what_they_do_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    with mock_aws(), caplog.at_level(logging.DEBUG):
        boto3.client("sqs", region_name="eu-west-3", aws_access_key_id="x", aws_secret_access_key="y").list_queues()
    assert "botocore" in {one.name.partition(".")[0] for one in caplog.records}
