"""Services over the wire: schedules per second of a service, and what the gate adds to a DynamoDB call.

    python tests/benchmarks/gate.py [rounds]

The same scenario is run by the Axum service of models/axum, over HTTP, and by handlers in Python that do the same, in turns.
Then the same call is made over HTTP to the engine as `toctou serve` offers it, and to the gate, where it is held, let through by
another thread, and answered, in turns too.  Medians of wall time; read the ratios.
"""

from __future__ import annotations

import http.client
import json
import queue
import statistics
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from models.axum.items import FixedItems  # noqa: E402
from models.update_item import VersionedUpdate  # noqa: E402
from toctou import Model, Request  # noqa: E402
from toctou.client.embedded import EmbeddedBackend  # noqa: E402
from toctou.declaration.scenario import Scenario  # noqa: E402
from toctou.execution.laboratory import Laboratory  # noqa: E402
from toctou.gate.background import Background  # noqa: E402
from toctou.gate.endpoint import Endpoint  # noqa: E402
from toctou.gate.exchange import Exchange  # noqa: E402
from toctou.gate.mailbox import HeldCall  # noqa: E402
from toctou.history.operation import Operation  # noqa: E402
from toctou.scheduling.runner import Limits  # noqa: E402
from toctou.scheduling.strategies.random_walk import RandomWalk  # noqa: E402
from toctou.server.service import Service  # noqa: E402
from toctou.wire import LOOPBACK, HttpServer  # noqa: E402

UPDATE = Request.of("alice", "update_item", {"item_id": "i1", "data": "edited"})
TRANSFER = Request.of("alice", "transfer", {"item_id": "i1", "to": "bob"})
SCHEDULES = 50
CALLS = 200
TARGET = "DynamoDB_20120810."
TABLE = (
    b'{"TableName":"Items","KeySchema":[{"AttributeName":"item_id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST",'
    b'"AttributeDefinitions":[{"AttributeName":"item_id","AttributeType":"S"}]}'
)
GET = b'{"TableName":"Items","Key":{"item_id":{"S":"i1"}},"ConsistentRead":true}'


@contextmanager
def scheduled(model: type[Model]) -> Iterator[Callable[[], float]]:
    """A function that runs some schedules of one scenario and returns seconds per schedule."""
    laboratory = Laboratory(model, EmbeddedBackend(), Limits())
    with laboratory.opened():
        scenario = Scenario((UPDATE, TRANSFER))

        def run() -> float:
            strategy = RandomWalk(1)
            begun = perf_counter()
            for _ in range(SCHEDULES):
                strategy.begin()
                laboratory.execute(scenario, strategy)
            return (perf_counter() - begun) / SCHEDULES

        run()  # to start what has to be started, and to learn how many calls come at once
        yield run


@contextmanager
def served(background: Background) -> Iterator[int]:
    """The port of an engine as `toctou serve` offers it."""
    server = HttpServer(Service().respond)
    yield background.run(server.start())
    background.run(server.stop(0.0))


@contextmanager
def held(background: Background) -> Iterator[int]:
    """The port of a gate whose calls are let through by another thread, on the same kind of engine."""
    backend = EmbeddedBackend()
    backend.load([json.loads(TABLE)], {})
    endpoint = Endpoint(None, background.clock)
    exchange = endpoint.exchanges[""] = Exchange(0)
    port = background.run(endpoint.open(LOOPBACK))
    ended = threading.Event()

    def let_through() -> None:
        while not ended.is_set():
            call = exchange.mailbox.take(0.2)
            if isinstance(call, HeldCall):
                result, error, footprint, changes, *_ = backend.perform(call.action, call.parameters)
                call.reply(Operation(0, 0, call.action, call.parameters, result, error, footprint, changes))

    thread = threading.Thread(target=let_through)
    thread.start()
    yield port
    ended.set()
    thread.join()
    background.run(endpoint.close())


def caller(port: int, *, create: bool = False) -> Callable[[], float]:
    """A function that makes some calls over one connection and returns seconds per call."""
    connection = http.client.HTTPConnection(LOOPBACK, port)

    def call(action: str, body: bytes) -> None:
        headers = {
            "X-Amz-Target": TARGET + action,
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=none",
        }
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{action} was answered {response.status}: {answer.decode()}")

    def run() -> float:
        begun = perf_counter()
        for _ in range(CALLS):
            call("GetItem", GET)
        return (perf_counter() - begun) / CALLS

    if create:
        call("CreateTable", TABLE)
    run()
    return run


def compared(rounds: int, *settings: Callable[[], float]) -> list[float]:
    """The median of each setting, which take turns."""
    taken = [[setting() for setting in settings] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    # Not open at once: a laboratory takes the clock of its process.
    wire, python = queue.SimpleQueue[float](), queue.SimpleQueue[float]()
    for _ in range(rounds):
        for model, into in ((FixedItems, wire), (VersionedUpdate, python)):
            with scheduled(model) as run:
                into.put(run())
    over_wire, in_process = (statistics.median(found.get() for _ in range(rounds)) for found in (wire, python))
    print(f"update ∥ transfer, 3 calls  Axum {1 / over_wire:7.0f} schedules/s  {over_wire * 1e3:6.2f} ms each")
    print(f"                          Python {1 / in_process:7.0f} schedules/s  {in_process * 1e3:6.2f} ms each")
    print(f"                    over the wire {over_wire / in_process:5.1f} × the time in process")
    background = Background()
    try:
        with served(background) as direct_port, held(background) as gate_port:
            direct, gate = compared(rounds, caller(direct_port, create=True), caller(gate_port))
    finally:
        background.close()
    print(f"GetItem over HTTP         served {direct * 1e6:7.0f} µs")
    print(
        f"                    through gate {gate * 1e6:7.0f} µs  {gate / direct:5.2f} × (adds {(gate - direct) * 1e6:.0f} µs)"
    )


if __name__ == "__main__":
    main()
