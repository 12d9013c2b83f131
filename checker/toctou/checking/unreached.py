"""Decides what a reader is told of a handler that never did what it is there for: what it answered, and what to change for it.

The advice goes by the status, since the model usually is what has to be corrected: the path, the body, the headers, the items.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from toctou.analysis.cause import READS
from toctou.declaration.model import Model
from toctou.declaration.placeholders import NAME
from toctou.declaration.served import Sends, serves_functions
from toctou.gate.headers import headers_of
from toctou.gate.service import HttpCall
from toctou.history.item import texts_in
from toctou.history.request import Request, Response
from toctou.history.wording import listed
from toctou.search.reachability import Seen, Vacuous
from toctou.web.declared_routes import declared_routes, matches, nearest

_LONGEST = 160
_MOST = 3
_HEADERS = 'headers = {"Authorization": "Bearer {principal}"}, or a function that makes them'
_HIDDEN = re.compile(r"<(style|script|title|head|h1)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_CLOSEST_FIRST = (409, 412, 423, 429, 503, 403, 422, 400, 415, 404, 410, 405, 401)
"""Statuses by how far a request has come that is answered so; 2xx is before, what is not here between."""


def advice(one: Vacuous, model: type[Model]) -> str:
    """In one line, what was seen instead and what to do."""
    answers: dict[int, Seen] = {}
    for seen in one.seen:
        answers.setdefault(seen.response.status, seen)
    if not answers:
        return one.instead
    status = min(answers, key=_distance)
    also = listed(str(other) for other in sorted(answers) if other != status)
    seen = answers[status]
    call = _call(seen.request, model)
    to = f" to {call.method} {call.path}" if call is not None else ""
    after = f", after {'; '.join(one.errors[:_MOST])}" if one.errors else ""
    others = f" (other requests: {also})" if len(answers) > 1 else ""
    return f"answered {status}{to}{others}{after}{_remedy(seen, one.errors, call, model)}"


def who_calls(model: type[Model], unknown: str, answers: Sequence[Seen]) -> str:
    """What to do where requests are answered 401 or 403 whoever makes them; ``unknown`` says which.

    Args:
        answers: some of these.
    """
    if not _over_http(model):
        return f"{unknown}: {_no_access(model)}"
    refused = [one for one in answers if one.response.status == 401] or [
        one for one in answers if one.response.status == 403
    ]
    of_each = [_sent_headers(one.request, model) for one in refused]
    sent = list(dict.fromkeys(name for names in of_each for name in names)) if all(of_each) else []
    claim = 'caller = claims("sub"), or another claim or field of an authorizer; or '
    if sent and refused[0].response.status == 401:
        correct = claim + _HEADERS if _has_callers(model) else "correct `headers`"
        return f"{unknown}, although requests carry {listed(sent)}: the application does not take the caller from that; {correct}"
    if sent:
        return f"{unknown}, although requests carry {listed(sent)}: {_no_access(model)}"
    say = f"{claim if _has_callers(model) else ''}{_HEADERS}"
    return f"{unknown}: the application does not know who calls; say so in the model: {say}"


def _has_callers(model: type[Model]) -> bool:
    """Whether events say who calls beside the headers."""
    return serves_functions(model) and model.api != "alb"


def _distance(status: int) -> tuple[int, int]:
    if status < 300:
        return 0, status
    return (3, _CLOSEST_FIRST.index(status)) if status in _CLOSEST_FIRST else (1 if status >= 500 else 2, status)


def _remedy(seen: Seen, errors: Sequence[str], call: HttpCall | None, model: type[Model]) -> str:
    response = seen.response
    said = f": {text}" if (text := _text(response)) else ""
    match response.status:
        case status if status < 300:
            return _without_a_write(seen, errors)
        case status if status < 400:
            to = dict(response.headers).get("location", "")
            return f" ({to}): name that path in the route, or let `headers` say who calls if it is a login page"
        case 404 | 410:
            return _not_found(seen, call, model)
        case 405:
            allowed = ", ".join(sorted(re.findall(r"\w+", dict(response.headers).get("allow", ""))))
            wrong = call is not None and _no_path(call, model)  # which Chalice answers so
            return (
                wrong
                or f": the path has no such method{allowed and f', only {allowed}'}: correct the route{_as_written(seen, model)}"
            )
        case 401 | 403:
            return f"{said}: {_refused(seen, model)}"
        case 400 | 415 | 422:
            return _invalid(response, said)
        case status if status >= 500:
            if response.exception is not None:
                return f": {response.exception.type}: {response.exception.message}: it fails by itself: correct it"
            return f"{said}: it fails by itself: correct it, or what it depends on (environment variables, `setup`, `services`)"
    return f"{said}: give it items and arguments with which it is accepted"


def _without_a_write(seen: Seen, errors: Sequence[str]) -> str:
    writes = [one for one in seen.actions if one not in READS]
    if errors:
        return ": store items with which it succeeds"
    if writes:
        return f": its {listed(writes)} left everything as it was; give it items and arguments with which it changes something"
    if not seen.actions:
        return " without a call to DynamoDB: give it arguments and items with which it makes one"
    return (
        " without a write: if it is meant only to read, declare it with read_only=True; if not, give it items and arguments "
        "with which it reaches its write"
    )


def _not_found(seen: Seen, call: HttpCall | None, model: type[Model]) -> str:
    missing = "what it looks for is not there: store it in `items`, or give arguments of what is there"
    if call is None or seen.actions:
        return f": {missing}"
    return (
        _no_path(call, model)
        or f", without a call to DynamoDB: it has no such path, or {missing}{_as_written(seen, model)}"
    )


def _as_written(seen: Seen, model: type[Model]) -> str:
    """What is said besides of a function that may look up its code by the template of the route, which is the model's."""
    handler = model.handlers()[seen.request.handler].function
    template = str(getattr(handler, "request", "")).partition(" ")[2].partition("?")[0]
    if seen.actions or not template or not (getattr(handler, "function", None) or serves_functions(model)):
        return ""
    return (
        f"; the resource of the event is {template!r}, as the model writes it: where the function's own route has a parameter, "
        'write one of its name (route("DELETE /notes/{id}", id=["n1"]))'
    )


