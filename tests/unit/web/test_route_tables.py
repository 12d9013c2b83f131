"""Which route a function's framework has for a path."""

from __future__ import annotations

import pytest

from toctou.web.route_tables import route_of


class Framework:
    routes = {"/": {}, "/notes/{id}": {"GET": 1}, "/notes/mine": {}, "/notes/{id}/tags/{tag}": {}, "/files/{path+}": {}}

    def __call__(self, event, context):
        return event, context

    def resolve(self, event, context):
        return event, context


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("/", {})),
        ("/notes/n1", ("/notes/{id}", {"id": "n1"})),
        ("/notes/mine", ("/notes/mine", {})),
        ("/notes/a%2Fb/tags/x%20y", ("/notes/{id}/tags/{tag}", {"id": "a/b", "tag": "x y"})),
        ("/files/a/b", ("/files/{path+}", {"path": "a/b"})),
        ("/notes", None),
        ("/notes/n1/tags", None),
    ],
)
def test_the_most_literal_route_that_fits(path, found):
    assert route_of(Framework(), path) == found
    assert route_of(Framework().resolve, path) == found


def test_a_function_without_a_table():
    assert route_of(lambda event, _: event, "/notes/n1") is None
