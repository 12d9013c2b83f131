"""The implementations of DynamoDB that the engine is held against, behind one function each."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from dynamodb_local import JAR, local_folder
from moto import mock_aws


class Answer(NamedTuple):
    """What was answered: a result, or an error's code, message and other fields."""

    result: dict[str, Any] | None
    code: str | None = None
    message: str = ""
    fields: Mapping[str, Any] = {}


class Peer(Protocol):
    """An implementation of DynamoDB."""

    name: str

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Perform one call."""


def encoded(value: Any) -> Any:
    """Parameters as JSON has them: binaries in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: encoded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(inner) for inner in value]
    return value


_TYPED = {"S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M"}


def decoded(value: Any) -> Any:
    """The inverse for results: an attribute value is a mapping of one type tag."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((kind, content),) = value.items()
            if kind == "B" and isinstance(content, str):
                return {kind: base64.b64decode(content)}
            if kind == "BS" and isinstance(content, list):
                return {kind: [base64.b64decode(one) for one in content]}
        return {name: decoded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [decoded(inner) for inner in value]
    return value


class LocalPeer:
    """Amazon's DynamoDB Local, in a process of its own."""

    name = "DynamoDB Local"

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def wait_until_ready(self, seconds: float) -> None:
        """Return once it answers; an error if it has ended, or does not answer in time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._sent("ListTables", "{}")
            except OSError:
                self.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Perform one call."""
        body = json.dumps(encoded(parameters))
        try:
            status, text = self._sent(action, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            ended = self._process.poll()
            assert ended is None, f"DynamoDB Local has ended with status {ended}"
            if not isinstance(error, ConnectionError):
                raise
            # It closes idle connections; a request that meets one such was not performed.
            status, text = self._sent(action, body)
        answer = json.loads(text)
        if status == 200:
            return Answer(decoded(answer))
        code = answer.pop("__type").rpartition("#")[2]
        message = answer.pop("message", None) or answer.pop("Message", "")
        return Answer(None, code, message, decoded(answer))

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()

    def _sent(self, action: str, body: str) -> tuple[int, bytes]:
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{action}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=key/20250101/us-east-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=none",
        }
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


@contextmanager
def dynamodb_local() -> Iterator[LocalPeer]:
    """A fresh DynamoDB Local on a free port of this machine, stopped at the end."""
    folder = local_folder()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", "-Xmx512m", "-XX:+UseSerialGC", f"-Djava.library.path={folder / 'DynamoDBLocal_lib'}"]
    command += ["-jar", str(folder / JAR), "-inMemory", "-disableTelemetry", "-port", str(port)]
    # A folder of its own, because it writes its metadata where it is started.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        process = subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peer = LocalPeer(port, process)
        try:
            peer.wait_until_ready(60)
            yield peer
        finally:
            peer.close()
            process.terminate()
            process.wait(10)


class MotoPeer:
    """moto, in this process."""

    name = "moto"

    def __init__(self, client: Any) -> None:
        self._call = client._make_api_call

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Perform one call."""
        try:
            result = self._call(action, dict(parameters))
        except ClientError as error:
            body = dict(error.response)
            fault = body.pop("Error")
            body.pop("ResponseMetadata", None)
            body.pop("message", None)
            return Answer(None, fault["Code"], fault["Message"], body)
        except Exception as error:  # moto raises its own errors out of the call when it meets what it does not expect
            return Answer(None, f"moto raised {type(error).__name__}", str(error))
        result.pop("ResponseMetadata", None)
        return Answer(result)


@contextmanager
def moto() -> Iterator[MotoPeer]:
    """A fresh moto."""
    with mock_aws():
        yield MotoPeer(
            boto3.client(
                "dynamodb",
                region_name="us-east-1",
                aws_access_key_id="key",
                aws_secret_access_key="secret",
                config=Config(parameter_validation=False, retries={"max_attempts": 0}),
            )
        )
