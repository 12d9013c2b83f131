"""What a model says of a service in another process: how it is started, when it is ready, and how a request is sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from toctou.errors import ModelError

Restart = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to the service: what a handler of a service model returns.

    Attributes:
        method: such as ``DELETE``.
        path: with its query, such as ``/items/i1?force=true``.
        body: sent as JSON; ``str`` and ``bytes`` are sent as they are, ``None`` for no body.
        headers: in addition to those that the service asks for.
    """

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """A service under test, which is started as it is, once for each concurrent request.

    In ``command``, ``build`` and ``environment`` these are replaced: ``{port}`` (where the service has to listen, on
    127.0.0.1), ``{dynamodb_endpoint}`` (a URL; ``{gate_port}`` is its port), ``{cache}`` (a folder outside of the tree, for what
    is built) and ``{folder}``.

    Attributes:
        command: the program and its arguments; run in ``folder``.
        folder: where it is run; relative to the file that declares the service.
        build: commands that are run before it is started for the first time, and again when a file in ``folder`` has changed.
        ready: a path that answers with a status below 500 once the service is ready; ``None``: as soon as it takes connections.
        headers: of every request; ``{principal}`` is replaced.
        environment: variables in addition to ours.  ``AWS_ENDPOINT_URL_DYNAMODB``, which every recent SDK follows, a region
            and credentials are set; a profile and the files in ``~/.aws`` are kept away.
        request_header: ``None`` to start one replica per concurrent request.  The name of a header if there is to be a single
            one: the requests then carry an identifier in it, which the service has to forward to its DynamoDB calls.
        restart: ``auto`` to use replicas again for the next schedule until that is seen to make a difference; ``always``;
            ``never``.
        start_seconds: how long it may take until it is ready.
        build_seconds: how long each command of ``build`` may take.
        settle_seconds: how far apart calls may be that a handler makes at once, such as by ``Promise.all``.
        gate_address: where its DynamoDB calls are taken.  Anything but a loopback address needs ``beyond_loopback``.
        beyond_loopback: let other machines reach the gate; for services in containers.  Calls are not authenticated.
    """

    command: Sequence[str]
    folder: str | Path = "."
    build: Sequence[Sequence[str]] = ()
    ready: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    request_header: str | None = None
    restart: Restart = "auto"
    start_seconds: float = 30.0
    build_seconds: float = 1800.0
    settle_seconds: float = 0.02
    gate_address: str = "127.0.0.1"
    beyond_loopback: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.command, str) or not self.command:
            raise ModelError(
                f"the service's command is {self.command!r}",
                expected="the program and its arguments as a list",
                remedy='for example command=["node", "server.js", "--port", "{port}"]',
            )
        if not any("{port}" in text for text in (*self.command, *self.environment.values())):
            raise ModelError(
                f"the service's command does not name its port: {' '.join(self.command)}",
                expected="{port} in `command` or `environment`, because several replicas run side by side",
                remedy='for example environment={"PORT": "{port}"}',
            )
        if self.restart not in ("auto", "always", "never"):
            raise ModelError(f"the service's restart is {self.restart!r}", expected="'auto', 'always' or 'never'")
        if not ip_address(self.gate_address).is_loopback and not self.beyond_loopback:
            raise ModelError(
                f"the gate would listen on {self.gate_address}, where other machines can reach it",
                expected="a loopback address",
                remedy="leave out gate_address, or say beyond_loopback=True if that is what you want; it asks for no credentials",
            )
