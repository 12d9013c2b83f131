"""``toctou serve --data FILE``: no end of the process loses a write that was acknowledged."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from serving_process import TABLE, command, raw_request, serving

from toctou.engine import Engine
from toctou.server.storage import Storage

ROUNDS = 2
WRITERS = 4


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def counters(server):
    """The writers' counters."""
    found = {}
    for writer in range(WRITERS):
        status, body = server.call("GetItem", TableName="Items", Key={"id": {"S": f"counter {writer}"}})
        assert status == 200
        found[writer] = int(body["Item"]["n"]["N"]) if "Item" in body else 0
    return found


def written_until_it_ends(server, number, enough):
    """End the server by a signal while writers add to their counters, once ``enough`` of how often they have says so.

    Returns how far each was acknowledged, and how far it had asked.
    """
    acknowledged = dict.fromkeys(range(WRITERS), 0)
    asked = dict.fromkeys(range(WRITERS), 0)

    def write(writer):
        request = raw_request(
            "UpdateItem",
            {
                "TableName": "Items",
                "Key": {"id": {"S": f"counter {writer}"}},
                "UpdateExpression": "ADD n :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            },
        )
        try:
            with server.connect() as connection:
                for _ in itertools.count():
                    asked[writer] += 1
                    connection.sendall(request)
                    answer = connection.recv(65536)
                    if not answer:
                        return
                    assert answer.startswith(b"HTTP/1.1 200"), answer
                    acknowledged[writer] += 1
        except OSError:
            return

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while not enough(sum(acknowledged.values())) and time.monotonic() < deadline:
        time.sleep(0.001)
    server.end(number)
    for thread in threads:
        thread.join(timeout=20)
    return acknowledged, asked


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_no_acknowledged_write_is_lost(data, number):
    least = most = dict.fromkeys(range(WRITERS), 0)
    for attempt in range(ROUNDS + 1):
        with serving("--data", data) as server:
            if attempt == 0:
                server.call("CreateTable", **TABLE)
            stored = counters(server)
            for writer, count in stored.items():
                # The last write of each may have been stored, and its acknowledgement lost.
                assert least[writer] <= count <= most[writer]
            if attempt == ROUNDS:
                return
            wanted = 100 + 333 * attempt
            acknowledged, asked = written_until_it_ends(server, number, lambda count, wanted=wanted: count >= wanted)
            assert sum(acknowledged.values()) >= 100
            if number != signal.SIGKILL:
                assert server.process.returncode == 0
                assert server.process.stderr.read() == ""
        least = {writer: stored[writer] + acknowledged[writer] for writer in stored}
        most = {writer: stored[writer] + asked[writer] for writer in stored}


ITEMS = 8_000


@pytest.fixture(scope="module")
def almost_due(tmp_path_factory):
    """A data file that is compacted after some hundred writes more: at a megabyte."""
    data = tmp_path_factory.mktemp("almost_due") / "data"
    storage = Storage(Engine(), data, 10**9)
    storage.record("CreateTable", TABLE)
    for number in range(ITEMS):
        storage.record(
            "PutItem", {"TableName": "Items", "Item": {"id": {"S": f"item {number}"}, "text": {"S": "x" * 10}}}
        )
    storage.close()
    assert 900_000 < data.stat().st_size < 1_000_000
    return data


@pytest.mark.parametrize("when", ["in the middle", "at the end"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_no_acknowledged_write_is_lost_while_the_file_is_compacted(data, almost_due, number, when):
    shutil.copyfile(almost_due, data)
    inode = data.stat().st_ino
    seen = []

    def compacting(_):
        seen.append(data.with_name("data.compacting").exists())
        return seen[-1] if when == "in the middle" else data.stat().st_ino != inode

    with serving("--data", data) as server:
        acknowledged, asked = written_until_it_ends(server, number, compacting)
        assert any(seen)
        assert (data.stat().st_ino != inode) == (when == "at the end")
    with serving("--data", data) as server:
        stored = counters(server)
        assert all(acknowledged[writer] <= stored[writer] <= asked[writer] for writer in stored), (acknowledged, stored)
        status, body = server.call("Scan", TableName="Items", Select="COUNT")
        assert (status, body["Count"]) == (200, ITEMS + sum(count > 0 for count in stored.values()))
    assert [file.name for file in data.parent.iterdir()] in (["data"], ["data", "data.compacting"])


def test_a_torn_record_is_recovered(data):
    with serving("--data", data) as server:
        server.call("CreateTable", **TABLE)
        for name in ("first", "second"):
            server.call("PutItem", TableName="Items", Item={"id": {"S": name}})
    os.truncate(data, data.stat().st_size - 7)
    with serving("--data", data) as server:
        assert server.call("GetItem", TableName="Items", Key={"id": {"S": "first"}})[1] == {
            "Item": {"id": {"S": "first"}}
        }
        assert server.call("GetItem", TableName="Items", Key={"id": {"S": "second"}})[1] == {}
        server.call("PutItem", TableName="Items", Item={"id": {"S": "third"}})
    with serving("--data", data) as server:
        assert server.call("GetItem", TableName="Items", Key={"id": {"S": "third"}})[1] == {
            "Item": {"id": {"S": "third"}}
        }


def test_a_damaged_file_is_an_error_and_stays(data):
    with serving("--data", data) as server:
        server.call("CreateTable", **TABLE)
        server.call("PutItem", TableName="Items", Item={"id": {"S": "first"}})
    damaged = data.read_bytes().replace(b"first", b"FIRST")
    data.write_bytes(damaged)
    done = subprocess.run(command("--port", 0, "--data", data), capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 3 is damaged" in done.stderr
    assert data.read_bytes() == damaged


def test_one_server_for_each_file(data):
    arguments = command("--port", 0, "--data", data)
    with serving("--data", data) as server:
        second = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
        assert (second.returncode, second.stdout) == (2, "")
        assert "another toctou serves from this file" in second.stderr
        assert server.call("CreateTable", **TABLE)[0] == 200
        server.end(signal.SIGKILL)  # a lock does not outlive its process
        with serving("--data", data) as third:
            assert third.call("GetItem", TableName="Items", Key={"id": {"S": "a"}}) == (200, {})


def test_without_a_file_nothing_is_kept(tmp_path):
    with serving() as server:
        assert server.call("CreateTable", **TABLE)[0] == 200
    with serving() as server:
        assert server.call("GetItem", TableName="Items", Key={"id": {"S": "a"}})[0] == 400
