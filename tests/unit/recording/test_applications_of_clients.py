from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from toctou.recording.test_clients.applications import Application


class Routed:
    """As Chalice has its routes: views by method, by path."""

    def __init__(self, *paths: str) -> None:
        self.routes = {path: {"GET": None, "DELETE": None} for path in paths}
        self.app_name = "shop"

    def __call__(self, *_: Any) -> None: ...


class Middleware:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, *_: Any) -> None: ...


def around(inner: Any) -> Any:
    async def application(*arguments: Any) -> None:
        await inner(*arguments)

    return application


ROUTED = Routed("/orders/{order_id}", "/orders/recent", "/files/{path+}")


@pytest.mark.parametrize(
    "application",
    [ROUTED, Middleware(ROUTED), around(ROUTED), Middleware(around(Middleware(ROUTED)))],
    ids=["itself", "in middleware", "in a function", "in several"],
)
def test_the_routes_are_those_of_the_application_within(application):
    known = Application(application)
    assert known.routed is ROUTED
    assert known.name.endswith("test_applications_of_clients:ROUTED")


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/orders/o1", "GET /orders/{order_id}"),
        ("GET", "/orders/recent", "GET /orders/recent"),
        ("POST", "/orders/o1", ""),
        ("GET", "/orders/o1/lines", ""),
    ],
)
def test_the_template_is_that_of_the_route(method, path, template):
    assert Application(ROUTED).template({"method": method, "path": path}) == template


def test_an_application_without_a_module_has_its_own_name():
    assert Application(Routed()).name == "shop"
    assert Application(around(SimpleNamespace())).name.endswith(
        "test_applications_of_clients:around.<locals>.application"
    )
