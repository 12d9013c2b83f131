"""Test suites whose modules call AWS while they are imported, run by pytest where nothing can be sent."""

from __future__ import annotations

import socket
import sys

import boto3
import pytest
from moto.backends import get_backend

# A session in this process forgets what it has imported first.
import toctou.checking.check
import toctou.stateful  # noqa: F401
from toctou.client import moto_services, services_at_import

APPLICATION = """
import boto3

KEY = boto3.client("secretsmanager").get_secret_value(SecretId="key")["SecretString"]
client = boto3.client("dynamodb")
try:
    client.create_table(
        TableName="Notes",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
except client.exceptions.ResourceInUseException:
    EXISTED = True
STATUS = client.describe_table(TableName="Notes")["Table"]["TableStatus"]
notes = boto3.resource("dynamodb").Table("Notes")
notes.put_item(Item={"pk": "count", "n": 0, "key": KEY})


def add():
    count = notes.get_item(Key={"pk": "count"}, ConsistentRead=True)["Item"]
    if count["key"] != "s3cret" or count["n"] >= 1:
        return 409
    try:
        notes.update_item(
            Key={"pk": "count"},
            UpdateExpression="SET n = :next",
            ConditionExpression="n = :n",
            ExpressionAttributeValues={":n": count["n"], ":next": count["n"] + 1},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return 409
    return 204
"""
MAKE_THE_KEY = 'boto3.client("secretsmanager").create_secret(Name="key", SecretString="s3cret")'
MODEL = f"""
import boto3

{MAKE_THE_KEY}

import application
from toctou import Model, Table, handler, invariant


class Notes(Model):
    tables = [Table("Notes", "pk")]
    principals = ["alice"]

    @handler()
    def add(self, principal):
        return application.add()

    @invariant
    def counted_once(self, items):
        return all(item["n"] == 1 for item in items["Notes"])
"""
CONFIGURATION = ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, not_a_worker: None) -> pytest.Pytester:
    """A project on a machine without AWS configuration, and without a network."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(services_at_import, "_performed", {})
    monkeypatch.setattr(moto_services, "_of_imports", None)
    for account in get_backend("secretsmanager").values():
        for backend in account.values():
            backend.reset()
    for name in CONFIGURATION:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(pytester.path / "none"))
    monkeypatch.setattr(socket.socket, "connect", _send)
    monkeypatch.setattr(socket, "getaddrinfo", _send)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider\n")
    pytester.makepyfile(application=APPLICATION, notes_model=MODEL)
    return pytester


def _send(*_: object, **__: object) -> None:
    raise AssertionError("something was sent")


def run(project: pytest.Pytester, *arguments: str, **files: str) -> pytest.RunResult:
    project.makepyfile(**files)
    return project.runpytest_inprocess("-p", "no:unraisableexception", *arguments)


IMPORTS = "from notes_model import Notes\nimport application\n"
CHECKS = "    assert toctou.check(Notes).verdict == 'VERIFIED'\n    assert application.EXISTED\n"
TESTS = {
    "at the top": f"{IMPORTS}def test_it(toctou):\n{CHECKS}",
    "in the test": f"def test_it(toctou):\n    {IMPORTS.replace('import app', '    import app')}{CHECKS}",
    "machine": f"from toctou.stateful import machine\n{IMPORTS}TestIt = machine(Notes).TestCase\n",
    "by name": "def test_it(toctou):\n    toctou.check('notes_model.py:Notes')\n    toctou.check('notes_model.py')\n",
}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_a_module_that_calls_aws_when_a_test_imports_its_model(project, monkeypatch, test, mode):
    monkeypatch.syspath_prepend(project.path)
    before = list(sys.meta_path)
    run(project, "--import-mode", mode, test_it=TESTS[test]).assert_outcomes(passed=1)
    assert sys.meta_path == before


def test_it_is_so_where_a_conftest_imports_the_model(project):
    conftest = "import pytest\nfrom notes_model import Notes\n@pytest.fixture\ndef model():\n    return Notes\n"
    test = "def test_it(toctou, model):\n    toctou.check(model)\n"
    run(project, conftest=conftest, test_it=test).assert_outcomes(passed=1)


def test_a_call_that_fails_says_what_to_do(project):
    project.makepyfile(notes_model=MODEL.replace(MAKE_THE_KEY, ""))
    result = run(project, test_it="from notes_model import Notes\ndef test_it(toctou):\n    toctou.check(Notes)\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py cannot be imported: ResourceNotFoundException: *GetSecretValue* at application.py:3: KEY = *",
            "  remedy: make it at the top of the model's file, above the import:",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "botocore" not in result.stdout.str()


PROBE = """
import boto3, botocore.client, os, pytest
from botocore.exceptions import HTTPClientError
seam = botocore.client.BaseClient._make_api_call
client = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
def test_clients_are_as_they_were():
    assert seam.__module__ == "botocore.client"
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    with pytest.raises(HTTPClientError, match="something was sent"):
        client.list_tables()
