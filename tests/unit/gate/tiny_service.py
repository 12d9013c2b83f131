"""A service in a few lines of Python, without boto3: the gate sees its HTTP only, as with any other.

python tiny_service.py PORT [start mode]
"""

from __future__ import annotations

import email.utils
import http.client
import itertools
import json
import os
import socket
import sys
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GATE = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
KEY = {"item_id": {"S": "i1"}}
served = itertools.count()


def dynamodb(action, headers=None, **parameters):
    connection = http.client.HTTPConnection(GATE.hostname, GATE.port)
    body = json.dumps({"TableName": "Items", **parameters})
    connection.request(
        "POST",
        "/",
        body,
        {
            "X-Amz-Target": f"DynamoDB_20120810.{action}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=…".encode(),
            **(headers or {}),
        },
    )
    response = connection.getresponse()
    date = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    assert abs(date - time.time()) < 60, f"an SDK would correct its own clock by {date}"
    return response.status, json.loads(response.read() or b"{}")


def put(**attributes):
    values = {name: {"S": value} for name, value in attributes.items()}
    return dynamodb("PutItem", Item={**KEY, **values})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        getattr(self, self.path.strip("/").partition("?")[0])()

    do_DELETE = do_PUT = do_POST = do_GET  # noqa: N815 - http.server's names

    def answer(self, status, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        print(self.command, self.path, flush=True)

    @property
    def principal(self):
        return self.headers["X-Principal"]

    def forwarded(self):
        return {"X-Request": self.headers["X-Request"]} if self.headers["X-Request"] else {}

    def ready(self):
        self.answer(200)

    def echo(self):
        length = int(self.headers["Content-Length"] or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        put(owner=self.principal)
        self.answer(200, {"method": self.command, "path": self.path, "body": body, "principal": self.principal})

    def delete(self):
        _, found = dynamodb("GetItem", self.forwarded(), Key=KEY, ConsistentRead=True)
        if "Item" not in found:
            self.answer(404)
        elif found["Item"]["owner"]["S"] != self.principal:
            self.answer(403)
        else:
            dynamodb("DeleteItem", self.forwarded(), Key=KEY)
            self.answer(204)

    def both(self):
        calls = [threading.Thread(target=put, kwargs={"owner": "alice", "data": data}) for data in ("x", "y")]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        self.answer(200)

    def crash(self):
        print("something terrible", flush=True)
        os._exit(7)

    def hang(self):
        print("waiting for a lock", flush=True)
        time.sleep(60)

    def drop(self):
        put(owner=self.principal)
        self.connection.shutdown(socket.SHUT_RDWR)

    def garbage(self):
        connection = http.client.HTTPConnection(GATE.hostname, GATE.port)
        connection.request("POST", "/", b"{not json", {"X-Amz-Target": "DynamoDB_20120810.GetItem"})
        connection.getresponse()
        self.answer(500)

    def queue(self):
        dynamodb("SendMessage", {"X-Amz-Target": "AmazonSQS.SendMessage"})
        self.answer(500)

    def invalid(self):
        _, error = dynamodb("GetItem")
        put(owner=self.principal)
        self.answer(200, error["__type"])

    def background(self):
        self.answer(202)
        self.wfile.flush()
        put(owner=self.principal)

    def stateful(self):
        put(owner=self.principal, data=str(next(served)))
        self.answer(200)

    def random(self):
        put(owner=self.principal, data=str(uuid.uuid4()))
        self.answer(200)

    def transaction(self):
        update = {"Update": {"TableName": "Items", "Key": KEY, "UpdateExpression": "SET d = :d"}}
        update["Update"]["ExpressionAttributeValues"] = {":d": {"S": "x"}}
        status, _ = dynamodb("TransactWriteItems", TransactItems=[update], ClientRequestToken=str(uuid.uuid4()))
        self.answer(status)


def main():
    port, how = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    print("starting", how, flush=True)
    if how == "exits":
        sys.exit("there is no configuration")
    if how == "never":
        time.sleep(60)
    if how == "reads":
        assert dynamodb("DescribeTable")[0] == 200
        assert dynamodb("GetItem", Key=KEY)[1]["Item"]["owner"] == {"S": "alice"}
    if how == "writes":
        put(owner="nobody")
    if how == "child" and os.fork() == 0:
        time.sleep(60)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
