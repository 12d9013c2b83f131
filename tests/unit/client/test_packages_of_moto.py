"""What moto needs for the services that handlers call most comes with toctou."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
MOST_USED = [
    "apigatewaymanagementapi", "athena", "awslambda", "cloudwatch", "cognitoidp", "dynamodb", "events", "firehose", "iam",
    "kinesis", "kms", "logs", "s3", "scheduler", "secretsmanager", "ses", "sesv2", "sns", "sqs", "ssm", "stepfunctions", "sts",
]  # fmt: skip


def needed(extra: str) -> set[str]:
    marked = [one for one in metadata("moto").get_all("Requires-Dist") or [] if f'extra == "{extra}"' in one]
    return {re.split(r"[^\w.-]", one)[0].lower() for one in marked}


(MOTO,) = (one for one in PROJECT["dependencies"] if one.startswith("moto["))
EXTRAS = MOTO.partition("[")[2].partition("]")[0].split(",")


@pytest.mark.parametrize("service", MOST_USED)
def test_a_service_works_out_of_the_box(service: str) -> None:
    assert needed(service) <= set().union(*map(needed, EXTRAS))
