"""Handlers that work on files of their own, made with ``tempfile``, are checked like any other, wherever they run."""

from __future__ import annotations

import asyncio
import csv
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

import toctou
from toctou import Model, StopReason, Table, Verdict, handler

dynamodb = boto3.resource("dynamodb", region_name="us-east-1")
reports = dynamodb.Table("Reports")
s3 = boto3.client("s3", region_name="us-east-1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made, also in processes of requests."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def model_of(function: Callable[..., Any], **attributes: Any) -> type[Model]:
    """A model with one report."""
    return type(
        "Reporting",
        (Model,),
        {
            "tables": (Table("Reports", "report_id"),),
            "items": {"Reports": [{"report_id": "r1", "lines": 0}]},
            "principals": ("alice", "bob"),
            "__module__": __name__,
            function.__name__: handler(function),
            **attributes,
        },
    )


def stored() -> dict[str, Any]:
    return reports.get_item(Key={"report_id": "r1"})["Item"]


def add(lines: int) -> None:
    reports.update_item(
        Key={"report_id": "r1"},
        UpdateExpression="ADD #lines :lines",
        ExpressionAttributeNames={"#lines": "lines"},
        ExpressionAttributeValues={":lines": lines},
    )


def exports(principal: str) -> int:
    with tempfile.TemporaryDirectory() as made:
        with open(f"{made}/report.csv", "w", newline="") as file:
            csv.writer(file).writerow([principal, "row"])
        add(1)
        with open(f"{made}/report.csv", newline="") as file:
            assert next(csv.reader(file)) == [principal, "row"]
    return 204


def exports_what_it_has_read(principal: str) -> int:
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write(str(stored()["lines"]))
        file.seek(0)
        reports.put_item(Item={"report_id": "r1", "lines": int(file.read()) + 1})
    return 204


async def exports_in_a_thread(principal: str) -> int:
    def write() -> int:
        with tempfile.NamedTemporaryFile("w+") as file:
            return file.write("row")

    await asyncio.to_thread(write)
    add(1)
    return 204


def leaves_its_file(principal: str) -> int:
    Path(tempfile.mkdtemp(), "report.csv").write_text(principal)
    add(1)
    return 204


def says_where(principal: str) -> tuple[int, str]:
    with tempfile.NamedTemporaryFile() as file:
        add(1)
        return 200, file.name


def stores_where(principal: str) -> int:
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(3):
            version = stored()["lines"]
            try:
                reports.put_item(
                    Item={"report_id": "r1", "lines": version + 1, "file": file.name},
                    ConditionExpression="#lines = :version",
                    ExpressionAttributeNames={"#lines": "lines"},
                    ExpressionAttributeValues={":version": version},
                )
            except dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
                continue
            return 204
    return 409


SAFE = [exports, exports_in_a_thread, leaves_its_file, says_where, stores_where]


@pytest.mark.parametrize("isolation", ["memory", "processes"])
@pytest.mark.parametrize("function", SAFE)
def test_a_file_of_its_own_is_no_doubt(folder: Path, function: Callable[..., Any], isolation: str):
    result = toctou.check(model_of(function), isolation=isolation)
    assert result.verdict is Verdict.VERIFIED, result.detail
    assert os.listdir(folder) == []


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_a_race_around_it_is_found(folder: Path, isolation: str):
    result = toctou.check(model_of(exports_what_it_has_read), isolation=isolation)
    assert result.verdict is Verdict.VIOLATED
    assert os.listdir(folder) == []


def passes_it_on(principal: str) -> int:
    if (other := stored().get("file")) is not None:
        os.remove(other)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        reports.put_item(Item={"report_id": "r1", "lines": 1, "file": file.name})
    return 204


@pytest.mark.parametrize("isolation", ["memory", "processes"])
def test_a_file_of_another_request_is_one(folder: Path, isolation: str):
    result = toctou.check(model_of(passes_it_on), isolation=isolation, confirm=False)
    assert (result.verdict, result.stop_reason) == (Verdict.INCONCLUSIVE, StopReason.OUTSIDE_CONTROL)
    assert "(removed)" in result.detail
    assert os.listdir(folder) == []


def downloads(principal: str) -> tuple[int, str]:
    with tempfile.NamedTemporaryFile() as file:
        s3.download_file("docs", "template", file.name)
        add(1)
        return 200, Path(file.name).read_text()


def test_an_object_may_be_downloaded_to_one(folder: Path):
    def setup(self: Model) -> None:
        s3.put_object(Bucket="docs", Key="template", Body=b"Dear customer")

    result = toctou.check(model_of(downloads, services=["s3"], setup=setup))
    assert result.verdict is Verdict.VERIFIED, result.detail
    assert os.listdir(folder) == []
