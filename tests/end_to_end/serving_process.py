"""A real ``toctou serve`` for a test: started, found by the line it prints, and ended by its process id."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import boto3
from botocore.config import Config

PREFIX = "toctou: serving DynamoDB at "
SIGNED = "AWS4-HMAC-SHA256 Credential=any, SignedHeaders=host, Signature=any"
TABLE = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Serving:
    """A running server."""

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2])

    def connect(self, seconds: float = 20) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def call(self, action: str, **parameters) -> tuple[int, dict]:
        """One call without an SDK, on a connection of its own: status and decoded body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": SIGNED,
            "X-Amz-Target": f"DynamoDB_20120810.{action}",
        }
        with contextlib.closing(connection):
            connection.request("POST", "/", json.dumps(parameters), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "toctou.cli", "serve", *map(str, arguments)]


@contextlib.contextmanager
def serving(*arguments: object) -> Iterator[Serving]:
    """``toctou serve --port 0`` with more arguments, for as long as the block runs."""
    process = subprocess.Popen(
        command("--port", 0, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            line = process.stdout.readline().rstrip("\n")
            assert line.startswith(PREFIX), process.stderr.read()
            yield Serving(process, line.removeprefix(PREFIX))
        finally:
            process.kill()


@contextlib.contextmanager
def client(url: str) -> Iterator:
    """A boto3 client that retries nothing."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=20)
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    made = boto3.session.Session(region_name="eu-central-1", **keys).client("dynamodb", endpoint_url=url, config=config)
    with contextlib.closing(made):
        yield made


def raw_request(action: str, parameters: dict, **headers: str) -> bytes:
    """One request as bytes."""
    body = json.dumps(parameters).encode()
    lines = {
        "Host": "127.0.0.1",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": SIGNED,
        "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body


def raw_response(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One response from a raw connection: status, headers by lower case, body."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    with response:
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
