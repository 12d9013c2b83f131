"""Makes the event that a Lambda function gets for an HTTP request, by the kind of API in front of it.

A kind is one function and one line of :data:`EVENTS`.  Identifiers and times are drawn from the request's own numbers and clock.

Sources, of REST APIs (payload 1.0), HTTP APIs (payload 2.0), function URLs and load balancers:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.
A path and its parameters are passed on as they were sent, but for HTTP APIs, which decode them; a query is decoded, but for load
balancers: https://github.com/middleapi/standard-server/pull/93, https://github.com/aws/aws-lambda-rust-runtime/issues/543, and
AWS's own imitation, https://github.com/aws/aws-lambda-dotnet/tree/master/Tools/LambdaTestTool-v2.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from toctou.history.request import Response
from toctou.web.callers import DEFAULT, Caller
from toctou.web.lambda_context import ACCOUNT, REGION

if TYPE_CHECKING:  # it takes a third of the time to import all that a test run needs of ours
    from toctou.openapi.request import HttpRequest

_API = "toctou1234"
_STAGE = "prod"
_SOURCE = "127.0.0.1"
_AGENT = "toctou"
_TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
"""Media types that payload 2.0 passes on as text; other bodies are encoded."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, as a kind of API sees it.

    Attributes:
        request: as sent.
        template: its path with the parameters as ``{name}``; empty if that is not known.
        parameters: of the path.
        known: of the caller: the fields of each kind of :class:`~toctou.web.callers.Caller`.
    """

    request: HttpRequest
    template: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def segment(value: str) -> str:
    """A value as clients send it in a path: what RFC 3986 allows there stays as it is."""
    return quote(value, safe="!$&'()*+,;=:@")


def known_of(principal: str, caller: Caller | Sequence[Caller] | None) -> dict[str, dict[str, Any]]:
    """What an event says of a principal, by where it says so; ``None`` for :data:`~toctou.web.callers.DEFAULT`."""
    known: dict[str, dict[str, Any]] = {}
    for one in (caller,) if isinstance(caller, Caller) else DEFAULT if caller is None else caller:
        known.setdefault(one.kind, {}).update(one.of(principal))
    return known


def bare(returned: Any) -> Response:
    """What payload 2.0 makes of an answer without ``statusCode``: a body that is sent as JSON with 200."""
    return Response(200, returned, headers=[("content-type", "application/json")])


def rest_event(sent: Sent) -> dict[str, Any]:
    """Of a REST API, payload 1.0."""
    request, known = sent.request, sent.known
    path, pairs = _parts(request)
    resource = sent.template or path
    headers = {"Host": f"{_API}.execute-api.{REGION}.amazonaws.com", "User-Agent": _AGENT, **request.headers}
    body, encoded = _body(request, text=True)
    identity = {"sourceIp": _SOURCE, "userAgent": _AGENT, **dict.fromkeys(_IDENTITY), **_user(known)}
    authorizer: dict[str, Any] = {**known.get("authorizer", {})}
    if "claims" in known:
        authorizer |= {"claims": {**known["claims"]}, "scopes": None}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": _several(pairs) or None,
        "pathParameters": {name: segment(value) for name, value in sent.parameters.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": _API,
            "authorizer": authorizer,
            "domainName": headers["Host"],
            "domainPrefix": _API,
            "extendedRequestId": "toctou=",
            "httpMethod": request.method,
            "identity": identity,
            "path": f"/{_STAGE}{path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTime": _time(),
            "requestTimeEpoch": int(time.time() * 1000),
            "resourceId": "abc123",
            "resourcePath": resource,
            "stage": _STAGE,
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


_IDENTITY = (
    *(
        "accessKey",
        "accountId",
        "apiKey",
        "apiKeyId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
    ),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)


def http_event(sent: Sent) -> dict[str, Any]:
    """Of an HTTP API, payload 2.0."""
    request, known = sent.request, sent.known
    path, pairs = _parts(request)
    path = unquote(path)
    route = f"{request.method} {sent.template}" if sent.template else "$default"
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = headers.pop("cookie", "")
    body, encoded = _body(request, text=headers.get("content-type", "text/").startswith(_TEXTS))
    domain = f"{_API}.execute-api.{REGION}.amazonaws.com"
    authorizer: dict[str, Any] = {}
    if "claims" in known:
        authorizer["jwt"] = {"claims": {**known["claims"]}, "scopes": None}
    if "authorizer" in known:
        authorizer["lambda"] = {**known["authorizer"]}
    if "iam" in known:
        authorizer["iam"] = {"accountId": ACCOUNT, **dict.fromkeys(_IAM), **_user(known)}
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": request.path.partition("?")[2],
        "headers": {"host": domain, "user-agent": _AGENT, "content-length": str(len(request.body)), **headers},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": _API,
            "authorizer": authorizer,
            "domainName": domain,
            "domainPrefix": _API,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": _SOURCE,
                "userAgent": _AGENT,
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route,
            "stage": "$default",
            "time": _time(),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": encoded,
    }
    # Payload 2.0 leaves out what is not there.
    several = {name: ",".join(values) for name, values in _several(pairs).items()}
    optional = {
        "cookies": cookies.split("; ") if cookies else None,
        "queryStringParameters": several,
        "pathParameters": dict(sent.parameters),
        "body": body,
    }
    return {**made, **{name: value for name, value in optional.items() if value}}


_IAM = ("accessKey", "callerId", "cognitoIdentity", "principalOrgId", "userArn", "userId")


def url_event(sent: Sent) -> dict[str, Any]:
    """Of a function URL, which knows no routes: payload 2.0 without parameters of the path."""
    made = http_event(Sent(sent.request, known=sent.known))
    domain = f"{_API}.lambda-url.{REGION}.on.aws"
    made["headers"]["host"] = made["requestContext"]["domainName"] = domain
    made["rawPath"] = made["requestContext"]["http"]["path"] = _parts(sent.request)[0]
    return made


def alb_event(sent: Sent) -> dict[str, Any]:
    """Of an application load balancer, which knows no routes and no callers."""
    request = sent.request
    path, _, query = request.path.partition("?")
    headers = {
        "host": f"{_API}.{REGION}.elb.amazonaws.com",
        "user-agent": _AGENT,
        "x-forwarded-for": _SOURCE,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        **{name.lower(): value for name, value in request.headers.items()},
    }
    body, encoded = _body(request, text=headers.get("content-type", "text/").startswith(_TEXTS))
    group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{_API}/0123456789abcdef"
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": request.method,
        "path": path,
        "queryStringParameters": dict(one.partition("=")[::2] for one in query.split("&") if one),
        "headers": headers,
        "body": body or "",
        "isBase64Encoded": encoded,
    }


EVENTS: Mapping[str, Callable[[Sent], dict[str, Any]]] = {
    "rest": rest_event,
    "http": http_event,
    "url": url_event,
    "alb": alb_event,
}
"""Makers of events by what stands before the function: the values of ``Model.api``."""

BARE_ANSWERS = frozenset({"http", "url"})
"""Kinds that take an answer without ``statusCode``."""


def _parts(request: HttpRequest) -> tuple[str, list[tuple[str, str]]]:
    path, _, query = request.path.partition("?")
    return path, parse_qsl(query, keep_blank_values=True)


def _several(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _body(request: HttpRequest, *, text: bool) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    try:
        if text:
            return request.body.decode(), False
    except UnicodeDecodeError:
        pass
    return base64.b64encode(request.body).decode(), True


def _user(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    arn = known.get("iam", {}).get("userArn")
    return {} if arn is None else {"userArn": arn, "accountId": ACCOUNT}


def _time() -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