"""


def test_files_that_use_nothing_of_ours_and_calls_of_tests_are_as_they_were(project):
    test = f"{IMPORTS}def test_it(toctou):\n    toctou.check(Notes)\n"
    calling = (
        f"{IMPORTS}import pytest\ndef test_it():\n    with pytest.raises(Exception, match='something was sent'):\n"
    )
    calling += "        application.client.list_tables()\n"
    run(project, test_a=PROBE, test_b=test, test_c=PROBE, test_d=calling).assert_outcomes(passed=4)


MOCKED = """
import boto3
from moto import mock_aws

@mock_aws
def test_in_a_mock(toctou, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("secretsmanager").create_secret(Name="key", SecretString="of the mock")
    import application
    assert application.KEY == "of the mock"
    import notes_model
    assert [one["key"] for one in application.notes.scan()["Items"]] == ["of the mock"]

def test_in_a_patch(toctou, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    answers = {"GetSecretValue": {"SecretString": "patched"}, "DescribeTable": {"Table": {"TableStatus": "PATCHED"}}}
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda self, name, given: answers.get(name, {}))
    import patched_model
    assert (patched_model.KEY, patched_model.STATUS) == ("patched", "PATCHED")
"""


def test_mocks_of_the_suite_answer_what_is_imported_in_them(project):
    project.makepyfile(notes_model=MODEL.replace(MAKE_THE_KEY, ""), patched_model=f"import toctou\n{APPLICATION}")
    run(project, test_it=MOCKED).assert_outcomes(passed=2)


def test_a_machine_with_aws_configuration_keeps_to_it(project, monkeypatch):
    (project.path / "credentials").write_text("[default]\naws_access_key_id = own\naws_secret_access_key = own\n")
    (project.path / "config").write_text("[default]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project.path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(project.path / "credentials"))
    test = (
        f"{IMPORTS}def test_it(toctou):\n    toctou.check(Notes)\n"
        "    signer = application.client._request_signer\n"
        "    assert (signer._credentials.access_key, signer.region_name) == ('own', 'eu-west-3')\n"
    )
    run(project, test_it=test).assert_outcomes(passed=1)


def test_what_is_made_at_import_outlives_the_mocks_of_other_tests(project):
    project.makepyfile(
        application=APPLICATION.replace(
            'count["key"] != "s3cret"',
            'boto3.client("secretsmanager").get_secret_value(SecretId="key")["SecretString"] != "s3cret"',
        ),
        notes_model=MODEL.replace("    tables", '    services = ["secretsmanager"]\n    tables'),
    )
    mocked = "from moto import mock_aws\n@mock_aws\ndef test_mocked():\n    pass\n"
    test = f"{IMPORTS}{mocked}def test_it(toctou):\n    toctou.check(Notes)\n"
    run(project, test_it=test).assert_outcomes(passed=2)
