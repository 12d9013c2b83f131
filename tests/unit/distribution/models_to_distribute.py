"""Models whose exploration is shared by several processes; they are loaded there by the name of this file."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from time import perf_counter  # the machine's
from typing import Any, ClassVar

import boto3

from toctou import Model, StoredItems, Table, handler, invariant

accounts = boto3.resource("dynamodb", region_name="us-east-1").Table("Accounts")
calls = itertools.count()


class OfAccounts(Model):
    tables = (Table("Accounts", "account_id"),)
    items: ClassVar = {"Accounts": [{"account_id": name, "value": 0} for name in ("a1", "a2")]}
    principals = ("alice",)


class BetweenTwoItems(OfAccounts):
    """588 classes with three requests."""

    @handler()
    def transfer(self, principal: str) -> int:
        read: list[dict[str, Any]] = [accounts.get_item(Key={"account_id": name})["Item"] for name in ("a1", "a2")]
        for item, amount in zip(read, (-1, 1), strict=True):
            accounts.put_item(Item={**item, "value": item["value"] + amount})
        return 204


class SlowlyJudged(BetweenTwoItems):
    """The same, taking long enough to be interrupted, on whatever machine."""

    @invariant
    def takes_its_time(self, items: StoredItems) -> bool:
        """True, in a millisecond."""
        begun = perf_counter()
        while perf_counter() - begun < 0.001:
            pass
        return True


class WithNumbers(OfAccounts):
    """The second step draws from the global generator, so that a search that is under way begins again."""

    @handler()
    def draw(self, principal: str) -> int:
        item = accounts.get_item(Key={"account_id": "a1"})["Item"]
        if item["value"]:
            item["value"] += random.randrange(10)
        accounts.put_item(Item={**item, "value": item["value"] + 1})
        return 204


class WithClock(OfAccounts):
    """Equal requests that ask for the time are not interchangeable after all, which shows late."""

    @handler()
    def stamp(self, principal: str) -> int:
        item = accounts.get_item(Key={"account_id": "a1"})["Item"]
        stamp = int(time.time()) % 100 if item["value"] else 1
        accounts.put_item(Item={**item, "value": stamp})
        return 204


class Counting(OfAccounts):
    """Remembers its calls in memory."""

    @handler()
    def count(self, principal: str) -> int:
        accounts.put_item(Item={"account_id": "a1", "value": next(calls)})
        return 204


class Connecting(OfAccounts):
    """Talks to somebody else."""

    @handler()
    def connect(self, principal: str) -> int:
        with socket.socket() as connected:
            connected.connect(("127.0.0.1", 9))
        return 204

    @handler()
    def write(self, principal: str) -> int:
        accounts.put_item(Item={"account_id": "a1", "value": 1})
        return 204


class Exiting(OfAccounts):
    """Ends its process in the middle of a request."""

    @handler()
    def leave(self, principal: str) -> int:
        accounts.put_item(Item={"account_id": "a1", "value": 1})
        os._exit(3)

    @handler()
    def write(self, principal: str) -> int:
        accounts.put_item(Item={"account_id": "a2", "value": 1})
        return 204
