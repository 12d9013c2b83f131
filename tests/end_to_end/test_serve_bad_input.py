"""``toctou serve`` under bad input, bad clients and bad arguments: the right answer, and it lives."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import subprocess
import threading
import time
import zlib
from pathlib import Path

import pytest
from serving_process import SIGNED, TABLE, command, raw_request, raw_response, serving

from toctou.server import Service
from toctou.wire import HttpServer, Limits

LIST = {"TableName": "Items", "Key": {"id": {"S": "a"}}}


@pytest.fixture(scope="module")
def server():
    with serving() as one:
        assert one.call("CreateTable", **TABLE)[0] == 200
        yield one
        assert one.process.poll() is None
        assert one.end() == 0
        assert one.process.stderr.read() == ""


@pytest.fixture
def connection(server):
    with server.connect() as one:
        yield one


def alive(server):
    """The server answers others."""
    assert server.call("GetItem", **LIST)[0] == 200


def exchange(connection, request):
    connection.sendall(request)
    return raw_response(connection)


# Requests.


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (raw_request("Foo", {}), 400, b"UnknownOperationException"),
        (raw_request("GetItem", LIST).replace(b'{"TableName', b"{!TableName"), 400, b"SerializationException"),
        (raw_request("GetItem", LIST, Content_Type="text/plain"), 404, b"<UnknownOperationException/>"),
        (raw_request("GetItem", {}), 400, b"2 validation errors detected"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, b"healthy: dynamodb"),
        (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, b"<UnknownOperationException/>"),
    ],
)
def test_the_connection_survives_a_wrong_request(connection, request_bytes, status, body):
    got, headers, content = exchange(connection, request_bytes)
    assert (got, body in content) == (status, True), content
    assert headers["connection"] == "keep-alive"
    assert exchange(connection, raw_request("GetItem", LIST))[0] == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS greeting
        b"hello\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(server, connection, garbage):
    status, headers, _ = exchange(connection, garbage)
    assert (status, headers["connection"]) == (400, "close")
    assert connection.recv(1) == b""
    alive(server)


@pytest.mark.parametrize(
    "head",
    [b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(1000)), b"X: " + b"x" * 100_000 + b"\r\n"],
    ids=["many", "long"],
)
def test_headers_without_end_are_refused(server, connection, head):
    assert exchange(connection, b"POST / HTTP/1.1\r\n" + head + b"\r\n")[0] == 431
    alive(server)


def test_headers_that_never_end_are_refused(server, connection):
    connection.sendall(b"POST / HTTP/1.1\r\n")
    try:
        for _ in range(200):
            connection.sendall(b"X: " + b"x" * 1000)
    except OSError:
        pass  # refused before we were through
    assert raw_response(connection)[0] == 431
    alive(server)


@pytest.mark.parametrize("announced", [True, False], ids=["by its length", "in chunks"])
def test_a_body_over_the_limit_is_too_large(server, connection, announced):
    size = 16 * 1024 * 1024 + 1
    if announced:
        status, _, _ = exchange(connection, b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    else:
        connection.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        status, _, _ = raw_response(connection)
    assert status == 413
    alive(server)


def test_who_sends_too_much_at_once_still_reads_the_refusal(server, connection):
    body = b" " * (17 * 1024 * 1024)
    connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert raw_response(connection)[0] == 413
    alive(server)


def test_a_body_of_the_limit_is_read(server, connection):
    request = raw_request("GetItem", {**LIST, "Novelty": ""})
    filled = json.dumps({**LIST, "Novelty": "x" * (16 * 1024 * 1024 - len(json.dumps({**LIST, "Novelty": ""})))})
    head = request[: request.index(b"Content-Length")] + b"Content-Length: %d\r\n\r\n" % len(filled)
    assert len(filled) == 16 * 1024 * 1024
    assert exchange(connection, head + filled.encode())[0] == 200


def test_a_client_is_told_to_go_on(connection):
    request = raw_request("GetItem", LIST, Expect="100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert exchange(connection, body)[0] == 200


def test_chunks_and_packed_bodies_are_read(connection):
    packed = gzip.compress(json.dumps(LIST).encode())
    request = raw_request("GetItem", LIST, Content_Encoding="gzip", Transfer_Encoding="chunked")
    head = b"\r\n".join(line for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n") if b"Length" not in line)
    chunks = b"".join(b"1\r\n" + packed[at : at + 1] + b"\r\n" for at in range(len(packed)))
    assert exchange(connection, head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")[0] == 200


def test_answers_are_packed_for_those_who_take_it(server, connection):
    server.call("PutItem", TableName="Items", Item={"id": {"S": "large"}, "text": {"S": "x" * 5000}})
    asked = {"TableName": "Items", "Key": {"id": {"S": "large"}}}
    _, headers, body = exchange(connection, raw_request("GetItem", asked, Accept_Encoding="gzip"))
    assert headers["content-encoding"] == "gzip"
    assert headers["x-amz-crc32"] == str(zlib.crc32(body))
    assert json.loads(gzip.decompress(body))["Item"]["text"] == {"S": "x" * 5000}


def test_requests_sent_at_once_are_answered_in_order(connection):
    keys = [f"item {number}" for number in range(50)]
    puts = [raw_request("PutItem", {"TableName": "Items", "Item": {"id": {"S": key}}}) for key in keys]
    gets = [raw_request("GetItem", {"TableName": "Items", "Key": {"id": {"S": key}}}) for key in keys]
    connection.sendall(b"".join(puts + gets))
    file = connection.makefile("rb")
    bodies = []
    for _ in range(100):
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        headers = dict(line.split(b": ") for line in iter(lambda: file.readline().rstrip(), b""))
        bodies.append(json.loads(file.read(int(headers[b"Content-Length"]))))
    file.close()
    assert bodies == [{}] * 50 + [{"Item": {"id": {"S": key}}} for key in keys]


@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_connections_are_kept_as_asked(connection, version, header, kept):
    _, headers, _ = exchange(connection, f"GET / HTTP/{version}\r\n{header}\r\n".encode())
    assert headers["connection"] == ("keep-alive" if kept else "close")
    if not kept:
        assert connection.recv(1) == b""


def test_head_has_no_body(connection):
    connection.sendall(b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.count(b"healthy") == 1


# Clients.


def test_a_client_that_goes_away_in_the_middle_has_asked_nothing(server):
    request = raw_request("PutItem", {"TableName": "Items", "Item": {"id": {"S": "half"}}})
    for end in (10, request.index(b"\r\n\r\n") + 4, len(request) - 1):
        with server.connect() as connection:
            connection.sendall(request[:end])
    time.sleep(0.2)
    assert server.call("GetItem", TableName="Items", Key={"id": {"S": "half"}}) == (200, {})


def test_a_client_that_stops_sending_is_answered(server, connection):
    connection.sendall(raw_request("GetItem", LIST))
    connection.shutdown(socket.SHUT_WR)
    assert raw_response(connection)[0] == 200
    assert connection.recv(1) == b""


def test_a_client_that_resets_the_connection_does_no_harm(server):
    for _ in range(20):
        connection = server.connect()
        connection.sendall(raw_request("GetItem", LIST))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()
    alive(server)


def test_slow_clients_hold_up_nobody(server):
    request = raw_request("GetItem", LIST)
    slow = [server.connect() for _ in range(50)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(request[: 5 + number])
        started = time.monotonic()
        for _ in range(20):
            alive(server)
        assert time.monotonic() - started < 5
        for number, connection in enumerate(slow):
            assert exchange(connection, request[5 + number :])[0] == 200
    finally:
        for connection in slow:
            connection.close()


class InThread:
    """A server in a thread, with limits that a test can wait for."""

    def __init__(self, limits, respond=None):
        self._loop = asyncio.new_event_loop()
        self._server = HttpServer(respond or Service().respond, limits)
        self._thread = threading.Thread(target=self._loop.run_forever)

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    def __enter__(self):
        self._thread.start()
        self.port = self._run(self._server.start())
        return self

    def __exit__(self, *_):
        self._run(self._server.stop(grace=0.5))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20)
        self._loop.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def gone_after(connection):
    """Seconds until the other side has hung up."""
    started = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - started


def test_who_takes_too_long_is_dropped():
    with InThread(Limits(idle=60, transfer=0.3)) as server, server.connect() as connection:
        connection.sendall(raw_request("GetItem", LIST)[:-1])
        assert 0.1 < gone_after(connection) < 5


def send_again_and_again(connection, data, pause):
    for _ in range(1_000):
        connection.sendall(data)
        time.sleep(pause)


def test_a_trickle_does_not_prolong_it():
    with InThread(Limits(idle=60, transfer=0.5)) as server, server.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nX: ")
        started = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):
            send_again_and_again(connection, b"x", 0.05)
        assert 0.3 < time.monotonic() - started < 5


def test_who_asks_nothing_is_dropped():
    with InThread(Limits(idle=0.3, transfer=60)) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert raw_response(connection)[0] == 200
        assert 0.1 < gone_after(connection) < 5


def test_who_does_not_take_the_answer_is_dropped():
    with InThread(Limits(idle=60, transfer=0.5)) as server, server.connect() as connection:
        connection.sendall(raw_request("CreateTable", TABLE))
        assert raw_response(connection)[0] == 200
        item = {"id": {"S": "large"}, "text": {"S": "x" * 300_000}}
        connection.sendall(raw_request("PutItem", {"TableName": "Items", "Item": item}))
        assert raw_response(connection)[0] == 200
        get = raw_request("GetItem", {"TableName": "Items", "Key": {"id": {"S": "large"}}})
        with pytest.raises(OSError, match=r"reset|pipe"):
            send_again_and_again(connection, get, 0.01)


def test_who_sends_on_without_an_answer_is_not_read():
    async def never(_):
        await asyncio.sleep(3600)

    with InThread(Limits(), never) as server, server.connect() as connection:
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 2_000_000)  # more than the system holds for us


def test_stopping_does_not_wait_for_the_silent():
    with InThread(Limits(idle=60, transfer=60)) as server:
        connections = [server.connect() for _ in range(3)]
        connections[0].sendall(b"POST / HT")
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    for connection in connections:
        with connection:
            gone_after(connection)


# The command.


def failing(*arguments):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_in_use(server):
    status, said = failing("--port", server.port)
    assert status == 2
    assert said.startswith(f"toctou: port {server.port} on 127.0.0.1 is in use\n")
    assert "--port 0" in said


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none(port):
    assert failing(f"--port={port}")[0] == 2


def test_no_page_of_the_web_gets_in(server, connection):
    def asked(host):
        body = b"{}"
        head = [
            "POST / HTTP/1.1",
            f"Host: {host}",
            "Content-Type: application/x-amz-json-1.0",
            f"Authorization: {SIGNED}",
            "X-Amz-Target: DynamoDB_20120810.ListTables",
            f"Content-Length: {len(body)}",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        return connection.recv(65536)

    refused = asked("evil.example:8000")
    assert refused.startswith(b"HTTP/1.1 403 ")
    assert b"AccessDeniedException" in refused
    assert b"--allow-host" in refused
    assert asked("localhost:8000").startswith(b"HTTP/1.1 200 ")


def test_a_host_of_ones_own_is_allowed():
    with serving("--allow-host", "My.Example") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for host, status in (("my.example:1", 200), ("other.example", 403)):
            connection.request("GET", "/", headers={"Host": host})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()


def test_waiting_for_the_disk_needs_a_file():
    ended = subprocess.run(command("--sync"), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "--data" in ended.stderr


def test_no_other_host_is_offered():
    status, said = failing("--host", "0.0.0.0")
    assert status == 2
    assert "unrecognized arguments: --host" in said


@pytest.mark.skipif(
    not Path("/proc/net/tcp6").exists(),
    reason="/proc lists sockets on Linux: `docker run --rm -v .:/toctou -w /toctou python:3 .ci/run`",
)
def test_it_listens_on_loopback_only(server):
    with open("/proc/net/tcp") as table:
        addresses = {row.split()[1] for row in table if row.split()[3] == "0A"}
    assert f"0100007F:{server.port:04X}" in addresses
    assert f"00000000:{server.port:04X}" not in addresses
    with open("/proc/net/tcp6") as table:
        assert not any(f":{server.port:04X}" in row.split()[1] and row.split()[3] == "0A" for row in table)


def test_a_foreign_data_file(tmp_path):
    foreign = tmp_path / "notes.txt"
    foreign.write_text("precious")
    status, said = failing("--port", 0, "--data", foreign)
    assert status == 2
    assert "this is not a data file of toctou" in said
    assert foreign.read_text() == "precious"
