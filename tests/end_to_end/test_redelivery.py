"""Events delivered twice, from the command to the report: as a user writes the model, and reads what was found."""

from __future__ import annotations

import json

MODEL = """
import json
import boto3
from toctou import Model, Table, event

tables = boto3.resource("dynamodb", region_name="us-east-1")


def worker(event, context):
    for record in event["Records"]:
        key = {"id": json.loads(record["body"])["account"]}
        tables.Table("Accounts").update_item(
            Key=key, UpdateExpression="ADD paid :one", ExpressionAttributeValues={":one": 1}
        )


class Payments(Model):
    tables = [Table("Accounts", "id")]
    items = {"Accounts": [{"id": "a1", "owner": "alice", "paid": 0}]}
    owner = "owner"
    function = worker
    pay = event("sqs", messages=[{"account": "{account}"}], account=["a1"], redelivered=True)
"""


def test_the_report_says_that_the_event_was_delivered_twice(folder, command):
    (folder / "payments.py").write_text(MODEL)
    checked = command("check", "payments.py")
    assert checked.status == 1
    told = " ".join(checked.out.split())
    # An event acts for nobody, so that it may change what alice owns.
    assert "exactly_once: same effect appl" in checked.out
    assert "ownership" not in checked.out
    assert "pay was delivered twice, and both deliveries changed paid of Accounts[a1]: delivered once, " in told
    assert "attribute_not_exists" in told
    assert "idempotency of Powertools" in told
    assert "impact:repeats-effect" in checked.out
    report = folder / "reports" / "latest" / "payments.Payments-1.json"
    document = json.loads(report.read_text())
    assert document["confirmed_on"] == "moto"
    again = command("replay", report)
    assert again.status == 1
    assert "rule broken: exactly_once" in again.out


def test_an_unknown_source_is_told_with_those_that_are_known(folder, command):
    (folder / "payments.py").write_text(MODEL.replace('"sqs"', '"sns"'))
    checked = command("check", "payments.py")
    assert checked.status not in {0, 1}
    assert "'sns' is no source of events" in checked.err
    assert "'sqs' or 'dynamodb' or 'eventbridge' or 's3'" in checked.err
