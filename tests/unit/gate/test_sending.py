"""The HTTP response of a service is an answer with all that it says."""

from __future__ import annotations

import pytest

from toctou.gate.sending import response_of
from toctou.wire import HttpResponse


@pytest.mark.parametrize(
    ("headers", "content", "body"),
    [
        ({"content-type": "application/json"}, b'{"b": 1, "a": 2}', {"a": 2, "b": 1}),
        ({"content-type": "text/plain"}, b"late", "late"),
        ({"content-type": "application/json"}, b"{late", "{late"),
        ({}, b"", None),
    ],
)
def test_a_body_is_read_by_its_media_type(headers, content, body):
    assert response_of(HttpResponse(409, headers, content)).body == body


def test_headers_count_but_for_those_that_differ_by_themselves():
    sent = {"etag": "3", "date": "today", "content-length": "0", "x-request-id": "7", "set-cookie": "a=1"}
    assert response_of(HttpResponse(204, sent, b"")).headers == (("etag", "3"), ("set-cookie", "a=1"))


def test_different_binary_bodies_are_different_answers():
    assert response_of(HttpResponse(200, {}, b"\xff")) != response_of(HttpResponse(200, {}, b"\xfe"))