def _no_path(call: HttpCall, model: type[Model]) -> str:
    """What is said of a path that the application does not have; ``""`` if it has it, or says nothing of its routes."""
    routes, path = declared_routes(model.app or call.function or model.function), call.path.partition("?")[0]
    if not routes or any(matches(one, path) for one in routes):
        return ""
    near = nearest(routes, call.method, path)
    return ": the application has no such path" + (f"; there is {near}" if near is not None else ": correct the route")


def _refused(seen: Seen, model: type[Model]) -> str:
    if not _over_http(model):
        return _no_access(model)
    sent = _sent_headers(seen.request, model)
    if seen.actions:
        return _no_access(model)
    if seen.response.status == 403 and sent:
        return f"{_no_access(model)}; or correct what says who calls, {listed(sent)}"
    if not sent:
        return "it does not know who calls: say so in `headers`" + (", or in `caller`" if _has_callers(model) else "")
    return f"it was sent {listed(sent)}, and does not take the caller from that: correct it"


def _no_access(model: type[Model]) -> str:
    """What to do if no principal may do what it asks for."""
    known = [*model.principals]
    owners = list(dict.fromkeys(_owners(model)))
    if owners and not {*owners} & {*known}:
        named = owners[:_MOST]
        return f"all items belong to {listed(named)}: say principals = {json.dumps(named)}, or change `items`"
    texts = {text for item in _items(model) for text in texts_in(item)}
    if texts and not texts & {*known}:
        return f"no item in `items` names {listed(known)}: store some of theirs, or name others in `principals`"
    return "call it for principals who may do that (`principals`), with arguments of items that are theirs"


def _owners(model: type[Model]) -> Iterator[str]:
    for item in _items(model):
        found: Any = item
        for part in (model.owner or "").split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            yield found


def _items(model: type[Model]) -> Iterator[Mapping[str, Any]]:
    for items in model.items.values():
        yield from items


def _invalid(response: Response, said: str) -> str:
    """What was refused of a request; FastAPI and pydantic name each place: https://fastapi.tiangolo.com/tutorial/handling-errors/."""
    places = response.body.get("detail") if isinstance(response.body, Mapping) else None
    faults = [one for one in places if isinstance(one, Mapping) and one.get("loc")] if isinstance(places, list) else []
    if not faults:
        return f"{said}: correct the `body`, the arguments or the headers of the request"
    texts, remedies = [], dict[str, None]()
    for one in faults[:_MOST]:
        where, *rest = map(str, one["loc"])
        name = ".".join(rest) or where
        texts.append(
            f"{where} {name}: {one.get('msg', 'invalid')}" if rest else f"{where}: {one.get('msg', 'invalid')}"
        )
        remedies[_where_to_say(where, name)] = None
    return f": {'; '.join(texts)}: say it in {listed(remedies)}"


def _where_to_say(where: str, name: str) -> str:
    match where:
        case "header":
            return f'headers = {{"{name}": "{{principal}}"}}'
        case "cookie":
            return f'headers = {{"Cookie": "{name}=…"}}'
        case "query":
            return f"the route's path (?{name}=…)"
        case "path":
            return f"the route's argument {name}"
    return f'body={{"{name}": …}}'


def _text(response: Response) -> str:
    """A body as text, shortened: of a page what a browser shows, of plain data JSON."""
    body = response.body
    if body is None or response.exception is not None:
        return ""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str):
        body = json.dumps(body, default=str, ensure_ascii=False)
    elif body.lstrip().startswith("<"):
        body = html.unescape(_HIDDEN.sub(" ", body))
    body = " ".join(body.split())
    if body == _phrase(response.status):
        return ""
    return body if len(body) <= _LONGEST else f"{body[:_LONGEST]}…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _over_http(model: type[Model]) -> bool:
    return model.app is not None or model.service is not None or serves_functions(model)


def _call(request: Request, model: type[Model]) -> HttpCall | None:
    """What a route sends for a request; ``None`` of a handler that is none, whose code is not run for this."""
    declared = model.handlers().get(request.handler)
    if declared is None or not isinstance(declared.function, Sends) or not declared.function.over_http:
        return None
    made = declared.function(request.principal, **request.values)
    return made if isinstance(made, HttpCall) else None


def _sent_headers(request: Request, model: type[Model]) -> list[str]:
    """What says who calls: headers of the model, its service, and the route, but for that of the body; what `caller` declares."""
    if callable(model.headers):  # which is not called once more for this: it may ask for a token
        found = ["what `headers` makes"]
    else:
        found = list(headers_of("the model", model.headers, request.principal))
    if model.service is not None and isinstance(model.service.headers, Mapping):
        found += [name for name, value in model.service.headers.items() if NAME.search(str(value))]
    if model.caller is not None and serves_functions(model):
        found.append("what `caller` says")
    call = _call(request, model)
    found += [name for name in (call.headers if call is not None else ()) if name.lower() != "content-type"]
    return list(dict.fromkeys(found))
