"""A model's declaration of a service in another process: how to start it, when it is ready, and how to send it a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from toctou.errors import ModelError
from toctou.gate.headers import Headers, check_headers

Restart = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to the model's application, function or service, as returned by a handler.

    Attributes:
        method: such as ``DELETE``.
        path: including the query, such as ``/items/i1?force=true``.
        body: sent as JSON; ``str`` and ``bytes`` are sent unchanged, ``None`` for no body.
        headers: in addition to those of the model and its service.
        template: the path with its parameters as ``{name}``, for events of API Gateway; empty if it has none.
        parameters: the values of the path's parameters, by name.
        function: the Lambda function that serves it; ``None`` for what the model names.
        says_who: the headers say already who calls, so that those of the model are left out.
    """

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    function: Callable[..., Any] | None = None
    says_who: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service under test, started unmodified, once for each concurrent request.

    In ``command``, ``build`` and ``environment`` these placeholders are replaced: ``{port}`` (to listen on, at 127.0.0.1),
    ``{dynamodb_endpoint}`` (a URL; ``{gate_port}`` is its port), ``{cache}`` (a folder for build output, outside the source
    tree) and ``{folder}``.

    Attributes:
        command: the program and its arguments, run in ``folder``.
        folder: the working directory, relative to the file that declares the service.
        build: commands to run before the first start, and again when a file in ``folder`` has changed.
        ready: a path that returns a status below 500 once it is ready; ``None``: it is ready once it accepts connections.
        headers: sent with every request; see :class:`~toctou.Model`, whose headers are sent as well.
        environment: additional variables.  ``AWS_ENDPOINT_URL_DYNAMODB``, which every recent SDK honours, a region and
            credentials are set; profiles and the files in ``~/.aws`` are hidden.
        request_header: ``None`` starts one replica per concurrent request.  The name of a header starts a single one:
            requests carry an identifier in it, which the service must forward to its DynamoDB calls.
        restart: ``auto`` reuses replicas for the next schedule until that is seen to make a difference; ``always``;
            ``never``.
        start_seconds: how long it may take to become ready.
        build_seconds: how long each command of ``build`` may take.
        settle_seconds: how far apart concurrent calls of a handler may be, such as those of ``Promise.all``.
        gate_address: where the gate listens for its DynamoDB calls.  Any other than loopback needs ``beyond_loopback``.
        beyond_loopback: let other machines reach the gate, for services in containers.  Calls are not authenticated.
    """

    command: Sequence[str]
    folder: str | Path = "."
    build: Sequence[Sequence[str]] = ()
    ready: str | None = None
    headers: Headers = field(default_factory=dict)
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
                expected="{port} in `command` or `environment`, because several replicas run at the same time",
                remedy='for example environment={"PORT": "{port}"}',
            )
        check_headers("the service", self.headers)
        if self.restart not in ("auto", "always", "never"):
            raise ModelError(f"the service's restart is {self.restart!r}", expected="'auto', 'always' or 'never'")
        if not ip_address(self.gate_address).is_loopback and not self.beyond_loopback:
            raise ModelError(
                f"the gate would listen on {self.gate_address}, where other machines can reach it",
                expected="a loopback address",
                remedy="omit gate_address, or set beyond_loopback=True to allow it: the gate checks no credentials",
            )
