"""Two responses are equal exactly if status, body and headers are, whatever a framework adds and in whatever order."""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import math
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toctou.declaration.response import response_of
from toctou.errors import ModelError
from toctou.history.normal_form import VARYING, decoded, normal_body, normal_headers, same_body
from toctou.history.request import Response
from toctou.oracles.serial_order import matches

SCALARS = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "1", "a", "A"])
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
HEADERS = st.dictionaries(st.sampled_from(["etag", "location"]), st.sampled_from(["1", "2"]), max_size=2)
PARTS = st.tuples(st.sampled_from([200, 201, 404]), BODIES, HEADERS)


def as_tuple(status, body, headers):
    return status, body, headers


def as_flask_view(status, body, headers):
    return body, f"{status} Said", [(name.upper(), value) for name, value in reversed(headers.items())]


def as_lambda(status, body, headers):
    titled = {name.title(): value for name, value in reversed(headers.items())}
    text = json.dumps(backwards(body))
    return {"statusCode": str(status), "headers": {**titled, "Content-Length": str(len(text))}, "body": text}


def as_lambda_with_base64(status, body, headers):
    content = base64.b64encode(json.dumps(body).encode()).decode()
    several = {
        "Date": ["today"],
        "Content-Type": ["application/json"],
        **{name: [value] for name, value in headers.items()},
    }
    return {"statusCode": status, "multiValueHeaders": several, "body": content, "isBase64Encoded": True}


class Answer:
    """As frameworks' responses are: bytes, and headers that everyone of them adds."""

    def __init__(self, status, body, headers):
        self.status_code = status
        self.headers = {"X-Request-Id": "7", "Content-Type": "application/json", **headers}
        self.content = json.dumps(backwards(body), indent=1).encode()


def backwards(body):
    if isinstance(body, dict):
        return {name: backwards(body[name]) for name in reversed(body)}
    return [*map(backwards, body)] if isinstance(body, list) else body


def read(returned):
    found = response_of(returned, "handler", lambda _: pytest.fail("nothing to run"))
    return Response(found.status, found.body, headers=[one for one in found.headers if one[0] != "content-type"])


FORMS = st.sampled_from([as_tuple, as_flask_view, as_lambda, as_lambda_with_base64, Answer])


@given(PARTS, PARTS, FORMS, FORMS)
@example((200, {"a": 1}, {}), (200, {"a": True}, {}), as_tuple, as_lambda)
@example((200, None, {"etag": "1"}), (200, None, {"etag": "2"}), Answer, as_lambda)
def test_responses_are_equal_exactly_if_their_parts_are(parts, others, form, other_form):
    same = json.dumps(parts, sort_keys=True) == json.dumps(others, sort_keys=True)
    assert matches(read(form(*parts)), read(other_form(*others))) == same
    assert matches(read(form(*parts)), read(other_form(*parts)))


def test_headers_count_by_name_and_value_but_for_what_varies_by_itself():
    given_ = [("Set-Cookie", "b=2"), ("ETag", ' "3" '), ("set-cookie", "a=1"), ("Date", "x"), ("Content-Length", "4")]
    assert normal_headers(given_) == (("etag", '"3"'), ("set-cookie", "b=2"), ("set-cookie", "a=1"))
    assert not {"set-cookie", "location", "etag", "content-type", "retry-after", "last-modified", "allow"} & VARYING


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Line:
    name: str
    hidden: int = dataclasses.field(default=0, compare=False)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (Line("a", 1), {"name": "a", "hidden": 1}),
        ([Line("a")], [{"name": "a", "hidden": 0}]),
        (MappingProxyType({"a": (1, Colour.RED)}), {"a": (1, "red")}),
        ({"b": 1}.values(), [1]),
        ((one for one in "ab"), ["a", "b"]),
        (math.nan, "NaN"),
        (Decimal("1.0"), Decimal("1.0")),
        ({1, 2}, {1, 2}),
    ],
)
def test_a_body_is_data(body, data):
    assert normal_body(body) == data
    assert type(normal_body(body)) is type(data)


def test_what_a_handler_changes_later_does_not_change_its_answer():
    items = ["a"]
    response = Response(200, {"items": items})
    items.append("b")
    assert response.body == {"items": ["a"]}


@pytest.mark.parametrize("body", [object(), [object()], {"a": {"b": object()}}, lambda: 1, ValueError("x"), Colour])
def test_an_object_that_is_equal_to_itself_only_is_no_body(body):
    with pytest.raises(ModelError, match="of which nothing can be compared") as refused:
        Response(200, body)
    assert "return (status, body)" in refused.value.remedy


@pytest.mark.parametrize(
    ("body", "other"), [(True, 1), ([False], [0]), ({"a": True}, {"a": 1}), ((1,), [1]), ({"a": 1}, {})]
)
def test_different_bodies(body, other):
    assert not same_body(body, other)
    assert same_body(body, body)


@pytest.mark.parametrize(
    ("content", "kind", "data"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/problem+json", {"a": 1}),
        (b' [1, "NaN"]', "", [1, "NaN"]),
        (b"[NaN]", "", ["NaN"]),
        (b"7", "application/json", 7),
        (b"7", "text/plain", "7"),
        (b"{broken", "application/json", "{broken"),
        (b"\xff", "image/png", "\\xff"),
        (b"", "text/plain", None),
    ],
)
def test_content_is_decoded(content, kind, data):
    assert decoded(content, kind) == data
