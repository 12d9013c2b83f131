"""A service in another process is checked as handlers in this one are; its faults are reported and its processes ended."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import toctou
from toctou import Model, Service, StopReason, Table, Verdict, route
from toctou.errors import ModelError
from toctou.gate import replica
from toctou.scheduling.runner import Limits

TINY = Path(__file__).with_name("tiny_service.py")
pytestmark = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(),
    reason="/proc lists sockets on Linux: `docker run --rm -v .:/toctou -w /toctou python:3 .ci/run`",
)

SERVICE = Service(command=[sys.executable, str(TINY), "{port}"], ready="/ready", headers={"X-Principal": "{principal}"})


def model_of(*routes, service=SERVICE, **attributes):
    """A model with these routes, by their last word."""
    named = {route.function.path.strip("/").partition("?")[0]: route for route in routes}
    declared = {
        "tables": [Table("Items", "item_id")],
        "items": {"Items": [{"item_id": "i1", "owner": "alice", "data": "d"}]},
        "service": service,
        "__module__": __name__,
    }
    return type("Tiny", (Model,), {**declared, **attributes, **named})


def check(*routes, limits=None, **options):
    model = options.pop("model", None) or model_of(*routes, **options.pop("attributes", {}))
    if limits:
        options["limits"] = limits
    return toctou.check(model, **{"requests": 1, "confirm": False, **options})


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = _children()
    yield
    assert _children() <= before
    assert _listening() == set()
    assert not [thread.name for thread in threading.enumerate() if thread.name == "toctou-gate"]


def _listening():
    """Sockets of this process on which it listens."""
    own = {os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if _is_open(one)}
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def _is_open(descriptor):
    return os.path.lexists(f"/proc/self/fd/{descriptor}")


def _children():
    """Processes of this one, and of those that have lost their parent, that run the tiny service."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(TINY).encode() in command:
                found.add(int(entry.name))
    return found


def test_a_race_is_found_explained_and_confirmed():
    result = check(
        route("DELETE /delete", principals=["alice"]),
        requests=2,
        confirm=True,
        attributes={"owner": "owner", "retryable": frozenset()},
    )
    assert result.verdict is Verdict.VIOLATED
    (violation,) = result.violations
    assert violation.finding.oracle == "linearizability"
    assert str(violation.execution.schedule).startswith("t1:A.B.B.A:")
    assert violation.confirmed_on == "moto"
    assert violation.explanation.anomaly == "outdated_answer"


def test_what_is_sent_and_what_comes_back():
    model = model_of(
        route(
            "PUT /echo?name={name}&to={principal}",
            body={"list": ["{number}", "n={number}"], "kept": "{name}"},
            arguments={"name": ["ü & ö/é"]},
            number=[7],
        )
    )
    result = toctou.check(model, requests=1, confirm=False)
    assert result.verdict is Verdict.VERIFIED, result.detail


@pytest.mark.parametrize("strategy", ["exhaustive", "dpor"])
def test_concurrent_calls_are_explored_in_both_orders(strategy):
    result = check(route("POST /both", principals=["alice"]), strategy=strategy)
    # Alone, the last of two writes of different data decides; both orders are run, and they differ.
    assert result.scenarios[0].schedules == 2
    assert result.verdict is Verdict.VIOLATED
    (violation,) = result.violations
    assert str(violation.execution.schedule).startswith("t1:A+1.A:")


def test_one_replica_with_a_header_that_it_forwards():
    service = replace(SERVICE, request_header="X-Request")
    result = check(route("DELETE /delete", principals=["alice"]), requests=2, attributes={"service": service})
    assert result.verdict is Verdict.VIOLATED
    assert str(result.violations[0].execution.schedule).startswith("t1:A.B.B.A:")


def test_one_replica_that_does_not_forward_the_header():
    service = replace(SERVICE, request_header="X-Request")
    result = check(route("POST /stateful", principals=["alice"]), attributes={"service": service})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "without the header X-Request" in result.detail


def test_a_stateful_service_is_started_again_for_every_schedule():
    routes = route("POST /stateful", principals=["alice"])
    assert check(routes).verdict is Verdict.VERIFIED
    result = check(routes, attributes={"service": replace(SERVICE, restart="never")})
    assert result.stop_reason is StopReason.NONDETERMINISTIC


def test_a_service_with_random_values_is_not_verified():
    result = check(route("POST /random", principals=["alice"]))
    assert result.stop_reason is StopReason.NONDETERMINISTIC


def test_tokens_generated_by_an_sdk_are_harmless():
    assert check(route("POST /transaction", principals=["alice"])).verdict is Verdict.VERIFIED


def test_a_crash_is_reported_with_the_last_lines():
    result = check(route("POST /crash", principals=["alice"]))
    assert result.stop_reason is StopReason.SERVICE_CRASHED
    assert "status 7" in result.detail
    assert "something terrible" in result.detail


def test_silence_is_reported_with_the_last_lines():
    result = check(route("POST /hang", principals=["alice"]), limits=Limits(seconds=0.5))
    assert result.stop_reason is StopReason.SILENT_HANDLER
    assert "waiting for a lock" in result.detail


def test_a_dropped_connection_is_an_exception_of_the_handler():
    result = check(route("POST /drop", principals=["alice"]))
    assert result.verdict is Verdict.VIOLATED
    (violation,) = [one for one in result.violations if one.finding.oracle == "no_exception"]
    assert violation.execution.responses[0].exception.type == "NoResponse"


@pytest.mark.parametrize(
    ("path", "reported"),
    [("garbage", "SerializationException"), ("queue", "it also uses the AWS service AmazonSQS")],
)
def test_a_request_that_is_no_dynamodb_call_is_reported(path, reported):
    result = check(route(f"POST /{path}", principals=["alice"]))
    assert result.stop_reason is StopReason.OUTSIDE_CONTROL
    assert reported in result.detail


def test_a_call_that_dynamodb_refuses_is_answered_as_dynamodb_does():
    result = check(route("POST /invalid", principals=["alice"]), attributes={"reference": Refused()})
    assert result.verdict is Verdict.VERIFIED, result.detail


class Refused:
    """A client that leaves out the key gets an error, and the item is stored all the same."""

    def state_of(self, items):
        return ()

    def step(self, state, request):
        return state, toctou.Response(200, "com.amazon.coral.validate#ValidationException")


def test_background_work_is_reported():
    result = check(route("POST /background", principals=["alice"]), requests=2)
    assert result.stop_reason is StopReason.OUTSIDE_CONTROL
    assert "the service called PutItem while it was serving no request" in result.detail


@pytest.mark.parametrize(
    ("how", "reported"),
    [
        ("exits", "the service ended with status 1 before it was ready; its output ends with"),
        ("never", "the service did not answer GET /ready on port"),
        ("writes", "the service called PutItem while it was starting"),
    ],
)
def test_a_service_that_does_not_start_is_reported(how, reported):
    service = replace(SERVICE, command=[*SERVICE.command, how], start_seconds=1.0)
    with pytest.raises(ModelError, match=reported):
        check(route("DELETE /delete"), attributes={"service": service})


def test_a_port_taken_by_another_program_meanwhile_is_replaced(monkeypatch):
    free = replica._free_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = [taken.getsockname()[1]]
        monkeypatch.setattr(replica, "_free_port", lambda: ports.pop() if ports else free())
        assert check(route("POST /transaction", principals=["alice"])).verdict is Verdict.VERIFIED
    assert not ports


def test_a_service_may_read_while_it_starts():
    service = replace(SERVICE, command=[*SERVICE.command, "reads"])
    result = check(route("DELETE /delete", principals=["alice"]), attributes={"service": service})
    assert result.verdict is Verdict.VERIFIED, result.detail


def test_children_of_the_service_are_ended_too():
    service = replace(SERVICE, command=[*SERVICE.command, "child"])
    check(route("DELETE /delete", principals=["alice"]), attributes={"service": service})
    until = time.monotonic() + 5
    while _children() and time.monotonic() < until:
        time.sleep(0.05)
    assert not _children()


def test_a_missing_tool_is_named():
    service = Service(command=["no-such-program", "{port}"], build=[["no-such-cargo", "build"]])
    result = check(route("DELETE /delete"), requests=2, attributes={"service": service})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.stop_reason is StopReason.TOOL_MISSING
    assert "no-such-cargo is not installed" in result.detail
    assert len(result.scenarios) == 1


def test_a_handler_of_a_service_model_returns_a_request():
    model = model_of(route("DELETE /delete"), other=toctou.handler(lambda principal: 204))
    with pytest.raises(ModelError, match="the handler 'other' of a service model returned 204"):
        toctou.check(model, requests=1, confirm=False)


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"command": "node server.js"}, "the service's command is 'node server.js'"),
        ({"command": ["node"]}, "does not name its port"),
        ({"restart": "sometimes"}, "restart is 'sometimes'"),
        ({"gate_address": "0.0.0.0"}, "where other machines can reach it"),
    ],
)
def test_a_service_that_is_declared_wrongly(changes, reported):
    with pytest.raises(ModelError, match=reported):
        replace(SERVICE, **changes)


def test_a_gate_beyond_loopback_must_be_explicit():
    assert replace(SERVICE, gate_address="0.0.0.0", beyond_loopback=True).beyond_loopback
    assert replace(SERVICE, gate_address="127.0.0.2").gate_address == "127.0.0.2"


@pytest.mark.parametrize(
    ("request_line", "pools", "reported"),
    [("items", {}, "is not a method and a path"), ("GET /items/{item_id}", {}, "names 'item_id'")],
)
def test_a_route_that_is_declared_wrongly(request_line, pools, reported):
    with pytest.raises(ModelError, match=reported):
        route(request_line, **pools)


def test_credentials_and_endpoints_of_the_caller_do_not_reach_the_service(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://production.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    result = check(route("DELETE /delete", principals=["alice"]))
    assert result.verdict is Verdict.VERIFIED, result.detail
    assert os.environ["AWS_PROFILE"] == "production"
